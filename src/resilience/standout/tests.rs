#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;
use proptest::prelude::*;

const NAMES: [&str; 3] = ["us-central", "us-east", "us-west"];

/// So many requests a second with this part of errors, and half of the answers in so many milliseconds.
fn second(requests: u64, rate: f64, half: u64) -> RegionSecond {
    let count = ErrorCount { requests, errors: (requests as f64 * rate).round() as u64 };
    RegionSecond { count, half: Some(Duration::from_millis(half)) }
}

fn feed(
    machine: &mut Standouts,
    seconds: usize,
    regions: &[(&str, RegionSecond)],
) -> Vec<(Box<str>, Option<StandsOut>)> {
    (0..seconds).flat_map(|_| machine.observe(regions)).collect()
}

fn named(machine: &Standouts) -> Vec<&str> {
    machine.iter().map(|(name, ..)| name).collect()
}

#[test]
fn a_region_that_fails_is_named_once_and_until_it_is_well() {
    let mut machine = Standouts::default();
    let well = second(40, 0.0, 20);
    assert!(feed(&mut machine, 60, &NAMES.map(|name| (name, well))).is_empty());
    let bad = [("us-central", well), ("us-east", second(40, 0.5, 20)), ("us-west", well)];
    let changes = feed(&mut machine, 60, &bad);
    assert_eq!(changes.len(), 1, "{changes:?}");
    assert!(matches!(changes[0], (ref name, Some(StandsOut::Fails { .. })) if &**name == "us-east"));
    let (_, StandsOut::Fails { own, others }, seconds) = machine.iter().next().unwrap() else { panic!("it fails") };
    assert_eq!((own.rate(), others.errors, own.requests), (0.5, 0, 1200));
    assert_eq!(seconds, 53, "it is named in the eighth second");

    let changes = feed(&mut machine, 120, &NAMES.map(|name| (name, well)));
    assert_eq!(changes, [("us-east".into(), None)]);
}

#[test]
fn logins_that_fail_are_a_part_of_what_is_asked_and_enough() {
    let mut machine = Standouts::default();
    let well = second(40, 0.0, 20);
    feed(&mut machine, 60, &NAMES.map(|name| (name, well)));
    // One in five, and never the same number.
    let bad = [0.15, 0.25, 0.125, 0.2, 0.3, 0.2, 0.125, 0.2].map(|rate| second(40, rate, 20));
    let changes: Vec<_> = bad
        .iter()
        .flat_map(|bad| machine.observe(&[("us-central", well), ("us-east", *bad), ("us-west", well)]))
        .collect();
    assert_eq!((changes.len(), named(&machine)), (1, vec!["us-east"]), "{changes:?}");
}

#[test]
fn a_burst_names_nobody() {
    let mut machine = Standouts::default();
    let well = second(40, 0.0, 20);
    feed(&mut machine, 60, &NAMES.map(|name| (name, well)));
    let bad = [("us-central", well), ("us-east", second(40, 0.9, 20)), ("us-west", well)];
    for _ in 0..20 {
        assert!(feed(&mut machine, 7, &bad).is_empty());
        assert!(feed(&mut machine, 1, &NAMES.map(|name| (name, well))).is_empty() || named(&machine) == ["us-east"]);
        assert!(feed(&mut machine, 60, &NAMES.map(|name| (name, well))).is_empty());
    }
}

#[test]
fn a_bad_release_is_no_region() {
    let mut machine = Standouts::default();
    feed(&mut machine, 60, &NAMES.map(|name| (name, second(40, 0.0, 20))));
    assert!(feed(&mut machine, 120, &NAMES.map(|name| (name, second(40, 0.5, 20)))).is_empty());
    // One of them is worse, but not by much.
    let rates =
        [("us-central", second(40, 0.3, 20)), ("us-east", second(40, 0.6, 20)), ("us-west", second(40, 0.3, 20))];
    assert!(feed(&mut machine, 120, &rates).is_empty());
}

#[test]
fn one_region_alone_never_stands_out() {
    let mut machine = Standouts::default();
    feed(&mut machine, 100, &[("us-east", second(40, 0.0, 20))]);
    assert!(feed(&mut machine, 100, &[("us-east", second(40, 1.0, 5_000))]).is_empty());
    // Others that get next to nothing are no measure.
    let beside = [("us-east", second(40, 1.0, 5_000)), ("us-west", second(1, 0.0, 20))];
    assert!(feed(&mut machine, 100, &beside).is_empty());
}

#[test]
fn a_region_with_few_requests_is_not_named() {
    let mut machine = Standouts::default();
    let few = [("us-east", second(1, 1.0, 20)), ("us-west", second(40, 0.0, 20))];
    assert!(feed(&mut machine, 100, &few).is_empty());
}

#[test]
fn a_region_that_is_forgotten_begins_anew() {
    let mut machine = Standouts::default();
    let bad = [("us-east", second(40, 0.5, 20)), ("us-west", second(40, 0.0, 20))];
    feed(&mut machine, 60, &bad);
    assert_eq!(named(&machine), ["us-east"]);
    feed(&mut machine, 1, &bad[1..]);
    assert!(named(&machine).is_empty());
}

#[test]
fn a_region_that_is_slow_as_never_before_is_named() {
    let mut machine = Standouts::default();
    // Regions are not equally far.
    let usual =
        [("us-central", second(40, 0.0, 30)), ("us-east", second(40, 0.0, 80)), ("us-west", second(40, 0.0, 4))];
    assert!(feed(&mut machine, 600, &usual).is_empty());
    let slow = [usual[0], ("us-east", second(40, 0.0, 900)), usual[2]];
    let changes = feed(&mut machine, 60, &slow);
    assert_eq!(changes.len(), 1, "{changes:?}");
    let Some(StandsOut::IsSlow { half, beside, of_others: false }) = changes[0].1 else { panic!("{changes:?}") };
    assert_eq!(half, Duration::from_millis(900));
    assert!((75..85).contains(&beside.as_millis()), "{beside:?}");
    assert_eq!(feed(&mut machine, 60, &usual), [("us-east".into(), None)]);
    // Ten times of next to nothing is nothing.
    assert!(feed(&mut machine, 60, &[usual[0], usual[1], ("us-west", second(40, 0.0, 60))]).is_empty());
}

#[test]
fn where_all_are_slow_none_is_named() {
    let mut machine = Standouts::default();
    feed(&mut machine, 600, &NAMES.map(|name| (name, second(40, 0.0, 30))));
    assert!(feed(&mut machine, 60, &NAMES.map(|name| (name, second(40, 0.0, 3_000)))).is_empty());
}

#[test]
fn a_region_that_was_never_fast_is_named_beside_the_others() {
    let mut machine = Standouts::default();
    let slow =
        [("us-central", second(40, 0.0, 30)), ("us-east", second(40, 0.0, 2_000)), ("us-west", second(40, 0.0, 70))];
    let changes = feed(&mut machine, 20, &slow);
    assert!(matches!(changes[..], [(_, Some(StandsOut::IsSlow { of_others: true, .. }))]), "{changes:?}");
}

proptest! {
    #[test]
    fn chance_names_nobody(rate in 0.0..0.5_f64, seed in any::<u64>(), requests in 1..200_u64) {
        let mut random = seed | 1;
        let mut machine = Standouts::default();
        for _ in 0..120 {
            let regions = NAMES.map(|name| {
                let mut errors = 0;
                for _ in 0..requests {
                    random ^= random << 13;
                    random ^= random >> 7;
                    random ^= random << 17;
                    errors += u64::from((random >> 11) as f64 / (1_u64 << 53) as f64 <= rate);
                }
                (name, RegionSecond { count: ErrorCount { requests, errors }, half: None })
            });
            prop_assert!(machine.observe(&regions).is_empty());
        }
    }

    #[test]
    fn what_is_said_changes_seldom(seen in prop::collection::vec((0..3_usize, 0.0..=1.0_f64, 1..9_usize), 1..60)) {
        let mut machine = Standouts::default();
        let (mut changes, mut seconds) = (0, 0);
        for (bad, rate, lasts) in seen {
            let regions: Vec<_> = NAMES.iter().enumerate()
                .map(|(at, name)| (*name, second(60, if at == bad { rate } else { 0.0 }, 20)))
                .collect();
            changes += feed(&mut machine, lasts, &regions).len();
            seconds += lasts;
        }
        // Named and not named again takes LASTING and WELL seconds, of each region.
        let most = NAMES.len() * 2 * (seconds / (LASTING + WELL) as usize + 1);
        prop_assert!(changes <= most, "{changes} changes in {seconds} seconds");
    }
}
