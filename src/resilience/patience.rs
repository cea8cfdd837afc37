//! How long a peer is waited for that moves bytes slowly.

use std::time::{Duration, Instant};

/// How slow a peer may be: it has `grace`, and for every `rate` bytes that it moves a second more.
///
/// A peer that moves `rate` bytes a second is waited for as long as it likes; one that drips is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// What a peer has before it has moved a byte.
    pub grace: Duration,
    /// Bytes a second.
    pub rate: u64,
}

/// The waiting for one peer, during one transfer. Only the time that it was waited for counts: not that in which nobody
/// asked it for bytes, or had any for it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Patience {
    waited: Duration,
    since: Option<Instant>,
    moved: u64,
}

impl Patience {
    /// From `now` on the peer is waited for, unless it is already. Gives back when that ends.
    pub fn wait(&mut self, now: Instant, pace: Pace) -> Instant {
        let since = *self.since.get_or_insert(now);
        let moved = Duration::from_secs(self.moved / pace.rate.max(1));
        since + pace.grace.saturating_add(moved).saturating_sub(self.waited)
    }

    /// The peer has moved so many bytes at `now`, and is waited for no longer.
    pub fn moved(&mut self, bytes: usize, now: Instant) {
        if let Some(since) = self.since.take() {
            self.waited = self.waited.saturating_add(now.saturating_duration_since(since));
        }
        self.moved = self.moved.saturating_add(bytes as u64);
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a moment to begin with")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PACE: Pace = Pace { grace: Duration::from_secs(20), rate: 500 };

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    #[test]
    fn who_moves_nothing_has_the_grace() {
        let start = Instant::now();
        let mut patience = Patience::default();
        assert_eq!(patience.wait(start, PACE), start + seconds(20));
        assert_eq!(patience.wait(start + seconds(5), PACE), start + seconds(20), "it is the same wait");
    }

    #[test]
    fn bytes_buy_time_and_waiting_spends_it() {
        let start = Instant::now();
        let mut patience = Patience::default();
        patience.wait(start, PACE);
        patience.moved(5000, start + seconds(12));
        // 20 s and 10 s for the bytes, less the 12 s; that a minute passed in between is not the peer's fault.
        assert_eq!(patience.wait(start + seconds(72), PACE), start + seconds(72 + 18));
    }

    proptest! {
        #[test]
        fn who_keeps_the_rate_is_never_cut(gaps in prop::collection::vec(1_u64..15, 1..50)) {
            let mut now = Instant::now();
            let mut patience = Patience::default();
            for gap in gaps {
                let end = patience.wait(now, PACE);
                now += seconds(gap);
                prop_assert!(now <= end);
                patience.moved(usize::try_from(gap * PACE.rate).unwrap(), now);
            }
        }

        #[test]
        fn who_drips_is_cut_in_time(bytes in 0_usize..100, gap in 1_u64..10) {
            let start = Instant::now();
            let (mut now, mut patience) = (start, Patience::default());
            loop {
                let end = patience.wait(now, PACE);
                now += seconds(gap);
                if now > end {
                    break;
                }
                patience.moved(bytes, now);
                prop_assert!(now < start + seconds(60), "a fifth of the rate buys no more than a quarter of the grace");
            }
        }
    }
}
