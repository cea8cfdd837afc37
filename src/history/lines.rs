//! The difference between two texts, line by line.

use similar::{Algorithm, TextDiff};
use std::time::Duration;

/// How long the shortest difference is looked for. Beyond it, one that is longer is good enough.
const PATIENCE: Duration = Duration::from_millis(500);

/// How many lines that are the same stand around each change.
const AROUND: usize = 3;

/// The difference in the unified form of `diff -u`; empty where there is none.
#[must_use]
pub fn unified_diff(before: &str, after: &str, before_name: &str, after_name: &str) -> String {
    let diff = TextDiff::configure().algorithm(Algorithm::Myers).timeout(PATIENCE).diff_lines(before, after);
    diff.unified_diff().context_radius(AROUND).header(before_name, after_name).to_string()
}
