//! Floor 1: the token with which one edge hands a request to the edge of its home, and by which that one knows it.
//!
//! It is what the header `Homeward-Hop` carries. Whoever has a good one was sent by an edge of this fleet, a moment ago,
//! to this region, with just this request; that is why its word on the visitor's address is taken, and why the request
//! goes nowhere else from here.

mod token;

pub use token::{Bound, Claims, HopProblem, STALE_AFTER, seal, verified};
