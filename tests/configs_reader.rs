//! Home rules that stand as they stood are not read again, and nobody can tell but by the time it takes.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by a panic")]

use homeward::config::{RoutingReader, Source, read_routing};
use homeward::model::{Location, Place, RegionId, ServiceId, Timestamp};
use homeward::routing::{Arrival, FleetView, PlaceFinder, RequestFacts, RoutingTable, decide};
use std::net::IpAddr;
use std::sync::Arc;

const HOMES: &str = "homes:\n  - networks: [203.0.113.0/24]\n    region: b\n  - otherwise: nearest # of all\n";
const REGIONS: &str = "version: 1\nregions:\n  a: {location: {latitude: 1, longitude: 2}}\n  b: {}\n";
const SERVICES: &str = "services: {s: {hosts: [s.example.com], pools: {a: [127.0.0.1:1], b: [127.0.0.1:2]}}}\n";

fn table(parts: &[&str]) -> String {
    parts.concat()
}

fn now() -> Timestamp {
    "2026-11-22T05:00:00Z".parse().unwrap()
}

/// Whether the rules of `after` are taken over from `before`, where both are read one after the other.
fn are_kept(before: &str, after: &str) -> bool {
    let mut reader = RoutingReader::default();
    let read = |reader: &mut RoutingReader, text: &str| {
        let source = Source::new("routing.yaml", text);
        let read = reader.read(&source, now());
        assert_eq!(read, read_routing(&source, now()), "{text}");
        read
    };
    let before = read(&mut reader, before).unwrap_or_else(|problems| panic!("{}", problems.render(false)));
    let after = read(&mut reader, after);
    after.is_ok_and(|after| Arc::ptr_eq(&before.homes, &after.homes))
}

#[test]
fn rules_that_stand_as_they_stood_are_kept() {
    let before = table(&[REGIONS, HOMES, SERVICES]);
    for after in [
        table(&[REGIONS, HOMES, SERVICES]),
        table(&[REGIONS, HOMES, SERVICES, "drains: [{region: a, sessions: move}]\n"]),
        table(&["# a comment\n\n", REGIONS, HOMES, "\n  # another one\n# and one\n", SERVICES]),
        table(&["version: 1\n", HOMES, SERVICES, REGIONS.trim_start_matches("version: 1\n")]),
        table(&[REGIONS, SERVICES, HOMES]),
        table(&[REGIONS, SERVICES, HOMES.trim_end()]),
        table(&[&REGIONS.replace("b: {}", "b: {capacity: 100/s}"), HOMES, SERVICES]),
    ] {
        assert!(are_kept(&before, &after), "{after}");
        assert!(are_kept(&after, &before), "{after}");
    }
}

#[test]
fn rules_that_could_mean_something_else_are_read() {
    let before = table(&[REGIONS, HOMES, SERVICES]);
    for after in [
        // One more, one less, another comment.
        table(&[
            REGIONS,
            &HOMES.replace("  - otherwise", "  - countries: [US]\n    region: a\n  - otherwise"),
            SERVICES,
        ]),
        table(&[REGIONS, "homes:\n  - otherwise: nearest # of all\n", SERVICES]),
        table(&[REGIONS, &HOMES.replace("of all", "of both"), SERVICES]),
        // Regions in another order, in another place, and one more that is near or not.
        table(&[&REGIONS.replace("  b: {}\n", "").replace("regions:\n", "regions:\n  b: {}\n"), HOMES, SERVICES]),
        table(&[&REGIONS.replace("latitude: 1", "latitude: 2"), HOMES, SERVICES]),
        table(&[REGIONS, "  c: {location: {latitude: 50, longitude: 8}}\n", HOMES, SERVICES]),
        // In braces.
        table(&[
            "{",
            &REGIONS.replace('\n', ",\n").replace("regions:,\n", "regions: {").replace("b: {}", "b: {}}"),
            "homes: [\
             {otherwise: nearest}],\n",
            SERVICES,
            "}\n",
        ]),
    ] {
        assert!(read_routing(&Source::new("routing.yaml", after.as_str()), now()).is_ok(), "{after}");
        assert!(!are_kept(&before, &after), "{after}");
        assert!(!are_kept(&after, &before), "{after}");
    }
}

#[test]
fn what_is_wrong_is_found_as_ever() {
    let before = table(&[REGIONS, HOMES, SERVICES]);
    for after in [
        // More rules behind them, as those of a list or of none.
        table(&[REGIONS, HOMES, "  - countries: [US]\n    region: a\n", SERVICES]),
        table(&[REGIONS, HOMES, "    region: a\n", SERVICES]),
        table(&[REGIONS, HOMES, "\t\n", SERVICES, "\t- a"]),
        table(&[REGIONS, HOMES, "- otherwise: a\n", SERVICES]),
        // Twice.
        table(&[REGIONS, HOMES, HOMES, SERVICES]),
        table(&[REGIONS, HOMES, SERVICES, "homes: [{otherwise: a}]\n"]),
        // Inside of something that is open, or in a second document.
        table(&[REGIONS, "note: '\n", HOMES, "'\n", SERVICES]),
        table(&[REGIONS, "note: |\n", HOMES, SERVICES]),
        table(&[REGIONS, "note: [\n", HOMES, "]\n", SERVICES]),
        table(&[REGIONS, SERVICES, "---\n", HOMES]),
        table(&[REGIONS, SERVICES, "...\n", HOMES]),
        // Regions that they need.
        table(&[&REGIONS.replace("  b: {}\n", ""), HOMES, &SERVICES.replace(", b: [127.0.0.1:2]", "")]),
        table(&[&REGIONS.replace("{location: {latitude: 1, longitude: 2}}", "{}"), HOMES, SERVICES]),
        // Elsewhere.
        table(&[REGIONS, HOMES, SERVICES, "drains: [{region: c}]\n"]),
        table(&[REGIONS, HOMES, SERVICES, "colour: blue\n"]),
    ] {
        assert!(read_routing(&Source::new("routing.yaml", after.as_str()), now()).is_err(), "{after}");
        assert!(!are_kept(&before, &after), "{after}");
    }
}

/// Both regions are well, and everybody is in the north-east.
struct World;

impl FleetView for World {
    fn local_region(&self) -> RegionId {
        RegionId::at(0).unwrap()
    }

    fn is_healthy(&self, _: ServiceId, _: RegionId) -> bool {
        true
    }

    fn is_over_capacity(&self, _: RegionId) -> bool {
        false
    }
}

impl PlaceFinder for World {
    fn place_of(&self, _: IpAddr) -> Place {
        Place { location: Location::new(50.0, 8.0).ok(), ..Place::default() }
    }
}

/// The regions that serve a visitor of a network and one of none.
fn served(table: &RoutingTable) -> [&str; 2] {
    ["203.0.113.9", "198.51.100.1"].map(|client| {
        let client = client.parse().unwrap();
        let facts = RequestFacts {
            host: "s.example.com",
            path: "/",
            client,
            cookies: &[],
            headers: &[],
            arrival: Arrival::Client,
            now: now(),
        };
        let decision = decide(table, &facts, &World, &World).unwrap();
        table.region_name(decision.region().unwrap())
    })
}

#[test]
fn a_table_that_shares_its_rules_with_the_one_before_decides_by_its_own_drains_and_regions() {
    let mut reader = RoutingReader::default();
    let regions = REGIONS.replace("b: {}", "b: {location: {latitude: 3, longitude: 4}}");
    let mut read = |drains: &str| {
        let text = table(&[&regions, HOMES, SERVICES, drains]);
        reader.read(&Source::new("routing.yaml", text), now()).unwrap()
    };
    let first = RoutingTable::new(read(""));
    assert_eq!(served(&first), ["b", "b"]);
    let second = RoutingTable::after(&first, read("drains: [{region: b, sessions: move}]\n"));
    assert_eq!(served(&second), ["a", "a"]);
    assert_eq!(served(&first), ["b", "b"]);
    let third = RoutingTable::after(&second, read(""));
    assert_eq!(served(&third), ["b", "b"]);

    let mut elsewhere = third.parts().clone();
    elsewhere.regions[0].location = Location::new(40.0, 8.0).ok();
    assert!(Arc::ptr_eq(&elsewhere.homes, &first.parts().homes));
    assert_eq!(served(&RoutingTable::after(&third, elsewhere)), ["b", "a"]);
}
