//! Thousands of simulated hours of faults: a pool whose servers die, fall silent, fail and slow down at random, and every machine
//! that stands between them and visitors, in virtual time from a seed. What must always hold is looked at with every event, what
//! must hold once all is well again at the end of every hour.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(unreachable_pub, reason = "its files share what they say")]

mod chance;
mod pool;
mod world;

use std::time::Duration;
use world::World;

/// So many hours for each seed.
const HOURS: u64 = 250;

/// What a seed's hours came to.
fn simulate(seed: u64) -> world::Figures {
    let mut world = World::new(seed);
    for hour in 1..=HOURS {
        world.storm_until(Duration::from_mins(60 * hour - 10));
        world.calm_until(Duration::from_mins(60 * hour));
        world.check_that_all_is_well();
    }
    world.end()
}

#[test]
fn two_thousand_hours_of_faults_leave_nothing_behind() {
    let all: Vec<_> = std::thread::scope(|scope| {
        let halves = [0..4_u64, 4..8].map(|seeds| scope.spawn(|| seeds.map(simulate).collect::<Vec<_>>()));
        halves.into_iter().flat_map(|half| half.join().unwrap()).collect()
    });
    for figures in &all {
        // A simulation in which nothing happens would hold to everything.
        assert!(figures.requests > 100_000, "{figures:?}");
        assert!(figures.retries > 1_000 && figures.ejections > 50 && figures.openings > 50, "{figures:?}");
        assert!(figures.refused_retries > 50 && figures.gated > 100 && figures.shed > 50, "{figures:?}");
        let part = figures.failed as f64 / figures.requests as f64;
        assert!(part < 0.15, "{part}: {figures:?}");
    }
}

#[test]
fn a_seed_says_all_that_happens() {
    let day = |seed| {
        let mut world = World::new(seed);
        world.storm_until(Duration::from_hours(2));
        world.calm_until(Duration::from_mins(130));
        world.end()
    };
    assert_eq!(day(7), day(7));
    assert_ne!(day(7), day(8));
}
