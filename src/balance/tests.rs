//! What holds of every choice.

use super::*;
use crate::model::{Balance, BalanceFactor, Balancing};
use proptest::prelude::*;
use std::num::NonZeroU16;
use std::time::Duration;

fn server(number: usize, weight: u16, active: usize) -> Candidate {
    let address = format!("10.0.{}.{}:8080", number / 250, number % 250 + 1);
    Candidate {
        place: number,
        hash: ServerHash::of(address.parse().unwrap()),
        weight: Weight::whole(NonZeroU16::new(weight).unwrap()),
        active,
    }
}

fn idle(count: usize) -> Vec<Candidate> {
    (0..count).map(|number| server(number, 1, 0)).collect()
}

fn key(number: u64) -> KeyHash {
    KeyHash::of_bytes(&number.to_be_bytes())
}

fn keyed(number: u64, percent: u16) -> Rule {
    Rule::Keyed { key: key(number), factor: format!("{percent}%").parse().unwrap() }
}

fn pick(rule: Rule, turn: usize, servers: &[Candidate]) -> usize {
    choose(rule, turn, servers.iter().copied()).unwrap()
}

fn pick_key(number: u64, servers: &[Candidate]) -> usize {
    pick(keyed(number, 125), 0, servers)
}

/// How often each server was picked.
fn counts(servers: &[Candidate], picks: impl Iterator<Item = usize>) -> Vec<usize> {
    let mut counts = vec![0; servers.len()];
    picks.for_each(|place| counts[place] += 1);
    counts
}

#[test]
fn nobody_is_picked_where_nobody_is() {
    for rule in [Rule::RoundRobin, Rule::LeastRequests, keyed(1, 125)] {
        assert_eq!(choose(rule, 7, std::iter::empty()), None);
    }
}

#[test]
fn a_rule_is_what_the_service_says_and_turns_where_there_is_no_key() {
    let rule = |by: Balance, key| Rule::new(&Balancing { by, ..Balancing::default() }, key);
    let a_key = Some(key(1));
    assert_eq!(rule(Balance::RoundRobin, a_key), Rule::RoundRobin);
    assert_eq!(rule(Balance::LeastRequests, a_key), Rule::LeastRequests);
    assert_eq!(rule(Balance::Session, None), Rule::RoundRobin);
    assert_eq!(rule(Balance::Client, a_key), Rule::Keyed { key: key(1), factor: BalanceFactor::default() });
}

#[test]
fn the_servers_of_known_keys_never_change() {
    // Values of this release: where they change, two releases disagree on every session's server.
    let even: Vec<_> = (0..8).map(|number| pick_key(number, &idle(10))).collect();
    assert_eq!(even, [1, 2, 4, 1, 1, 2, 4, 2]);
    let weighted: Vec<_> = (0..5).map(|number| server(number, 1 + number as u16, 0)).collect();
    let weighted: Vec<_> = (0..8).map(|number| pick_key(number, &weighted)).collect();
    assert_eq!(weighted, [4, 2, 4, 1, 1, 4, 4, 2]);
}

#[test]
fn equal_servers_take_exact_turns() {
    let servers = idle(3);
    let picked: Vec<_> = (0..7).map(|turn| pick(Rule::RoundRobin, turn, &servers)).collect();
    assert_eq!(picked, [0, 1, 2, 0, 1, 2, 0]);
}

#[test]
fn weighted_turns_are_mixed() {
    let servers = [server(0, 5, 0), server(1, 1, 0), server(2, 1, 0)];
    let picked: Vec<_> = (0..700).map(|turn| pick(Rule::RoundRobin, turn, &servers)).collect();
    let counts = counts(&servers, picked.iter().copied());
    assert!(counts.iter().zip([500_usize, 100, 100]).all(|(got, want)| got.abs_diff(want) <= 3), "{counts:?}");
    let alone = picked.windows(2).filter(|pair| pair[0] != 0 && pair[0] == pair[1]).count();
    assert_eq!(alone, 0, "a light server never gets two in a row");
}

#[test]
fn the_least_busy_one_for_its_weight_is_picked_and_equals_take_turns() {
    let least = |turn, servers: &[Candidate]| pick(Rule::LeastRequests, turn, servers);
    assert_eq!(least(0, &[server(0, 1, 5), server(1, 1, 3), server(2, 1, 4)]), 1);
    assert_eq!(least(0, &[server(0, 1, 2), server(1, 4, 6)]), 1, "7 of 4 is less than 3 of 1");
    let equal = [server(0, 1, 2), server(1, 1, 9), server(2, 1, 2), server(3, 1, 2)];
    assert_eq!((0..6).map(|turn| least(turn, &equal)).collect::<Vec<_>>(), [0, 2, 3, 0, 2, 3]);
}

#[test]
fn what_one_browser_asks_for_at_once_stays_together() {
    let mut servers = idle(10);
    let own = pick_key(1, &servers);
    for active in 0..ALWAYS_ROOM {
        servers[own].active = active;
        assert_eq!(pick_key(1, &servers), own);
    }
    servers[own].active = ALWAYS_ROOM;
    assert_ne!(pick_key(1, &servers), own, "8 of 8 active requests are more than its part");
}

#[test]
fn keys_are_spread_by_weight() {
    let weights = [1, 2, 3, 4];
    let servers: Vec<_> = weights.iter().enumerate().map(|(number, weight)| server(number, *weight, 0)).collect();
    let counts = counts(&servers, (0..40_000).map(|number| pick_key(number, &servers)));
    for (count, weight) in counts.iter().zip(weights) {
        let part = *count as f64 / 40_000.0;
        assert!((part - f64::from(weight) / 10.0).abs() < 0.01, "{counts:?}");
    }
}

#[test]
fn a_slow_start_goes_from_a_tenth_to_the_whole() {
    let (one, slow) = (NonZeroU16::MIN, Duration::from_secs(30));
    let after = |seconds| Weight::ramped(one, Duration::from_secs(seconds), slow).get();
    assert_eq!([0, 10, 20, 30, 99].map(after), [100, 400, 700, 1000, 1000]);
    assert_eq!(Weight::ramped(one, Duration::ZERO, Duration::ZERO), Weight::whole(one));
}

fn pool() -> impl Strategy<Value = Vec<Candidate>> {
    let one = (1_u16..=1000, 0_usize..200);
    let weighted = prop::collection::vec(one, 1..30);
    let equal = prop::collection::vec((Just(1_u16), 0_usize..200), 1..30);
    prop_oneof![weighted, equal].prop_map(|servers| {
        servers.into_iter().enumerate().map(|(number, (weight, active))| server(number, weight, active)).collect()
    })
}

fn without_load(mut servers: Vec<Candidate>) -> Vec<Candidate> {
    servers.iter_mut().for_each(|server| server.active = 0);
    servers
}

proptest! {
    #[test]
    fn a_server_that_goes_moves_its_own_keys_only(servers in pool(), gone: usize, numbers: [u64; 32]) {
        let servers = without_load(servers);
        let gone = gone % servers.len();
        let rest: Vec<_> = servers.iter().copied().filter(|server| server.place != gone).collect();
        prop_assume!(!rest.is_empty());
        for number in numbers {
            let before = pick_key(number, &servers);
            let after = pick_key(number, &rest);
            prop_assert!(before == gone || before == after);
        }
    }

    #[test]
    fn a_server_that_comes_gets_keys_and_moves_no_other(servers in pool(), weight in 1_u16..=1000, numbers: [u64; 32]) {
        let servers = without_load(servers);
        let new = server(servers.len(), weight, 0);
        let more: Vec<_> = servers.iter().copied().chain([new]).collect();
        for number in numbers {
            let (before, after) = (pick_key(number, &servers), pick_key(number, &more));
            prop_assert!(after == before || after == new.place);
        }
    }

    #[test]
    fn a_weight_that_grows_takes_keys_to_its_server_only(servers in pool(), which: usize, to in 1_u16..=1000, numbers: [u64; 32]) {
        let servers = without_load(servers);
        let which = which % servers.len();
        let mut heavier = servers.clone();
        heavier[which].weight = heavier[which].weight.max(Weight::whole(NonZeroU16::new(to).unwrap()));
        for number in numbers {
            let (before, after) = (pick_key(number, &servers), pick_key(number, &heavier));
            prop_assert!(after == before || after == which);
        }
    }

    #[test]
    fn the_order_of_the_servers_does_not_matter(servers in pool(), number: u64, turns in 0_usize..30) {
        let mut rotated = servers.clone();
        rotated.rotate_left(turns % servers.len());
        prop_assert_eq!(pick_key(number, &servers), pick_key(number, &rotated));
    }

    /// Whatever the load is, nobody is picked beyond the bound. With less than 9/8 there may be no room anywhere; then the
    /// bound of the authors holds, which is rounded up.
    #[test]
    fn no_pick_exceeds_the_bound(servers in pool(), number: u64, percent in 101_u16..=1000) {
        let chosen = servers[pick(keyed(number, percent), 0, &servers)];
        let all = servers.iter().map(|server| server.active as f64).sum::<f64>();
        let weights: f64 = servers.iter().map(|server| f64::from(server.weight.get())).sum();
        let bound = |all: f64| f64::from(percent) / 100.0 * all * f64::from(chosen.weight.get()) / weights + 1e-6;
        let bound = if percent >= 113 { bound(all) } else { bound(all + 1.0).ceil() };
        let after = chosen.active + 1;
        prop_assert!(after <= ALWAYS_ROOM || after as f64 <= bound, "{after} of {bound}");
    }

    /// A key leaves its server only where that has no room, and then goes to the next in its order that has.
    #[test]
    fn keys_go_past_full_servers_only(servers in pool(), number: u64) {
        let all = servers.iter().map(|server| server.active).sum::<usize>() as u64;
        let weights: u64 = servers.iter().map(|server| u64::from(server.weight.get())).sum();
        let has_room = |server: &Candidate| {
            let load = (server.active as u64 + 1) * weights * 100;
            server.active < ALWAYS_ROOM || load <= all * u64::from(server.weight.get()) * 125
        };
        let chosen = pick_key(number, &servers);
        let mut rest = without_load(servers.clone());
        loop {
            let first = pick_key(number, &rest);
            if first == chosen {
                break;
            }
            prop_assert!(!has_room(&servers[first]));
            rest.retain(|server| server.place != first);
        }
    }

    #[test]
    fn weighted_turns_keep_close_to_the_weights(servers in pool(), start in 0_usize..1_000_000) {
        let turns = 500_usize;
        let counts = counts(&servers, (start..start + turns).map(|turn| pick(Rule::RoundRobin, turn, &servers)));
        let weights: f64 = servers.iter().map(|server| f64::from(server.weight.get())).sum();
        for (server, count) in servers.iter().zip(counts) {
            let part = turns as f64 * f64::from(server.weight.get()) / weights;
            prop_assert!((count as f64 - part).abs() <= 4.0, "{count} instead of {part}");
        }
    }

    #[test]
    fn a_slow_start_never_falls_and_stays_in_its_bounds(weight in 1_u16..=1000, a in 0_u64..40_000, b in 0_u64..40_000) {
        let (weight, slow) = (NonZeroU16::new(weight).unwrap(), Duration::from_secs(30));
        let at = |milliseconds| Weight::ramped(weight, Duration::from_millis(milliseconds), slow);
        prop_assert!(at(a.min(b)) <= at(a.max(b)) && at(a) <= Weight::whole(weight));
        prop_assert!(at(a).get() >= u32::from(weight.get()) * 100);
    }
}
