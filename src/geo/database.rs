//! One database file in memory.

use std::collections::{BTreeSet, HashSet};
use std::fmt;
use std::net::IpAddr;
use std::ops::Range;
use std::sync::Arc;

use maxminddb::{Reader, WithinOptions};

use super::cursor::{Cursor, Damaged};
use super::record::Record;
use super::record_cache::RecordCache;
use super::tree::{Found, SEPARATOR, Tree};
use crate::model::{Place, Timestamp};

/// How many networks a probe looks at before it gives up, so that a damaged file cannot keep it busy.
const PROBED_NETWORKS: usize = 1 << 16;

/// How many keys of unfit records a message names.
const NAMED_KEYS: usize = 12;

/// What stands before the metadata.
const METADATA_MARKER: &[u8] = b"\xab\xcd\xefMaxMind.com";

/// How the records of a database are laid out; told by looking at them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Schema {
    /// MaxMind's: `country.iso_code`, `subdivisions[0].iso_code`, `location.latitude`.
    Nested,
    /// ip-location-db's: `country_code`, `state1`, `latitude`.
    Flat,
}

impl fmt::Display for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nested => "nested",
            Self::Flat => "flat",
        })
    }
}

/// Why a file is not taken as a database of places, or one look-up failed. The message does not name the file: whoever
/// read it knows its name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DatabaseError {
    /// The bytes are not in the format.
    #[error("this is not a MaxMind database (.mmdb), or not a whole one: {0}; fetch or copy it anew")]
    NotADatabase(String),
    /// More bytes than [`Database::MAX_BYTES`].
    #[error("the database is {0} bytes long; at most {max} are read", max = Database::MAX_BYTES)]
    TooLarge(usize),
    /// The build time in the metadata is no time.
    #[error("the database says that it was built at {0} seconds after 1970, which is no time; fetch or copy it anew")]
    BuildTime(u64),
    /// The format is sound, but no record that was looked at says a place.
    #[error(
        "no record of this database ('{database_type}') gives a place: {found}; a country, city or enterprise \
         database is needed, with `country.iso_code` as MaxMind has it or `country_code` as ip-location-db has it"
    )]
    NoPlaces {
        /// What kind of database it calls itself, cut and escaped for printing.
        database_type: String,
        /// What was found instead.
        found: String,
    },
    /// The bytes of one record are damaged.
    #[error("a record of the database is damaged, at byte {0} of its data section; fetch or copy it anew")]
    Damaged(usize),
    /// The search tree leads to no record.
    #[error("the database's search tree points outside of its data; fetch or copy it anew")]
    Astray,
}

impl From<Damaged> for DatabaseError {
    fn from(Damaged(offset): Damaged) -> Self {
        Self::Damaged(offset)
    }
}

/// A database of places, whole in memory. It has been probed: at least one of its records gives a place.
///
/// Look-ups never panic, whatever the bytes, and allocate nothing unless they fail.
pub struct Database {
    reader: Reader<Bytes>,
    bytes: Bytes,
    tree: Tree,
    records: RecordCache,
    /// Where the records lie in the bytes.
    data: Range<usize>,
    schema: Schema,
    built: Timestamp,
}

/// The file's bytes: the metadata in them are the reader's business, what a look-up takes is ours.
#[derive(Clone)]
struct Bytes(Arc<Vec<u8>>);

impl AsRef<[u8]> for Bytes {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Database {
    /// The longest database that is accepted, in bytes: 2 GiB, several times the largest on offer.
    pub const MAX_BYTES: usize = 2 << 30;

    /// Takes a database from the bytes of its file.
    ///
    /// # Errors
    /// Where the bytes are not in the format, or no record among the first many gives a place. Single damaged records
    /// are no reason to refuse a database.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, DatabaseError> {
        if bytes.len() > Self::MAX_BYTES {
            return Err(DatabaseError::TooLarge(bytes.len()));
        }
        // The metadata, behind its last marker, ends the data section.
        let marker = memchr::memmem::rfind(&bytes, METADATA_MARKER).unwrap_or(0);
        let bytes = Bytes(Arc::new(bytes));
        let reader = Reader::from_source(bytes.clone());
        let reader = reader.map_err(|error| DatabaseError::NotADatabase(printable(&error.to_string())))?;
        let metadata = reader.metadata();
        let epoch = metadata.build_epoch;
        let built = i64::try_from(epoch).ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
        let built = built.ok_or(DatabaseError::BuildTime(epoch))?;
        // The reader has made sure that the tree and the separator end before the marker.
        let tree = Tree::new(&bytes.0, metadata.node_count, metadata.record_size, metadata.ip_version);
        let tree = tree.ok_or_else(|| DatabaseError::NotADatabase("its search tree is not whole".to_owned()))?;
        let data = tree.length() + SEPARATOR..marker;
        let records = RecordCache::for_records_of(data.len());
        let mut database = Self { reader, bytes, tree, records, data, schema: Schema::Nested, built };
        database.schema = database.probe()?;
        Ok(database)
    }

    /// Where the address is, as far as this database knows. An IPv4 address mapped into IPv6 is looked up as IPv4. An
    /// IPv6 address is unknown to a database of IPv4 networks.
    ///
    /// # Errors
    /// Where the record's bytes are damaged.
    pub fn place(&self, address: IpAddr) -> Result<Option<Place>, DatabaseError> {
        match self.tree.find(&self.bytes.0, address.to_canonical()) {
            Found::Record(offset) if offset < self.data.len() => {
                self.records.get_or_read(offset, || Ok(Record::read(&mut self.cursor(offset))?.place()))
            }
            Found::Record(_) | Found::Astray => Err(DatabaseError::Astray),
            Found::Nothing => Ok(None),
        }
    }

    fn cursor(&self, offset: usize) -> Cursor<'_> {
        Cursor::new(self.bytes.0.get(self.data.clone()).unwrap_or_default(), offset)
    }

    /// How its records are laid out.
    #[must_use]
    pub fn schema(&self) -> Schema {
        self.schema
    }

    /// What kind of database it calls itself, e.g. `GeoLite2-City`; cut and escaped for printing.
    #[must_use]
    pub fn database_type(&self) -> String {
        printable(&self.reader.metadata().database_type)
    }

    /// When it was built.
    #[must_use]
    pub fn built(&self) -> Timestamp {
        self.built
    }

    /// 4 where it holds IPv4 networks alone; 6 where it may hold both.
    #[must_use]
    pub fn ip_version(&self) -> u16 {
        self.reader.metadata().ip_version
    }

    /// The schema of the first record that gives a place.
    fn probe(&self) -> Result<Schema, DatabaseError> {
        // Networks without data are asked for too: to skip them in a tree that is a trap would take for ever.
        let options = WithinOptions::default().include_networks_without_data();
        let networks = self.reader.networks(options);
        let networks = networks.map_err(|error| DatabaseError::NotADatabase(printable(&error.to_string())))?;
        let (mut seen, mut keys, mut damage) = (HashSet::new(), BTreeSet::new(), None);
        for network in networks.take(PROBED_NETWORKS) {
            let offset = network.map_err(|_| DatabaseError::Astray).map(|network| network.offset());
            match offset {
                // Many networks share one record.
                Ok(Some(offset)) if seen.insert(offset) => match self.probe_record(offset, &mut keys) {
                    Ok(Some(schema)) => return Ok(schema),
                    Ok(None) => {}
                    Err(error) => drop(damage.get_or_insert(error.into())),
                },
                Ok(_) => {}
                Err(error) => drop(damage.get_or_insert(error)),
            }
        }
        let found = match damage {
            _ if !keys.is_empty() => {
                let keys: Vec<_> = keys.into_iter().take(NAMED_KEYS).collect();
                format!("its records have the keys {}", keys.join(", "))
            }
            Some(error) => error.to_string(),
            None => "it has no records".to_owned(),
        };
        Err(DatabaseError::NoPlaces { database_type: self.database_type(), found })
    }

    /// The schema of a record, if it gives a place; if not, its keys are added to those that a message may name.
    fn probe_record(&self, offset: usize, keys: &mut BTreeSet<String>) -> Result<Option<Schema>, Damaged> {
        let record = Record::read(&mut self.cursor(offset))?;
        if let (Some(schema), Some(_)) = (record.schema, record.place()) {
            return Ok(Some(schema));
        }
        self.cursor(offset).map(|key, value| {
            if keys.len() < NAMED_KEYS {
                keys.insert(format!("'{}'", printable(&String::from_utf8_lossy(key))));
            }
            value.skip(1)
        })?;
        Ok(None)
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database")
            .field("database_type", &self.database_type())
            .field("ip_version", &self.ip_version())
            .field("schema", &self.schema)
            .field("built", &self.built)
            .finish_non_exhaustive()
    }
}

/// Text from a file that may be anything, for a message: short, and without control characters.
fn printable(text: &str) -> String {
    text.chars().take(120).flat_map(char::escape_debug).collect()
}
