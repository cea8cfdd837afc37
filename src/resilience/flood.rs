//! How much a client may ask for by frames of HTTP/2 that carry nothing.
//!
//! A request pays for itself: it is limited as one, whatever the version of HTTP. A frame beside requests costs its sender
//! nothing, so that a client has an allowance of each sort, which its requests and what it is sent fill up again.

use std::time::{Duration, Instant};

/// What a client may send besides requests, before it is taken for a flood.
#[derive(Debug, Clone)]
pub struct FloodGuard {
    resets: Allowance,
    control: Allowance,
    windows: Allowance,
}

/// What a client has sent too much of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Flood {
    /// Streams that it ended before they were answered (CVE-2023-44487).
    #[error("too many streams reset")]
    Resets,
    /// Settings, pings, priorities, frames that are empty (CVE-2019-9512, -9515, -9518).
    #[error("too many control frames")]
    Control,
    /// Window updates.
    #[error("too many window updates")]
    Windows,
}

impl FloodGuard {
    /// The guard of a connection that begins at `now`.
    #[must_use]
    pub fn new(now: Instant) -> Self {
        Self {
            resets: Allowance::new(RESETS, now),
            control: Allowance::new(CONTROL, now),
            windows: Allowance::new(WINDOWS, now),
        }
    }

    /// The client has made a request.
    pub fn requested(&mut self) {
        // Half of them may be reset, as long as it goes on.
        self.resets.earn(ONE / 2);
        self.control.earn(ONE);
        self.windows.earn(2 * ONE);
    }

    /// The client was sent bytes of a body: in so many frames, it may take note of each of them.
    pub fn sent(&mut self) {
        // Some clients measure their bandwidth by a ping behind each frame.
        self.control.earn(ONE);
        self.windows.earn(10 * ONE);
    }

    /// The client has reset a stream.
    ///
    /// # Errors
    /// One too many.
    pub fn reset(&mut self, now: impl FnOnce() -> Instant) -> Result<(), Flood> {
        self.resets.spend(now).ok_or(Flood::Resets)
    }

    /// The client has sent a control frame, or one that carries nothing.
    ///
    /// # Errors
    /// One too many.
    pub fn control(&mut self, now: impl FnOnce() -> Instant) -> Result<(), Flood> {
        self.control.spend(now).ok_or(Flood::Control)
    }

    /// The client has updated a window.
    ///
    /// # Errors
    /// One too many.
    pub fn window(&mut self, now: impl FnOnce() -> Instant) -> Result<(), Flood> {
        self.windows.spend(now).ok_or(Flood::Windows)
    }
}

/// What one frame costs, so that halves can be earned.
const ONE: u32 = 2;

/// Of a page with a hundred pictures that is left, and left again, every reset is let through.
const RESETS: Allowed = Allowed { most: 200 * ONE, each: Duration::from_millis(50) };
const CONTROL: Allowed = Allowed { most: 200 * ONE, each: Duration::from_millis(50) };
const WINDOWS: Allowed = Allowed { most: 2000 * ONE, each: Duration::from_millis(5) };

#[derive(Debug, Clone, Copy)]
struct Allowed {
    /// The most that is saved up; there at the start.
    most: u32,
    /// How long half a frame takes to come by itself.
    each: Duration,
}

#[derive(Debug, Clone)]
struct Allowance {
    allowed: Allowed,
    left: u32,
    /// Up to when `left` has what came by itself.
    since: Instant,
}

impl Allowance {
    fn new(allowed: Allowed, now: Instant) -> Self {
        Self { allowed, left: allowed.most, since: now }
    }

    fn earn(&mut self, halves: u32) {
        self.left = self.left.saturating_add(halves).min(self.allowed.most);
    }

    /// The time is asked for only where nothing is left, since that is once in a while.
    fn spend(&mut self, now: impl FnOnce() -> Instant) -> Option<()> {
        if self.left < ONE {
            let now = now();
            let came = now.saturating_duration_since(self.since).as_millis() / self.allowed.each.as_millis().max(1);
            self.earn(u32::try_from(came).unwrap_or(u32::MAX));
            self.since = now;
        }
        self.left = self.left.checked_sub(ONE)?;
        Some(())
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a moment to begin with")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// How often `frame` is let through, of 100,000 times at one moment.
    fn let_through(mut frame: impl FnMut(&mut FloodGuard, Instant) -> Result<(), Flood>) -> usize {
        let now = Instant::now();
        let mut guard = FloodGuard::new(now);
        (0..100_000).take_while(|_| frame(&mut guard, now).is_ok()).count()
    }

    #[test]
    fn a_flood_is_cut_after_its_allowance() {
        assert_eq!(let_through(|guard, now| guard.control(|| now)), 200);
        assert_eq!(let_through(|guard, now| guard.window(|| now)), 2000);
        assert_eq!(let_through(|guard, now| guard.reset(|| now)), 200);
    }

    #[test]
    fn a_rapid_reset_is_cut_soon() {
        let resets = let_through(|guard, now| {
            guard.requested();
            guard.reset(|| now)
        });
        assert_eq!(resets, 399);
    }

    #[test]
    fn who_resets_half_of_its_requests_goes_on_for_ever() {
        let resets = let_through(|guard, now| {
            guard.requested();
            guard.requested();
            guard.reset(|| now)
        });
        assert_eq!(resets, 100_000);
    }

    #[test]
    fn who_pings_behind_each_frame_and_updates_two_windows_goes_on_for_ever() {
        let frames = let_through(|guard, now| {
            guard.sent();
            guard.control(|| now)?;
            guard.window(|| now)?;
            guard.window(|| now)
        });
        assert_eq!(frames, 100_000);
    }

    proptest! {
        #[test]
        fn time_alone_lets_ten_a_second_through(gaps in prop::collection::vec(100_u64..5000, 1..400)) {
            let mut now = Instant::now();
            let mut guard = FloodGuard::new(now);
            for _ in 0..200 {
                prop_assert!(guard.control(|| now).is_ok());
            }
            for gap in gaps {
                now += Duration::from_millis(gap);
                prop_assert!(guard.control(|| now).is_ok());
            }
        }

        #[test]
        fn no_order_of_things_lets_more_through_than_was_there_and_earned(events in prop::collection::vec(0_u8..5, 0..3000)) {
            let now = Instant::now();
            let mut guard = FloodGuard::new(now);
            let (mut resets, mut control, mut requests, mut sent) = (0, 0, 0, 0);
            for event in events {
                match event {
                    0 => { guard.requested(); requests += 1; }
                    1 => { guard.sent(); sent += 1; }
                    2 => resets += u32::from(guard.reset(|| now).is_ok()),
                    _ => control += u32::from(guard.control(|| now).is_ok()),
                }
            }
            prop_assert!(resets <= 200 + requests / 2);
            prop_assert!(control <= 200 + requests + sent);
        }
    }
}
