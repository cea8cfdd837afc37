//! Home rules that stand as they stood are not read again, and nobody can tell but by the time it takes.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by a panic")]

use homeward::config::{RoutingReader, Source, read_routing};
use homeward::model::{Location, Place, RegionId, ServiceId, Timestamp};
use homeward::routing::{Arrival, FleetView, PlaceFinder, RequestFacts, RoutingTable, decide};
use proptest::prelude::*;
use std::cell::Cell;
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
        table(&[REGIONS, &HOMES.replace("of all", "of both"), SERVICES]),
        table(&[REGIONS, &HOMES.replace("  - otherwise", "\n    # the others\n  - otherwise"), SERVICES]),
        table(&[REGIONS, &HOMES.replace("  - ", "- ").replace("    region", "  region"), SERVICES]),
    ] {
        assert!(are_kept(&before, &after), "{after}");
        assert!(are_kept(&after, &before), "{after}");
    }
}

#[test]
fn rules_that_could_mean_something_else_are_read() {
    let before = table(&[REGIONS, HOMES, SERVICES]);
    for after in [
        // One more, one less.
        table(&[
            REGIONS,
            &HOMES.replace("  - otherwise", "  - countries: [US]\n    region: a\n  - otherwise"),
            SERVICES,
        ]),
        table(&[REGIONS, "homes:\n  - otherwise: nearest # of all\n", SERVICES]),
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

thread_local! {
    static RESTS: Cell<usize> = const { Cell::new(0) };
}

/// How often a reader rests with a table, behind one that it knows where there is one.
fn rests(known: Option<&str>, text: &str) -> usize {
    let mut reader = RoutingReader::resting(|| RESTS.set(RESTS.get() + 1));
    for text in known.into_iter().chain([text]) {
        RESTS.set(0);
        let source = Source::new("routing.yaml", text);
        assert_eq!(reader.read(&source, now()).unwrap(), read_routing(&source, now()).unwrap());
    }
    RESTS.get()
}

/// A rule on a network of its own, in one of three ways to write it.
fn rule(nth: usize, region: &str, way: usize) -> String {
    let network = format!("10.{}.{}.0/24", nth / 256, nth % 256);
    match way % 3 {
        0 => format!("  - networks: [{network}]\n    region: {region}\n"),
        1 => format!("  - {{networks: [{network}], region: {region}}}\n"),
        _ => format!("  - region: {region}\n    networks: [\"{network}\"]\n"),
    }
}

#[test]
fn a_reader_rests_and_reads_the_rules_alone_that_are_others() {
    let with = |change: &dyn Fn(usize) -> String| -> String {
        let rules = (0..8_000).map(change).collect::<String>();
        table(&[REGIONS, "homes:\n", &rules, "  - otherwise: a\n", SERVICES])
    };
    // 512 at once where they are plain, 128 where they are read as YAML; besides, their lines are looked for.
    for (way, expected) in [(0, 18..30), (1, 18..30), (2, 65..80)] {
        let plain = with(&|nth| rule(nth, "a", way));
        let all = rests(None, &plain);
        assert!(expected.contains(&all), "{all}");
        let drained = rests(Some(&plain), &(plain.clone() + "drains: [{region: a}]\n"));
        assert!((1..4).contains(&drained), "{drained}: they are compared");
        for changed in [
            with(&|nth| rule(nth, if nth == 7_000 { "b" } else { "a" }, way)),
            with(&|nth| if nth == 7_999 { String::new() } else { rule(nth, "a", way) }),
            with(&|nth| if nth == 0 { rule(30_000, "b", way) } else { String::new() } + &rule(nth, "a", way)),
        ] {
            let one = rests(Some(&plain), &changed);
            assert!((12..30).contains(&one), "{one}: 1,024 at once are taken over");
        }
        let others = rests(Some(&plain), &with(&|nth| rule(nth, "b", way)));
        assert!((expected.start..expected.end + 5).contains(&others), "{others}");
    }
}

/// What may stand among rules, good and bad: the parts of one that only together are one, too.
const ODD: [&str; 18] = [
    "  - {networks: [192.0.2.0/24], region: b}\n",
    "  - networks:\n      - 192.0.2.0/25\n      - 192.0.2.128/25\n    region: b\n",
    "  - networks:\n    - 192.0.2.0/26\n    region: b\n",
    "  -\n    countries: [DE]\n    region: a\r\n",
    "  - countries: [FR]\n    region: |-\n      a\n",
    "      # in it or behind it\n",
    "# a comment\n",
    "\n",
    "  - countries: [ES]\n    region: \"a\\\n  \"\n",
    "  - countries: [\"IT\n",
    "  - \"]\n    region: a\n",
    "  - countries: [PT\n",
    "  - countries: [NL] # \r    region: b\n",
    "  - countries: [AT] #\r  - continents: [EU]\n    region: b\n",
    "  - otherwise: b\n",
    "    region: b\n",
    "- countries: [CA]\n  region: a\n",
    "...\n",
];

#[derive(Debug, Clone)]
enum Edit {
    Put(usize, usize, usize),
    Take(usize),
    PutOdd(usize, usize),
    Other(usize),
}

fn edit() -> impl Strategy<Value = Edit> {
    let (at, number) = (0..400_usize, 0..600_usize);
    prop_oneof![
        3 => (at.clone(), number, 0..3_usize).prop_map(|(at, number, way)| Edit::Put(at, number, way)),
        3 => at.clone().prop_map(Edit::Take),
        2 => (at.clone(), 0..ODD.len()).prop_map(|(at, odd)| Edit::PutOdd(at, odd)),
        3 => at.prop_map(Edit::Other),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(96) })]

    /// Rules come, go and change among hundreds: who knows the ones before reads what somebody reads who knows nothing.
    #[test]
    fn rules_edited_one_after_the_other(
        edits in proptest::collection::vec(proptest::collection::vec(edit(), 1..4), 1..8),
    ) {
        let mut rules: Vec<String> = (0..300).map(|nth| rule(nth, "a", nth / 50)).collect();
        let (mut reader, mut known) = (RoutingReader::default(), rules.clone());
        for edits in edits {
            for edit in edits {
                match edit {
                    Edit::Put(at, number, way) => rules.insert(at % (rules.len() + 1), rule(number, "b", way)),
                    Edit::Take(at) => _ = rules.remove(at % rules.len()),
                    Edit::PutOdd(at, odd) => rules.insert(at % (rules.len() + 1), ODD[odd].to_owned()),
                    Edit::Other(at) => {
                        let at = at % rules.len();
                        rules[at] = rules[at].replace("region: a", "region: b");
                    }
                }
            }
            let text = table(&[REGIONS, "homes:\n", &rules.concat(), "  - otherwise: a\n", SERVICES]);
            let source = Source::new("routing.yaml", text);
            let read = reader.read(&source, now());
            prop_assert_eq!(&read, &read_routing(&source, now()), "{}", source.text);
            // What is bad is not built on.
            match read {
                Ok(_) => known.clone_from(&rules),
                Err(_) => rules.clone_from(&known),
            }
        }
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
    let second = RoutingTable::after(Some(&first), read("drains: [{region: b, sessions: move}]\n"), || ());
    assert_eq!(served(&second), ["a", "a"]);
    assert_eq!(served(&first), ["b", "b"]);
    let third = RoutingTable::after(Some(&second), read(""), || ());
    assert_eq!(served(&third), ["b", "b"]);

    let mut elsewhere = third.parts().clone();
    elsewhere.regions[0].location = Location::new(40.0, 8.0).ok();
    assert!(Arc::ptr_eq(&elsewhere.homes, &first.parts().homes));
    assert_eq!(served(&RoutingTable::after(Some(&third), elsewhere, || ())), ["b", "a"]);
}
