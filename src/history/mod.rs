//! Floor 4: what was live and what was done, kept in the directory for state: tables by their content, a journal, and the
//! difference between two tables.
//!
//! | file | what it holds |
//! |---|---|
//! | `entry` | one line of the journal |
//! | `journal` | the journal's file: lines that are added, and lines that fall out |
//! | `tables` | the tables' texts, each in a file with the name of its content |
//! | `record` | both together, bounded, for several processes at once |
//! | `drill` | reports of drills |
//! | `lines` | the difference between two texts, line by line |
//! | `whole` | files that are written whole or not at all |
//! | `pieces` | much work in small pieces, so that requests on the same core are not held up |
//!
//! The clock is never read here.

mod drill;
mod entry;
mod journal;
mod lines;
mod pieces;
mod record;
mod tables;
#[cfg(test)]
mod tests;
mod whole;

pub use drill::{DrillEnd, DrillReport, DrillReports, DrillVerdict};
pub use entry::{Entry, EntryOrigin};
pub use lines::unified_diff;
pub use pieces::{PIECE, breathe, in_pieces, rest};
pub use record::{Found, History, HistoryError, Trouble};
pub use whole::{link_whole, replace_whole, write_whole};
