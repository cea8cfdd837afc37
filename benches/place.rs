//! What a look-up of a place costs, and that it allocates nothing.
//!
//! ```text
//! cargo bench --bench place
//! ```
//!
//! Each iteration looks up the next of many addresses, so that neither the cache nor the branch predictor sees the same
//! one again soon. The city databases take part where `make geoip` has installed them.

use std::cell::Cell;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;

use divan::{AllocProfiler, Bencher, black_box};
use homeward::geo::{Database, Places};

#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

/// Files under `geoip/`; `fixture` holds loopback and documentation networks, the others real ones.
const FILES: [&[&str]; 4] = [
    &["fixture.mmdb"],
    &["fixture-flat-ipv4.mmdb", "fixture-flat-ipv6.mmdb"],
    &["country.mmdb"],
    &["city-ipv4.mmdb", "city-ipv6.mmdb"],
];

/// The places of these files; nothing where one is not there.
fn places(files: &[&str]) -> Option<Places> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("geoip");
    let databases = files.iter().map(|file| Database::from_bytes(fs::read(folder.join(file)).ok()?).ok());
    databases.collect::<Option<_>>().map(Places::new)
}

/// The next number of a simple generator (xorshift): the same addresses in every run.
fn next(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

/// Looks up 65,536 addresses, each made from a random number, over and over.
fn look_up(bencher: Bencher, files: &[&str], address: impl Fn(u64) -> IpAddr) {
    let Some(places) = places(files) else { return };
    let mut state = 0x9E37_79B9_7F4A_7C15;
    let addresses: Vec<_> = (0..1 << 16).map(|_| address(next(&mut state))).collect();
    let turn = Cell::new(0);
    bencher.bench_local(|| {
        turn.set((turn.get() + 1) % addresses.len());
        places.place(black_box(addresses[turn.get()]))
    });
}

#[divan::bench(args = FILES, sample_size = 1000)]
fn ipv4(bencher: Bencher, files: &[&str]) {
    let fixture = files[0].starts_with("fixture");
    look_up(bencher, files, |random| {
        let [a, b, c, d, e, ..] = random.to_be_bytes();
        IpAddr::V4(match fixture {
            true => Ipv4Addr::new(127, 10 + e % 36, c, d),
            false => Ipv4Addr::new(1 + a % 223, b, c, d),
        })
    });
}

#[divan::bench(args = FILES, sample_size = 1000)]
fn ipv6(bencher: Bencher, files: &[&str]) {
    let fixture = files[0].starts_with("fixture");
    look_up(bencher, files, |random| {
        let [a, b, c, d] = [random, random >> 16, random >> 32, random >> 48].map(|bits| (bits & 0xFFFF) as u16);
        IpAddr::V6(match fixture {
            true => Ipv6Addr::new(0x2001, 0xdb8, 0x10 + a % 16, b, 0, 0, 0, 1),
            // Among the blocks in use: 2001:200::/23 to 2c0f::/16.
            false => {
                Ipv6Addr::new([0x2001, 0x2400, 0x2600, 0x2800, 0x2a00, 0x2c0f][usize::from(a) % 6], b, c, d, 0, 0, 0, 1)
            }
        })
    });
}
