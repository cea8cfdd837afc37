//! One key: a value, and what becomes of it.

use crate::model::RateLimit;

/// A rate and a burst, in nanoseconds.
///
/// What is kept of a key is the moment at which all that it was let through is paid off, each at the rate. It may lie ahead
/// of now by what a burst costs, and no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LimitPace {
    /// What one costs. Never zero.
    each: u64,
    /// What a whole burst costs.
    burst: u64,
}

/// What is said to one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It may go.
    Allowed,
    /// It is one too many. After so many nanoseconds, never none, it would not be, if no other comes.
    Wait(u64),
}

impl LimitPace {
    /// The pace of `limit`. Rounded so that it is never faster.
    #[must_use]
    pub fn new(limit: &RateLimit) -> Self {
        // As a number this saturates: the slowest rate is one in some hundred years.
        let each = ((1e9 / limit.rate.per_second()).ceil() as u64).max(1);
        Self { each, burst: each.saturating_mul(limit.burst.max(1).into()) }
    }

    /// Whether one more may go at `now`, of a key that is paid off at `paid_off`; and when it is paid off then.
    pub(super) fn take(self, paid_off: u64, now: u64) -> (Verdict, u64) {
        let after = paid_off.max(now).saturating_add(self.each);
        let latest = now.saturating_add(self.burst);
        if after <= latest { (Verdict::Allowed, after) } else { (Verdict::Wait(after - latest), paid_off) }
    }

    /// What a whole burst costs, or `ahead` where that is less.
    pub(super) fn at_most(self, ahead: u64) -> u64 {
        self.burst.min(ahead)
    }

    /// The seconds after which a whole burst may come again, rounded up.
    #[must_use]
    pub fn window(self) -> u64 {
        self.burst.div_ceil(1_000_000_000)
    }
}
