//! What choosing a server costs, and that it allocates nothing.
//!
//! ```text
//! cargo bench --no-default-features --bench balance
//! ```
//!
//! Each iteration chooses for the next of many keys. What the proxy adds is to read each server's health and active
//! requests out of memory.

#![allow(clippy::unwrap_used, reason = "a benchmark may stop at the first surprise")]

use divan::{AllocProfiler, Bencher, black_box};
use homeward::balance::{Candidate, KeyHash, Rule, ServerHash, Weight, choose};
use homeward::model::BalanceFactor;
use std::cell::Cell;
use std::num::NonZeroU16;

#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

const SIZES: [usize; 2] = [10, 100];
const KEYS: usize = 1 << 12;

/// Servers with `active` requests each; of equal weight, or of weight 1 to 4.
fn servers(count: usize, are_equal: bool, active: impl Fn(usize) -> usize) -> Vec<Candidate> {
    let server = |place: usize| Candidate {
        place,
        hash: ServerHash::of(format!("10.1.0.{}:8080", 1 + place).parse().unwrap()),
        weight: Weight::whole(NonZeroU16::new(if are_equal { 1 } else { 1 + place as u16 % 4 }).unwrap()),
        active: active(place),
    };
    (0..count).map(server).collect()
}

fn measure(bencher: Bencher, servers: &[Candidate], rule: impl Fn(KeyHash) -> Rule) {
    let rules: Vec<_> = (0..KEYS as u64).map(|key| rule(KeyHash::of_bytes(&key.to_be_bytes()))).collect();
    let turn = Cell::new(0);
    bencher.bench_local(|| {
        turn.set(turn.get() + 1);
        choose(rules[turn.get() % KEYS], turn.get(), black_box(servers).iter().copied())
    });
}

fn keyed(key: KeyHash) -> Rule {
    Rule::Keyed { key, factor: BalanceFactor::default() }
}

#[divan::bench(args = SIZES, sample_count = 100, sample_size = 4096)]
fn by_key(bencher: Bencher, count: usize) {
    measure(bencher, &servers(count, true, |_| 100), keyed);
}

/// Every second server is over its bound, so that half of the keys go on.
#[divan::bench(args = SIZES, sample_count = 100, sample_size = 4096)]
fn by_key_past_full_servers(bencher: Bencher, count: usize) {
    measure(bencher, &servers(count, true, |place| 100 + 100 * (place % 2)), keyed);
}

#[divan::bench(args = SIZES, sample_count = 100, sample_size = 4096)]
fn by_key_with_weights(bencher: Bencher, count: usize) {
    measure(bencher, &servers(count, false, |_| 100), keyed);
}

#[divan::bench(args = SIZES, sample_count = 100, sample_size = 4096)]
fn least_requests(bencher: Bencher, count: usize) {
    measure(bencher, &servers(count, true, |place| 100 + place * 7 % 5), |_| Rule::LeastRequests);
}

#[divan::bench(args = SIZES, sample_count = 100, sample_size = 4096)]
fn round_robin(bencher: Bencher, count: usize) {
    measure(bencher, &servers(count, true, |_| 100), |_| Rule::RoundRobin);
}

#[divan::bench(args = SIZES, sample_count = 100, sample_size = 4096)]
fn round_robin_with_weights(bencher: Bencher, count: usize) {
    measure(bencher, &servers(count, false, |_| 100), |_| Rule::RoundRobin);
}

/// The hash of a session key of 37 bytes, once for each request.
#[divan::bench(sample_count = 100, sample_size = 4096)]
fn hash_of_a_key() -> KeyHash {
    KeyHash::of_bytes(black_box(b"east-933ca3495fa178d6ae0c08ddeb96ef4c"))
}
