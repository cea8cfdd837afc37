//! Requests: where they came from, and where they go.

use crate::now;
use homeward::client::client_address;
use homeward::config::{Source, read_routing};
use homeward::model::{Continent, Location, Network, Place, RegionId, ServiceId};
use homeward::routing::{
    Arrival, Explanation, FleetView, FoundBy, Outcome, PlaceFinder, RequestFacts, RoutingTable, decide,
};
use std::net::IpAddr;
use std::sync::LazyLock;

static TABLE: LazyLock<RoutingTable> = LazyLock::new(|| {
    let source = Source::new("table.yaml", include_str!("table.yaml"));
    RoutingTable::new(read_routing(&source, now()).unwrap_or_else(|problems| panic!("{problems}")))
});

/// A fleet whose state follows from one number.
struct Fleet(u8);

impl FleetView for Fleet {
    fn local_region(&self) -> RegionId {
        RegionId::at(0).expect("a region")
    }
    fn is_healthy(&self, service: ServiceId, region: RegionId) -> bool {
        (self.0 >> ((service.index() + region.index()) % 8)) & 1 == 0
    }
    fn is_over_capacity(&self, region: RegionId) -> bool {
        (self.0 >> ((region.index() + 4) % 8)) & 1 == 1
    }
}

/// Places that follow from the address.
struct Places;

impl PlaceFinder for Places {
    fn place_of(&self, address: IpAddr) -> Place {
        let IpAddr::V4(address) = address.to_canonical() else { return Place::default() };
        let [a, b, c, d] = address.octets();
        let countries = ["US", "CA", "DE", "NO"];
        let country = countries.get(usize::from(a % 5)).and_then(|code| code.parse().ok());
        Place {
            continent: Continent::ALL.get(usize::from(b % 9)).copied(),
            country,
            subdivision: if a % 5 == 0 && c % 2 == 0 { "US-CA".parse().ok() } else { None },
            location: Location::new(f64::from(c % 181) - 90.0, f64::from(d) - 128.0).ok().filter(|_| d % 3 > 0),
        }
    }
}

/// Decides and tells; whatever the request, a table that was read gives a decision whose reasons can stand in a header.
pub(crate) fn decide_and_explain(table: &RoutingTable, host: &str, path: &str, client: IpAddr, cookies: &[&[u8]]) {
    let headers: Vec<_> = cookies.iter().map(|line| ("authorization", *line)).collect();
    let arrival = match client.to_canonical().to_string().bytes().last() {
        Some(b'1') => Arrival::Hop { from: host, home: path, by: FoundBy::Session },
        Some(b'2') => Arrival::Circle,
        _ => Arrival::Client,
    };
    let facts = RequestFacts { host, path, client, cookies, headers: &headers, arrival, now: now() };
    let last = client.to_canonical().to_string().bytes().last().unwrap_or_default();
    for state in [0, last, !0] {
        let fleet = Fleet(state);
        let decision = decide(table, &facts, &fleet, &Places);
        assert_eq!(decision, decide(table, &facts, &fleet, &Places), "the same twice");
        let told = Explanation::new(table, &facts, fleet.local_region(), decision.as_ref());
        assert!(!told.steps.is_empty());
        let Some(decision) = decision else { continue };
        let reasons = decision.reasons(table).to_string();
        assert!(reasons.bytes().all(|b| b.is_ascii_alphanumeric() || b";=, ._~-".contains(&b)), "{reasons}");
        match decision.outcome {
            Outcome::Serve { region, .. } => {
                assert!(table.service(decision.service).is_some_and(|service| service.pool(region).is_some()));
                assert!(fleet.is_healthy(decision.service, region));
            }
            Outcome::Wait { .. } => assert!(decision.key.home().is_some()),
            Outcome::Nobody { .. } => {
                assert!(state != 0 || decision.home_is_away.is_some() || !decision.passed_over.is_empty())
            }
        }
    }
}

/// A request against a fixed table: host, path and client on the first three lines, `Cookie` lines behind them.
pub fn decision(data: &[u8]) {
    let mut lines = data.splitn(36, |byte| *byte == b'\n');
    let mut text = || String::from_utf8_lossy(lines.next().unwrap_or_default()).into_owned();
    let (host, path, client) = (text(), text(), text());
    let client = client.parse().unwrap_or_else(|_| {
        let mut octets = [0; 16];
        octets.iter_mut().zip(client.bytes()).for_each(|(octet, byte)| *octet = byte);
        IpAddr::from(octets)
    });
    let cookies: Vec<_> = lines.collect();
    decide_and_explain(&TABLE, &host, &path, client, &cookies);
}

/// `X-Forwarded-For` lines.
pub fn forwarded_for(data: &[u8]) {
    let lines: Vec<_> = data.split(|byte| *byte == b'\n').collect();
    let networks = |all: &[&str]| all.iter().map(|text| text.parse().expect("a network")).collect::<Vec<Network>>();
    let some = networks(&["10.0.0.0/8", "fd00::/8"]);
    let everyone = networks(&["0.0.0.0/0", "::/0"]);
    let (proxy, stranger): (IpAddr, IpAddr) = ([10, 0, 0, 1].into(), [203, 0, 113, 9].into());
    assert_eq!(client_address(stranger, &lines, &some), stranger);
    assert_eq!(client_address(proxy, &lines, &[]), proxy);
    for trusted in [&some, &everyone] {
        let client = client_address(proxy, &lines, trusted);
        assert_eq!(client, client.to_canonical());
    }
}
