//! What a decision costs, and that it allocates nothing.
//!
//! ```text
//! cargo bench --no-default-features --bench decide
//! ```
//!
//! Each iteration decides for the next of many visitors, so that neither the cache nor the branch predictor sees the same
//! one again soon. Places come from memory: what a database adds is measured by the benchmark `place`.

#![allow(clippy::unwrap_used, reason = "a benchmark may stop at the first surprise")]

mod town;

use divan::{AllocProfiler, Bencher, black_box};
use homeward::geo::{Database, Places};
use homeward::model::{Continent, Place};
use homeward::routing::{Arrival, PlaceFinder, RequestFacts, RoutingTable, decide};
use std::cell::Cell;
use std::net::{IpAddr, Ipv4Addr};
use town::{Everywhere, HOST, Healthy, SIZES, Size, drained_table, elsewhere, in_a_network, now, place, table};

#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

const VISITORS: usize = 1 << 12;

struct Visitor {
    host: &'static str,
    cookie: String,
    client: IpAddr,
}

/// Decides for one visitor after the other.
fn measure(bencher: Bencher, table: &RoutingTable, places: &impl PlaceFinder, visitor: impl Fn(usize) -> Visitor) {
    let visitors: Vec<_> = (0..VISITORS).map(visitor).collect();
    let turn = Cell::new(0);
    bencher.bench_local(|| {
        turn.set((turn.get() + 1) % VISITORS);
        let Visitor { host, cookie, client } = &visitors[turn.get()];
        let cookies = [cookie.as_bytes()];
        let cookies = if cookie.is_empty() { &[] } else { &cookies[..] };
        let (path, headers, arrival) = ("/account/orders", &[], Arrival::Client);
        let facts = RequestFacts { host, path, client: *client, cookies, headers, arrival, now: now() };
        // Handing the whole decision back would measure the writing of many of them, too.
        black_box(&decide(black_box(table), black_box(&facts), &Healthy, places)).is_some()
    });
}

fn nowhere() -> Everywhere {
    Everywhere(Place::default())
}

fn germany() -> Everywhere {
    Everywhere(place("DE", Continent::Europe, 51.2, 10.4))
}

fn america() -> Everywhere {
    Everywhere(place("US", Continent::NorthAmerica, 39.8, -98.6))
}

#[divan::bench(args = SIZES, sample_count = 100, sample_size = 4096)]
fn session_key(bencher: Bencher, size: Size) {
    measure(bencher, &table(size), &nowhere(), |at| Visitor {
        host: HOST,
        cookie: format!("theme=dark; sid=r{}-9f2c4e81b7a04d6f8e3d5c2b1a097f6e; lang=en", at * 7 % size.regions),
        client: elsewhere(at),
    });
}

/// `minted_by: app` keys are told apart by their prefix; the home of this one is drained, and moves its sessions.
#[divan::bench(args = SIZES, sample_count = 100, sample_size = 4096)]
fn session_key_of_a_drained_home(bencher: Bencher, size: Size) {
    measure(bencher, &drained_table(size), &nowhere(), |at| Visitor {
        host: HOST,
        cookie: "theme=dark; sid=r0-9f2c4e81b7a04d6f8e3d5c2b1a097f6e; lang=en".to_owned(),
        client: elsewhere(at),
    });
}

#[divan::bench(args = SIZES, sample_count = 100, sample_size = 4096)]
fn network_rule(bencher: Bencher, size: Size) {
    let visitor = |at| Visitor { host: HOST, cookie: String::new(), client: in_a_network(size, at * 977) };
    measure(bencher, &table(size), &nowhere(), visitor);
}

#[divan::bench(args = SIZES, sample_count = 100, sample_size = 4096)]
fn country_rule(bencher: Bencher, size: Size) {
    let visitor = |at| Visitor { host: HOST, cookie: String::new(), client: elsewhere(at) };
    measure(bencher, &table(size), &america(), visitor);
}

#[divan::bench(args = SIZES, sample_count = 100, sample_size = 4096)]
fn country_rule_and_a_drained_home(bencher: Bencher, size: Size) {
    let visitor = |at| Visitor { host: HOST, cookie: String::new(), client: elsewhere(at) };
    measure(bencher, &drained_table(size), &america(), visitor);
}

#[divan::bench(args = SIZES, sample_count = 100, sample_size = 4096)]
fn nearest(bencher: Bencher, size: Size) {
    let visitor = |at| Visitor { host: HOST, cookie: String::new(), client: elsewhere(at) };
    measure(bencher, &table(size), &germany(), visitor);
}

#[divan::bench(args = SIZES, sample_count = 100, sample_size = 4096)]
fn no_service(bencher: Bencher, size: Size) {
    let visitor = |at| Visitor { host: "a.b.c.example.org", cookie: String::new(), client: elsewhere(at) };
    measure(bencher, &table(size), &nowhere(), visitor);
}

struct Found(Places);

impl PlaceFinder for Found {
    fn place_of(&self, address: IpAddr) -> Place {
        self.0.place(address).place()
    }
}

/// With a look-up in the country database that is installed with Homeward: visitors from everywhere.
#[divan::bench(args = SIZES, sample_count = 100, sample_size = 4096)]
fn place_from_the_country_database(bencher: Bencher, size: Size) {
    let bytes = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/geoip/country.mmdb")).unwrap();
    let places = Found(Places::new(vec![Database::from_bytes(bytes).unwrap()]));
    let anywhere = |at: usize| IpAddr::V4(Ipv4Addr::from((at as u32).wrapping_mul(0x9E37_79B1)));
    let visitor = |at| Visitor { host: HOST, cookie: String::new(), client: anywhere(at) };
    measure(bencher, &table(size), &places, visitor);
}
