//! How many attempts of the last seconds failed.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// In how many parts the window moves on.
const SLOTS: usize = 10;
/// The most attempts of a part; beyond, both counts are halved, which keeps the share.
const MOST: u64 = (1 << 20) - 1;

/// Attempts and failures within a window that slides in tenths. It takes no lock: of two threads that both begin a new tenth
/// one is the first.
#[derive(Debug, Default)]
pub(super) struct Window {
    /// The number of the tenth (24 bits), its attempts (20) and its failures (20).
    slots: [AtomicU64; SLOTS],
}

#[derive(Clone, Copy)]
struct Slot {
    number: u64,
    attempts: u64,
    failures: u64,
}

impl Slot {
    fn read(bits: u64) -> Self {
        Self { number: bits >> 40, attempts: bits >> 20 & MOST, failures: bits & MOST }
    }

    fn bits(self) -> u64 {
        self.number << 40 | self.attempts << 20 | self.failures
    }

    fn with(self, number: u64, failed: bool) -> Self {
        let Self { attempts, failures, .. } = if self.number == number { self } else { Self::read(0) };
        let (attempts, failures) = if attempts == MOST { (attempts / 2, failures / 2) } else { (attempts, failures) };
        Self { number, attempts: attempts + 1, failures: failures + u64::from(failed) }
    }
}

impl Window {
    /// Counts an attempt that ended at `now`.
    pub(super) fn count(&self, failed: bool, now: Duration, length: Duration) {
        let number = number(now, length);
        let Some(slot) = self.slots.get(place(number)) else { return };
        let mut bits = slot.load(Ordering::Relaxed);
        loop {
            let next = Slot::read(bits).with(number, failed).bits();
            match slot.compare_exchange_weak(bits, next, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return,
                Err(newer) => bits = newer,
            }
        }
    }

    /// How many attempts there were in the window that ends at `now`, and how many of them failed.
    pub(super) fn sum(&self, now: Duration, length: Duration) -> (u64, u64) {
        let number = number(now, length);
        let slots = self.slots.iter().map(|slot| Slot::read(slot.load(Ordering::Relaxed)));
        let within = slots.filter(|slot| (number.wrapping_sub(slot.number) & NUMBERS) < SLOTS as u64);
        within.fold((0, 0), |(attempts, failures), slot| (attempts + slot.attempts, failures + slot.failures))
    }

    /// Forgets everything.
    pub(super) fn clear(&self) {
        self.slots.iter().for_each(|slot| slot.store(0, Ordering::Relaxed));
    }
}

/// Numbers of tenths come round after 2^24 of them: after days, even where a tenth is 100 ms.
const NUMBERS: u64 = (1 << 24) - 1;

fn number(now: Duration, length: Duration) -> u64 {
    let tenth = (length.as_millis() / SLOTS as u128).max(1);
    u64::try_from(now.as_millis() / tenth).unwrap_or(0) & NUMBERS
}

/// Where a tenth stands.
fn place(number: u64) -> usize {
    (number % SLOTS as u64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LENGTH: Duration = Duration::from_secs(10);

    proptest! {
        /// Everything of the last nine tenths is in it, and nothing that is older than the whole.
        #[test]
        fn it_holds_what_is_within(ends in prop::collection::vec((0_u64..30_000, any::<bool>()), 0..200)) {
            let window = Window::default();
            let mut ends = ends;
            ends.sort_unstable();
            let mut last = 0;
            for (end, failed) in &ends {
                window.count(*failed, Duration::from_millis(*end), LENGTH);
                last = *end;
            }
            let count = |since: u64| ends.iter().filter(|(end, _)| *end >= since).count() as u64;
            let failed = |since: u64| ends.iter().filter(|(end, failed)| *failed && *end >= since).count() as u64;
            let (attempts, failures) = window.sum(Duration::from_millis(last), LENGTH);
            let (inner, outer) = ((last + 1).saturating_sub(9_000), (last + 1).saturating_sub(10_000));
            prop_assert!((count(inner)..=count(outer)).contains(&attempts), "{attempts}");
            prop_assert!((failed(inner)..=failed(outer)).contains(&failures), "{failures}");
            prop_assert_eq!(window.sum(Duration::from_millis(last + 11_000), LENGTH), (0, 0));
        }
    }

    #[test]
    fn too_many_keep_their_share() {
        let slot = Slot { number: 7, attempts: MOST, failures: MOST / 2 };
        let Slot { number, attempts, failures } = Slot::read(slot.with(7, true).bits());
        assert_eq!((number, attempts, failures), (7, MOST / 2 + 1, MOST / 4 + 1));
    }
}
