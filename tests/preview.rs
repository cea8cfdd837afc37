//! What a preview says of a change: who is moved, from where to where, and what each region would get.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may stop at the first surprise")]

use homeward::config::{Source, read_routing};
use homeward::model::{Place, Timestamp};
use homeward::routing::preview::{Comparison, FleetHealth, Preview, Sample, end_of_ramps};
use homeward::routing::{PlaceFinder, RoutingTable, VisitorNetwork};
use proptest::prelude::*;
use std::net::{IpAddr, Ipv4Addr};

const TABLE: &str = "
version: 1
regions:
  us-east: {session_prefix: east, capacity: 1000/s, failover: [us-central, us-west]}
  us-central: {session_prefix: central, capacity: CENTRAL, failover: [us-east, us-west]}
  us-west: {session_prefix: west, failover: [us-central, us-east]}
homes:
  - networks: [10.1.0.0/16]
    region: us-east
  - networks: [10.2.0.0/16]
    region: us-central
  - countries: [US]
    region: us-west
  - otherwise: us-east
services:
  portal:
    hosts: [portal.example.com]
    session: {cookie: sid}
    pools: {us-east: ['10.0.0.1:80'], us-central: ['10.0.0.2:80'], us-west: ['10.0.0.3:80']}
  shop:
    hosts: [shop.example.com]
    session: {cookie: sid}
    when_home_is_away: refuse
    pools: {us-east: ['10.0.0.1:81'], us-west: ['10.0.0.3:81']}
";

fn now() -> Timestamp {
    "2026-11-22T04:30:00Z".parse().unwrap()
}

fn table(text: &str) -> RoutingTable {
    let text = text.replace("CENTRAL", "1000/s");
    RoutingTable::new(read_routing(&Source::new("routing.yaml", text), now()).unwrap_or_else(|found| panic!("{found}")))
}

/// 10.3.0.0/16 is in the United States; of everything else nothing is known.
struct Places;

impl PlaceFinder for Places {
    fn place_of(&self, address: IpAddr) -> Place {
        let is_us = matches!(address, IpAddr::V4(address) if address.octets()[1] == 3);
        Place { country: is_us.then(|| "US".parse().unwrap()), ..Place::default() }
    }
}

fn sample(block: u8, network: u8, session: Option<&'static str>, per_second: f64) -> Sample<'static> {
    let network = VisitorNetwork::of(IpAddr::V4(Ipv4Addr::new(10, block, network, 9)));
    Sample { service: "portal", network, place: None, session, per_second }
}

/// A hundred new visitors a second of us-west, 50 sessions at home there, 30 at home in us-east; each from 100 networks.
fn usual() -> Vec<Sample<'static>> {
    (0..100)
        .flat_map(|network| {
            [
                sample(3, network, None, 1.0),
                sample(3, network, Some("us-west"), 0.5),
                sample(1, network, Some("us-east"), 0.3),
            ]
        })
        .collect()
}

fn preview_with(today: &RoutingTable, new: &RoutingTable, fleet: &FleetHealth, samples: &[Sample<'_>]) -> Preview {
    let at = end_of_ramps(new, now());
    let comparison = Comparison::new((today, now()), (new, at), fleet).unwrap();
    let inputs: Vec<_> = samples.iter().map(|one| (comparison.input(one, &Places), one.per_second)).collect();
    comparison.preview(&inputs, 60.0, samples.len() as u64, at)
}

fn preview(today: &str, new: &str, samples: &[Sample<'_>]) -> Preview {
    preview_with(&table(today), &table(new), &FleetHealth::well("us-east", false), samples)
}

/// `from to: requests, of them new, at home, orphaned`.
fn lines(preview: &Preview) -> Vec<String> {
    let line = |cell: &homeward::routing::preview::Cell| {
        format!(
            "{} {}: {:.1}, {:.1} {:.1} {:.1}",
            cell.from,
            cell.to,
            cell.requests_per_second,
            cell.new_visitors_per_second,
            cell.sessions_at_home_per_second,
            cell.sessions_orphaned_per_second
        )
    };
    preview.summed().iter().map(line).collect()
}

fn drained(rest: &str) -> String {
    format!("{TABLE}drains:\n  - {{region: us-west, {rest}}}\n")
}

#[test]
fn nothing_changes_where_nothing_is_changed() {
    let preview = preview(TABLE, TABLE, &usual());
    assert_eq!(lines(&preview), ["us-east us-east: 30.0, 0.0 30.0 0.0", "us-west us-west: 150.0, 100.0 50.0 0.0"]);
    assert_eq!((preview.moved_per_second, preview.orphaned_per_second), (0.0, 0.0));
    assert_eq!(preview.requests_per_second, 180.0);
    assert!(!preview.is_over_capacity());
}

#[test]
fn a_drain_moves_whom_it_says() {
    let kept = preview(TABLE, &drained("sessions: keep"), &usual());
    assert_eq!(
        lines(&kept),
        [
            "us-east us-east: 30.0, 0.0 30.0 0.0",
            "us-west us-central: 100.0, 100.0 0.0 0.0",
            "us-west us-west: 50.0, 0.0 50.0 0.0"
        ]
    );
    let moved = preview(TABLE, &drained("sessions: move"), &usual());
    assert_eq!(lines(&moved), ["us-east us-east: 30.0, 0.0 30.0 0.0", "us-west us-central: 150.0, 100.0 0.0 50.0"]);
    assert_eq!((moved.moved_per_second, moved.orphaned_per_second), (150.0, 50.0));
    let central = moved.region("us-central").unwrap();
    assert_eq!((central.today_per_second, central.would_get_per_second, central.gets_per_second), (0.0, 150.0, 150.0));

    // And back: an orphan that was one is none that becomes one, and one that comes home is at home.
    let back = preview(&drained("sessions: move"), TABLE, &usual());
    assert_eq!(lines(&back)[0], "us-east us-east: 30.0, 0.0 30.0 0.0");
    assert_eq!(lines(&back)[1], "us-central us-west: 150.0, 100.0 50.0 0.0");
    let same = preview(&drained("sessions: move"), &drained("sessions: move, share: 0%"), &usual());
    assert_eq!((same.moved_per_second, same.orphaned_per_second), (0.0, 0.0));
}

#[test]
fn a_share_is_seen_at_the_end_of_its_ramp() {
    let ramp = "share: 40%, ramp: 1h, since: 2026-11-22T04:20:00Z";
    let preview = preview(TABLE, &drained(ramp), &usual());
    assert_eq!(preview.at.to_string(), "2026-11-22T05:20:00Z");
    let at_once = preview_of_share("share: 40%");
    assert_eq!(lines(&preview), lines(&at_once));
    let left = preview.region("us-west").unwrap().would_get_per_second;
    assert!((80.0..=100.0).contains(&left), "50 sessions, and about 40 of 100 new visitors: {left}");
    let over = table(&drained("share: 40%, ramp: 1h, since: 2026-11-22T04:20:00Z, until: 2026-11-22T05:00:00Z"));
    assert_eq!(end_of_ramps(&over, now()), now(), "a drain that ends before its ramp does");
}

fn preview_of_share(share: &str) -> Preview {
    preview(TABLE, &drained(share), &usual())
}

#[test]
fn what_is_over_its_capacity_spills_to_the_next() {
    let new = drained("sessions: move").replace("CENTRAL", "60/s");
    let preview = preview(TABLE, &new, &usual());
    let central = preview.region("us-central").unwrap();
    assert_eq!((central.would_get_per_second, central.over_capacity), (150.0, true));
    assert!((central.gets_per_second - 60.0).abs() < 1.0, "{central:?}");
    let east = preview.region("us-east").unwrap();
    assert!((east.gets_per_second - 120.0).abs() < 1.0, "{east:?}");
    assert_eq!(east.would_get_per_second, 30.0);
    let spilt: f64 =
        preview.summed().iter().filter(|cell| cell.from == "us-west").map(|cell| cell.requests_per_second).sum();
    assert!((spilt - 150.0).abs() < 0.01, "nobody is lost: {spilt}");
    assert_eq!(preview.orphaned_per_second, 50.0);

    // Where it spills today too, in the same way, nothing moves.
    let same = preview_with(&table(&new), &table(&new), &FleetHealth::well("us-east", false), &usual());
    assert_eq!(same.moved_per_second, 0.0);
}

#[test]
fn where_every_substitute_is_over_the_first_of_them_serves() {
    let new = drained("sessions: move")
        .replace("CENTRAL", "60/s")
        .replace("1000/s, failover: [us-central", "40/s, failover: [us-central");
    let preview = preview(TABLE, &new, &usual());
    let (east, central) = (preview.region("us-east").unwrap(), preview.region("us-central").unwrap());
    assert!((east.gets_per_second - 40.0).abs() < 1.5, "30 of its own, and 10: {east:?}");
    assert!((central.gets_per_second - 140.0).abs() < 1.5, "{central:?}");
}

#[test]
fn sessions_that_wait_are_served_by_nobody() {
    let shop = |samples: Vec<Sample<'static>>| -> Vec<_> {
        samples.into_iter().map(|one| Sample { service: "shop", ..one }).collect()
    };
    let preview = preview(TABLE, &drained("sessions: move"), &shop(usual()));
    assert_eq!(
        lines(&preview),
        [
            "us-east us-east: 30.0, 0.0 30.0 0.0",
            "us-west us-east: 100.0, 100.0 0.0 0.0",
            "us-west (waits): 50.0, 0.0 0.0 0.0"
        ]
    );
    let without = TABLE.split("  shop:").next().unwrap();
    assert_eq!(lines(&preview_service(without, shop(usual())))[0], "us-east (no service): 30.0, 0.0 0.0 0.0");
}

fn preview_service(new: &str, samples: Vec<Sample<'static>>) -> Preview {
    preview(TABLE, new, &samples)
}

#[test]
fn dead_servers_are_dead_in_both_tables() {
    let dead = FleetHealth {
        dead_pools: [("portal".into(), "us-central".into())].into(),
        ..FleetHealth::well("us-east", false)
    };
    let (today, new) = (table(TABLE), table(&drained("sessions: move")));
    let preview = preview_with(&today, &new, &dead, &usual());
    assert_eq!(lines(&preview)[1], "us-west us-east: 150.0, 100.0 0.0 50.0");
}

#[test]
fn a_session_follows_its_prefix() {
    // us-west is gone, and its sessions are at home in us-central now.
    let gone = TABLE
        .lines()
        .filter(|line| !line.starts_with("  us-west:"))
        .collect::<Vec<_>>()
        .join("\n")
        .replace("us-central: {", "us-central: {retired_prefixes: [west], ")
        .replace(", us-west]", "]")
        .replace("region: us-west", "region: us-central")
        .replace(", us-west: ['10.0.0.3:80']", "")
        .replace(", us-west: ['10.0.0.3:81']", "");
    let heir = preview(TABLE, &gone, &usual());
    assert_eq!(lines(&heir)[1], "us-west us-central: 150.0, 100.0 50.0 0.0");
    assert_eq!(heir.regions.last().unwrap().name, "us-west", "one that is no more is still told");
    // And without an heir they are new visitors whose data is nowhere.
    let lost = preview(TABLE, &gone.replace("retired_prefixes: [west], ", ""), &usual());
    assert_eq!(lines(&lost)[1], "us-west us-central: 150.0, 100.0 0.0 50.0");
    // A region that changes its prefix loses its sessions too, as far as their place leads elsewhere.
    let renamed = TABLE.replace("session_prefix: east", "session_prefix: e");
    let sessions = [sample(2, 1, Some("us-east"), 1.0)];
    assert_eq!(lines(&preview(TABLE, &renamed, &sessions)), ["us-east us-central: 1.0, 0.0 0.0 1.0"]);
}

#[test]
fn an_edge_that_is_not_in_the_table_cannot_look() {
    let table = table(TABLE);
    assert!(Comparison::new((&table, now()), (&table, now()), &FleetHealth::well("eu-west", false)).is_none());
}

#[test]
fn the_form_is_stable() {
    let preview = preview(TABLE, &drained("sessions: move"), &usual());
    let json = serde_json::to_value(&preview).unwrap();
    assert_eq!(
        json["cells"][1],
        serde_json::json!({
            "service": "portal", "from": "us-west", "to": "us-central", "requests_per_second": 150.0,
            "new_visitors_per_second": 100.0, "sessions_at_home_per_second": 0.0, "sessions_orphaned_per_second": 50.0,
        })
    );
    assert_eq!(
        json["regions"][1],
        serde_json::json!({
            "name": "us-central", "capacity_per_second": 1000.0, "today_per_second": 0.0, "would_get_per_second": 150.0,
            "gets_per_second": 150.0, "over_capacity": false,
        })
    );
    assert_eq!(serde_json::from_value::<Preview>(json).unwrap(), preview);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn nobody_is_lost_and_nobody_comes(
        samples in prop::collection::vec((1..4_u8, any::<u8>(), 0..4_usize, 0.01..50.0_f64), 0..60),
        share in 0..100_u8, capacity in 1..500_u32, moves: bool,
    ) {
        let homes = [None, Some("us-east"), Some("us-central"), Some("nowhere")];
        let samples: Vec<_> =
            samples.into_iter().map(|(block, network, home, rate)| sample(block, network, homes[home], rate)).collect();
        let sessions = if moves { "move" } else { "keep" };
        let new = drained(&format!("share: {share}%, sessions: {sessions}")).replace("CENTRAL", &format!("{capacity}/s"));
        let preview = preview(TABLE, &new, &samples);
        let total: f64 = samples.iter().map(|one| one.per_second).sum();
        let sum = |of: fn(&homeward::routing::preview::Cell) -> f64| preview.cells.iter().map(of).sum::<f64>();
        prop_assert!((preview.requests_per_second - total).abs() < 0.01);
        prop_assert!((sum(|cell| cell.requests_per_second) - total).abs() < 0.1);
        for cell in &preview.cells {
            let parts = cell.new_visitors_per_second + cell.sessions_at_home_per_second + cell.sessions_orphaned_per_second;
            prop_assert!(parts <= cell.requests_per_second + 0.01);
        }
        let gets: f64 = preview.regions.iter().map(|region| region.gets_per_second).sum();
        let would: f64 = preview.regions.iter().map(|region| region.would_get_per_second).sum();
        prop_assert!((gets - total).abs() < 0.1 && (would - total).abs() < 0.1);
    }
}
