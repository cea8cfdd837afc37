//! How long a stop may take.

use crate::live::clock;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long idle connections are kept when the edge stops, with nobody who takes its place. A request that is on its way
/// then is answered, with `Connection: close`.
const IDLE: Duration = Duration::from_secs(1);

/// The time that a stop may take. It may be shortened while the stop is under way.
#[derive(Debug)]
pub struct Farewell {
    has_successor: bool,
    ends: Mutex<Ends>,
}

/// Until when what is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ends {
    /// Connections on which nothing is asked.
    pub idle: Instant,
    /// All of them.
    pub all: Instant,
}

impl Ends {
    fn within(grace: Duration) -> Self {
        let now = clock::monotonic();
        Self { idle: now + grace.min(IDLE), all: now + grace }
    }
}

impl Farewell {
    /// Nobody takes this edge's place: requests in flight get up to `grace`, from now on.
    #[must_use]
    pub fn for_good(grace: Duration) -> Self {
        Self { has_successor: false, ends: Mutex::new(Ends::within(grace)) }
    }

    /// Another process takes new connections from the same sockets. A connection on which nothing is asked is kept for as
    /// long as others are: its client may use it at any moment, and is told then to open another.
    #[must_use]
    pub fn to_successor(grace: Duration) -> Self {
        let all = clock::monotonic() + grace;
        Self { has_successor: true, ends: Mutex::new(Ends { idle: all, all }) }
    }

    /// From now on there is no more than `grace`.
    pub fn hurry(&self, grace: Duration) {
        let within = Ends::within(grace);
        let mut ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        *ends = Ends { idle: ends.idle.min(within.idle), all: ends.all.min(within.all) };
    }

    /// Whether another process takes new connections.
    #[must_use]
    pub fn has_successor(&self) -> bool {
        self.has_successor
    }

    pub(super) fn ends(&self) -> Ends {
        *self.ends.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_in_a_hurry_never_waits_longer() {
        let farewell = Farewell::to_successor(Duration::from_mins(5));
        let before = farewell.ends();
        assert_eq!(before.idle, before.all);
        farewell.hurry(Duration::from_secs(10));
        let after = farewell.ends();
        assert!(after.all < before.all && after.idle < after.all);
        farewell.hurry(Duration::from_mins(1));
        assert_eq!(farewell.ends(), after);
    }

    #[test]
    fn no_grace_is_none_for_idle_ones_either() {
        let ends = Farewell::for_good(Duration::ZERO).ends();
        assert_eq!(ends.idle, ends.all);
    }
}
