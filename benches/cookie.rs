//! What it costs to find the session key in a `Cookie` header, and the region in the key.
//!
//! ```text
//! cargo bench --no-default-features --bench cookie
//! ```

#![allow(clippy::unwrap_used, reason = "a benchmark may stop at the first surprise")]

use divan::counter::BytesCount;
use divan::{AllocProfiler, Bencher, black_box};
use homeward::model::RegionId;
use homeward::session::{PrefixIndex, cookie_values};

#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

const KEY: &str = "us-east-9f2c4e81b7a04d6f8e3d5c2b1a097f6e";

/// A header with this many cookies, the session's last.
fn header(cookies: usize) -> Vec<u8> {
    let others = (1..cookies).map(|at| format!("_tracker_{at}=GA1.2.{}.1732250000; ", at * 7_919));
    (others.collect::<String>() + "sid=" + KEY).into_bytes()
}

#[divan::bench(args = [1, 10, 50], sample_count = 100, sample_size = 1024)]
fn session_cookie_comes_last(bencher: Bencher, cookies: usize) {
    let header = header(cookies);
    let bencher = bencher.counter(BytesCount::of_slice(&header));
    bencher.bench_local(|| cookie_values(black_box(&header), black_box(b"sid")).next());
}

#[divan::bench(args = [1, 10, 50], sample_count = 100, sample_size = 1024)]
fn no_session_cookie(bencher: Bencher, cookies: usize) {
    let header = header(cookies);
    let bencher = bencher.counter(BytesCount::of_slice(&header));
    bencher.bench_local(|| cookie_values(black_box(&header), black_box(b"other")).next());
}

/// A header that is one long line of nothing: what an attacker would send.
#[divan::bench(sample_count = 100, sample_size = 128)]
fn hostile_header_of_8_kib(bencher: Bencher) {
    let header = "sid;=".repeat(8192 / 5).into_bytes();
    let bencher = bencher.counter(BytesCount::of_slice(&header));
    bencher.bench_local(|| cookie_values(black_box(&header), black_box(b"sid")).count());
}

#[divan::bench(args = [2, 20, 200], sample_count = 100, sample_size = 1024)]
fn region_of_a_session_key(bencher: Bencher, regions: usize) {
    let names: Vec<_> = (1..regions).map(|at| format!("region-{at}")).chain(["us-east".to_owned()]).collect();
    let named = names.iter().enumerate().map(|(at, name)| (name.as_str(), RegionId::at(at).unwrap()));
    let index: PrefixIndex = named.collect();
    bencher.bench_local(|| index.home_of(black_box(KEY.as_bytes()), black_box(b"-")));
}
