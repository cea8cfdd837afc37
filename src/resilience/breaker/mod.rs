//! A breaker: it keeps requests from what fails, and lets a few of them through to see whether it still does.

mod trickle;
mod window;

use crate::model::BreakerRules;
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use trickle::Trickle;
pub use trickle::TrickleTicket;
use window::Window;

/// Where a breaker stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BreakerState {
    /// Everything passes.
    Closed,
    /// A trickle passes.
    HalfOpen,
    /// Nothing passes.
    Open,
}

impl BreakerState {
    /// The number in metrics.
    #[must_use]
    pub fn number(self) -> i64 {
        self as i64
    }

    /// The words for people.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::HalfOpen => "half open",
            Self::Open => "open",
        }
    }
}

/// As what an attempt goes past a breaker. What became of it is to be said to [`Breaker::ended`], once.
#[derive(Debug, PartialEq, Eq)]
pub enum Pass {
    /// As one of many.
    Free,
    /// As one of the few that it is tried with.
    Trickle(TrickleTicket),
}

/// What became of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttemptEnd {
    /// It succeeded.
    Success,
    /// It failed.
    Failure,
    /// Nobody knows: the client left, or it was dropped on the way.
    Unknown,
}

/// That a breaker changed, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerChange {
    /// It opened: of so many attempts within the window so many failed.
    Opened {
        /// How many there were.
        attempts: u64,
        /// How many of them failed.
        failures: u64,
    },
    /// It opened again, as an attempt of the trickle failed.
    Reopened,
    /// It closed: all of the trickle succeeded.
    Closed,
}

/// Fewer failures in a row say nothing beside many successes, however small a number the rules ask for.
const LEAST_IN_A_ROW: u32 = 10;

const CLOSED: u8 = 0;
const OPEN: u8 = 1;

/// The breaker of one thing that may fail. While it is closed it takes no lock.
///
/// It opens where at least a share of at least so many attempts failed; and where so many (and ten at the least) failed in a row within the window,
/// however many had succeeded before: what has just died had been well until then. It is open for a while, the longer the more often
/// this happens in a row, and less by up to a fifth at random, so that many edges do not come back at one moment. Then one
/// attempt may pass; with each that succeeds twice as many, up to the trickle; once so many succeeded it is closed, and once
/// one fails it is open again.
#[derive(Debug, Default)]
pub struct Breaker {
    state: AtomicU8,
    /// Until when nothing passes, in milliseconds.
    until: AtomicU64,
    window: Window,
    /// Failures in a row, and the millisecond in which the first of them ended.
    row: AtomicU32,
    row_since: AtomicU64,
    trickle: Mutex<Trickle>,
}

impl Breaker {
    /// Whether an attempt would not pass at `now`. Counts nothing. While it is closed one atomic load: `now` is not asked.
    #[must_use]
    pub fn is_cut(&self, now: impl FnOnce() -> Duration) -> bool {
        if self.state.load(Ordering::Acquire) == CLOSED {
            return false;
        }
        let now = now();
        milliseconds(now) < self.until.load(Ordering::Acquire) || !self.trickle().has_place(now)
    }

    /// Where it stands at `now`.
    #[must_use]
    pub fn state(&self, now: Duration) -> BreakerState {
        match self.state.load(Ordering::Acquire) {
            CLOSED => BreakerState::Closed,
            _ if milliseconds(now) < self.until.load(Ordering::Acquire) => BreakerState::Open,
            _ => BreakerState::HalfOpen,
        }
    }

    /// How long it is open yet at `now`, zero where it is not.
    #[must_use]
    pub fn open_for(&self, now: Duration) -> Duration {
        match self.state(now) {
            BreakerState::Open => Duration::from_millis(self.until.load(Ordering::Acquire)).saturating_sub(now),
            _ => Duration::ZERO,
        }
    }

    /// Lets an attempt pass at `now`; `None` where none may.
    #[must_use]
    pub fn enter(&self, now: Duration) -> Option<Pass> {
        if self.state.load(Ordering::Acquire) == CLOSED {
            return Some(Pass::Free);
        }
        let mut trickle = self.trickle();
        if self.state.load(Ordering::Acquire) == CLOSED {
            return Some(Pass::Free); // it has just closed
        }
        if milliseconds(now) < self.until.load(Ordering::Acquire) {
            return None;
        }
        trickle.take(now).map(Pass::Trickle)
    }

    /// Takes in what became of an attempt by `now`; `random` is any number. What that changed, if it did.
    ///
    /// What was let pass before it opened, and ends while it is open, says nothing any more.
    pub fn ended(
        &self,
        entry: Pass,
        verdict: AttemptEnd,
        now: Duration,
        random: u64,
        rules: &BreakerRules,
    ) -> Option<BreakerChange> {
        match entry {
            Pass::Free => self.count(verdict, now, random, rules),
            Pass::Trickle(ticket) => {
                let mut trickle = self.trickle();
                let is_of_this_time = trickle.give_back(&ticket);
                if !is_of_this_time || self.state.load(Ordering::Acquire) == CLOSED {
                    return None;
                }
                match verdict {
                    AttemptEnd::Unknown => None,
                    AttemptEnd::Failure => {
                        self.open(&mut trickle, now, random, rules);
                        Some(BreakerChange::Reopened)
                    }
                    AttemptEnd::Success => trickle.succeeded(rules.trickle.get()).then(|| {
                        trickle.close(now);
                        self.window.clear();
                        self.state.store(CLOSED, Ordering::Release);
                        BreakerChange::Closed
                    }),
                }
            }
        }
    }

    /// Closes it, and forgets everything.
    pub fn reset(&self) {
        let mut trickle = self.trickle();
        *trickle = Trickle::default();
        self.window.clear();
        self.state.store(CLOSED, Ordering::Release);
    }

    fn count(&self, verdict: AttemptEnd, now: Duration, random: u64, rules: &BreakerRules) -> Option<BreakerChange> {
        if verdict == AttemptEnd::Unknown || self.state.load(Ordering::Acquire) != CLOSED {
            return None;
        }
        self.window.count(verdict == AttemptEnd::Failure, now, rules.window);
        if verdict == AttemptEnd::Success {
            // Written only where there is something to forget: all threads share it.
            if self.row.load(Ordering::Relaxed) != 0 {
                self.row.store(0, Ordering::Relaxed);
            }
            return None;
        }
        let row = self.failed_in_a_row(now, rules);
        let (attempts, failures) = self.window.sum(now, rules.window);
        let is_share =
            attempts >= u64::from(rules.least.get()) && (failures as f64) >= rules.failures.ratio() * attempts as f64;
        if !is_share && row < rules.least.get().max(LEAST_IN_A_ROW) {
            return None;
        }
        let (attempts, failures) = if is_share { (attempts, failures) } else { (row.into(), row.into()) };
        let mut trickle = self.trickle();
        if self.state.load(Ordering::Acquire) != CLOSED {
            return None; // another thread has seen it first
        }
        self.open(&mut trickle, now, random, rules);
        Some(BreakerChange::Opened { attempts, failures })
    }

    /// How many have failed in a row, this one included, within the window.
    fn failed_in_a_row(&self, now: Duration, rules: &BreakerRules) -> u32 {
        let now = milliseconds(now);
        let since = self.row_since.load(Ordering::Relaxed);
        if self.row.load(Ordering::Relaxed) == 0 || now.saturating_sub(since) > milliseconds(rules.window) {
            self.row_since.store(now, Ordering::Relaxed);
            self.row.store(1, Ordering::Relaxed);
            return 1;
        }
        self.row.fetch_add(1, Ordering::Relaxed).saturating_add(1)
    }

    fn open(&self, trickle: &mut Trickle, now: Duration, random: u64, rules: &BreakerRules) {
        let length = trickle.open(now, rules);
        let less = length.mul_f64((random % 1000) as f64 / 5000.0);
        self.row.store(0, Ordering::Relaxed);
        self.until.store(milliseconds(now.saturating_add(length.saturating_sub(less))), Ordering::Release);
        self.state.store(OPEN, Ordering::Release);
    }

    /// It is whole between any two statements that change it.
    fn trickle(&self) -> MutexGuard<'_, Trickle> {
        self.trickle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
