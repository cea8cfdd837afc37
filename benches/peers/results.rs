//! What was found, kept as JSON between runs. Pure, but for the files.

use crate::sheets::Way;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// What was seen in a round, by name.
pub type Figures = BTreeMap<String, f64>;

/// All sheets that were ever run: those that are run now replace their own, and the others stay.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Results {
    /// By the name of the sheet.
    pub sheets: BTreeMap<String, Found>,
}

/// What was found for a sheet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Found {
    /// When.
    pub ran: String,
    /// On what.
    pub machine: String,
    /// How often, and how long each time.
    pub rounds: usize,
    /// Seconds.
    pub seconds: f64,
    /// The versions of the proxies.
    pub versions: BTreeMap<String, String>,
    /// The rows.
    pub rows: Vec<Row>,
    /// What could not be measured, and why.
    pub left_out: Vec<String>,
}

/// A proxy at a point.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// The point.
    pub point: String,
    /// The proxy.
    pub proxy: String,
    /// What was seen.
    pub rounds: Vec<Figures>,
}

/// A column of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// The figure.
    pub key: &'static str,
    /// What stands above it.
    pub title: &'static str,
}

const fn column(key: &'static str, title: &'static str) -> Column {
    Column { key, title }
}

/// The columns of a sheet. The first one is drawn.
pub fn columns(way: Way) -> &'static [Column] {
    const CLOSED: &[Column] = &[
        column("cpu", "CPU per request, µs"),
        column("rate", "requests/s"),
        column("p50", "p50, µs"),
        column("p99", "p99, µs"),
        column("p999", "p99.9, µs"),
        column("core", "of its core, %"),
        column("failed", "failed"),
    ];
    const PACED: &[Column] = &[
        column("p99", "p99, µs"),
        column("p50", "p50, µs"),
        column("p999", "p99.9, µs"),
        column("rate", "requests/s"),
        column("cpu", "CPU per request, µs"),
        column("failed", "failed"),
    ];
    const MEMORY: &[Column] = &[
        column("connection", "per 1,000 connections, MiB"),
        column("idle", "without a connection, MiB"),
        column("idle_own", "the same, shared pages counted by parts, MiB"),
        column("held", "connections held"),
    ];
    const RELOAD: &[Column] = &[
        column("ratio", "p99 meanwhile / before"),
        column("before", "p99 before, µs"),
        column("during", "p99 meanwhile, µs"),
        column("longest", "longest meanwhile, ms"),
        column("took", "until it was live, ms"),
        column("failed", "failed"),
    ];
    const INSTRUCTIONS: &[Column] = &[column("instructions", "instructions per request, thousands")];
    match way {
        Way::Instructions => INSTRUCTIONS,
        Way::Closed => CLOSED,
        Way::Paced(_) => PACED,
        Way::Memory => MEMORY,
        Way::Reload => RELOAD,
    }
}

impl Row {
    /// The values of a figure.
    pub fn values(&self, key: &str) -> Vec<f64> {
        self.rounds.iter().filter_map(|round| round.get(key).copied()).collect()
    }
}

impl Results {
    /// Those in a file; none where it is missing.
    ///
    /// # Errors
    /// A file that is something else.
    pub fn read(path: &Path) -> Result<Self, String> {
        match std::fs::read_to_string(path) {
            Ok(text) => serde_json::from_str(&text).map_err(|error| format!("{}: {error}", path.display())),
            Err(_) => Ok(Self::default()),
        }
    }
}
