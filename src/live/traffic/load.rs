//! What would come to a region, and what share of it the region has room for.

use super::rate::WINDOW;
use super::seconds::Seconds;
use crate::model::Share;
use crate::resilience::{PARTS, part_of, share_after};
use std::sync::atomic::{AtomicU64, Ordering};

/// One slot more than the window and the second that is being counted, as a rate has.
const SLOTS: usize = 8;

/// After a silence the share is taken on by as many seconds at the most: then it has settled.
const MOST_STEPS: u64 = 12;

/// Some who come to a region, let in or not, by their point.
#[derive(Debug)]
struct Demand {
    parts: Box<[Seconds<SLOTS>]>,
    /// Those among them who were let in.
    let_in: Seconds<SLOTS>,
    /// The share that there is room for, as the bits of an `f64`.
    share: AtomicU64,
}

impl Default for Demand {
    fn default() -> Self {
        let parts = std::iter::repeat_with(Seconds::default).take(PARTS).collect();
        Self { parts, let_in: Seconds::default(), share: AtomicU64::new(1.0_f64.to_bits()) }
    }
}

impl Demand {
    fn record(&self, point: f64, is_let_in: bool, second: u64) {
        if let Some(part) = self.parts.get(part_of(point)) {
            part.record(second);
        }
        if is_let_in {
            self.let_in.record(second);
        }
    }

    fn share(&self) -> f64 {
        f64::from_bits(self.share.load(Ordering::Relaxed))
    }

    fn let_in(&self, second: u64) -> f64 {
        self.let_in.per_second(second, WINDOW)
    }

    fn step(&self, capacity: f64, fixed: f64, second: u64, steps: u64) {
        let mut demand = [0.0; PARTS];
        for (demand, part) in demand.iter_mut().zip(&self.parts) {
            *demand = part.per_second(second, WINDOW);
        }
        let share = (0..steps).fold(self.share(), |share, _| share_after(share, &demand, capacity, fixed));
        self.share.store(share.to_bits(), Ordering::Relaxed);
    }
}

/// Who comes to a region that has a capacity: the new visitors who are at home there, and those of other regions that it may
/// stand in for.
#[derive(Debug, Default)]
pub(super) struct Load {
    at_home: Demand,
    others: Demand,
    /// The second in which the shares were last looked at.
    looked: AtomicU64,
}

/// The shares that a region has room for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Room {
    /// Of the new visitors who are at home there.
    pub at_home: Share,
    /// Of the visitors of other regions.
    pub for_others: Share,
}

impl Load {
    pub(super) fn record_at_home(&self, point: f64, is_let_in: bool, second: u64) {
        self.at_home.record(point, is_let_in, second);
    }

    pub(super) fn record_others(&self, point: f64, is_let_in: bool, second: u64) {
        self.others.record(point, is_let_in, second);
    }

    /// The room in `second`, where the region can carry `capacity` and `gets` so much. Anew once a second, by whoever is the
    /// first to ask in it.
    pub(super) fn room(&self, capacity: f64, gets: impl Fn() -> f64, second: u64) -> Room {
        let looked = self.looked.load(Ordering::Relaxed);
        let is_first = looked < second
            && self.looked.compare_exchange(looked, second, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        if is_first {
            let steps = (second - looked).min(MOST_STEPS);
            let (gets, at_home, others) = (gets(), self.at_home.let_in(second), self.others.let_in(second));
            // Its own visitors go before those of others, and sessions before both: they cannot go anywhere else.
            self.at_home.step(capacity, (gets - at_home - others).max(0.0), second, steps);
            self.others.step(capacity, (gets - others).max(0.0), second, steps);
        }
        let share = |demand: &Demand| Share::from_ratio(demand.share()).unwrap_or(Share::ALL);
        Room { at_home: share(&self.at_home), for_others: share(&self.others) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Points spread evenly.
    fn point(n: u32) -> f64 {
        ((f64::from(n) + 0.5) * 0.618_034).fract()
    }

    #[test]
    fn visitors_go_before_others_and_sessions_before_both() {
        let load = Load::default();
        let (mut gets, mut room) = (Vec::new(), Room { at_home: Share::ALL, for_others: Share::ALL });
        for second in 100..160 {
            // Every second 300 sessions, 400 new visitors and 800 of other regions, with room for 1,000.
            let mut served = 300;
            for n in 0..400 {
                let is_in = point(n) < room.at_home.ratio();
                load.record_at_home(point(n), is_in, second);
                served += u32::from(is_in);
            }
            for n in 0..800 {
                let is_in = point(n) < room.for_others.ratio();
                load.record_others(point(n), is_in, second);
                served += u32::from(is_in);
            }
            gets.push(f64::from(served));
            let mean = || gets.iter().rev().take(5).sum::<f64>() / 5.0;
            room = load.room(1_000.0, mean, second + 1);
        }
        assert_eq!(room.at_home, Share::ALL);
        assert!((0.3..0.4).contains(&room.for_others.ratio()), "{room:?}");
        assert!(gets[30..].iter().all(|gets| (950.0..=1_010.0).contains(gets)), "{gets:?}");
    }

    #[test]
    fn after_a_silence_everybody_may_come() {
        let load = Load::default();
        for second in 100..120 {
            (0..500).for_each(|n| load.record_at_home(point(n), true, second));
            let _ = load.room(100.0, || 500.0, second + 1);
        }
        assert!(load.room(100.0, || 500.0, 120).at_home.ratio() < 0.5);
        assert_eq!(load.room(100.0, || 0.0, 400).at_home, Share::ALL);
    }
}
