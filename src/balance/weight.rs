//! How much of the requests a server should have.

use std::num::{NonZeroU16, NonZeroU32};
use std::time::Duration;

/// A server's part of the requests beside that of the others: its weight of the table in thousandths, less while it is
/// starting slowly. Never zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Weight(NonZeroU32);

impl Weight {
    /// What a slow start begins with, in thousandths of the whole: enough to warm a server up, and little enough for one
    /// whose caches are empty.
    const FIRST: u32 = 100;

    const WHOLE: u32 = 1_000;

    /// The whole weight of the table.
    #[must_use]
    pub fn whole(weight: NonZeroU16) -> Self {
        Self::part(weight, Self::WHOLE)
    }

    fn part(weight: NonZeroU16, thousandths: u32) -> Self {
        let thousandths = NonZeroU32::new(thousandths).unwrap_or(NonZeroU32::MIN);
        Self(NonZeroU32::from(weight).saturating_mul(thousandths))
    }

    /// The weight of a server that is there for `elapsed` and takes `slow_start` to its whole weight: from a tenth of it,
    /// along a straight line.
    #[must_use]
    pub fn ramped(weight: NonZeroU16, elapsed: Duration, slow_start: Duration) -> Self {
        if elapsed >= slow_start {
            return Self::whole(weight);
        }
        let done = elapsed.as_secs_f64() / slow_start.as_secs_f64(); // below 1, and never by zero
        Self::part(weight, Self::FIRST + (f64::from(Self::WHOLE - Self::FIRST) * done) as u32)
    }

    pub(super) fn get(self) -> u32 {
        self.0.get()
    }
}
