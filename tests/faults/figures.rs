//! From records to figures. Pure.

use crate::record::{Record, SECOND, ServerId, Sight};
use std::collections::BTreeMap;

/// What became of many requests.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Summary {
    /// How many there were.
    pub requests: usize,
    /// How many of them visitors got what they came for from.
    pub good: usize,
    /// The others, by kind.
    pub failures: BTreeMap<String, u64>,
    /// Half of them took no longer, in seconds.
    pub p50: f64,
    /// 99 of 100 took no longer.
    pub p99: f64,
    /// The slowest.
    pub max: f64,
}

impl Summary {
    /// The figures of these records.
    pub fn of<'a>(records: impl IntoIterator<Item = &'a Record>) -> Self {
        let mut summary = Self::default();
        let mut times = Vec::new();
        for record in records {
            summary.requests += 1;
            times.push(record.took());
            if record.end.is_good() {
                summary.good += 1;
            } else {
                *summary.failures.entry(record.end.kind()).or_default() += 1;
            }
        }
        times.sort_unstable();
        let at = |share: f64| percentile(&times, share) as f64 / SECOND as f64;
        (summary.p50, summary.p99, summary.max) = (at(0.5), at(0.99), at(1.0));
        summary
    }

    /// The part that succeeded; all of none.
    pub fn success(&self) -> f64 {
        if self.requests == 0 { 1.0 } else { self.good as f64 / self.requests as f64 }
    }

    /// How many failed.
    pub fn failed(&self) -> usize {
        self.requests - self.good
    }

    /// The kinds of failures in words, the most frequent first.
    pub fn kinds(&self) -> String {
        let mut kinds: Vec<_> = self.failures.iter().collect();
        kinds.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        kinds.iter().map(|(kind, count)| format!("{count} × {kind}")).collect::<Vec<_>>().join(", ")
    }
}

/// The smallest of the sorted values that this share of them does not exceed; 0 of none.
pub fn percentile(sorted: &[u64], share: f64) -> u64 {
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.clamp(1, sorted.len().max(1)) - 1).copied().unwrap_or(0)
}

/// How long after `from` the last failure ended, in seconds; 0 where none did. Failures that were due before `from` count
/// as well: their visitors still wait.
pub fn quiet_after<'a>(records: impl IntoIterator<Item = &'a Record>, from: u64) -> f64 {
    let failed = records.into_iter().filter(|record| !record.end.is_good());
    failed.map(|record| record.over.saturating_sub(from)).max().unwrap_or(0) as f64 / SECOND as f64
}

/// How long after `from` a span of `window` begins in which each of `servers` got what the others did, but for `tolerance`
/// of the mean, and in the span behind it too; in seconds. `None` where that does not come before the sights end.
pub fn even_after(sights: &[Sight], servers: &[ServerId], from: u64, window: u64, tolerance: f64) -> Option<f64> {
    const STEP: u64 = SECOND / 10;
    let end = sights.iter().map(|sight| sight.at).max()?;
    let mut start = from;
    while start + 2 * window <= end + STEP {
        if is_even(sights, servers, start, window, tolerance)
            && is_even(sights, servers, start + window, window, tolerance)
        {
            return Some((start - from) as f64 / SECOND as f64);
        }
        start += STEP;
    }
    None
}

fn is_even(sights: &[Sight], servers: &[ServerId], start: u64, window: u64, tolerance: f64) -> bool {
    let within = sights.iter().filter(|sight| (start..start + window).contains(&sight.at));
    let mut counts: BTreeMap<ServerId, u32> = servers.iter().map(|server| (*server, 0)).collect();
    for sight in within {
        if let Some(count) = counts.get_mut(&sight.server) {
            *count += 1;
        }
    }
    let mean = f64::from(counts.values().sum::<u32>()) / counts.len().max(1) as f64;
    mean > 0.0 && counts.values().all(|count| (f64::from(*count) - mean).abs() <= tolerance * mean)
}

/// The one in the middle; the higher one of two. 0 of none.
pub fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}
