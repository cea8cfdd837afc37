//! How an edge drains regions by itself.

use crate::config::quantity;
use crate::config::yaml::Node;
use crate::model::{DrainedSessions, Share};
use std::time::Duration;

/// How an edge drains a region by itself that is worth it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AutoDrain {
    /// How long a region must have been worth draining; more than zero.
    pub after: Duration,
    /// How long it is drained; more than zero.
    pub lasts: Duration,
    /// What becomes of its sessions.
    pub sessions: DrainedSessions,
    /// The part of new visitors that it still gets.
    pub share: Share,
    /// How long a region is left alone after an operator has ended a drain of it.
    pub pause: Duration,
}

impl Default for AutoDrain {
    fn default() -> Self {
        Self {
            after: Duration::from_mins(1),
            lasts: Duration::from_mins(30),
            sessions: DrainedSessions::Keep,
            share: Share::NONE,
            pause: Duration::from_hours(4),
        }
    }
}

/// The drains of its own, where the settings want any; what is wrong in it (and has been reported) is as if it were missing.
pub(super) fn read(root: &Node<'_>) -> Option<AutoDrain> {
    let node = root.get("auto_drain")?;
    let usual = AutoDrain::default();
    let duration = |key: &str| quantity::duration(node.get(key)?.text()?).ok();
    Some(AutoDrain {
        after: duration("after").unwrap_or(usual.after),
        lasts: duration("for").unwrap_or(usual.lasts),
        sessions: match node.get("sessions").and_then(Node::text) {
            Some("move") => DrainedSessions::Move,
            _ => DrainedSessions::Keep,
        },
        share: node.get("share").and_then(Node::parse).unwrap_or(usual.share),
        pause: duration("pause").unwrap_or(usual.pause),
    })
}
