//! One database file in memory.

use std::collections::{BTreeSet, HashSet};
use std::fmt;
use std::net::IpAddr;

use maxminddb::{Reader, WithinOptions};
use serde::Deserializer;
use serde::de::{Deserialize, IgnoredAny, MapAccess, Visitor};

use super::record::{Key, Record};
use crate::model::{Place, Timestamp};

/// How many networks a probe looks at before it gives up, so that a damaged file cannot keep it busy.
const PROBED_NETWORKS: usize = 1 << 16;

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
    #[error("a record of the database is damaged: {0}")]
    Damaged(String),
}

/// A database of places, whole in memory. It has been probed: at least one of its records gives a place.
///
/// Look-ups never panic, whatever the bytes, and allocate nothing unless they fail.
pub struct Database {
    reader: Reader<Vec<u8>>,
    schema: Schema,
    built: Timestamp,
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
        let reader = Reader::from_source(bytes).map_err(|e| DatabaseError::NotADatabase(e.to_string()))?;
        let epoch = reader.metadata().build_epoch;
        let built = i64::try_from(epoch).ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
        let built = built.ok_or(DatabaseError::BuildTime(epoch))?;
        let schema = probe(&reader)?;
        Ok(Self { reader, schema, built })
    }

    /// Where the address is, as far as this database knows. An IPv4 address mapped into IPv6 is looked up as IPv4. An
    /// IPv6 address is unknown to a database of IPv4 networks.
    ///
    /// # Errors
    /// Where the record's bytes are damaged.
    pub fn place(&self, address: IpAddr) -> Result<Option<Place>, DatabaseError> {
        let address = address.to_canonical();
        if address.is_ipv6() && self.ip_version() == 4 {
            return Ok(None);
        }
        match self.reader.lookup(address).and_then(|found| found.decode::<Record<'_>>()) {
            Ok(record) => Ok(record.and_then(|record| record.place())),
            Err(error) => Err(DatabaseError::Damaged(error.to_string())),
        }
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

/// The schema of the first record that gives a place.
fn probe(reader: &Reader<Vec<u8>>) -> Result<Schema, DatabaseError> {
    // Networks without data are asked for too: to skip them in a tree that is a trap would take for ever.
    let options = WithinOptions::default().include_networks_without_data();
    let networks = reader.networks(options).map_err(|e| DatabaseError::NotADatabase(e.to_string()))?;
    let (mut seen, mut keys, mut damage) = (HashSet::new(), BTreeSet::new(), None);
    for network in networks.take(PROBED_NETWORKS) {
        let record = network.and_then(|network| {
            // Many networks share one record.
            let fresh = network.offset().is_some_and(|offset| seen.insert(offset));
            let record = if fresh { network.decode::<Record<'_>>()? } else { None };
            if fresh && keys.len() < Keys::MOST {
                keys.extend(network.decode::<Keys>()?.into_iter().flat_map(|keys| keys.0));
            }
            Ok(record)
        });
        match record {
            Ok(Some(record)) => {
                if let (Some(schema), Some(_)) = (record.schema, record.place()) {
                    return Ok(schema);
                }
            }
            Ok(None) => {}
            Err(error) => drop(damage.get_or_insert(error)),
        }
    }
    let found = match damage {
        _ if !keys.is_empty() => {
            let keys: Vec<_> = keys.into_iter().take(Keys::MOST).collect();
            format!("its records have the keys {}", keys.join(", "))
        }
        Some(error) => format!("its records are damaged ({error})"),
        None => "it has no records".to_owned(),
    };
    Err(DatabaseError::NoPlaces { database_type: printable(&reader.metadata().database_type), found })
}

/// Text from a file that may be anything, for a message: short, and without control characters.
fn printable(text: &str) -> String {
    text.chars().take(60).flat_map(char::escape_debug).collect()
}

/// The keys of a record, for the message that says what was found in place of places.
struct Keys(Vec<String>);

impl Keys {
    /// How many are worth naming.
    const MOST: usize = 12;
}

impl<'de> Deserialize<'de> for Keys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeysVisitor;
        impl<'de> Visitor<'de> for KeysVisitor {
            type Value = Keys;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Keys, A::Error> {
                let mut keys = Vec::new();
                while let Some(Key(key)) = map.next_key()? {
                    map.next_value::<IgnoredAny>()?;
                    if keys.len() < Keys::MOST {
                        keys.push(format!("'{}'", printable(&String::from_utf8_lossy(key))));
                    }
                }
                Ok(Keys(keys))
            }
        }
        deserializer.deserialize_map(KeysVisitor)
    }
}
