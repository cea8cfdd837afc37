//! Decisions, over many visitors in turn.

use crate::callgrind::Case;
use crate::town::{
    Everywhere, HOST, Healthy, Size, drained_table, elsewhere, in_a_network, now, place, signed_table, table,
};
use homeward::geo::{Database, Places};
use homeward::model::{Continent, Place};
use homeward::routing::{Arrival, FoundBy, PlaceFinder, RequestFacts, RoutingTable, decide};
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};

const VISITORS: usize = 1 << 10;
const FEW: Size = Size { rules: 10, regions: 2 };
const USUAL: Size = Size { rules: 1_000, regions: 20 };
const MANY_REGIONS: Size = Size { rules: 10, regions: 200 };
const MANY_RULES: Size = Size { rules: 100_000, regions: 20 };

struct Visitor {
    host: &'static str,
    cookie: String,
    client: IpAddr,
}

/// Decides for one visitor after the other.
fn deciding<'a>(
    name: &str,
    table: &'a RoutingTable,
    places: impl PlaceFinder + 'a,
    arrival: Arrival<'a>,
    visitor: impl Fn(usize) -> Visitor,
) -> Case<'a> {
    let visitors: Vec<_> = (0..VISITORS).map(visitor).collect();
    let now = now();
    let work = move || {
        for Visitor { host, cookie, client } in &visitors {
            let cookies = [cookie.as_bytes()];
            let cookies = if cookie.is_empty() { &[] } else { &cookies[..] };
            let (path, headers) = ("/account/orders", &[]);
            let facts = RequestFacts { host, path, client: *client, cookies, headers, arrival, now };
            black_box(&decide(black_box(table), black_box(&facts), &Healthy, &places));
        }
    };
    Case { name: format!("decide: {name}"), operations: VISITORS, work: Box::new(work) }
}

fn with_session(size: Size) -> impl Fn(usize) -> Visitor {
    move |at| Visitor {
        host: HOST,
        cookie: format!("theme=dark; sid=r{}-9f2c4e81b7a04d6f8e3d5c2b1a097f6e; lang=en", at * 7 % size.regions),
        client: elsewhere(at),
    }
}

fn without_session(client: impl Fn(usize) -> IpAddr) -> impl Fn(usize) -> Visitor {
    move |at| Visitor { host: HOST, cookie: String::new(), client: client(at) }
}

struct Found(Places);

impl PlaceFinder for Found {
    fn place_of(&self, address: IpAddr) -> Place {
        self.0.place(address).place()
    }
}

fn country_database() -> Found {
    let bytes = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/geoip/country.mmdb")).unwrap();
    Found(Places::new(vec![Database::from_bytes(bytes).unwrap()]))
}

/// Runs `with` for each of them.
pub(super) fn each(mut with: impl FnMut(Case<'_>)) {
    let (nowhere, germany) =
        (|| Everywhere(Place::default()), || Everywhere(place("DE", Continent::Europe, 51.2, 10.4)));
    let america = || Everywhere(place("US", Continent::NorthAmerica, 39.8, -98.6));
    let anywhere = |at: usize| IpAddr::V4(Ipv4Addr::from((at as u32).wrapping_mul(0x9E37_79B1)));
    let client = Arrival::Client;
    for size in [FEW, USUAL, MANY_REGIONS, MANY_RULES] {
        let table = table(size);
        let named = |name: &str| format!("{name}, {size}");
        with(deciding(&named("session key"), &table, nowhere(), client, with_session(size)));
        let in_networks = without_session(|at| in_a_network(size, at * 977));
        with(deciding(&named("network rule"), &table, nowhere(), client, in_networks));
        with(deciding(&named("country rule"), &table, america(), client, without_session(elsewhere)));
        with(deciding(&named("nearest"), &table, germany(), client, without_session(elsewhere)));
    }
    for size in [USUAL, MANY_REGIONS] {
        let (table, name) = (table(size), format!("place from the country database, {size}"));
        with(deciding(&name, &table, country_database(), client, without_session(anywhere)));
    }
    let table = table(USUAL);
    let many_cookies = |at| {
        let others: String = (0..20).map(|at| format!("_tracker_{at}=GA1.2.{}.1732250000; ", at * 7_919)).collect();
        let visitor = with_session(USUAL)(at);
        Visitor { cookie: others + &visitor.cookie, ..visitor }
    };
    with(deciding("session key behind 20 other cookies", &table, nowhere(), client, many_cookies));
    let hop = Arrival::Hop { from: "region-3", home: "region-0", by: FoundBy::Session };
    with(deciding("hop", &table, nowhere(), hop, with_session(USUAL)));
    let no_service = |at| Visitor { host: "a.b.c.example.org", ..without_session(elsewhere)(at) };
    with(deciding("no service", &table, nowhere(), client, no_service));
    let (table, format) = signed_table(USUAL);
    let signed = |at: usize| {
        let prefix = format!("r{}", at * 7 % USUAL.regions).parse().unwrap();
        let key = format.mint(&prefix, (at as u128).wrapping_mul(0x9E37_79B1_7F4A_7C15_9E37_79B1).to_be_bytes());
        Visitor { host: HOST, cookie: format!("theme=dark; sid={key}; lang=en"), client: elsewhere(at) }
    };
    with(deciding("signed session key", &table, nowhere(), client, signed));
    let table = drained_table(USUAL);
    let drained =
        |at| Visitor { cookie: "theme=dark; sid=r0-9f2c4e81b7a04d6f; lang=en".into(), ..with_session(USUAL)(at) };
    with(deciding("session key of a drained home", &table, nowhere(), client, drained));
}
