//! Deciding allocates nothing on the usual path.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may stop at the first surprise")]

use allocation_counter::measure;
use homeward::config::{Source, read_routing};
use homeward::model::{Location, Place, RegionId, ServiceId, Timestamp};
use homeward::routing::{
    Arrival, Away, Decision, FleetView, HomeBy, Outcome, PlaceFinder, RequestFacts, RoutingTable, SessionState, decide,
};
use std::net::IpAddr;

const TABLE: &str = r#"
version: 1
regions:
  us-east: {session_prefix: east, location: {latitude: 39.04, longitude: -77.49}}
  us-central: {session_prefix: central, location: {latitude: 41.26, longitude: -95.86}}
  us-west: {session_prefix: west, location: {latitude: 45.59, longitude: -121.18}}
homes:
  - networks: [203.0.113.0/24]
    region: us-east
  - countries: [US]
    nearest: [us-west, us-central]
  - otherwise: us-east
services:
  portal:
    hosts: ["*.example.com"]
    session: {cookie: sid, separator: "-"}
    pools: {us-east: [10.1.0.10:8080], us-central: [10.2.0.10:8080], us-west: [10.3.0.10:8080]}
drains:
  - {region: us-west, share: 30%, ramp: 10m, since: 2026-11-22T04:00:00Z, until: 2026-11-22T08:30:00Z}
"#;

struct Fleet {
    unhealthy: Option<RegionId>,
}

impl FleetView for Fleet {
    fn local_region(&self) -> RegionId {
        RegionId::at(0).unwrap()
    }
    fn is_healthy(&self, _: ServiceId, region: RegionId) -> bool {
        self.unhealthy != Some(region)
    }
    fn is_over_capacity(&self, _: RegionId) -> bool {
        false
    }
}

struct California;

impl PlaceFinder for California {
    fn place_of(&self, _: IpAddr) -> Place {
        Place {
            country: "US".parse().ok(),
            subdivision: "US-CA".parse().ok(),
            continent: None,
            location: Location::new(37.77, -122.42).ok(),
        }
    }
}

/// Decides three times, and fails where that took memory from the heap.
fn decide_without_allocating(client: &str, cookies: &[&str], unhealthy: Option<&str>) -> (RoutingTable, Decision) {
    let now: Timestamp = "2026-11-22T05:00:00Z".parse().unwrap();
    let table = RoutingTable::new(read_routing(&Source::new("table", TABLE), now).unwrap());
    let fleet = Fleet { unhealthy: unhealthy.map(|name| table.region_id(name).unwrap()) };
    let cookies: Vec<_> = cookies.iter().map(|line| line.as_bytes()).collect();
    let host = "Portal.EXAMPLE.com:8443";
    let (path, client) = ("/orders", client.parse().unwrap());
    let facts = RequestFacts { host, path, client, cookies: &cookies, headers: &[], arrival: Arrival::Client, now };
    let mut decision = None;
    let counted = measure(|| (0..3).for_each(|_| decision = decide(&table, &facts, &fleet, &California)));
    assert_eq!(counted.count_total, 0, "{decision:?}");
    (table, decision.unwrap())
}

#[test]
fn a_session_is_decided_without_allocating() {
    let cookies = ["theme=dark; lang=en", "a=1; sid=central-9f2c4e81b7a04d6f"];
    let (table, decision) = decide_without_allocating("192.0.2.1", &cookies, None);
    assert_eq!(table.region_name(decision.region().unwrap()), "us-central");
    assert_eq!(decision.session(RegionId::at(0).unwrap()), SessionState::Flopped);
}

#[test]
fn a_place_is_decided_without_allocating() {
    // 192.0.2.0/24 lies outside the 30 % that are left to us-west: see `visitor`.
    let (table, decision) = decide_without_allocating("192.0.2.1", &["sid=north-1"], None);
    assert!(matches!(decision.home_by, HomeBy::Rule { rule: 1, nearest: Some(_), .. }));
    assert_eq!(decision.home_is_away, Some(Away::Drained { drain: 0 }));
    assert_eq!(table.region_name(decision.region().unwrap()), "us-central");
}

#[test]
fn a_substitute_is_found_without_allocating() {
    let (table, decision) = decide_without_allocating("192.0.2.1", &[], Some("us-central"));
    assert_eq!(decision.passed_over.len(), 1);
    assert!(matches!(decision.outcome, Outcome::Serve { despite: None, .. }));
    assert_eq!(table.region_name(decision.region().unwrap()), "us-east");
}
