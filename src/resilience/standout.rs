//! Whether one region stands out from the others: by the part of its requests that fail, or by how long they take.
//!
//! A release that is bad is bad everywhere, and no region's fault: what counts is the difference to the others, and by more
//! than chance and bursts explain, as in [`super::Regression`]. One region alone never stands out.

use super::regression::{ErrorCount, variance};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// How many seconds are looked back.
const WINDOW: usize = 30;

/// With fewer requests in that time, of a region or of all others together, nothing is said.
const LEAST_REQUESTS: u64 = 50;

/// From which part of failed requests on a region may stand out, from how many times that of the others, and from how many
/// standard errors above it.
const FLOOR: f64 = 0.05;
const TIMES: f64 = 3.0;
const SIGNIFICANT: f64 = 5.0;

/// So many seconds in a row, each with such a part of failed requests, are no burst: they need not wait until the whole window
/// is bad.
const SUDDEN: usize = 4;
const SUDDEN_FLOOR: f64 = 0.1;

/// A region stands out once it has for so many seconds in a row, and until it has not for so many.
const LASTING: u32 = 5;
const WELL: u32 = 30;

/// How many times as long as usual, or as with the others, answers take from where on a region is slow; and from where on it is
/// suspected, so that nothing is learned of what is usual.
const SLOW: f64 = 10.0;
const SUSPECT: f64 = 3.0;

/// Who answers faster than this is not slow, whatever is usual.
const FAST: Duration = Duration::from_millis(100);

/// The same beside others, who may be much nearer.
const FAST_BESIDE_OTHERS: Duration = Duration::from_secs(1);

/// For how many seconds something must have been seen before it is known what is usual, and over how many it is a mean.
const KNOWN: u32 = 60;
const MEMORY: f64 = 600.0;

/// One region in one second.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct RegionSecond {
    /// Requests, and those that failed.
    pub count: ErrorCount,
    /// How long half of the answers of the last seconds took at most to begin; `None` where there was none.
    pub half: Option<Duration>,
}

/// How a region stands out, with the figures.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum StandsOut {
    /// By errors.
    Fails {
        /// Its own requests of the last seconds.
        own: ErrorCount,
        /// Those of all others.
        others: ErrorCount,
    },
    /// By the time that answers take.
    IsSlow {
        /// How long half of its answers take at most.
        half: Duration,
        /// How long they usually take, or those of the others.
        beside: Duration,
        /// Whether that is the others'.
        of_others: bool,
    },
}

/// The machine: it is handed what was counted of each region in each full second.
#[derive(Debug, Default)]
pub struct Standouts {
    regions: BTreeMap<Box<str>, Watch>,
}

#[derive(Debug, Default)]
struct Watch {
    seconds: VecDeque<ErrorCount>,
    half: Option<Duration>,
    /// The mean of the logarithm of [`Watch::half`] in seconds, and how many seconds it has seen.
    usual: (f64, u32),
    /// For how many seconds in a row it looks as if it stood out, or as if it did not.
    bad_for: u32,
    well_for: u32,
    stands_out: Option<StandsOut>,
    /// For how many seconds it stands out.
    for_seconds: u64,
}

impl Watch {
    fn observe(&mut self, second: RegionSecond) {
        if self.seconds.len() == WINDOW {
            self.seconds.pop_front();
        }
        self.seconds.push_back(second.count);
        self.half = second.half.filter(|half| !half.is_zero());
    }

    fn sum(&self) -> ErrorCount {
        self.seconds.iter().collect()
    }

    /// The last few seconds together.
    fn last(&self) -> ErrorCount {
        self.seconds.iter().rev().take(SUDDEN).collect()
    }

    /// Whether each of the last few seconds was a bad one.
    fn is_bad_of_late(&self) -> bool {
        self.seconds.len() >= SUDDEN
            && self.seconds.iter().rev().take(SUDDEN).all(|second| second.requests > 0 && second.rate() >= SUDDEN_FLOOR)
    }

    fn usual(&self) -> Option<Duration> {
        let (mean, seen) = self.usual;
        (seen >= KNOWN).then(|| Duration::try_from_secs_f64(mean.exp()).ok()).flatten()
    }

    /// How many times its usual time answers take, where both are known.
    fn times_usual(&self) -> Option<f64> {
        Some(self.half?.as_secs_f64() / self.usual()?.as_secs_f64().max(1e-6))
    }

    fn learn(&mut self) {
        let Some(half) = self.half else { return };
        let (mean, seen) = self.usual;
        let log = half.as_secs_f64().ln();
        let suspect = self.times_usual().is_some_and(|times| times >= SUSPECT);
        // What goes on for an hour is usual in the end.
        let memory = if suspect { MEMORY * 6.0 } else { MEMORY };
        let weight = (1.0 / f64::from(seen.saturating_add(1))).max(1.0 / memory);
        self.usual = (mean + (log - mean) * weight, seen.saturating_add(1));
    }

    /// Takes in whether it stood out in one more second; whether that changes what is said of it.
    fn judge(&mut self, found: Option<StandsOut>) -> bool {
        (self.bad_for, self.well_for) = match found {
            Some(_) => (self.bad_for.saturating_add(1), 0),
            None => (0, self.well_for.saturating_add(1)),
        };
        let before = self.stands_out.is_some();
        if found.is_some() && (before || self.bad_for >= LASTING) {
            self.stands_out = found;
        } else if self.well_for >= WELL {
            self.stands_out = None;
        }
        self.for_seconds = if self.stands_out.is_some() { self.for_seconds.saturating_add(1) } else { 0 };
        before != self.stands_out.is_some()
    }
}

impl Standouts {
    /// Takes in the next second of each region, and gives those of which something else is to be said now. A region that is
    /// not named is forgotten.
    pub fn observe(&mut self, seconds: &[(&str, RegionSecond)]) -> Vec<(Box<str>, Option<StandsOut>)> {
        self.regions.retain(|name, _| seconds.iter().any(|(named, _)| **named == **name));
        for (name, second) in seconds {
            self.regions.entry((*name).into()).or_default().observe(*second);
        }
        let found: Vec<_> = self.regions.keys().map(|name| self.fails(name).or_else(|| self.is_slow(name))).collect();
        let mut changes = Vec::new();
        for ((name, watch), found) in self.regions.iter_mut().zip(found) {
            watch.learn();
            if watch.judge(found) {
                changes.push((name.clone(), watch.stands_out));
            }
        }
        changes
    }

    /// Who stands out, how, and for how many seconds.
    pub fn iter(&self) -> impl Iterator<Item = (&str, StandsOut, u64)> {
        self.regions.iter().filter_map(|(name, watch)| Some((&**name, watch.stands_out?, watch.for_seconds)))
    }

    fn others(&self, name: &str) -> impl Iterator<Item = &Watch> {
        self.regions.iter().filter(move |(other, _)| ***other != *name).map(|(_, watch)| watch)
    }

    fn fails(&self, name: &str) -> Option<StandsOut> {
        let watch = self.regions.get(name)?;
        let own = watch.sum();
        let sums: Vec<_> = self.others(name).map(Watch::sum).collect();
        let others: ErrorCount = sums.iter().collect();
        if own.requests < LEAST_REQUESTS || others.requests < LEAST_REQUESTS {
            return None;
        }
        // Who is named already stays so until it is clearly better.
        let (floor, times, significant) =
            if watch.stands_out.is_some() { (FLOOR / 2.0, TIMES / 2.0, 0.0) } else { (FLOOR, TIMES, SIGNIFICANT) };
        let rise = own.rate() - others.rate();
        let seconds = |watch: &Watch| -> Vec<_> { watch.seconds.iter().copied().collect() };
        let pooled: ErrorCount = [own, others].iter().collect();
        let of_others: Vec<_> = self.others(name).flat_map(seconds).collect();
        let variance = variance(&seconds(watch), pooled.rate()) + variance(&of_others, pooled.rate());
        let stands = rise >= floor && own.rate() >= times * others.rate() && rise >= significant * variance.sqrt();
        if stands { Some(StandsOut::Fails { own, others }) } else { self.has_begun_to_fail(watch, name) }
    }

    /// Whether a region that was well fails since a moment ago.
    fn has_begun_to_fail(&self, watch: &Watch, name: &str) -> Option<StandsOut> {
        let own = watch.last();
        let lasts: Vec<_> = self.others(name).map(Watch::last).collect();
        let others: ErrorCount = lasts.iter().collect();
        if own.requests < LEAST_REQUESTS || others.requests < LEAST_REQUESTS || !watch.is_bad_of_late() {
            return None;
        }
        let rate = [own, others].iter().collect::<ErrorCount>().rate();
        let chance = rate * (1.0 - rate) * (1.0 / own.requests as f64 + 1.0 / others.requests as f64);
        let rise = own.rate() - others.rate();
        let stands = own.rate() >= TIMES * others.rate() && rise >= SIGNIFICANT * chance.sqrt();
        stands.then_some(StandsOut::Fails { own, others })
    }

    fn is_slow(&self, name: &str) -> Option<StandsOut> {
        let watch = self.regions.get(name)?;
        let others: Vec<_> = self.others(name).filter(|other| other.sum().requests >= LEAST_REQUESTS).collect();
        if watch.sum().requests < LEAST_REQUESTS || others.is_empty() {
            return None;
        }
        let half = watch.half?;
        let slow = if watch.stands_out.is_some() { SLOW / 2.0 } else { SLOW };
        // Where others are slow too, it is nothing of this region.
        let slow_too = others.iter().filter(|other| other.times_usual().is_some_and(|times| times >= SUSPECT)).count();
        if let (true, Some(usual)) = (2 * slow_too < others.len(), watch.usual())
            && half >= FAST
            && watch.times_usual().is_some_and(|times| times >= slow)
        {
            return Some(StandsOut::IsSlow { half, beside: usual, of_others: false });
        }
        let mut halves: Vec<_> = others.iter().filter_map(|other| other.half).collect();
        halves.sort_unstable();
        let beside = *halves.get(halves.len() / 2)?;
        let is_slow = half >= FAST_BESIDE_OTHERS && half.as_secs_f64() >= slow * beside.as_secs_f64();
        is_slow.then_some(StandsOut::IsSlow { half, beside, of_others: true })
    }
}

#[cfg(test)]
mod tests;
