//! What it costs to find the session key in a `Cookie` header, and the region in the key.
//!
//! ```text
//! cargo bench --no-default-features --bench cookie
//! ```

#![allow(clippy::unwrap_used, reason = "a benchmark may stop at the first surprise")]

use divan::counter::BytesCount;
use divan::{AllocProfiler, Bencher, black_box};
use homeward::model::RegionId;
use homeward::session::{CookieName, KeyFormat, Octets, PrefixIndex, cookie_values};

#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

const SID: CookieName<'_> = CookieName { name: b"sid", chunks: false };
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
    bencher.bench_local(|| cookie_values(black_box(&header), black_box(SID)).next());
}

#[divan::bench(args = [1, 10, 50], sample_count = 100, sample_size = 1024)]
fn no_session_cookie(bencher: Bencher, cookies: usize) {
    let header = header(cookies);
    let bencher = bencher.counter(BytesCount::of_slice(&header));
    bencher.bench_local(|| cookie_values(black_box(&header), black_box(CookieName { name: b"other", ..SID })).next());
}

/// A header that is one long line of nothing: what an attacker would send.
#[divan::bench(sample_count = 100, sample_size = 128)]
fn hostile_header_of_8_kib(bencher: Bencher) {
    let header = "sid;=".repeat(8192 / 5).into_bytes();
    let bencher = bencher.counter(BytesCount::of_slice(&header));
    bencher.bench_local(|| cookie_values(black_box(&header), black_box(SID)).count());
}

#[divan::bench(args = [2, 20, 200], sample_count = 100, sample_size = 1024)]
fn region_of_a_session_key(bencher: Bencher, regions: usize) {
    let names: Vec<_> = (1..regions).map(|at| format!("region-{at}")).chain(["us-east".to_owned()]).collect();
    let named = names.iter().enumerate().map(|(at, name)| (name.as_str(), RegionId::at(at).unwrap()));
    let index: PrefixIndex = named.collect();
    let format = KeyFormat::new("-", None);
    bencher.bench_local(|| index.open(black_box(KEY.as_bytes()), black_box(&format), Octets::OfCookies));
}

/// The same, signed: an HMAC-SHA256 is verified.
#[divan::bench(sample_count = 100, sample_size = 256)]
fn region_of_a_signed_session_key(bencher: Bencher) {
    let index: PrefixIndex = [("us-east", RegionId::at(0).unwrap())].into_iter().collect();
    let keyring = "7".repeat(64).parse().unwrap();
    let format = KeyFormat::new("-", Some(std::sync::Arc::new(keyring)));
    let key = format.mint(&"us-east".parse().unwrap(), [0x9f; 16]);
    assert!(index.open(key.as_bytes(), &format, Octets::OfCookies).is_ok());
    bencher.bench_local(|| index.open(black_box(key.as_bytes()), black_box(&format), Octets::OfCookies));
}
