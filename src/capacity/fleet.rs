//! How a table reaches all edges, and what that costs them.
//!
//! A table is a file. Something of the operator's copies it to every edge, or all of them see one volume; each edge looks at its file,
//! and reads it when it has changed. There is nothing else between them, so that an edge's cost does not depend on how many there
//! are, and the time until all have a table is that of the copying.

use super::{Costs, ratio};

/// How a table gets to the edges.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Distribution {
    /// Something goes from edge to edge: so many at a time, each taking so many seconds (a push by configuration management).
    Push {
        /// Edges at a time, at least one.
        at_once: f64,
        /// Seconds for each.
        seconds: f64,
    },
    /// All edges see one volume, at the latest after so many seconds.
    Shared {
        /// Seconds.
        seconds: f64,
    },
}

/// A fleet and its table.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fleet {
    /// Edges.
    pub edges: f64,
    /// Home rules of the table.
    pub rules: f64,
    /// Tables an hour.
    pub edits: f64,
    /// Open status pages and `status --watch`, on each edge.
    pub streams: f64,
    /// Scrapes of each edge's metrics, per second.
    pub scrapes: f64,
    /// How a table gets there.
    pub distribution: Distribution,
}

/// An edge sees a change of its file within this, in seconds.
const SEEN: f64 = 0.25;

/// A file of that many bytes is the largest that is read.
const LARGEST_FILE: f64 = 16.0 * 1024.0 * 1024.0;

impl Fleet {
    /// Seconds of a core that one edge takes to read a table.
    #[must_use]
    pub fn reload_seconds(&self, costs: &Costs) -> f64 {
        costs.reload_ms / 1e3 + self.rules * costs.reload_rule_us / 1e6
    }

    /// Seconds from a save until the last edge has the table. Until then edges may decide differently.
    #[must_use]
    pub fn seconds_until_all(&self, costs: &Costs) -> f64 {
        let carried = match self.distribution {
            Distribution::Push { at_once, seconds } => (self.edges / at_once.max(1.0)).ceil() * seconds,
            Distribution::Shared { seconds } => seconds,
        };
        carried + SEEN + self.reload_seconds(costs)
    }

    /// Tables an hour that reach all edges one after the other.
    #[must_use]
    pub fn most_edits(&self, costs: &Costs) -> f64 {
        3600.0 / self.seconds_until_all(costs)
    }

    /// The part of a core that all of it takes on one edge: tables, streams, scrapes.
    #[must_use]
    pub fn cores(&self, costs: &Costs) -> f64 {
        let reloads = self.edits / 3600.0 * self.reload_seconds(costs);
        reloads + self.streams * costs.status_stream_us / 1e6 + self.scrapes * costs.scrape_ms / 1e3
    }

    /// The bytes of the table's home rules, as text.
    #[must_use]
    pub fn table_bytes(&self, costs: &Costs) -> f64 {
        self.rules * costs.rule_text_bytes
    }

    /// MiB of memory that the home rules take on one edge.
    #[must_use]
    pub fn memory_mib(&self, costs: &Costs) -> f64 {
        self.rules * costs.rule_bytes / (1024.0 * 1024.0)
    }

    /// What goes over the network for all edges, in Mbit/s on the mean over an hour.
    #[must_use]
    pub fn network_mbit(&self, costs: &Costs) -> f64 {
        self.edges * self.edits * self.table_bytes(costs) * 8.0 / 3600.0 / 1e6
    }

    /// How many home rules a table has room for.
    #[must_use]
    pub fn most_rules(&self, costs: &Costs) -> f64 {
        ratio(LARGEST_FILE, costs.rule_text_bytes).floor()
    }

    /// Whether all of it is carried: the table may be read, each reaches everybody before the next, and no edge loses more than a
    /// tenth of a core to it.
    #[must_use]
    pub fn is_carried(&self, costs: &Costs) -> bool {
        self.rules <= self.most_rules(costs) && self.edits <= self.most_edits(costs) && self.cores(costs) <= 0.1
    }
}
