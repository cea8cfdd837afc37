//! Floor 1: from an address to a place, out of database bytes; and how far two points are apart.
//!
//! [`Database`] reads one file's bytes, [`Places`] asks several in order. What a database leaves out is filled in from
//! facts about countries that are compiled in.

mod countries;
mod country;
mod cursor;
mod database;
mod direction;
mod distance;
mod places;
mod record;
mod record_cache;
mod subdivision;
mod tree;

pub use country::{continent_of, country_centre};
pub use database::{Database, DatabaseError, Schema};
pub use direction::Direction;
pub use distance::distance_km;
pub use places::{Lookup, Places};

#[cfg(test)]
mod tests;
