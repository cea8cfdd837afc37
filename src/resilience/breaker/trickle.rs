//! The few attempts that show whether what failed still does.

use crate::model::BreakerRules;
use smallvec::SmallVec;
use std::time::Duration;

/// A place in the trickle.
#[derive(Debug, PartialEq, Eq)]
pub struct TrickleTicket {
    /// In which time that the breaker was open.
    opening: u64,
    number: u64,
}

/// What a breaker remembers while it is not closed, and how often it was.
#[derive(Debug, Default)]
pub(super) struct Trickle {
    /// How often the breaker opened.
    openings: u64,
    /// How often it did in a row.
    in_a_row: u32,
    closed_at: Option<Duration>,
    /// How many succeeded since it opened last.
    succeeded: u32,
    /// How many may be on their way at once at the most.
    most: u32,
    /// After what time one that is on its way is no longer waited for.
    patience: Duration,
    /// Those that are on their way, and until when each is waited for.
    pub(super) out: SmallVec<[(u64, Duration); 4]>,
    number: u64,
}

impl Trickle {
    /// Begins again. How long nothing may pass from now on.
    pub(super) fn open(&mut self, now: Duration, rules: &BreakerRules) -> Duration {
        // One that was closed for long begins anew; one that opens again soon has not been well.
        let is_calm = self.closed_at.is_some_and(|since| now.saturating_sub(since) > rules.longest_open);
        self.in_a_row = if is_calm { 1 } else { self.in_a_row.saturating_add(1) };
        self.openings += 1;
        self.closed_at = None;
        self.succeeded = 0;
        (self.most, self.patience) = (rules.trickle.get(), rules.open);
        self.out.clear();
        let times = 1_u32 << (self.in_a_row - 1).min(16);
        rules.open.saturating_mul(times).min(rules.longest_open)
    }

    /// Whether one more may be on its way at `now`.
    pub(super) fn has_place(&self, now: Duration) -> bool {
        let places = 1_u32.checked_shl(self.succeeded).unwrap_or(u32::MAX).min(self.most);
        let out = self.out.iter().filter(|(_, until)| now < *until).count();
        out < places as usize
    }

    pub(super) fn take(&mut self, now: Duration) -> Option<TrickleTicket> {
        self.out.retain(|(_, until)| now < *until);
        if !self.has_place(now) {
            return None;
        }
        self.number += 1;
        self.out.push((self.number, now.saturating_add(self.patience)));
        Some(TrickleTicket { opening: self.openings, number: self.number })
    }

    /// Whether what became of it still counts: it does also where it took too long.
    pub(super) fn give_back(&mut self, ticket: &TrickleTicket) -> bool {
        if ticket.opening != self.openings {
            return false;
        }
        self.out.retain(|(number, _)| *number != ticket.number);
        true
    }

    /// Whether so many have succeeded now.
    pub(super) fn succeeded(&mut self, wanted: u32) -> bool {
        self.succeeded = self.succeeded.saturating_add(1);
        self.succeeded >= wanted
    }

    pub(super) fn close(&mut self, now: Duration) {
        self.closed_at = Some(now);
        self.out.clear();
        self.openings += 1; // what is still on its way is of the past
    }
}
