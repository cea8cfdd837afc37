//! A warning that is repeated at most so often.

use crate::model::Timestamp;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

/// Lets one in a stretch of time through, and counts the others. One stands beside each place that warns:
///
/// ```
/// use homeward::telemetry::Occasionally;
/// static HOST_IS_MISSING: Occasionally = Occasionally::once_a_second();
/// # let now = homeward::model::Timestamp::UNIX_EPOCH;
/// if let Some(suppressed) = HOST_IS_MISSING.at(now) {
///     tracing::warn!(suppressed, "a request has no host");
/// }
/// ```
#[derive(Debug)]
pub struct Occasionally {
    every_milliseconds: i64,
    /// When the last one was let through, in milliseconds of Unix time.
    last: AtomicI64,
    suppressed: AtomicU64,
}

/// Before every time that there is.
const NEVER: i64 = i64::MIN;

impl Occasionally {
    /// At most one a second.
    #[must_use]
    pub const fn once_a_second() -> Self {
        Self::once_in(Duration::from_secs(1))
    }

    /// At most one in `stretch`, to the millisecond.
    #[must_use]
    pub const fn once_in(stretch: Duration) -> Self {
        let every_milliseconds = stretch.as_millis() as i64;
        Self { every_milliseconds, last: AtomicI64::new(NEVER), suppressed: AtomicU64::new(0) }
    }

    /// Whether this one is let through at `now`; if so, how many were not since the last that was.
    ///
    /// A clock that was set back lets one through, so that it cannot silence anything for long.
    pub fn at(&self, now: Timestamp) -> Option<u64> {
        let now = now.as_millisecond();
        let last = self.last.load(Ordering::Relaxed);
        let is_due = last == NEVER || now.abs_diff(last) >= self.every_milliseconds.unsigned_abs();
        if is_due && self.last.compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            return Some(self.suppressed.swap(0, Ordering::Relaxed));
        }
        self.suppressed.fetch_add(1, Ordering::Relaxed);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(milliseconds: i64) -> Timestamp {
        Timestamp::from_millisecond(1_700_000_000_000 + milliseconds).unwrap()
    }

    #[test]
    fn one_a_second_is_let_through_and_the_others_counted() {
        let warning = Occasionally::once_a_second();
        assert_eq!(warning.at(at(0)), Some(0));
        assert_eq!(warning.at(at(0)), None);
        assert_eq!(warning.at(at(999)), None);
        assert_eq!(warning.at(at(1000)), Some(2));
        assert_eq!(warning.at(at(5000)), Some(0));
    }

    #[test]
    fn a_clock_that_was_set_back_does_not_silence() {
        let warning = Occasionally::once_in(Duration::from_mins(1));
        assert_eq!(warning.at(at(0)), Some(0));
        assert_eq!(warning.at(at(-3_600_000)), Some(0));
        assert_eq!(warning.at(at(-3_599_000)), None);
    }
}
