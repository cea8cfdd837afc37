//! Whether the servers of a pool are enough for it to serve, without going to and fro with servers that come and go.

use crate::model::{FailoverRules, Presence};
use std::time::Duration;

/// More falls than this are not told apart: the hold of so many is the longest there can be.
const MOST_FALLS: u32 = 64;

/// The machine: it is handed how many servers are healthy whenever that changes, and the time now and then.
///
/// Present → away when fewer are healthy than the rules want. Away → present when enough have been healthy without a break for
/// as long as its falls ask for: not at all after a first one, so that a restart keeps nobody away, then [`FailoverRules::hold`]
/// and twice as long with each further fall, up to [`FailoverRules::longest_hold`]. For each such time without a fall one is
/// forgotten. So however its servers flap it changes a bounded number of times in a given time; and it always comes back, that
/// long after its servers have, at the latest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Flapping {
    healthy: usize,
    is_away: bool,
    /// Whether it was ever present: what was not has not fallen.
    was_present: bool,
    falls: u32,
    /// Since when enough servers are healthy, while it is away.
    enough_since: Option<Duration>,
    /// When it was last counted how many falls are forgotten.
    forgot: Duration,
}

impl Flapping {
    /// How many of `servers` are healthy from `now` on; how the pool stands then. `now` is that of a clock that does not go
    /// back.
    pub fn observe(&mut self, healthy: usize, servers: usize, rules: &FailoverRules, now: Duration) -> Presence {
        // What was due in between happened before this.
        self.look(rules, now);
        self.healthy = healthy;
        let away_below = rules.away_below.of(servers);
        let back_above = rules.back_above.map_or(away_below, |fewest| fewest.of(servers)).max(away_below);
        if !self.is_away && healthy < away_below {
            self.is_away = true;
            self.enough_since = None;
            self.forget(rules, now);
            if self.was_present {
                self.falls = (self.falls + 1).min(MOST_FALLS);
            }
            self.forgot = now;
        } else if self.is_away && healthy < back_above {
            self.enough_since = None;
        } else if self.is_away {
            self.enough_since.get_or_insert(now);
        }
        self.was_present |= !self.is_away;
        self.look(rules, now)
    }

    /// How the pool stands at `now`, where nothing else has changed.
    pub fn look(&mut self, rules: &FailoverRules, now: Duration) -> Presence {
        if self.is_away && self.back_at(rules).is_some_and(|back| back <= now) {
            self.is_away = false;
            self.was_present = true;
            self.forgot = now;
        }
        match (self.is_away, self.healthy, self.enough_since) {
            (false, _, _) => Presence::Present,
            (true, 0, _) => Presence::NoneHealthy,
            (true, _, None) => Presence::TooFew,
            (true, _, Some(_)) => Presence::Flapping,
        }
    }

    /// When it is back if nothing changes; `None` where it is not away, or has too few servers.
    #[must_use]
    pub fn back_at(&self, rules: &FailoverRules) -> Option<Duration> {
        let since = self.enough_since.filter(|_| self.is_away)?;
        Some(since.saturating_add(self.hold(rules)))
    }

    /// For how long it must be well before it is back.
    #[must_use]
    pub fn hold(&self, rules: &FailoverRules) -> Duration {
        match self.falls.checked_sub(2) {
            None => Duration::ZERO,
            Some(doubled) => rules.hold.saturating_mul(2_u32.saturating_pow(doubled)).min(rules.longest_hold),
        }
    }

    fn forget(&mut self, rules: &FailoverRules, now: Duration) {
        let longest = rules.longest_hold.as_nanos().max(1);
        let times = now.saturating_sub(self.forgot).as_nanos() / longest;
        // What more falls would not make longer is not remembered: it would take as long to forget.
        let mut most = 2;
        while most < MOST_FALLS && rules.hold.saturating_mul(2_u32.saturating_pow(most - 2)) < rules.longest_hold {
            most += 1;
        }
        let falls = self.falls.min(most);
        self.falls = falls.saturating_sub(u32::try_from(times).unwrap_or(u32::MAX));
    }
}

#[cfg(test)]
mod tests;
