//! How many requests a second something gets, counted without a lock.

use std::sync::atomic::{AtomicU64, Ordering};

/// How many full seconds a rate is the mean of.
const WINDOW: u64 = 5;

/// One slot more than the window and the second that is being counted, so that a slow reader finds its seconds intact.
const SLOTS: usize = 8;

/// Counts events by the second and tells their mean over the last five full seconds.
///
/// Seconds are whatever clock the callers hand in, as long as it is one and the same and does not go back by much. Under
/// contention at the turn of a second a count may be lost; it never blocks and never over-counts by more than that.
#[derive(Debug, Default)]
pub struct RateMeter {
    /// The low 32 bits of a second above, the count in that second below.
    slots: [AtomicU64; SLOTS],
}

impl RateMeter {
    /// Counts one event in `second`.
    pub fn record(&self, second: u64) {
        let Some(slot) = self.slots.get((second % SLOTS as u64) as usize) else { return };
        let stamp = second << 32;
        let held = slot.load(Ordering::Relaxed);
        let is_old = held & !0xffff_ffff != stamp;
        if is_old && slot.compare_exchange(held, stamp | 1, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            return;
        }
        slot.fetch_add(1, Ordering::Relaxed);
    }

    /// How many seconds before `second` how many events were counted, for another process.
    #[must_use]
    pub fn counted(&self, second: u64) -> Vec<(u64, u32)> {
        let slot = |slot: &AtomicU64| {
            let held = slot.load(Ordering::Relaxed);
            let age = u64::from((second as u32).wrapping_sub((held >> 32) as u32));
            (held != 0 && age <= WINDOW).then_some((age, held as u32))
        };
        self.slots.iter().filter_map(slot).collect()
    }

    /// Takes in what was counted before `second`, in place of what was counted in those seconds here.
    pub fn recall(&self, counted: &[(u64, u32)], second: u64) {
        for (age, count) in counted.iter().filter(|(age, _)| *age <= WINDOW.min(second)) {
            let then = second - age;
            if let Some(slot) = self.slots.get((then % SLOTS as u64) as usize) {
                slot.store(then << 32 | u64::from(*count), Ordering::Relaxed);
            }
        }
    }

    /// Events per second over the five full seconds before `second`.
    #[must_use]
    pub fn per_second(&self, second: u64) -> f64 {
        let counted = |slot: &AtomicU64| {
            let held = slot.load(Ordering::Relaxed);
            let age = (second as u32).wrapping_sub((held >> 32) as u32);
            if (1..=WINDOW).contains(&u64::from(age)) { held & 0xffff_ffff } else { 0 }
        };
        self.slots.iter().map(counted).sum::<u64>() as f64 / WINDOW as f64
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
