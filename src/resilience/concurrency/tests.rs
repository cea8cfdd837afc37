#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;
use proptest::prelude::*;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::num::NonZeroU32;

fn bounds(least: u32, most: u32) -> AdaptiveRules {
    AdaptiveRules { least: NonZeroU32::new(least).unwrap(), most: NonZeroU32::new(most).unwrap() }
}

/// Answers that all take so long, with so many at once, for so many seconds.
fn feed(machine: &mut Concurrency, now: &mut Duration, took: Duration, active: impl Fn(u32) -> u32, seconds: u64) {
    for _ in 0..seconds * 50 {
        *now += Duration::from_millis(20);
        machine.answered(took, active(machine.limit()), *now);
    }
}

#[test]
fn it_grows_where_it_is_used_and_answers_are_quick() {
    let mut machine = Concurrency::new(bounds(10, 1000));
    let (mut now, quick) = (Duration::from_secs(360), Duration::from_millis(20));
    feed(&mut machine, &mut now, quick, |_| 3, 10);
    assert_eq!(machine.limit(), 100, "nobody needs more");
    feed(&mut machine, &mut now, quick, |limit| limit, 20);
    assert_eq!(machine.limit(), 1000);
    feed(&mut machine, &mut now, quick * 5, |limit| limit, 20);
    assert!(machine.limit() < 20, "{}", machine.limit());
}

#[test]
fn it_follows_an_app_that_has_become_slower() {
    let mut machine = Concurrency::new(bounds(10, 1000));
    let (mut now, quick) = (Duration::from_secs(360), Duration::from_millis(20));
    feed(&mut machine, &mut now, quick, |limit| limit, 20);
    feed(&mut machine, &mut now, quick * 4, |limit| limit, 20);
    assert!(machine.limit() < 20, "it looks like a queue at first: {}", machine.limit());
    feed(&mut machine, &mut now, quick * 4, |limit| limit, 120);
    assert!(machine.limit() > 500, "with the servers empty it takes as long: {}", machine.limit());
}

proptest! {
    #[test]
    fn it_keeps_its_bounds(
        least in 1_u32..100, more in 0_u32..1000,
        answers in prop::collection::vec((0_u64..20_000, any::<u32>(), 0_u64..3000), 0..300),
    ) {
        let mut machine = Concurrency::new(bounds(least, least + more));
        let mut now = Duration::from_secs(360);
        for (took, active, passes) in answers {
            now += Duration::from_millis(passes);
            machine.answered(Duration::from_millis(took), active, now);
            prop_assert!((least..=least + more).contains(&machine.limit()));
        }
    }
}

/// A pool with so many workers, each of which takes so long, behind an edge with this limit; in virtual time.
struct Simulated {
    machine: Concurrency,
    workers: usize,
    /// When a worker is free, in microseconds, the earliest first.
    free: BinaryHeap<Reverse<u64>>,
    /// When requests that are under way end, and when they were sent.
    under_way: BinaryHeap<Reverse<(u64, u64)>>,
    /// When those came that wait at the edge.
    waiting: VecDeque<u64>,
    service: u64,
    now: u64,
}

/// How long a client, or the edge's queue, is patient.
const PATIENCE: u64 = 1_000_000;

impl Simulated {
    fn new(workers: usize, service: u64) -> Self {
        let free = (0..workers).map(|_| Reverse(0)).collect();
        let machine = Concurrency::new(bounds(2, 1000));
        let (under_way, waiting) = (BinaryHeap::new(), VecDeque::new());
        Self { machine, workers, free, under_way, waiting, service, now: 360_000_000 }
    }

    fn send(&mut self) {
        while self.under_way.len() < self.machine.limit() as usize
            && let Some(came) = self.waiting.pop_back()
        {
            if self.now - came > PATIENCE {
                self.waiting.clear(); // the others have come before
                return;
            }
            let Reverse(free) = self.free.pop().unwrap();
            let end = free.max(self.now) + self.service;
            self.free.push(Reverse(end));
            self.under_way.push(Reverse((end, self.now)));
        }
    }

    fn end_until(&mut self, then: u64) -> (u64, u64) {
        let (mut good, mut slowest) = (0, 0);
        while let Some(Reverse((end, sent))) = self.under_way.peek().copied().filter(|Reverse((end, _))| *end <= then) {
            self.now = end;
            let active = u32::try_from(self.under_way.len()).unwrap();
            self.under_way.pop();
            let took = end - sent;
            slowest = slowest.max(took);
            good += u64::from(took <= PATIENCE);
            self.machine.answered(Duration::from_micros(took), active, Duration::from_micros(end));
            self.send();
        }
        self.now = then;
        (good, slowest)
    }

    /// Offers `load` times what the workers can do for so many seconds: good answers a second, and the slowest one.
    fn run(&mut self, load: f64, seconds: u64) -> (f64, u64) {
        let gap = self.service as f64 / self.workers as f64 / load;
        let (begin, mut good, mut slowest) = (self.now, 0, 0);
        let count = (seconds as f64 * 1e6 / gap) as u64;
        for nth in 1..=count {
            let (more, slow) = self.end_until(begin + (nth as f64 * gap) as u64);
            (good, slowest) = (good + more, slowest.max(slow));
            self.waiting.push_back(self.now);
            if self.waiting.len() > 100 {
                self.waiting.pop_front();
            }
            self.send();
        }
        (good as f64 / seconds as f64, slowest)
    }
}

#[test]
fn three_times_the_load_costs_no_good_answer() {
    for (workers, service) in [(4, 20_000), (20, 50_000), (100, 100_000)] {
        let can = workers as f64 * 1e6 / service as f64;
        let mut pool = Simulated::new(workers, service);
        pool.run(1.0, 60);
        let (at_one, _) = pool.run(1.0, 120);
        pool.run(3.0, 60);
        let (at_three, slowest) = pool.run(3.0, 300);
        assert!(at_one > 0.9 * can, "{workers}: {at_one} of {can}");
        assert!(at_three > 0.9 * at_one, "{workers}: {at_three} after {at_one}");
        assert!(slowest < 6 * service, "{workers}: an answer took {slowest} where {service} would do");
        let limit = pool.machine.limit() as usize;
        assert!((workers / 3..workers * 5).contains(&limit), "{workers}: {limit}");
    }
}

#[test]
fn a_pool_that_loses_half_of_its_workers_has_half_of_the_requests() {
    let mut pool = Simulated::new(40, 50_000);
    pool.run(2.0, 60);
    let before = pool.machine.limit();
    for _ in 0..20 {
        pool.free.pop();
    }
    pool.workers = 20;
    pool.run(4.0, 120);
    let after = pool.machine.limit();
    assert!(after < before * 3 / 4, "{after} of {before}");
}
