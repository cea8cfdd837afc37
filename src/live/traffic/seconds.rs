//! Counts by the second, without a lock.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts events by the second and remembers the last `N` seconds, the one that is being counted included.
///
/// Seconds are whatever clock the callers hand in, as long as it is one and the same and does not go back by much. Under
/// contention at the turn of a second a count may be lost; it never blocks and never over-counts by more than that.
#[derive(Debug)]
pub(super) struct Seconds<const N: usize> {
    /// The low 32 bits of a second above, the count in that second below.
    slots: [AtomicU64; N],
}

impl<const N: usize> Default for Seconds<N> {
    fn default() -> Self {
        Self { slots: std::array::from_fn(|_| AtomicU64::default()) }
    }
}

impl<const N: usize> Seconds<N> {
    /// Counts one event in `second`.
    pub(super) fn record(&self, second: u64) {
        let Some(slot) = self.slots.get((second % N as u64) as usize) else { return };
        let stamp = second << 32;
        let held = slot.load(Ordering::Relaxed);
        let is_old = held & !0xffff_ffff != stamp;
        if is_old && slot.compare_exchange(held, stamp | 1, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            return;
        }
        slot.fetch_add(1, Ordering::Relaxed);
    }

    /// What was counted in `second`; 0 where that is forgotten.
    pub(super) fn in_second(&self, second: u64) -> u64 {
        let slot = self.slots.get((second % N as u64) as usize);
        let held = slot.map_or(0, |slot| slot.load(Ordering::Relaxed));
        if (held >> 32) as u32 == second as u32 { held & 0xffff_ffff } else { 0 }
    }

    /// What was counted in the `window` full seconds before `second`.
    pub(super) fn before(&self, second: u64, window: u64) -> u64 {
        (1..=window).map(|age| second.checked_sub(age).map_or(0, |then| self.in_second(then))).sum()
    }

    /// Events per second over the `window` full seconds before `second`.
    pub(super) fn per_second(&self, second: u64, window: u64) -> f64 {
        self.before(second, window) as f64 / window as f64
    }

    /// What was counted in each of the `window` full seconds before `second`, the oldest first.
    pub(super) fn history(&self, second: u64, window: u64) -> impl Iterator<Item = u64> + '_ {
        (1..=window).rev().map(move |age| second.checked_sub(age).map_or(0, |then| self.in_second(then)))
    }

    /// How many seconds before `second` how many events were counted, at most `window` seconds ago, for another process.
    pub(super) fn counted(&self, second: u64, window: u64) -> Vec<(u64, u32)> {
        let at = |age: u64| Some((age, second.checked_sub(age).map(|then| self.in_second(then) as u32)?));
        (0..=window).filter_map(at).filter(|(_, count)| *count > 0).collect()
    }

    /// Takes in what was counted before `second`, in place of what was counted in those seconds here.
    pub(super) fn recall(&self, counted: &[(u64, u32)], second: u64) {
        for (age, count) in counted.iter().filter(|(age, _)| *age < (N as u64).min(second)) {
            let then = second - age;
            if let Some(slot) = self.slots.get((then % N as u64) as usize) {
                slot.store(then << 32 | u64::from(*count), Ordering::Relaxed);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_older_than_its_slots_is_forgotten() {
        let seconds = Seconds::<304>::default();
        for second in 1000..1400 {
            (0..second % 7).for_each(|_| seconds.record(second));
        }
        let history: Vec<_> = seconds.history(1400, 300).collect();
        assert_eq!(history, (1100..1400).map(|second| second % 7).collect::<Vec<_>>());
        assert_eq!(seconds.before(1400, 300), history.iter().sum::<u64>());
        assert_eq!(seconds.in_second(1000), 0);
        assert_eq!(seconds.history(5, 300).count(), 300, "before the beginning there was nothing");
    }

    #[test]
    fn threads_lose_nothing_within_a_second() {
        let seconds = Seconds::<8>::default();
        seconds.record(7);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..10_000).for_each(|_| seconds.record(7)));
            }
        });
        assert_eq!(seconds.before(8, 1), 40_001);
    }
}
