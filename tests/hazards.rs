//! What speaks against a drain before it is put on.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by a panic")]

use homeward::config::{Source, read_routing};
use homeward::model::{Drain, RegionId, ServiceId, Timestamp};
use homeward::routing::{Hazard, RoutingTable, hazards};

const TABLE: &str = "
version: 1
regions: {a: {}, b: {}, c: {}}
homes: [{otherwise: a}]
services:
  everywhere: {hosts: [x.example], pools: {a: ['127.0.0.1:1'], b: ['127.0.0.1:1'], c: ['127.0.0.1:1']}}
  shop: {hosts: [y.example], pools: {a: ['127.0.0.1:1'], b: ['127.0.0.1:1']}}
drains:
";

fn now() -> Timestamp {
    "2026-11-22T04:30:00Z".parse().unwrap()
}

fn table(drains: &str) -> RoutingTable {
    let text = if drains.is_empty() { TABLE.replace("drains:\n", "") } else { format!("{TABLE}{drains}") };
    match read_routing(&Source::new("routing.yaml", text), now()) {
        Ok(parts) => RoutingTable::new(parts),
        Err(problems) => panic!("{}", problems.render(false)),
    }
}

fn words(table: &RoutingTable, drain: &Drain, sick: &[(&str, &str)]) -> Vec<String> {
    let is_healthy = |service: ServiceId, region: RegionId| {
        let pair = (table.service_name(service).unwrap().as_str(), table.region_name(region));
        !sick.contains(&pair)
    };
    let word = |hazard| match hazard {
        Hazard::EndsInThePast => "past".to_owned(),
        Hazard::LastHealthyRegion { service } => format!("last for {}", table.service_name(service).unwrap()),
        Hazard::SameRegion { drain } => format!("same {drain}"),
        Hazard::AnotherRegion { drain } => format!("another {drain}"),
        Hazard::OverCapacity { .. } => "capacity".to_owned(),
    };
    hazards(table, drain, is_healthy, now()).into_iter().map(word).collect()
}

#[test]
fn what_would_hurt_is_found() {
    let drain = |table: &RoutingTable, region: &str| Drain::of(table.region_id(region).unwrap());
    let none: [&str; 0] = [];
    let quiet = table("");
    assert_eq!(words(&quiet, &drain(&quiet, "a"), &[]), none);
    assert_eq!(words(&quiet, &drain(&quiet, "a"), &[("shop", "b")]), ["last for shop"]);
    assert_eq!(words(&quiet, &drain(&quiet, "c"), &[("shop", "a"), ("shop", "b")]), none, "it has no shop to lose");
    let third = Drain { share: "30%".parse().unwrap(), ..drain(&quiet, "a") };
    assert_eq!(words(&quiet, &third, &[("shop", "b")]), none, "it goes on to serve a part");
    let past = Drain { until: Some(now()), ..drain(&quiet, "a") };
    assert_eq!(words(&quiet, &past, &[]), ["past"]);

    let busy = table("  - {region: b}\n");
    assert_eq!(words(&busy, &drain(&busy, "a"), &[]), ["another 0", "last for shop"]);
    assert_eq!(words(&busy, &drain(&busy, "b"), &[]), ["same 0"]);
    assert_eq!(words(&busy, &drain(&busy, "c"), &[("everywhere", "a")]), ["another 0", "last for everywhere"]);
}

#[test]
fn drains_that_never_meet_are_none_of_each_others_business() {
    let table = table(
        "  - {region: b, since: 2026-11-22T01:00:00Z, until: 2026-11-22T04:00:00Z}\n  \
             - {region: b, since: 2026-11-22T08:00:00Z}\n",
    );
    let drain = |until: &str| Drain { until: until.parse().ok(), ..Drain::of(RegionId::at(0).unwrap()) };
    assert!(words(&table, &drain("2026-11-22T08:00:00Z"), &[]).is_empty());
    assert_eq!(words(&table, &drain("2026-11-22T08:00:01Z"), &[]), ["another 1", "last for shop"]);
}
