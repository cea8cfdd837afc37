use super::*;
use proptest::prelude::*;
use std::collections::VecDeque;

/// A region in virtual time: networks with their points and rates, what is counted in the last five full seconds, and the
/// share that follows from it.
struct Region {
    capacity: f64,
    share: f64,
    window: VecDeque<([f64; PARTS], f64)>,
}

impl Region {
    fn new(capacity: f64) -> Self {
        Self { capacity, share: 1.0, window: VecDeque::new() }
    }

    /// One second: `networks` come, and besides `fixed`. What the region gets in it.
    fn second(&mut self, networks: &[(f64, f64)], fixed: f64) -> f64 {
        let mut demand = [0.0; PARTS];
        let mut gets = fixed;
        for (point, rate) in networks {
            demand[part_of(*point)] += rate;
            gets += if *point < self.share { *rate } else { 0.0 };
        }
        self.window.push_back((demand, fixed));
        if self.window.len() > 5 {
            self.window.pop_front();
        }
        let mut mean = [0.0; PARTS];
        for (demand, _) in &self.window {
            mean.iter_mut().zip(demand).for_each(|(mean, rate)| *mean += rate / 5.0);
        }
        let fixed = self.window.iter().map(|(_, fixed)| fixed / 5.0).sum();
        self.share = share_after(self.share, &mean, self.capacity, fixed);
        gets
    }
}

/// So many networks of equal rates, with points spread evenly.
fn even(networks: usize, rate: f64) -> Vec<(f64, f64)> {
    (0..networks).map(|n| (((n as f64 + 0.5) * 0.618_034).fract(), rate / networks as f64)).collect()
}

#[test]
fn nobody_is_kept_away_while_there_is_room() {
    let mut region = Region::new(100.0);
    for _ in 0..60 {
        region.second(&even(1000, 100.0), 0.0);
        assert_eq!(region.share, 1.0);
    }
}

#[test]
fn a_region_whose_demand_goes_away_takes_everybody_again() {
    let mut region = Region::new(100.0);
    (0..30).for_each(|_| _ = region.second(&even(1000, 300.0), 0.0));
    assert!(region.share < 0.4);
    (0..30).for_each(|_| _ = region.second(&even(1000, 30.0), 0.0));
    assert_eq!(region.share, 1.0);
    (0..30).for_each(|_| _ = region.second(&even(1000, 300.0), 0.0));
    (0..30).for_each(|_| _ = region.second(&[], 0.0));
    assert_eq!(region.share, 1.0, "silence");
}

#[test]
fn sessions_go_first() {
    let mut region = Region::new(100.0);
    (0..30).for_each(|_| _ = region.second(&even(1000, 50.0), 120.0));
    assert_eq!(region.share, 0.0, "the region is full of what it cannot send away");
}

#[test]
fn noise_moves_nobody() {
    let mut region = Region::new(1_000.0);
    let mut shares = Vec::new();
    for second in 0..300_u32 {
        // Two percent up and down, in another rhythm than the window's.
        let noise = 1.0 + 0.02 * f64::from(second * 7 % 11) / 5.5 - 0.02;
        region.second(&even(1000, 1_400.0 * noise), 100.0);
        shares.push(region.share);
    }
    shares.dedup();
    let settled = shares.len();
    assert!(settled < 30, "the share moved {settled} times in five minutes");
}

proptest! {
    #[test]
    fn what_a_region_gets_tends_to_its_capacity_and_stays_there(
        capacity in 50.0..5_000.0_f64,
        over in 1.05..20.0_f64,
        sessions in 0.0..0.9_f64,
        before in 0.0..3.0_f64,
    ) {
        let (fixed, all) = (sessions * capacity, over * capacity);
        let visitors = even(2_000, (all - fixed).max(capacity * 1.05 - fixed));
        let mut region = Region::new(capacity);
        (0..20).for_each(|_| _ = region.second(&even(2_000, before * capacity), fixed));
        (0..20).for_each(|_| _ = region.second(&visitors, fixed));
        let settled = region.share;
        for _ in 0..60 {
            let gets = region.second(&visitors, fixed);
            prop_assert!((0.95..=1.01).contains(&(gets / capacity)), "{gets} of {capacity}, share {}", region.share);
            prop_assert_eq!(region.share, settled, "it does not swing");
        }
    }

    #[test]
    fn heavy_networks_count_as_what_they_are(heavy in 0.0..1.0_f64, part in 0.1..0.5_f64) {
        // One network has a part of all requests.
        let mut visitors = even(2_000, 2_000.0 * (1.0 - part));
        visitors.push((heavy, 2_000.0 * part));
        let mut region = Region::new(1_000.0);
        (0..30).for_each(|_| _ = region.second(&visitors, 0.0));
        let gets = region.second(&visitors, 0.0);
        let settled = region.share;
        (0..30).for_each(|_| _ = region.second(&visitors, 0.0));
        prop_assert_eq!(region.share, settled);
        // Where the share ends beside it, it is either in or out as a whole.
        let is_beside = (part_of(heavy) as f64 - settled * PARTS as f64).abs() <= 1.0;
        prop_assert!(is_beside || (0.95..=1.01).contains(&(gets / 1_000.0)), "{gets}");
    }

    #[test]
    fn a_share_is_one_whatever_comes(
        share in prop::num::f64::ANY,
        rates in prop::collection::vec(prop_oneof![Just(0.0), 0.0..1e12_f64, Just(f64::INFINITY)], PARTS),
        capacity in 1e-3..1e9_f64,
        fixed in 0.0..1e12_f64,
    ) {
        let mut demand = [0.0; PARTS];
        demand.copy_from_slice(&rates);
        let after = share_after(share, &demand, capacity, fixed);
        prop_assert!((0.0..=1.0).contains(&after), "{after}");
    }
}
