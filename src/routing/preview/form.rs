//! What a preview tells, as data.

use crate::model::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a new table would do to the requests that were seen. Rates are in requests per second, rounded to thousandths.
///
/// The form is stable: fields may come, none is renamed or goes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Preview {
    /// The moment at which the new table is looked at.
    pub at: Timestamp,
    /// How many seconds the requests were seen in.
    pub seconds: f64,
    /// How many requests, or kinds of requests, were looked at.
    pub samples: u64,
    /// All requests.
    pub requests_per_second: f64,
    /// Of them those that another region would serve than today, or none.
    pub moved_per_second: f64,
    /// Of them those of sessions that a region would serve that is not their home, and that was not so before.
    pub orphaned_per_second: f64,
    /// From where to where, by service, in the order of the tables. Only what has requests.
    pub cells: Vec<Cell>,
    /// The regions: those of the new table in its order, then those that it no longer has.
    pub regions: Vec<RegionLoad>,
}

/// The requests of one service that one region serves today and one would serve by the new table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    /// The service's name.
    pub service: String,
    /// The name of the region that serves today; `(waits)` where sessions wait for their home, `(nobody)` where no region
    /// can serve, `(no service)` where the table has none for it.
    pub from: String,
    /// The same by the new table.
    pub to: String,
    /// Requests.
    pub requests_per_second: f64,
    /// Of them those of new visitors.
    pub new_visitors_per_second: f64,
    /// Of them those of sessions that are served at home.
    pub sessions_at_home_per_second: f64,
    /// Of them those of sessions that become orphans.
    pub sessions_orphaned_per_second: f64,
}

/// What one region gets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RegionLoad {
    /// Its name.
    pub name: String,
    /// What it can carry by the new table, where that says so.
    pub capacity_per_second: Option<f64>,
    /// What it gets today.
    pub today_per_second: f64,
    /// What it would get if none were passed over for its capacity.
    pub would_get_per_second: f64,
    /// What it would get, as substitutes over their capacity are passed over.
    pub gets_per_second: f64,
    /// Whether what it would get is more than its capacity.
    pub over_capacity: bool,
}

impl Preview {
    /// Whether a region would get more than its capacity.
    #[must_use]
    pub fn is_over_capacity(&self) -> bool {
        self.regions.iter().any(|region| region.over_capacity)
    }

    /// The region of this name.
    #[must_use]
    pub fn region(&self, name: &str) -> Option<&RegionLoad> {
        self.regions.iter().find(|region| region.name == name)
    }

    /// The cells of all services together, in the same order; their service is empty.
    #[must_use]
    pub fn summed(&self) -> Vec<Cell> {
        let mut order: BTreeMap<(&str, &str), usize> = BTreeMap::new();
        let mut cells: Vec<Cell> = Vec::new();
        for cell in &self.cells {
            let at = *order.entry((&cell.from, &cell.to)).or_insert(cells.len());
            match cells.get_mut(at) {
                None => cells.push(Cell { service: String::new(), ..cell.clone() }),
                Some(sum) => {
                    sum.requests_per_second += cell.requests_per_second;
                    sum.new_visitors_per_second += cell.new_visitors_per_second;
                    sum.sessions_at_home_per_second += cell.sessions_at_home_per_second;
                    sum.sessions_orphaned_per_second += cell.sessions_orphaned_per_second;
                }
            }
        }
        cells
    }
}
