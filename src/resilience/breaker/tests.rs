#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;
use crate::model::Share;
use proptest::prelude::*;
use std::num::NonZeroU32;

fn rules() -> impl Strategy<Value = BreakerRules> {
    (1_u32..=100, 1_u32..40, 1_u64..20, 1_u64..30, 0_u64..100, 1_u32..12).prop_map(
        |(failures, least, window, open, more, trickle)| BreakerRules {
            failures: Share::from_ratio(f64::from(failures) / 100.0).unwrap(),
            least: NonZeroU32::new(least).unwrap(),
            window: Duration::from_secs(window),
            open: Duration::from_secs(open),
            longest_open: Duration::from_secs(open + more),
            trickle: NonZeroU32::new(trickle).unwrap(),
            ..BreakerRules::default()
        },
    )
}

/// What may happen.
#[derive(Debug, Clone)]
enum Event {
    Begins,
    Ends(prop::sample::Index, AttemptEnd),
    /// Nobody ever hears of it again.
    Vanishes(prop::sample::Index),
    Passes(u64),
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let verdict = prop_oneof![Just(AttemptEnd::Success), Just(AttemptEnd::Failure), Just(AttemptEnd::Unknown)];
    let event = prop_oneof![
        4 => Just(Event::Begins),
        4 => (any::<prop::sample::Index>(), verdict).prop_map(|(at, verdict)| Event::Ends(at, verdict)),
        1 => any::<prop::sample::Index>().prop_map(Event::Vanishes),
        2 => (0_u64..20_000).prop_map(Event::Passes),
    ];
    prop::collection::vec(event, 0..300)
}

/// A breaker with a past, and when that ends.
fn after(
    events: Vec<Event>,
    rules: &BreakerRules,
    mut look: impl FnMut(&Breaker, Duration, Option<&Pass>),
) -> (Breaker, Duration) {
    let breaker = Breaker::default();
    let mut now = Duration::from_secs(360);
    let mut out = Vec::new();
    for event in events {
        match event {
            Event::Begins => {
                let is_cut = breaker.is_cut(|| now);
                let entry = breaker.enter(now);
                assert_eq!(is_cut, entry.is_none(), "looking says what going would");
                look(&breaker, now, entry.as_ref());
                out.extend(entry);
            }
            Event::Ends(at, verdict) if !out.is_empty() => {
                let entry = out.swap_remove(at.index(out.len()));
                breaker.ended(entry, verdict, now, 7, rules);
            }
            Event::Vanishes(at) if !out.is_empty() => drop(out.swap_remove(at.index(out.len()))),
            Event::Passes(time) => now += Duration::from_millis(time),
            _ => {}
        }
    }
    (breaker, now)
}

#[test]
fn what_has_just_died_is_cut_off_however_well_it_was() {
    let (rules, breaker, now) = (BreakerRules::default(), Breaker::default(), Duration::from_secs(360));
    let attempt = |verdict, now| breaker.ended(breaker.enter(now).unwrap(), verdict, now, 0, &rules);
    for _ in 0..10_000 {
        assert_eq!(attempt(AttemptEnd::Success, now), None);
    }
    for _ in 0..19 {
        assert_eq!(attempt(AttemptEnd::Failure, now), None);
    }
    assert_eq!(attempt(AttemptEnd::Success, now), None, "a success ends the row");
    for _ in 0..19 {
        assert_eq!(attempt(AttemptEnd::Failure, now), None);
    }
    // The row is too old, and the window empty.
    let now = now + Duration::from_secs(11);
    for _ in 0..19 {
        assert_eq!(attempt(AttemptEnd::Failure, now), None);
    }
    assert_eq!(attempt(AttemptEnd::Failure, now), Some(BreakerChange::Opened { attempts: 20, failures: 20 }));
}

#[test]
fn the_usual_life_of_a_breaker() {
    let rules = BreakerRules::default();
    let breaker = Breaker::default();
    let mut now = Duration::from_secs(360);
    let attempt = |verdict, now| breaker.ended(breaker.enter(now).unwrap(), verdict, now, 0, &rules);
    for _ in 0..10 {
        assert_eq!(attempt(AttemptEnd::Success, now), None);
    }
    for _ in 0..9 {
        assert_eq!(attempt(AttemptEnd::Failure, now), None, "fewer than 20, and fewer than half");
    }
    assert_eq!(attempt(AttemptEnd::Failure, now), Some(BreakerChange::Opened { attempts: 20, failures: 10 }));
    assert_eq!((breaker.enter(now), breaker.state(now)), (None, BreakerState::Open));
    assert_eq!(breaker.open_for(now), Duration::from_secs(5));

    now += Duration::from_secs(5);
    assert_eq!(breaker.state(now), BreakerState::HalfOpen);
    let first = breaker.enter(now).unwrap();
    assert_eq!(breaker.enter(now), None, "one at first");
    assert_eq!(breaker.ended(first, AttemptEnd::Failure, now, 0, &rules), Some(BreakerChange::Reopened));
    assert_eq!(breaker.open_for(now), Duration::from_secs(10), "longer than before");

    now += Duration::from_secs(10);
    let first = breaker.enter(now).unwrap();
    assert_eq!(breaker.ended(first, AttemptEnd::Success, now, 0, &rules), None);
    let two = [breaker.enter(now).unwrap(), breaker.enter(now).unwrap()];
    assert_eq!(breaker.enter(now), None, "two of them then");
    let changes = two.map(|entry| breaker.ended(entry, AttemptEnd::Success, now, 0, &rules));
    assert_eq!(changes, [None, Some(BreakerChange::Closed)]);
    assert_eq!((breaker.enter(now), breaker.state(now)), (Some(Pass::Free), BreakerState::Closed));
    assert_eq!(
        breaker.ended(Pass::Free, AttemptEnd::Failure, now, 0, &rules),
        None,
        "what was counted before it opened is forgotten"
    );
}

#[test]
fn what_ends_late_says_nothing() {
    let rules = BreakerRules { least: NonZeroU32::MIN, trickle: NonZeroU32::MIN, ..BreakerRules::default() };
    let breaker = Breaker::default();
    let now = Duration::from_secs(360);
    let late = breaker.enter(now).unwrap();
    assert!(breaker.ended(breaker.enter(now).unwrap(), AttemptEnd::Failure, now, 0, &rules).is_some());
    assert_eq!(breaker.ended(late, AttemptEnd::Success, now, 0, &rules), None);
    let then = now + Duration::from_secs(5);
    let lost = breaker.enter(then).unwrap();
    let then = then + Duration::from_secs(5);
    let next = breaker.enter(then).expect("the lost one has had its time");
    assert_eq!(breaker.ended(next, AttemptEnd::Success, then, 0, &rules), Some(BreakerChange::Closed));
    assert_eq!(breaker.ended(lost, AttemptEnd::Failure, then, 0, &rules), None);
    assert_eq!(breaker.state(then), BreakerState::Closed);
}

#[test]
fn one_that_was_calm_for_long_begins_anew() {
    let rules = BreakerRules { least: NonZeroU32::MIN, trickle: NonZeroU32::MIN, ..BreakerRules::default() };
    let breaker = Breaker::default();
    let mut now = Duration::from_secs(360);
    let mut lengths = Vec::new();
    for calm in [0, 0, 0, 0, 61] {
        now += Duration::from_secs(calm);
        breaker.ended(breaker.enter(now).unwrap(), AttemptEnd::Failure, now, 0, &rules).unwrap();
        lengths.push(breaker.open_for(now).as_secs());
        now += breaker.open_for(now);
        breaker.ended(breaker.enter(now).unwrap(), AttemptEnd::Success, now, 0, &rules).unwrap();
    }
    assert_eq!(lengths, [5, 10, 20, 40, 5]);
}

proptest! {
    /// Whatever was, and whatever got lost: once attempts succeed it closes, after as many of them as the trickle is.
    #[test]
    fn it_recovers(events in events(), rules in rules()) {
        let (breaker, now) = after(events, &rules, |_, _, _| {});
        let now = now + rules.longest_open + rules.open;
        for _ in 0..rules.trickle.get() {
            let entry = breaker.enter(now);
            prop_assert!(entry.is_some(), "{:?} in {breaker:?}", breaker.state(now));
            breaker.ended(entry.unwrap(), AttemptEnd::Success, now, 0, &rules);
        }
        prop_assert_eq!(breaker.state(now), BreakerState::Closed);
    }

    /// While it is open nothing passes, while it is half open no more than the trickle is on its way.
    #[test]
    fn nothing_passes_but_the_trickle(events in events(), rules in rules()) {
        let mut free_while_cut = 0;
        let mut most_out = 0;
        let (breaker, _) = after(events, &rules, |breaker, now, entry| {
            if let Some(Pass::Free) = entry {
                free_while_cut += usize::from(breaker.state(now) != BreakerState::Closed);
            }
            if entry.is_some() {
                assert_ne!(breaker.state(now), BreakerState::Open);
            }
            most_out = most_out.max(breaker.trickle().out.len());
        });
        prop_assert_eq!(free_while_cut, 0);
        prop_assert!(most_out <= rules.trickle.get() as usize);
        drop(breaker);
    }

    /// It is never open for longer than was said, and at least four fifths of what was said at first.
    #[test]
    fn open_is_bounded(rules in rules(), randoms in prop::collection::vec(any::<u64>(), 1..40)) {
        let breaker = Breaker::default();
        let mut now = Duration::from_secs(360);
        while breaker.ended(breaker.enter(now).unwrap(), AttemptEnd::Failure, now, randoms[0], &rules).is_none() {}
        for random in randoms {
            let length = breaker.open_for(now);
            prop_assert!(length <= rules.longest_open);
            prop_assert!(length >= rules.open.mul_f64(0.79));
            now += length;
            let entry = breaker.enter(now).unwrap();
            prop_assert_eq!(breaker.ended(entry, AttemptEnd::Failure, now, random, &rules), Some(BreakerChange::Reopened));
        }
    }

    /// Less than the share, or fewer than the least, never open it, unless so many fail in a row.
    #[test]
    fn few_failures_are_none(rules in rules(), attempts in prop::collection::vec(any::<bool>(), 0..100)) {
        let breaker = Breaker::default();
        let now = Duration::from_secs(360);
        let (mut count, mut failures, mut row) = (0_u32, 0_u32, 0_u32);
        for failed in attempts {
            row = if failed { row + 1 } else { 0 };
            count += 1;
            failures += u32::from(failed);
            let verdict = if failed { AttemptEnd::Failure } else { AttemptEnd::Success };
            let opened = breaker.ended(breaker.enter(now).unwrap(), verdict, now, 0, &rules);
            let enough = count >= rules.least.get() && f64::from(failures) >= rules.failures.ratio() * f64::from(count);
            let in_a_row = row >= rules.least.get().max(LEAST_IN_A_ROW);
            prop_assert_eq!(opened.is_some(), (enough || in_a_row) && failed);
            if opened.is_some() {
                break;
            }
        }
    }
}

#[test]
fn many_threads_open_it_once() {
    let rules = BreakerRules::default();
    let breaker = Breaker::default();
    let now = Duration::from_secs(360);
    let opened: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let ends = (0..1000).filter_map(|_| {
                        breaker.enter(now).and_then(|entry| breaker.ended(entry, AttemptEnd::Failure, now, 0, &rules))
                    });
                    ends.count()
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!((opened, breaker.state(now)), (1, BreakerState::Open));
}
