//! Servers that do worse than their neighbours are left out for a while.
//!
//! | file | what it holds |
//! |---|---|
//! | `track` | what was seen of one server, and whether it is ejected; atomics, for the way of a request |
//! | `rate` | whose errors are more than chance, held against the pool's other servers |
//! | `pool` | who of a pool may be ejected, and when ejections are ignored |
//!
//! Two things eject a server: failures in a row, which a request finds, and a success rate below that of the others, which a
//! round finds that is made once in an interval. A failure that all servers share ejects nobody by either.

mod pool;
mod rate;
#[cfg(test)]
mod tests;
mod track;

pub use pool::{Member, eject_for_failures, judge, panics};
pub use rate::{IntervalCounts, worse_than_others};
pub use track::{Ejection, EjectionWhy, OutlierTrack, Seen};
