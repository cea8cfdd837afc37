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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Ask, End};

    fn server(number: u8) -> ServerId {
        ServerId { region: 0, number }
    }

    fn record(due: u64, over: u64, end: End) -> Record {
        Record { ask: Ask { id: 0, home: 0, session: None, is_post: false, due }, over, end }
    }

    #[test]
    fn percentiles_are_values_that_were_there() {
        let values: Vec<u64> = (1..=100).collect();
        assert_eq!([0.0, 0.5, 0.99, 1.0].map(|share| percentile(&values, share)), [1, 50, 99, 100]);
        assert_eq!(percentile(&[], 0.5), 0);
        assert_eq!(percentile(&[7], 0.99), 7);
    }

    #[test]
    fn a_summary_counts_and_times_from_when_a_request_was_due() {
        let records = [
            record(0, SECOND, End::Answered(server(0))),
            record(0, 3 * SECOND, End::Failed(503, Some("destination_unavailable".into()))),
            record(SECOND, 11 * SECOND, End::Stuck),
            record(0, 2 * SECOND, End::LoginFailed(server(1))),
        ];
        let summary = Summary::of(&records);
        assert_eq!((summary.requests, summary.good, summary.failed()), (4, 1, 3));
        assert_eq!((summary.p50, summary.max), (2.0, 10.0));
        assert_eq!(summary.kinds(), "1 × 503 destination_unavailable, 1 × login failed, 1 × stuck");
        assert_eq!(Summary::of(&[]).success(), 1.0);
    }

    #[test]
    fn it_is_quiet_when_the_last_failure_has_ended() {
        let good = End::Answered(server(0));
        let records = [record(5, 20, good.clone()), record(5, SECOND + 10, End::Broken), record(9, 3 * SECOND, good)];
        assert_eq!(quiet_after(&records, 10), 1.0);
        assert_eq!(quiet_after(&records[2..], 10), 0.0);
    }

    /// Ten requests a second to each server, to the second one only from `joins` on.
    fn sights(joins: u64) -> Vec<Sight> {
        let mut sights = Vec::new();
        for at in (0..10 * SECOND).step_by(SECOND as usize / 10) {
            for number in 0..3 {
                if number != 1 || at >= joins {
                    sights.push(Sight { id: 0, server: server(number), at });
                }
            }
        }
        sights
    }

    #[test]
    fn load_is_even_from_when_the_last_one_has_its_part() {
        let servers = [0, 1, 2].map(server);
        let even = |joins| even_after(&sights(joins), &servers, SECOND, 2 * SECOND, 0.2);
        assert_eq!(even(0), Some(0.0));
        let late = even(4 * SECOND).unwrap();
        assert!((2.4..=3.0).contains(&late), "{late}");
        assert_eq!(even(9 * SECOND), None, "two spans no longer fit");
        assert_eq!(even_after(&[], &servers, 0, SECOND, 0.2), None);
        let no_load = even_after(&sights(0), &[server(8)], 0, SECOND, 0.2);
        assert_eq!(no_load, None, "nothing is not even");
    }

    #[test]
    fn a_median_is_one_of_them() {
        assert_eq!((median(&[3.0, 1.0, 2.0]), median(&[2.0, 1.0]), median(&[])), (2.0, 2.0, 0.0));
    }
}
