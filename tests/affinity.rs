//! What affinity promises, measured: how many keys move, and how even the load is.
//!
//! `cargo test --no-default-features --test affinity -- --nocapture` prints the figures that `docs/affinity.md` keeps. All
//! of it is computed from constant seeds, and so comes out the same everywhere.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking, and this one shows its figures"
)]

use homeward::balance::{ALWAYS_ROOM, Candidate, KeyHash, Rule, ServerHash, Weight, choose};
use homeward::model::BalanceFactor;
use std::num::NonZeroU16;

fn servers(weights: &[u16]) -> Vec<Candidate> {
    let server = |(place, weight): (usize, &u16)| Candidate {
        place,
        hash: ServerHash::of(format!("10.1.0.{}:8080", 10 + place).parse().unwrap()),
        weight: Weight::whole(NonZeroU16::new(*weight).unwrap()),
        active: 0,
    };
    weights.iter().enumerate().map(server).collect()
}

fn session(number: usize) -> KeyHash {
    KeyHash::of_bytes(format!("east-{number:032x}").as_bytes())
}

fn pick(key: KeyHash, servers: &[Candidate]) -> usize {
    choose(Rule::Keyed { key, factor: BalanceFactor::default() }, 0, servers.iter().copied()).unwrap()
}

/// The next number of a simple generator (SplitMix64).
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// The next number from 0 to 1.
fn next_part(state: &mut u64) -> f64 {
    (next(state) >> 11) as f64 / (1_u64 << 53) as f64
}

const KEYS: usize = 100_000;

/// How many of the keys are on another server, in percent, and whether each of them was on `gone` or is on `new`.
fn moved(before: &[Candidate], after: &[Candidate], gone: Option<usize>, new: Option<usize>) -> f64 {
    let mut moved = 0;
    for number in 0..KEYS {
        let (from, to) = (pick(session(number), before), pick(session(number), after));
        if from != to {
            moved += 1;
            assert!(gone == Some(from) || new == Some(to), "key {number} moved from {from} to {to}");
        }
    }
    100.0 * f64::from(moved) / KEYS as f64
}

#[test]
fn one_of_n_servers_moves_one_of_n_keys() {
    let equal = servers(&[1; 11]);
    let weighted = servers(&[1, 1, 1, 1, 2, 2, 2, 3, 3, 4, 2]);
    let mut lines = vec![format!("{KEYS} session keys:")];
    let mut check = |what: &str, percent: f64, ideal: f64| {
        lines.push(format!("{what:<58} {percent:>5.2} % moved; ideal {ideal:>5.2} %"));
        assert!((percent - ideal).abs() < 3.0, "{lines:?}");
    };
    let without = |servers: &[Candidate], gone: usize| {
        let rest: Vec<_> = servers.iter().copied().filter(|server| server.place != gone).collect();
        moved(servers, &rest, Some(gone), None)
    };
    for gone in [0, 4, 9] {
        check(&format!("10 -> 9 servers, number {gone} is gone"), without(&equal[..10], gone), 10.0);
    }
    check("10 -> 11 servers", moved(&equal[..10], &equal, None, Some(10)), 100.0 / 11.0);
    check("weights 1 1 1 1 2 2 2 3 3 4, the one of weight 4 is gone", without(&weighted[..10], 9), 20.0);
    let more = moved(&weighted[..10], &weighted, None, Some(10));
    check("the same, and one of weight 2 comes", more, 100.0 / 11.0);
    println!("{}", lines.join("\n"));
}

/// Requests whose keys have a popularity after Zipf: the key of rank n is asked for n^-s times as often as the first.
struct Zipf {
    /// The part of the requests that is for this key or a more popular one.
    up_to: Vec<f64>,
    keys: Vec<KeyHash>,
}

impl Zipf {
    fn new(keys: usize, s: f64) -> Self {
        let mut sum = 0.0;
        let mut up_to: Vec<_> = (1..=keys)
            .map(|rank| {
                sum += (rank as f64).powf(-s);
                sum
            })
            .collect();
        up_to.iter_mut().for_each(|part| *part /= sum);
        Self { up_to, keys: (0..keys).map(session).collect() }
    }

    /// The place of the key of the next request.
    fn next(&self, random: &mut u64) -> usize {
        let part = next_part(random);
        self.up_to.partition_point(|up_to| *up_to <= part).min(self.keys.len() - 1)
    }
}

/// What was the most that a server had, each as a multiple of its even part.
#[derive(Debug, Default)]
struct Seen {
    /// Active requests of the server that has just been given one.
    placed: f64,
    /// Active requests of any server, after every request that came or went.
    active: f64,
    /// Requests that were served, in the end.
    served: f64,
    /// The same if each key had stayed with its first server.
    unbounded: f64,
    /// How many requests in a hundred did not go to the first server of their key.
    elsewhere: f64,
}

const STEPS: usize = 1_000_000;

/// Requests come and go, one at a time; `goal` says how many are there at each step.
///
/// Each of those that are there is as likely to be the next to go: they take times of an exponential distribution.
fn run(weights: &[u16; 10], load: &Zipf, goal: impl Fn(usize) -> usize) -> Seen {
    let mut random = 7;
    let mut servers = servers(weights);
    let firsts: Vec<_> = load.keys.iter().map(|key| pick(*key, &servers)).collect();
    let sum: u16 = weights.iter().sum();
    let parts = weights.map(|weight| f64::from(weight) / f64::from(sum));
    let (mut there, mut served, mut at_first) = (Vec::new(), [0; 10], [0; 10]);
    let (mut seen, mut warm) = (Seen::default(), false);
    for step in 0..STEPS {
        let key = load.next(&mut random);
        let place = pick(load.keys[key], &servers);
        servers[place].active += 1;
        there.push(place);
        served[place] += 1;
        at_first[firsts[key]] += 1;
        seen.elsewhere += f64::from(u8::from(place != firsts[key])) * 100.0 / STEPS as f64;
        if servers[place].active > ALWAYS_ROOM {
            seen.placed = seen.placed.max(servers[place].active as f64 / there.len() as f64 / parts[place]);
        }
        loop {
            warm |= there.len() >= goal(step);
            if warm {
                let loads = servers.iter().map(|server| server.active as f64 / parts[server.place]);
                seen.active = seen.active.max(loads.fold(0.0, f64::max) / there.len() as f64);
            }
            if there.len() < goal(step) {
                break;
            }
            let gone = there.swap_remove(next(&mut random) as usize % there.len());
            servers[gone].active -= 1;
        }
    }
    let most = |counts: [u32; 10]| {
        let loads = counts.iter().zip(parts).map(|(count, part)| f64::from(*count) / STEPS as f64 / part);
        loads.fold(0.0, f64::max)
    };
    Seen { served: most(served), unbounded: most(at_first), ..seen }
}

#[test]
fn popular_keys_overload_no_server() {
    let mut lines = vec![
        format!("{STEPS} requests of 5,000 keys on 10 servers; the most that a server had, as a multiple of its part:"),
        "load                                    at a pick  at any time  served  served, unbounded  elsewhere".into(),
    ];
    let steady = |_| 4_000;
    let swinging = |step: usize| (4_000.0 + 2_500.0 * (step as f64 / 20_000.0).sin()) as usize;
    for s in [1.0, 1.1] {
        let load = Zipf::new(5_000, s);
        let weights = [1, 1, 1, 1, 2, 2, 2, 3, 3, 4];
        for (name, slack, seen) in [
            ("4,000 at once", 0.0, run(&[1; 10], &load, steady)),
            ("4,000 at once, weights 1 to 4", 0.0, run(&weights, &load, steady)),
            // Requests that end elsewhere lower the mean, and nothing takes a request back.
            ("1,500 to 6,500 at once", 0.01, run(&[1; 10], &load, swinging)),
        ] {
            let Seen { placed, active, served, unbounded, elsewhere } = seen;
            lines.push(format!(
                "Zipf {s:.1}, {name:<30} {placed:>8.4} {active:>12.4} {served:>7.4} {unbounded:>18.4} {elsewhere:>8.1} %"
            ));
            assert!(placed <= 1.25, "a pick is within the bound, whatever goes on: {seen:?}");
            assert!(active <= 1.25 + slack, "{name}: {seen:?}");
            assert!(served <= 1.25 + 0.01, "by chance a server may get shorter requests: {name}: {seen:?}");
            assert!(unbounded > 1.25, "this load shows nothing: {seen:?}");
        }
    }
    println!("{}", lines.join("\n"));
}
