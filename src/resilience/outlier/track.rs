//! What was seen of one server.

use super::rate::IntervalCounts;
use crate::model::OutlierRules;
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

/// What one request says of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// It was served.
    Good,
    /// It got an error that the app may mean: it counts against the success rate only.
    Error,
    /// It failed: no connection, no answer, an answer of a server that cannot serve, or one that the app calls a failure.
    Failure,
}

/// Why a server is ejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EjectionWhy {
    /// So many requests in a row failed.
    ConsecutiveFailures,
    /// More of its requests failed than of the others'.
    SuccessRate,
}

impl EjectionWhy {
    /// All of them, in order.
    pub const ALL: [Self; 2] = [Self::ConsecutiveFailures, Self::SuccessRate];

    /// The word in metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ConsecutiveFailures => "consecutive_failures",
            Self::SuccessRate => "success_rate",
        }
    }

    /// The words for people.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::ConsecutiveFailures => "too many requests in a row failed",
            Self::SuccessRate => "more of its requests failed than of the other servers'",
        }
    }
}

/// An ejection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ejection {
    /// Why.
    pub why: EjectionWhy,
    /// How long it is.
    pub length: Duration,
}

/// One server. Times are those of a clock that never goes back, as the time since its beginning; never zero.
#[derive(Debug, Default)]
pub struct OutlierTrack {
    /// Failures in a row.
    row: AtomicU32,
    /// Requests of the interval in the upper half, errors among them in the lower one.
    counts: AtomicU64,
    /// The millisecond at which its ejection ends; 0 where it was never ejected, or that was told.
    until: AtomicU64,
    /// How many ejections in a row there were, less those that are forgotten.
    ejections: AtomicU32,
    why: AtomicU8,
}

const ONE_REQUEST: u64 = 1 << 32;
/// Where nobody takes the counts any more, they stand still.
const FULL: u64 = 1 << 62;

impl OutlierTrack {
    /// Takes in how a request ended. Whether the failures in a row have come to the limit, or to a multiple of it: then
    /// it is time to see whether the server can be ejected. While it is ejected, what ends there says nothing.
    pub fn record(&self, seen: Seen, now: Duration, rules: &OutlierRules) -> bool {
        if self.is_ejected(now) {
            return false;
        }
        if self.counts.load(Ordering::Relaxed) < FULL {
            let error = u64::from(seen != Seen::Good);
            self.counts.fetch_add(ONE_REQUEST | error, Ordering::Relaxed);
        }
        if seen != Seen::Failure {
            if self.row.load(Ordering::Relaxed) != 0 {
                self.row.store(0, Ordering::Relaxed);
            }
            return false;
        }
        let row = self.row.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
        row != 0 && row.is_multiple_of(rules.consecutive_failures.get())
    }

    /// Failures in a row up to now.
    #[must_use]
    pub fn row(&self) -> u32 {
        self.row.load(Ordering::Relaxed)
    }

    /// What was counted since the last call.
    pub(super) fn take_counts(&self) -> IntervalCounts {
        let counts = self.counts.swap(0, Ordering::Relaxed);
        IntervalCounts { requests: counts >> 32, errors: counts & (ONE_REQUEST - 1) }
    }

    /// Whether it is left out. One atomic load.
    #[must_use]
    pub fn is_ejected(&self, now: Duration) -> bool {
        self.until.load(Ordering::Acquire) > millis(now)
    }

    /// When its ejection ends, and why it is ejected, where it is.
    #[must_use]
    pub fn ejection(&self, now: Duration) -> Option<(Duration, EjectionWhy)> {
        let until = self.until.load(Ordering::Acquire);
        let why = match self.why.load(Ordering::Relaxed) {
            0 => EjectionWhy::ConsecutiveFailures,
            _ => EjectionWhy::SuccessRate,
        };
        (until > millis(now)).then(|| (Duration::from_millis(until), why))
    }

    /// How many ejections in a row there were, less those that are forgotten.
    #[must_use]
    pub fn ejections(&self) -> u32 {
        self.ejections.load(Ordering::Relaxed)
    }

    /// Goes on with what another process knew.
    pub fn recall(&self, until: Duration, ejections: u32) {
        self.until.store(millis(until), Ordering::Release);
        self.ejections.store(ejections, Ordering::Relaxed);
    }

    /// Ends its ejection at once, for whoever takes the rules away.
    pub fn pardon(&self) {
        self.until.store(0, Ordering::Release);
        self.row.store(0, Ordering::Relaxed);
        self.ejections.store(0, Ordering::Relaxed);
    }

    /// Whether an ejection has ended since the last call. It ends by itself, whether or not anybody asks.
    pub fn has_returned(&self, now: Duration) -> bool {
        let until = self.until.load(Ordering::Acquire);
        until != 0
            && until <= millis(now)
            && self.until.compare_exchange(until, 0, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }

    /// Ejects it: for longer, the more often that was so in a row.
    pub(super) fn eject(&self, why: EjectionWhy, now: Duration, rules: &OutlierRules) -> Ejection {
        let longest = rules.longest_ejection.max(rules.ejection);
        let times = self.ejections.load(Ordering::Relaxed).saturating_add(1);
        let length = rules.ejection.saturating_mul(times).min(longest);
        if rules.ejection.saturating_mul(times - 1) < longest {
            self.ejections.store(times, Ordering::Relaxed); // beyond that it would only take longer to forget
        }
        self.why.store(why as u8, Ordering::Relaxed);
        self.row.store(0, Ordering::Relaxed);
        self.until.store(millis(now.saturating_add(length)).max(1), Ordering::Release);
        Ejection { why, length }
    }

    /// An interval has passed in which it was not ejected: one ejection is forgotten.
    pub(super) fn forget_one(&self) {
        let ejections = self.ejections.load(Ordering::Relaxed);
        if ejections != 0 {
            self.ejections.store(ejections - 1, Ordering::Relaxed);
        }
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
