//! What the status says of the guard and of the history.

use crate::live::{Edge, GuardStanding, RefusedTable, WatchedTable};
use crate::model::{Revision, Timestamp};
use crate::resilience::Comparison;
use serde::{Deserialize, Serialize};

/// How new tables are watched.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct GuardStatus {
    /// Whether they are: the settings have a guard.
    pub on: bool,
    /// The table that is watched, while one is.
    pub watched: Option<WatchedStatus>,
    /// The table that was refused because errors rose under it, while the file says it.
    pub refused: Option<RefusedStatus>,
}

/// A table that is watched.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WatchedStatus {
    /// The table.
    pub revision: Revision,
    /// The one that would be put back.
    pub before: Revision,
    /// When the watch is over.
    pub until: Timestamp,
    /// What was counted so far.
    pub figures: GuardFigures,
}

/// A table that was refused.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RefusedStatus {
    /// The table.
    pub revision: Revision,
    /// When.
    pub time: Timestamp,
    /// What had been counted.
    pub figures: GuardFigures,
}

/// Requests, and the part of them that failed, in the minute before a table and since.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct GuardFigures {
    /// Requests in the minute before.
    pub requests_before: u64,
    /// The part of them that failed, from 0 to 1.
    pub error_ratio_before: f64,
    /// Requests since, in the last minute at most.
    pub requests: u64,
    /// The part of them that failed, from 0 to 1.
    pub error_ratio: f64,
    /// By how many standard errors the second is above the first.
    pub z: f64,
}

/// What is remembered of tables that were live.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct HistoryStatus {
    /// Why what happens now is not remembered, where it is so.
    pub problem: Option<String>,
    /// Since when.
    pub problem_since: Option<Timestamp>,
}

impl GuardStatus {
    pub(super) fn of(edge: &Edge) -> Self {
        let Some(standing) = edge.changes().guard() else { return Self::default() };
        let GuardStanding { watched, refused } = (*standing).clone();
        Self {
            on: true,
            watched: watched.map(|WatchedTable { revision, before, until, figures }| WatchedStatus {
                revision,
                before,
                until,
                figures: GuardFigures::of(&figures),
            }),
            refused: refused.map(|RefusedTable { revision, time, figures }| RefusedStatus {
                revision,
                time,
                figures: GuardFigures::of(&figures),
            }),
        }
    }
}

impl GuardFigures {
    fn of(figures: &Comparison) -> Self {
        let Comparison { before, since, z } = figures;
        Self {
            requests_before: before.requests,
            error_ratio_before: before.rate(),
            requests: since.requests,
            error_ratio: since.rate(),
            z: *z,
        }
    }
}

impl HistoryStatus {
    pub(super) fn of(edge: &Edge) -> Self {
        let trouble = edge.changes().history().and_then(|history| history.trouble());
        trouble.map_or_else(Self::default, |trouble| Self {
            problem: Some(trouble.text),
            problem_since: Some(trouble.since),
        })
    }
}
