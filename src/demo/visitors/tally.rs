//! What the visitors have seen, shared with whoever shows it.

use super::visitor::Outcome;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// No region: the edge answered by itself, or nothing came back.
const NOWHERE: usize = usize::MAX;

/// Counters and whereabouts of a fixed number of visitors.
#[derive(Debug)]
pub(in crate::demo) struct Tally {
    regions: Vec<String>,
    /// One for each region, and a last one for no region.
    counts: Vec<[AtomicU64; 3]>,
    whereabouts: Vec<Whereabouts>,
    last_failure: Mutex<Option<String>>,
}

#[derive(Debug)]
struct Whereabouts {
    place: AtomicUsize,
    region: AtomicUsize,
}

/// How many requests ended how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::demo) struct Outcomes {
    pub(in crate::demo) ok: u64,
    pub(in crate::demo) log_in_again: u64,
    pub(in crate::demo) failed: u64,
}

impl Tally {
    /// A tally for visitors who begin at the places `beginnings`, and are served by `regions`.
    pub(in crate::demo) fn new(regions: Vec<String>, beginnings: impl Iterator<Item = usize>) -> Self {
        let at = |place| Whereabouts { place: AtomicUsize::new(place), region: AtomicUsize::new(NOWHERE) };
        let counts = (0..=regions.len()).map(|_| Default::default()).collect();
        Self { regions, counts, whereabouts: beginnings.map(at).collect(), last_failure: Mutex::default() }
    }

    /// Counts how a request of the visitor `number` ended, and which region served it.
    pub(super) fn count(&self, number: usize, region: Option<&str>, outcome: Outcome) {
        let region = region.and_then(|name| self.regions.iter().position(|known| known == name));
        let counts = self.counts.get(region.unwrap_or(self.regions.len()));
        if let Some(count) = counts.and_then(|counts| counts.get(outcome as usize)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        if let Some(whereabouts) = self.whereabouts.get(number) {
            whereabouts.region.store(region.unwrap_or(NOWHERE), Ordering::Relaxed);
        }
    }

    /// Keeps why the last request failed.
    pub(super) fn failure(&self, why: String) {
        *self.last_failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
    }

    /// The visitor `number` goes on from `place`.
    pub(super) fn moved(&self, number: usize, place: usize) {
        if let Some(whereabouts) = self.whereabouts.get(number) {
            whereabouts.place.store(place, Ordering::Relaxed);
        }
    }

    /// The outcomes of all regions together, and of the requests that no region served.
    pub(in crate::demo) fn outcomes(&self) -> Outcomes {
        let sum = |outcome| {
            let of = |counts: &[AtomicU64; 3]| counts.get(outcome as usize).map_or(0, |c| c.load(Ordering::Relaxed));
            self.counts.iter().map(of).sum()
        };
        Outcomes { ok: sum(Outcome::Ok), log_in_again: sum(Outcome::LogInAgain), failed: sum(Outcome::Failed) }
    }

    /// Why the last request that failed did so.
    pub(in crate::demo) fn last_failure(&self) -> Option<String> {
        self.last_failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many visitors of `place` are served by each region, in the order of the regions, and last those that none
    /// served.
    pub(in crate::demo) fn visitors_of(&self, place: usize) -> Vec<usize> {
        let mut served = vec![0; self.regions.len() + 1];
        for whereabouts in self.whereabouts.iter().filter(|w| w.place.load(Ordering::Relaxed) == place) {
            let region = whereabouts.region.load(Ordering::Relaxed).min(self.regions.len());
            if let Some(count) = served.get_mut(region) {
                *count += 1;
            }
        }
        served
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn visitors_are_counted_where_they_are_and_where_they_are_served() {
        let tally = Tally::new(vec!["us-east".into(), "us-west".into()], [0, 0, 1].into_iter());
        assert_eq!(tally.visitors_of(0), [0, 0, 2]);
        tally.count(0, Some("us-east"), Outcome::Ok);
        tally.count(1, Some("us-west"), Outcome::LogInAgain);
        tally.count(2, None, Outcome::Failed);
        tally.count(2, Some("a region of no table"), Outcome::Ok);
        assert_eq!(tally.visitors_of(0), [1, 1, 0]);
        assert_eq!(tally.visitors_of(1), [0, 0, 1]);
        tally.moved(0, 1);
        assert_eq!(tally.visitors_of(0), [0, 1, 0]);
        assert_eq!(tally.outcomes(), Outcomes { ok: 2, log_in_again: 1, failed: 1 });
    }
}
