//! How long answers take to begin, as a histogram of the last seconds.

use super::seconds::Seconds;
use std::time::Duration;

/// How many full seconds are looked at.
pub(super) const WINDOW: u64 = 10;

/// Enough for the window, with a few for readers that are slow.
const SLOTS: usize = 13;

/// The lower bound of the second bucket, in microseconds, as a power of two: what is faster is in the first.
const FIRST_OCTAVE: u32 = 6;

/// How many times that doubles: up to 67 seconds. What is slower is in the last bucket.
const OCTAVES: usize = 20;

/// How many buckets a doubling has: a value is told with an error of at most an eighth of itself.
const STEPS: usize = 4;

const BUCKETS: usize = OCTAVES * STEPS + 2;

/// Durations of the last seconds, counted by size. It has the same size whatever comes, and never blocks.
#[derive(Debug)]
pub(super) struct Latencies {
    buckets: Box<[Seconds<SLOTS>]>,
}

impl Default for Latencies {
    fn default() -> Self {
        Self { buckets: std::iter::repeat_with(Seconds::default).take(BUCKETS).collect() }
    }
}

impl Latencies {
    /// Counts a duration in `second`.
    pub(super) fn record(&self, duration: Duration, second: u64) {
        if let Some(bucket) = self.buckets.get(bucket(duration)) {
            bucket.record(second);
        }
    }

    /// The durations that these parts of all, from 0 to 1, do not exceed, in the full seconds before `second`; `None` where
    /// nothing was counted in them.
    pub(super) fn quantiles<const N: usize>(&self, parts: [f64; N], second: u64) -> Option<[Duration; N]> {
        let counts: Vec<u64> = self.buckets.iter().map(|bucket| bucket.before(second, WINDOW)).collect();
        let all: u64 = counts.iter().sum();
        if all == 0 {
            return None;
        }
        Some(parts.map(|part| {
            let rank = ((part * all as f64).ceil() as u64).clamp(1, all);
            let mut seen = 0;
            let found = counts.iter().position(|count| {
                seen += count;
                seen >= rank
            });
            middle(found.unwrap_or(BUCKETS - 1))
        }))
    }
}

fn bucket(duration: Duration) -> usize {
    let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
    let Some(octave) = micros.checked_ilog2().and_then(|log| log.checked_sub(FIRST_OCTAVE)) else { return 0 };
    let step = (micros >> (octave + FIRST_OCTAVE - STEPS.ilog2())) as usize % STEPS;
    (1 + octave as usize * STEPS + step).min(BUCKETS - 1)
}

/// What stands for the durations of a bucket.
fn middle(bucket: usize) -> Duration {
    let bound = |bucket: usize| {
        let (octave, step) = (bucket / STEPS, bucket % STEPS);
        (1u64 << (octave as u32 + FIRST_OCTAVE)) as f64 * (1.0 + step as f64 / STEPS as f64)
    };
    let micros = match bucket {
        0 => bound(0) / 2.0,
        _ if bucket == BUCKETS - 1 => bound(bucket - 1),
        _ => f64::midpoint(bound(bucket - 1), bound(bucket)),
    };
    Duration::from_micros(micros as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_told_within_an_eighth() {
        for micros in (64..60_000_000).step_by(99_991).chain([64, 65, 79, 80, 81, 127, 128, 1000, 1_000_000]) {
            let told = middle(bucket(Duration::from_micros(micros))).as_micros() as f64;
            let error = (told - micros as f64).abs() / micros as f64;
            assert!(error <= 0.126, "{micros} is told as {told}");
        }
        assert_eq!(bucket(Duration::ZERO), 0);
        assert_eq!(bucket(Duration::MAX), BUCKETS - 1);
        assert!(middle(BUCKETS - 1) > Duration::from_secs(60));
    }

    #[test]
    fn quantiles_are_of_the_last_full_seconds() {
        let latencies = Latencies::default();
        assert_eq!(latencies.quantiles([0.5], 100), None);
        for milli in 1..=100 {
            latencies.record(Duration::from_millis(milli), 100);
        }
        assert_eq!(latencies.quantiles([0.5], 100), None, "the second that is being counted is left out");
        let [half, most] = latencies.quantiles([0.5, 0.99], 101).unwrap();
        assert!((44..=56).contains(&half.as_millis()), "{half:?}");
        assert!((87..=112).contains(&most.as_millis()), "{most:?}");
        assert!(latencies.quantiles([0.5], 110).is_some());
        assert_eq!(latencies.quantiles([0.5], 111), None, "what is old is forgotten");
    }
}
