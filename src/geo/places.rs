//! Several databases, asked in order.

use std::net::IpAddr;

use super::database::Database;
use crate::model::{Place, Timestamp};

/// What came of a look-up.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Lookup {
    /// A database knows where the address is.
    Found(Place),
    /// No database knows.
    Unknown,
    /// No database knows, and one has a damaged record for the address.
    Failed,
}

impl Lookup {
    /// The word for metrics and logs: `found`, `unknown` or `failed`.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Found(_) => "found",
            Self::Unknown => "unknown",
            Self::Failed => "failed",
        }
    }

    /// The place; one of which nothing is known, where none was found.
    #[must_use]
    pub fn place(&self) -> Place {
        match self {
            Self::Found(place) => *place,
            Self::Unknown | Self::Failed => Place::default(),
        }
    }
}

/// The databases that say where visitors are, in the order in which they are asked: for instance one of IPv4 networks
/// and one of IPv6 networks. There may be none; then every address is unknown.
#[derive(Debug, Default)]
pub struct Places {
    databases: Vec<Database>,
}

impl Places {
    /// Places from these databases, asked in this order.
    #[must_use]
    pub fn new(databases: Vec<Database>) -> Self {
        Self { databases }
    }

    /// Where the address is: the answer of the first database that has one. Allocates nothing, unless a record is
    /// damaged.
    #[must_use]
    pub fn place(&self, address: IpAddr) -> Lookup {
        let mut otherwise = Lookup::Unknown;
        for database in &self.databases {
            match database.place(address) {
                Ok(Some(place)) => return Lookup::Found(place),
                Ok(None) => {}
                Err(_) => otherwise = Lookup::Failed,
            }
        }
        otherwise
    }

    /// When the oldest of the databases was built; nothing where there is none.
    #[must_use]
    pub fn build_timestamp(&self) -> Option<Timestamp> {
        self.databases.iter().map(Database::built).min()
    }

    /// The databases, in the order in which they are asked.
    #[must_use]
    pub fn databases(&self) -> &[Database] {
        &self.databases
    }
}
