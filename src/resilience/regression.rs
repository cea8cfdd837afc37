//! Whether errors have risen since something changed: a two-proportion test against the time before.
//!
//! The test is one-sided, with the variance of each side taken as the larger of what coin tosses would have and what is seen
//! from block to block. Errors come in bursts; a test that takes them for coin tosses sees a rise in every burst. It is looked
//! at once a second, so what it takes for significant is far beyond what a single look would need.

use std::collections::VecDeque;

/// How many seconds are looked back, on each side of the change.
pub const WINDOW: usize = 60;

/// How many standard errors a rise must be above nothing. A single look at coin tosses would be wrong once in three
/// millions; sixty looks and variances that are estimates themselves leave room for that.
const SIGNIFICANT: f64 = 5.0;

/// From how large a rise on how many seconds it must have lasted, the largest first: what is not as bad may wait until it is
/// surely no burst.
const LASTING: [(f64, usize); 3] = [(0.5, 3), (0.1, 6), (0.0, 10)];

/// The lengths of blocks, in seconds, by which the variance is estimated: a burst of some seconds is seen only by blocks that
/// are longer.
const BLOCKS: [usize; 3] = [1, 5, 10];

/// With fewer requests before the change there is nothing to compare with.
const LEAST_BEFORE: u64 = 30;

/// What was counted in some time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct ErrorCount {
    /// Requests.
    pub requests: u64,
    /// Those among them that failed.
    pub errors: u64,
}

impl ErrorCount {
    /// The part that failed, from 0 to 1; 0 where there was nothing.
    #[must_use]
    pub fn rate(self) -> f64 {
        if self.requests == 0 { 0.0 } else { self.errors.min(self.requests) as f64 / self.requests as f64 }
    }

    fn add(self, other: Self) -> Self {
        Self {
            requests: self.requests.saturating_add(other.requests),
            errors: self.errors.saturating_add(other.errors.min(other.requests)),
        }
    }
}

impl<'a> FromIterator<&'a ErrorCount> for ErrorCount {
    fn from_iter<I: IntoIterator<Item = &'a ErrorCount>>(counts: I) -> Self {
        counts.into_iter().fold(Self::default(), |sum, count| sum.add(*count))
    }
}

/// What is too much.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RegressionLimits {
    /// By how much the part of failed requests may rise, from 0 to 1: 0.02 is from 1 % to 3 %.
    pub max_increase: f64,
    /// How many requests there must have been since the change before anything is said.
    pub min_requests: u64,
}

/// What was compared.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Comparison {
    /// In the seconds before the change.
    pub before: ErrorCount,
    /// Since the change, in the last minute at most.
    pub since: ErrorCount,
    /// By how many standard errors the rate has risen; below zero where it fell.
    pub z: f64,
}

/// The machine: it is handed the counts of the seconds before a change, and then those of each full second since.
#[derive(Debug, Clone)]
pub struct Regression {
    limits: RegressionLimits,
    before: Vec<ErrorCount>,
    since: VecDeque<ErrorCount>,
    requests_since: u64,
}

impl Regression {
    /// Begins with the counts of the seconds before a change, the oldest first; the last [`WINDOW`] of them count.
    #[must_use]
    pub fn new(limits: RegressionLimits, before: &[ErrorCount]) -> Self {
        let before = before[before.len().saturating_sub(WINDOW)..].to_vec();
        Self { limits, before, since: VecDeque::new(), requests_since: 0 }
    }

    /// The same time before, with another change after it.
    #[must_use]
    pub fn begun_anew(self) -> Self {
        Self { since: VecDeque::new(), requests_since: 0, ..self }
    }

    /// Takes in the next second since the change.
    pub fn observe(&mut self, second: ErrorCount) {
        if self.since.len() == WINDOW {
            self.since.pop_front();
        }
        self.requests_since = self.requests_since.saturating_add(second.requests);
        self.since.push_back(second);
    }

    /// How many requests there were since the change, all in all.
    #[must_use]
    pub fn requests_since(&self) -> u64 {
        self.requests_since
    }

    /// Whether there were enough of them to say anything.
    #[must_use]
    pub fn has_enough(&self) -> bool {
        self.requests_since >= self.limits.min_requests
    }

    /// What was counted, and how far apart that is.
    #[must_use]
    pub fn comparison(&self) -> Comparison {
        self.compared(self.since.len())
    }

    /// The same of the last seconds only.
    fn compared(&self, seconds: usize) -> Comparison {
        let last: Vec<_> = self.since.iter().skip(self.since.len().saturating_sub(seconds)).copied().collect();
        let before: ErrorCount = self.before.iter().collect();
        let since: ErrorCount = last.iter().collect();
        let pooled = before.add(since).rate();
        let variance = variance(&self.before, pooled) + variance(&last, pooled);
        let rise = since.rate() - before.rate();
        let z = if rise == 0.0 || !variance.is_finite() { 0.0 } else { rise / variance.sqrt() };
        Comparison { before, since, z: if z.is_finite() { z } else { 0.0 } }
    }

    /// What was compared, where errors have risen: by more than is allowed, by more than chance and bursts explain, for some
    /// seconds, and still in the last ones. What breaks late is found by the last half minute, which is long enough to tell it
    /// from a burst.
    #[must_use]
    pub fn risen(&self) -> Option<Comparison> {
        if !self.has_enough() {
            return None;
        }
        let half = (self.since.len() > WINDOW / 2).then_some(WINDOW / 2);
        [Some(self.since.len()), half].into_iter().flatten().find_map(|seconds| self.risen_in(seconds))
    }

    fn risen_in(&self, seconds: usize) -> Option<Comparison> {
        let comparison = self.compared(seconds);
        let Comparison { before, since, z } = comparison;
        let rise = since.rate() - before.rate();
        if before.requests < LEAST_BEFORE || rise <= self.limits.max_increase || z < SIGNIFICANT {
            return None;
        }
        let lasting = LASTING.iter().find(|(least, _)| rise >= *least).map_or(WINDOW, |(_, seconds)| *seconds);
        if self.since.len() < lasting {
            return None;
        }
        let last: ErrorCount = self.since.iter().skip(self.since.len() - lasting.min(self.since.len() / 2)).collect();
        (last.rate() - before.rate() > self.limits.max_increase).then_some(comparison)
    }
}

/// The variance of the mean rate of some seconds.
pub(super) fn variance(seconds: &[ErrorCount], pooled: f64) -> f64 {
    let all: ErrorCount = seconds.iter().collect();
    if all.requests == 0 {
        return f64::INFINITY;
    }
    let tosses = pooled * (1.0 - pooled) / all.requests as f64;
    BLOCKS.iter().filter_map(|length| variance_by_blocks(seconds, *length, all)).fold(tosses, f64::max)
}

/// The same by how blocks of so many seconds differ; `None` where there are too few of them to tell.
fn variance_by_blocks(seconds: &[ErrorCount], length: usize, all: ErrorCount) -> Option<f64> {
    let blocks = seconds.chunks(length).map(|block| block.iter().collect::<ErrorCount>());
    let blocks: Vec<_> = blocks.filter(|block| block.requests > 0).collect();
    if blocks.len() < 5 {
        return None;
    }
    let (rate, count) = (all.rate(), blocks.len() as f64);
    let off = |block: &ErrorCount| (block.errors as f64 - rate * block.requests as f64).powi(2);
    let squares: f64 = blocks.iter().map(off).sum();
    // The second factor makes up for what few blocks miss, as the quantiles of Student's t do.
    Some(squares / (all.requests as f64).powi(2) * (count / (count - 1.0)) * ((count - 1.0) / (count - 3.0)))
}

#[cfg(test)]
mod tests;
