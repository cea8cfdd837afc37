//! Floor 1: from an address to a place, out of database bytes; and how far two points are apart.

mod distance;

pub use distance::distance_km;
