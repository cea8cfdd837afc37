//! How many requests a second something gets, counted without a lock.

use super::seconds::Seconds;

/// How many full seconds a rate is the mean of.
pub(super) const WINDOW: u64 = 5;

/// One slot more than the window and the second that is being counted, so that a slow reader finds its seconds intact.
const SLOTS: usize = 8;

/// Counts events by the second and tells their mean over the last five full seconds. It never blocks.
#[derive(Debug, Default)]
pub struct RateMeter(Seconds<SLOTS>);

impl RateMeter {
    /// Counts one event in `second`.
    pub fn record(&self, second: u64) {
        self.0.record(second);
    }

    /// How many seconds before `second` how many events were counted, for another process.
    #[must_use]
    pub fn counted(&self, second: u64) -> Vec<(u64, u32)> {
        self.0.counted(second, WINDOW)
    }

    /// Takes in what was counted before `second`, in place of what was counted in those seconds here.
    pub fn recall(&self, counted: &[(u64, u32)], second: u64) {
        self.0.recall(counted, second);
    }

    /// Events per second over the five full seconds before `second`.
    #[must_use]
    pub fn per_second(&self, second: u64) -> f64 {
        self.0.per_second(second, WINDOW)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_is_over_full_seconds() {
        let meter = RateMeter::default();
        for second in 100..110 {
            for _ in 0..30 {
                meter.record(second);
            }
        }
        assert_eq!(meter.per_second(110), 30.0);
        assert_eq!(meter.per_second(109), 30.0, "the second that is being counted is left out");
        assert_eq!(meter.per_second(112), 18.0, "silence counts");
        assert_eq!(meter.per_second(200), 0.0, "old seconds do not");
    }

    #[test]
    fn another_process_goes_on_counting() {
        let (before, after) = (RateMeter::default(), RateMeter::default());
        for second in 100..110 {
            (0..20).for_each(|_| before.record(second));
        }
        before.record(110);
        after.recall(&before.counted(110), 63);
        assert_eq!(after.per_second(63), before.per_second(110));
        after.record(63);
        assert_eq!(after.per_second(64), (4.0 * 20.0 + 2.0) / 5.0);
        after.recall(&[(9, 1000), (u64::MAX, 1000)], 63);
        assert_eq!(after.per_second(64), (4.0 * 20.0 + 2.0) / 5.0, "what is too old is passed over");
    }

    #[test]
    fn nothing_was_counted_before_the_first_event() {
        let meter = RateMeter::default();
        assert_eq!(meter.per_second(3), 0.0);
        meter.record(3);
        assert_eq!(meter.per_second(4), 0.2);
    }
}
