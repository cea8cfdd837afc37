//! Where sessions arrive against where they are at home.

use super::rate::RateMeter;
use crate::model::{RegionId, RegionName};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// How many regions of a table it knows, from the first on: their pairs are what it has to hold.
const MOST_REGIONS: usize = 64;

/// Requests with a session, by the region that they arrived in and the one that is their home: off the diagonal they are flops.
///
/// It knows of what passes this edge: what arrived here, and what other edges have handed to it.
#[derive(Debug)]
pub struct FlopMatrix {
    regions: usize,
    /// By arrival, then by home.
    cells: Box<[Arc<RateMeter>]>,
}

impl FlopMatrix {
    /// Counts a request in `second`.
    pub fn record(&self, arrived: RegionId, home: RegionId, second: u64) {
        if let Some(cell) = self.cell(arrived, home) {
            cell.record(second);
        }
    }

    /// Requests per second: the mean of the last five full seconds.
    #[must_use]
    pub fn per_second(&self, arrived: RegionId, home: RegionId, second: u64) -> f64 {
        self.cell(arrived, home).map_or(0.0, |cell| cell.per_second(second))
    }

    fn cell(&self, arrived: RegionId, home: RegionId) -> Option<&Arc<RateMeter>> {
        if arrived.index().max(home.index()) >= self.regions {
            return None;
        }
        self.cells.get(arrived.index() * self.regions + home.index())
    }
}

/// Keeps the cells of pairs of regions across tables.
#[derive(Debug, Default)]
pub(super) struct Pairs(Mutex<HashMap<(RegionName, RegionName), Weak<RateMeter>>>);

impl Pairs {
    /// The matrix of these regions, in their order.
    pub(super) fn matrix<'a>(&self, regions: impl Iterator<Item = &'a RegionName> + Clone) -> FlopMatrix {
        let regions = regions.take(MOST_REGIONS);
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|_, cell| cell.strong_count() > 0);
        let mut cell = |pair: (RegionName, RegionName)| {
            let held = kept.get(&pair).and_then(Weak::upgrade).unwrap_or_default();
            kept.insert(pair, Arc::downgrade(&held));
            held
        };
        let pairs =
            regions.clone().flat_map(|arrived| regions.clone().map(move |home| (arrived.clone(), home.clone())));
        FlopMatrix { regions: regions.clone().count(), cells: pairs.map(&mut cell).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_kept_by_name() {
        let names = |list: &[&str]| list.iter().map(|name| name.parse().unwrap()).collect::<Vec<RegionName>>();
        let id = |index| RegionId::at(index).unwrap();
        let pairs = Pairs::default();
        let before = names(&["us-east", "us-west"]);
        let first = pairs.matrix(before.iter());
        for second in 10..15 {
            first.record(id(1), id(0), second);
        }
        let after = names(&["eu", "us-west", "us-east"]);
        let second = pairs.matrix(after.iter());
        assert_eq!(second.per_second(id(1), id(2), 15), 1.0);
        assert_eq!(second.per_second(id(2), id(1), 15), 0.0);
        drop((first, second));
        assert_eq!(pairs.matrix(before.iter()).per_second(id(1), id(0), 15), 0.0, "nobody held it");
    }
}
