//! How often something may happen, by key: the generic cell rate algorithm, in a table of a fixed size.

mod pace;
mod table;
#[cfg(test)]
mod tests;

pub use pace::{LimitPace, Verdict};
pub use table::RateTable;
