//! When the last table is put back.

use crate::config::quantity;
use crate::config::yaml::Node;
use crate::model::Share;
use std::time::Duration;

/// When the last table is put back by itself.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Guard {
    /// How long a new table is watched; more than zero.
    pub watch: Duration,
    /// By how much the part of failed requests may rise.
    pub max_error_increase: Share,
    /// How many requests the new table must have had before anything is said of it; at least 1.
    pub min_requests: u64,
}

impl Default for Guard {
    fn default() -> Self {
        let max_error_increase = Share::from_ratio(0.02).unwrap_or(Share::NONE);
        Self { watch: Duration::from_mins(1), max_error_increase, min_requests: 500 }
    }
}

/// The guard, where the settings have one; what is wrong in it (and has been reported) is as if it were missing.
pub(super) fn read(root: &Node<'_>) -> Option<Guard> {
    let guard = root.get("guard")?;
    let usual = Guard::default();
    let text = |key| guard.get(key).and_then(Node::text);
    Some(Guard {
        watch: text("watch").and_then(|text| quantity::duration(text).ok()).unwrap_or(usual.watch),
        max_error_increase: guard.get("max_error_increase").and_then(Node::parse).unwrap_or(usual.max_error_increase),
        min_requests: guard.get("min_requests").and_then(Node::parse).unwrap_or(usual.min_requests),
    })
}
