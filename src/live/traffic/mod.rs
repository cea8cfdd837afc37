//! What regions get from this edge, and where their sessions come from: counted by the second, without a lock and within
//! bounds, and kept by name across tables.
//!
//! | file | what it holds |
//! |---|---|
//! | `book` | which counters a table has |
//! | `region` | all that is counted of one region |
//! | `matrix` | where sessions arrived against where their home is |
//! | `streams` | requests that stay open, which can be told to end |
//! | `load` | who would come to a region with a capacity, and who may |
//! | `latency` | a histogram of the last seconds |
//! | `rate`, `seconds` | counts by the second |

mod book;
mod latency;
mod load;
mod matrix;
mod rate;
mod region;
mod seconds;
mod streams;

pub(super) use book::{TableTraffic, TrafficBook};

pub use load::Room;
pub use matrix::FlopMatrix;
pub use rate::RateMeter;
pub use region::{HISTORY, OpenStream, RegionTraffic, TrafficHistory, TrafficNow};
pub use streams::{LONG as LONG_STREAM, Stream, StreamKind};
