//! How many requests there were in each of the last seconds, and how many of them failed; counted without a lock.

use crate::resilience::{ErrorCount, WINDOW};
use std::sync::atomic::{AtomicU64, Ordering};

/// Twice the window that is looked back on, so that a slow reader finds its seconds intact.
const SLOTS: usize = 128;

const _: () = assert!(SLOTS >= 2 * WINDOW);

/// Counts by the second, as [`super::RateMeter`] does, for the last two minutes.
#[derive(Debug)]
pub struct Outcomes {
    requests: [AtomicU64; SLOTS],
    errors: [AtomicU64; SLOTS],
}

impl Default for Outcomes {
    fn default() -> Self {
        Self { requests: [const { AtomicU64::new(0) }; SLOTS], errors: [const { AtomicU64::new(0) }; SLOTS] }
    }
}

impl Outcomes {
    /// Counts a request that ended in `second`.
    pub fn record(&self, second: u64, failed: bool) {
        count(&self.requests, second);
        if failed {
            count(&self.errors, second);
        }
    }

    /// Takes out of these what was counted in `others` in the seconds from `first` to `last`: of a table that is no measure.
    pub fn without(&self, others: &Self, first: u64, last: u64) {
        for second in first.max(last.saturating_sub(WINDOW as u64))..=last {
            let ErrorCount { requests, errors } = others.in_second(second);
            take_out(&self.requests, second, requests);
            take_out(&self.errors, second, errors);
        }
    }

    /// What was counted in `second`, which is one of the last two minutes.
    #[must_use]
    pub fn in_second(&self, second: u64) -> ErrorCount {
        ErrorCount { requests: counted(&self.requests, second), errors: counted(&self.errors, second) }
    }

    /// What was counted in each of the seconds of the minute up to now, the oldest first; `second`, which is not over, is the
    /// last.
    #[must_use]
    pub fn last_minute(&self, second: u64) -> Vec<ErrorCount> {
        let first = (second + 1).saturating_sub(WINDOW as u64);
        (first..=second).map(|then| self.in_second(then)).collect()
    }
}

fn slot(slots: &[AtomicU64; SLOTS], second: u64) -> &AtomicU64 {
    &slots[(second % SLOTS as u64) as usize]
}

fn count(slots: &[AtomicU64; SLOTS], second: u64) {
    let (slot, stamp) = (slot(slots, second), second << 32);
    let held = slot.load(Ordering::Relaxed);
    let is_old = held & !0xffff_ffff != stamp;
    if is_old && slot.compare_exchange(held, stamp | 1, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
        return;
    }
    slot.fetch_add(1, Ordering::Relaxed);
}

fn take_out(slots: &[AtomicU64; SLOTS], second: u64, count: u64) {
    let take = |held: u64| {
        let is_of_second = held >> 32 == second & 0xffff_ffff;
        is_of_second.then(|| held & !0xffff_ffff | (held & 0xffff_ffff).saturating_sub(count))
    };
    // Where the slot is of another second by now, there is nothing to take out.
    let _ = slot(slots, second).fetch_update(Ordering::Relaxed, Ordering::Relaxed, take);
}

fn counted(slots: &[AtomicU64; SLOTS], second: u64) -> u64 {
    let held = slot(slots, second).load(Ordering::Relaxed);
    if held >> 32 == second & 0xffff_ffff { held & 0xffff_ffff } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_second_is_counted_by_itself_and_old_ones_are_forgotten() {
        let outcomes = Outcomes::default();
        for second in 100..160 {
            (0..second).for_each(|nth| outcomes.record(second, nth % 10 == 0));
        }
        assert_eq!(outcomes.in_second(100), ErrorCount { requests: 100, errors: 10 });
        let minute = outcomes.last_minute(159);
        assert_eq!((minute.len(), minute[59]), (60, ErrorCount { requests: 159, errors: 16 }));
        assert_eq!(outcomes.in_second(100 + 128), ErrorCount::default());
        assert_eq!(outcomes.last_minute(3).len(), 4);

        let others = Outcomes::default();
        (0..100).for_each(|_| others.record(159, true));
        others.record(157, false);
        outcomes.without(&others, 158, 159);
        assert_eq!(outcomes.in_second(159), ErrorCount { requests: 59, errors: 0 });
        assert_eq!(outcomes.in_second(157), ErrorCount { requests: 157, errors: 16 });
    }
}
