//! Pools with too few healthy servers, and those that flap.

use super::*;
use crate::model::{FailoverRules, Presence};
use std::time::Duration;

/// A table of one pool, which is away by these rules.
fn table(servers: &[&str], rules: FailoverRules) -> RoutingTable {
    let mut parts = parts_of(&[("portal", "us-east", servers)]);
    parts.services[0].resilience.failover = rules;
    RoutingTable::new(parts)
}

/// A rule of two servers, and holds of an hour from the second fall on.
fn two() -> FailoverRules {
    let hour = Duration::from_hours(1);
    FailoverRules { away_below: "2".parse().unwrap(), back_above: None, hold: hour, longest_hold: hour }
}

fn servers(pool: &PoolState) -> Vec<Arc<Server>> {
    pool.servers().to_vec()
}

#[test]
fn a_pool_with_too_few_healthy_servers_is_away_and_can_still_serve() {
    let fleet = fleet();
    let pools = fleet.pools_for(&table(&["0.0.0.1:80", "0.0.0.2:80", "0.0.0.3:80"], two()), None);
    let pool = only(&pools);
    let all = servers(&pool);
    assert!(texts(&take_down(&fleet, &all[0])).iter().all(|text| text.starts_with("server ")));
    assert_eq!(pool.presence(), Presence::Present);
    let told = texts(&take_down(&fleet, &all[1]));
    assert_eq!(told.last().unwrap(), "portal in us-east has too few healthy servers (1 of 3): others serve");
    assert_eq!(
        (pool.presence(), pool.any_healthy(), pool.status().presence),
        (Presence::TooFew, true, Presence::TooFew)
    );
    let told = texts(&take_down(&fleet, &all[2]));
    assert_eq!(told.last().unwrap(), "portal in us-east has no healthy server");
    assert_eq!(pool.presence(), Presence::NoneHealthy);
    bring_up(&fleet, &all[2]).clear();
    let told = texts(&bring_up(&fleet, &all[1]));
    assert_eq!(told.last().unwrap(), "portal in us-east serves again, with 2 of 3 servers healthy");
    assert_eq!(pool.presence(), Presence::Present);
}

#[test]
fn a_pool_that_flaps_is_held_back_also_by_another_table() {
    let fleet = fleet();
    let pools =
        fleet.pools_for(&table(&["0.0.0.1:80"], FailoverRules { away_below: "1".parse().unwrap(), ..two() }), None);
    let server = servers(&only(&pools)).remove(0);
    take_down(&fleet, &server).clear();
    bring_up(&fleet, &server).clear();
    assert_eq!(only(&pools).presence(), Presence::Present, "a restart keeps nobody away");
    take_down(&fleet, &server).clear();
    let told = texts(&bring_up(&fleet, &server));
    assert!(told.last().unwrap().contains("it has been away several times lately, and is held back for "), "{told:?}");
    assert_eq!((only(&pools).presence(), only(&pools).any_healthy()), (Presence::Flapping, true));
    assert!(fleet.look().is_empty());

    // An edited pool goes on where the older one is.
    let rules = FailoverRules { away_below: "1".parse().unwrap(), ..two() };
    let edited = fleet.pools_for(&table(&["0.0.0.1:80", "0.0.0.2:80"], rules), None);
    assert_eq!(only(&edited).presence(), Presence::Flapping);

    // With other rules it is back, at the next look at the clock at the latest.
    let short = Duration::ZERO;
    let gentle = FailoverRules { hold: short, longest_hold: short, ..FailoverRules::default() };
    let back = fleet.pools_for(&table(&["0.0.0.1:80", "0.0.0.2:80"], gentle), None);
    let told = texts(&fleet.look());
    assert!(told.len() <= 1);
    assert_eq!(only(&back).presence(), Presence::Present, "{told:?}");
}

#[test]
fn a_name_that_resolves_late_was_never_away() {
    let fleet = fleet();
    let pools = fleet.pools_for(&table(&["app.internal:80"], two()), None);
    let name = fleet.names().remove(0);
    assert_eq!(only(&pools).presence(), Presence::NoneHealthy);
    fleet.resolved(&name, ips(&["10.0.0.1"])).clear();
    assert_eq!(only(&pools).presence(), Presence::Present, "a pool of one server needs one");
    // Its first fall is the first.
    fleet.resolved(&name, Vec::new()).clear();
    assert_eq!(only(&pools).presence(), Presence::NoneHealthy);
    fleet.resolved(&name, ips(&["10.0.0.1", "10.0.0.2"])).clear();
    assert_eq!(only(&pools).presence(), Presence::Present);
}
