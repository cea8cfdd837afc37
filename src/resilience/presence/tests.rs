#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;
use crate::model::{Fewest, Share};
use proptest::prelude::*;

const SECOND: Duration = Duration::from_secs(1);

fn rules(away_below: Fewest, back_above: Option<Fewest>) -> FailoverRules {
    FailoverRules { away_below, back_above, ..FailoverRules::default() }
}

/// Hands over what was seen: at which second how many of 10 servers were healthy.
fn after(rules: &FailoverRules, seen: &[(u64, usize)]) -> (Flapping, Presence) {
    let mut machine = Flapping::default();
    let mut stands = Presence::Present;
    for (second, healthy) in seen {
        stands = machine.observe(*healthy, 10, rules, SECOND * *second as u32);
    }
    (machine, stands)
}

#[test]
fn a_restart_keeps_nobody_away() {
    let rules = FailoverRules::default();
    assert_eq!(after(&rules, &[(0, 10), (100, 0)]).1, Presence::NoneHealthy);
    assert_eq!(after(&rules, &[(0, 10), (100, 0), (103, 1)]).1, Presence::Present);
}

#[test]
fn what_was_never_there_has_not_fallen() {
    let rules = FailoverRules::default();
    let (machine, stands) = after(&rules, &[(0, 0), (1, 10), (2, 0), (3, 10)]);
    assert_eq!((stands, machine.hold(&rules)), (Presence::Present, Duration::ZERO), "one fall");
}

#[test]
fn each_further_fall_is_held_twice_as_long() {
    let rules = FailoverRules::default();
    let mut machine = Flapping::default();
    let mut now = SECOND;
    machine.observe(10, 10, &rules, now);
    let mut holds = Vec::new();
    for _ in 0..10 {
        machine.observe(0, 10, &rules, now);
        let stands = machine.observe(10, 10, &rules, now);
        let hold = machine.hold(&rules);
        holds.push(hold.as_secs());
        if !hold.is_zero() {
            assert_eq!(stands, Presence::Flapping);
            assert_eq!(machine.look(&rules, now + hold - Duration::from_nanos(1)), Presence::Flapping);
        }
        now += hold;
        assert_eq!(machine.look(&rules, now), Presence::Present);
    }
    assert_eq!(holds, [0, 2, 4, 8, 16, 32, 60, 60, 60, 60]);
}

#[test]
fn falls_are_forgotten() {
    let rules = FailoverRules::default();
    let mut seen = vec![(0, 10)];
    seen.extend((1..6).flat_map(|n| [(n * 100, 0), (n * 100 + 1, 10)]));
    let (machine, _) = after(&rules, &seen);
    assert_eq!(machine.hold(&rules), Duration::ZERO, "one fall a hundred seconds is never two in a minute");
}

#[test]
fn with_some_servers_a_pool_may_be_away_all_the_same() {
    let thirty = Fewest::Share(Share::from_ratio(0.3).unwrap());
    let rules = rules(thirty, Some("60%".parse().unwrap()));
    assert_eq!(after(&rules, &[(0, 10), (1, 3)]).1, Presence::Present);
    assert_eq!(after(&rules, &[(0, 10), (1, 2)]).1, Presence::TooFew);
    assert_eq!(after(&rules, &[(0, 10), (1, 2), (2, 5)]).1, Presence::TooFew, "between both it stays as it is");
    assert_eq!(after(&rules, &[(0, 10), (1, 2), (2, 6)]).1, Presence::Present);
    assert_eq!(after(&rules, &[(0, 10), (1, 2), (2, 6), (3, 5)]).1, Presence::Present);
}

#[test]
fn a_break_begins_the_hold_anew() {
    let rules = FailoverRules { hold: SECOND * 10, ..FailoverRules::default() };
    let falls = [(0, 10), (1, 0), (2, 10), (3, 0), (4, 10)];
    let (mut machine, stands) = after(&rules, &falls);
    assert_eq!((stands, machine.back_at(&rules)), (Presence::Flapping, Some(SECOND * 14)));
    machine.observe(0, 10, &rules, SECOND * 13);
    machine.observe(10, 10, &rules, SECOND * 14);
    assert_eq!(machine.look(&rules, SECOND * 20), Presence::Flapping);
    assert_eq!(machine.look(&rules, SECOND * 24), Presence::Present);
}

fn any_rules() -> impl Strategy<Value = FailoverRules> {
    let fewest = || {
        prop_oneof![
            (1..12_u16).prop_map(|count| Fewest::Servers(count.try_into().unwrap())),
            (0.01..=1.0_f64).prop_map(|ratio| Fewest::Share(Share::from_ratio(ratio).unwrap())),
        ]
    };
    (fewest(), prop::option::of(fewest()), 1..5_000_u64, 1..20_u32).prop_map(|(away_below, back_above, hold, times)| {
        let hold = Duration::from_millis(hold);
        FailoverRules { away_below, back_above, hold, longest_hold: hold * times }
    })
}

proptest! {
    #[test]
    fn changes_are_bounded_however_servers_flap(
        rules in any_rules(),
        seen in prop::collection::vec((0..3_000_u64, 0..=10_usize), 1..400),
        window in 1..120_u32,
    ) {
        let mut machine = Flapping::default();
        let mut now = SECOND;
        let mut before = machine.observe(10, 10, &rules, now);
        let mut changes = Vec::new();
        for (wait, healthy) in seen {
            // Looked at before, so that no change is missed.
            let until = now + Duration::from_millis(wait);
            for then in machine.back_at(&rules).into_iter().filter(|back| *back <= until).chain([until]) {
                let stands = machine.look(&rules, then);
                if (stands == Presence::Present) != (before == Presence::Present) {
                    changes.push(then);
                }
                before = stands;
            }
            now = until;
            let stands = machine.observe(healthy, 10, &rules, now);
            if (stands == Presence::Present) != (before == Presence::Present) {
                changes.push(now);
            }
            before = stands;
        }
        // A fall is one at which the hold grows, one that is held for longest, or one that makes up for a forgotten one.
        let window = SECOND * window;
        let doublings = 2.0 + (rules.longest_hold.as_secs_f64() / rules.hold.as_secs_f64()).log2().ceil();
        let forgotten = window.as_secs_f64() / rules.longest_hold.as_secs_f64() + 1.0;
        let most = 2.0 * (doublings + 2.0 * forgotten + 1.0);
        for (at, began) in changes.iter().enumerate() {
            let within = changes[at..].iter().take_while(|change| **change < *began + window).count();
            prop_assert!(within as f64 <= most, "{within} changes in {window:?}, at most {most}: {rules:?}");
        }
    }

    #[test]
    fn a_pool_whose_servers_are_well_is_back_in_time(
        rules in any_rules(),
        seen in prop::collection::vec((0..3_000_u64, 0..=10_usize), 0..100),
    ) {
        let mut machine = Flapping::default();
        let mut now = SECOND;
        for (wait, healthy) in seen {
            now += Duration::from_millis(wait);
            machine.observe(healthy, 10, &rules, now);
        }
        machine.observe(10, 10, &rules, now);
        prop_assert_eq!(machine.look(&rules, now + rules.longest_hold), Presence::Present);
    }

    #[test]
    fn a_pool_with_too_few_servers_is_away(rules in any_rules(), healthy in 0..=10_usize, from in 0..=10_usize) {
        let mut machine = Flapping::default();
        machine.observe(from, 10, &rules, SECOND);
        let stands = machine.observe(healthy, 10, &rules, SECOND * 2);
        let is_enough = healthy >= rules.away_below.of(10);
        prop_assert!(is_enough || stands != Presence::Present);
        prop_assert_eq!(stands == Presence::NoneHealthy, !is_enough && healthy == 0);
        prop_assert_eq!(stands.is_able(), healthy > 0);
        prop_assert_eq!(Presence::from_bits(stands.to_bits()), stands);
    }
}
