//! How many requests a pool can have at once: found out from how fast it answers.

use crate::model::AdaptiveRules;
use std::time::Duration;

/// How long answers are looked at together, at the least.
const WINDOW: Duration = Duration::from_millis(250);
/// How many of them, at the least: fewer are one slow page among a few.
const LEAST_SAMPLES: u32 = 10;
/// Without so many for so long, what there is has to do.
const LONGEST_WINDOW: Duration = Duration::from_secs(5);
/// How many times as long as with nobody in the way an answer may take.
const TOLERANCE: f64 = 1.5;
/// After how long it is found out anew how long an answer takes with nobody in the way: apps change.
const FORGET: Duration = Duration::from_mins(1);
/// What is left of the limit while this is found out. Where answers take `TOLERANCE` times as long and a little more, as many
/// requests wait in the servers as they work on: with a third of them none does.
const PROBE: f64 = 1.0 / 3.0;

/// The limit of one pool, which follows how fast it answers.
///
/// Every window compares the mean time of its answers with the lowest mean of late, which is how long an answer takes with
/// nobody in the way. Above one and a half of that requests wait inside the servers, and the limit goes down in proportion,
/// to the half at once at the most; below, and where the limit is made use of, it goes up by its square root. Once a minute
/// the limit is a third for a window, so that the servers are empty, and the lowest mean is taken anew.
#[derive(Debug)]
pub struct Concurrency {
    rules: AdaptiveRules,
    limit: f64,
    /// The lowest mean of late, in seconds.
    floor: Option<f64>,
    floor_since: Duration,
    /// Since when the limit is a third.
    probe_since: Option<Duration>,
    window: Window,
}

#[derive(Debug, Clone, Copy, Default)]
struct Window {
    since: Option<Duration>,
    count: u32,
    seconds: f64,
    busiest: u32,
}

impl Concurrency {
    /// One that knows nothing yet: it begins in the middle, by the square root of the bounds.
    #[must_use]
    pub fn new(rules: AdaptiveRules) -> Self {
        let (least, most) = (f64::from(rules.least.get()), f64::from(rules.most.get()));
        Self {
            rules,
            limit: (least * most).sqrt().clamp(least, most.max(least)),
            floor: None,
            floor_since: Duration::ZERO,
            probe_since: None,
            window: Window::default(),
        }
    }

    /// Between which bounds it moves.
    #[must_use]
    pub fn rules(&self) -> AdaptiveRules {
        self.rules
    }

    /// How many requests there may be at once: always within the bounds.
    #[must_use]
    pub fn limit(&self) -> u32 {
        let limit = if self.probe_since.is_some() { self.limit * PROBE } else { self.limit };
        let (least, most) = (self.rules.least.get(), self.rules.most.get());
        // Whole numbers up to 2^32 are exact.
        (limit as u32).clamp(least, most.max(least))
    }

    /// Takes in that an answer began at `now`, `took` after its request was sent, while `active` requests were there.
    pub fn answered(&mut self, took: Duration, active: u32, now: Duration) {
        if let Some(since) = self.probe_since
            && now.saturating_sub(took) < since
        {
            return; // it was sent while the servers were full
        }
        let window = &mut self.window;
        let since = *window.since.get_or_insert(now);
        window.count = window.count.saturating_add(1);
        window.seconds += took.as_secs_f64();
        window.busiest = window.busiest.max(active);
        let length = now.saturating_sub(since);
        if length < WINDOW || (window.count < LEAST_SAMPLES && length < LONGEST_WINDOW) {
            return;
        }
        let window = std::mem::take(window);
        self.adapt(window.seconds / f64::from(window.count), window.busiest, now);
    }

    fn adapt(&mut self, mean: f64, busiest: u32, now: Duration) {
        if self.probe_since.take().is_some() {
            (self.floor, self.floor_since) = (Some(mean), now);
            return;
        }
        let floor = match self.floor {
            Some(floor) if floor <= mean => floor,
            Some(_) => mean,
            None => {
                self.floor_since = now;
                mean
            }
        };
        self.floor = Some(floor);
        let slowness = if mean > 0.0 { (TOLERANCE * floor / mean).clamp(0.5, 1.0) } else { 1.0 };
        let is_used = f64::from(busiest) * 2.0 >= self.limit;
        let room = if is_used { self.limit.sqrt() } else { 0.0 };
        let (least, most) = (f64::from(self.rules.least.get()), f64::from(self.rules.most.get()));
        self.limit = (self.limit * slowness + room).clamp(least, most.max(least));
        if now.saturating_sub(self.floor_since) >= FORGET {
            self.probe_since = Some(now);
        }
    }
}

#[cfg(test)]
mod tests;
