//! The fleet under tables that come and go, and tables made by hand for it and its users.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod balance;
mod health;
mod presence;

use super::*;
use crate::model::{Balancing, HealthRules, Https, Pool, RegionId, Service, ServiceId};
use crate::routing::{HomeCondition, HomeRule, HomeTarget, Region, TableParts};
use proptest::prelude::*;
use std::sync::atomic::{AtomicBool, Ordering};

const REGIONS: [&str; 3] = ["us-east", "us-central", "us-west"];

/// A table with these pools: service, region (`us-east`, `us-central` or `us-west`) and servers.
pub(crate) fn table_of(pools: &[(&str, &str, &[&str])]) -> RoutingTable {
    RoutingTable::new(parts_of(pools))
}

/// The same, whose services say this of their health.
pub(crate) fn table_with(pools: &[(&str, &str, &[&str])], health: &HealthRules) -> RoutingTable {
    let mut parts = parts_of(pools);
    parts.services.iter_mut().for_each(|service| service.resilience.health = health.clone());
    RoutingTable::new(parts)
}

/// The same with pools that are made already.
pub(crate) fn table_of_pools(pools: &[(&str, &str, Pool)]) -> RoutingTable {
    RoutingTable::new(parts_of_pools(pools))
}

fn parts_of(pools: &[(&str, &str, &[&str])]) -> TableParts {
    let pool = |servers: &[&str]| Pool {
        servers: servers.iter().map(|server| server.parse().unwrap()).collect(),
        tls: None,
        http2: false,
        proxy_protocol: None,
        health: None,
    };
    let pools: Vec<_> = pools.iter().map(|(service, region, servers)| (*service, *region, pool(servers))).collect();
    parts_of_pools(&pools)
}

fn parts_of_pools(pools: &[(&str, &str, Pool)]) -> TableParts {
    let regions = REGIONS.map(|name| Region::named(name.parse().unwrap(), name.parse().unwrap()));
    let mut services: Vec<Service> = Vec::new();
    for (service, region, pool) in pools {
        let pool = pool.clone();
        let region = REGIONS.iter().position(|name| name == region).and_then(RegionId::at).unwrap();
        match services.iter_mut().find(|known| known.name.as_str() == *service) {
            Some(known) => known.pools.push((region, pool)),
            None => services.push(Service {
                name: service.parse().unwrap(),
                hosts: vec![format!("{service}.example.com").parse().unwrap()],
                paths: vec!["/".parse().unwrap()],
                session: None,
                when_home_is_away: Default::default(),
                balance: Default::default(),
                timeouts: Default::default(),
                resilience: Default::default(),
                largest_body: None,
                https: Https::default(),
                rate_limit: None,
                clients: None,
                methods: None,
                pools: vec![(region, pool)],
            }),
        }
    }
    let home = HomeTarget::Region(RegionId::at(0).unwrap());
    let homes = vec![HomeRule { condition: HomeCondition::Otherwise, target: home }];
    TableParts { regions: regions.into(), homes: Arc::new(homes.into()), services, ..TableParts::default() }
}

fn fleet() -> Fleet {
    Fleet::default()
}

fn only(pools: &Pools) -> Arc<PoolState> {
    let all: Vec<_> = pools.iter().collect();
    assert_eq!(all.len(), 1);
    Arc::clone(all[0])
}

fn addresses(pool: &PoolState) -> Vec<String> {
    pool.servers().iter().map(|server| server.address().to_string()).collect()
}

fn texts(transitions: &[Transition]) -> Vec<String> {
    transitions.iter().map(ToString::to_string).collect()
}

fn take_down(fleet: &Fleet, server: &Arc<Server>) -> Vec<Transition> {
    (0..2).flat_map(|_| fleet.observe(server, Observation::Unreachable)).collect()
}

fn bring_up(fleet: &Fleet, server: &Arc<Server>) -> Vec<Transition> {
    (0..2).flat_map(|_| fleet.observe(server, Observation::Reached)).collect()
}

fn ips(texts: &[&str]) -> Vec<IpAddr> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

fn stored(fleet: &Fleet) -> (usize, usize, usize) {
    let store = fleet.store();
    (store.servers.len(), store.names.len(), store.pools.values().map(Vec::len).sum())
}

#[test]
fn pools_stand_where_their_ids_say() {
    let fleet = fleet();
    let table = table_of(&[
        ("portal", "us-east", &["10.0.0.1:80"]),
        ("portal", "us-west", &["10.0.2.1:80"]),
        ("shop", "us-central", &["10.0.1.1:80"]),
    ]);
    let pools = fleet.pools_for(&table, None);
    let at = |service, region| {
        let pool = pools.get(ServiceId::at(service).unwrap(), RegionId::at(region).unwrap());
        pool.map(|pool| (pool.purpose().to_string(), pool.region().to_string()))
    };
    assert_eq!(at(0, 0), Some(("portal".into(), "us-east".into())));
    assert_eq!(at(0, 1), None);
    assert_eq!(at(0, 2), Some(("portal".into(), "us-west".into())));
    assert_eq!(at(1, 1), Some(("shop".into(), "us-central".into())));
    assert_eq!(at(1, 0), None);
    assert_eq!(at(0, 3), None, "a region of another table is not the next service's first");
    assert_eq!(at(2, 0), None);
}

#[test]
fn turns_are_even_also_beside_an_unhealthy_server() {
    let fleet = fleet();
    let servers = ["10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80", "10.0.0.4:80"];
    let pools = fleet.pools_for(&table_of(&[("portal", "us-east", &servers)]), None);
    let pool = only(&pools);
    let count = |rounds: usize| {
        let picked: Vec<_> =
            (0..rounds).map(|_| pool.pick(&Balancing::default(), None, &[]).unwrap().address().to_string()).collect();
        servers.map(|server| picked.iter().filter(|address| *address == server).count())
    };
    assert_eq!(count(400), [100; 4]);
    take_down(&fleet, &pool.servers()[1]);
    assert_eq!(count(300), [100, 0, 100, 100]);
}

#[test]
fn a_pick_is_healthy_and_untried_as_far_as_there_is_one() {
    let fleet = fleet();
    let pools =
        fleet.pools_for(&table_of(&[("portal", "us-east", &["10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80"])]), None);
    let pool = only(&pools);
    let servers = pool.servers();
    take_down(&fleet, &servers[0]);
    let [first, second, third] = [0, 1, 2].map(|at| servers[at].address());
    assert_eq!(pool.pick(&Balancing::default(), None, &[second]).unwrap().address(), third);
    assert_eq!(pool.pick(&Balancing::default(), None, &[second, third]).unwrap().address(), first, "better than none");
    assert!(pool.pick(&Balancing::default(), None, &[first, second, third]).is_none());
    take_down(&fleet, &servers[1]);
    take_down(&fleet, &servers[2]);
    assert!(!pool.any_healthy());
    assert!(
        pool.pick(&Balancing::default(), None, &[]).is_some(),
        "a request that is here came before the last one fell"
    );
}

#[test]
fn picking_and_seeing_the_usual_allocate_nothing() {
    let fleet = fleet();
    let pools = fleet.pools_for(&table_of(&[("portal", "us-east", &["10.0.0.1:80", "10.0.0.2:80"])]), None);
    let pool = only(&pools);
    let tried = [pool.servers()[0].address()];
    let request = || {
        let server = pool.pick(&Balancing::default(), None, &tried).unwrap();
        let active = server.begin();
        assert!(fleet.observe(&server, Observation::Reached).is_empty());
        assert_eq!(active.server().active(), 1);
    };
    request(); // arc-swap makes a thread's own slots on its first load
    let counted = allocation_counter::measure(|| (0..100).for_each(|_| request()));
    assert_eq!(counted.count_total, 0);
    assert_eq!(pool.servers()[1].active(), 0, "every request ended");
}

#[test]
fn transitions_are_told_once_by_the_call_that_caused_them() {
    let fleet = fleet();
    let pools = fleet.pools_for(&table_of(&[("portal", "us-east", &["10.0.0.1:80", "10.0.0.2:80"])]), None);
    let pool = only(&pools);
    let servers = pool.servers();
    assert_eq!(pool.healthy(), 2);
    assert!(fleet.observe(&servers[0], Observation::Reached).is_empty(), "it counted as healthy before");
    let told = take_down(&fleet, &servers[0]);
    assert_eq!(texts(&told), ["server 10.0.0.1:80 of portal in us-east is unhealthy"]);
    assert!(take_down(&fleet, &servers[0]).is_empty());
    let told = fleet.observe(&servers[1], Observation::Unreachable); // never seen up: at once
    let lost = ["server 10.0.0.2:80 of portal in us-east is unhealthy", "portal in us-east has no healthy server"];
    assert_eq!(texts(&told), lost);
    assert!(!pool.any_healthy());
    let told = bring_up(&fleet, &servers[1]);
    let back = ["server 10.0.0.2:80 of portal in us-east is healthy", "portal in us-east has a healthy server again"];
    assert_eq!(texts(&told), back);
    assert_eq!(pool.healthy(), 1);
}

#[test]
fn health_survives_a_new_table_and_an_edited_pool() {
    let fleet = fleet();
    let old = fleet.pools_for(&table_of(&[("portal", "us-east", &["10.0.0.1:80", "10.0.0.2:80"])]), None);
    take_down(&fleet, &only(&old).servers()[0]);
    let same = fleet.pools_for(&table_of(&[("portal", "us-east", &["10.0.0.1:80", "10.0.0.2:80"])]), None);
    assert!(Arc::ptr_eq(&only(&old), &only(&same)), "an unchanged pool goes on, turns and all");
    let edited = fleet.pools_for(
        &table_of(&[("portal", "us-west", &["10.0.0.1:80"]), ("portal", "us-east", &["10.0.0.3:80", "10.0.0.1:80"])]),
        None,
    );
    let healthy: Vec<_> = edited.iter().map(|pool| pool.healthy()).collect();
    assert_eq!(healthy, [1, 1], "known as unhealthy in us-east; another server in us-west, at the same address");
    // A request of the old table still tells the new one what it sees, and the old pool is silent.
    let in_both = only(&old).servers()[0].clone();
    assert_eq!(texts(&bring_up(&fleet, &in_both)), ["server 10.0.0.1:80 of portal in us-east is healthy"]);
    assert_eq!(only(&old).healthy(), 2);
    assert_eq!(edited.iter().map(|pool| pool.healthy()).collect::<Vec<_>>(), [2, 1]);
    let told = take_down(&fleet, &only(&old).servers()[1]);
    take_down(&fleet, &in_both);
    assert!(!only(&old).any_healthy());
    assert_eq!(told.len(), 1, "no word of the pool that the newest table does not have");
}

#[test]
fn what_nothing_uses_is_forgotten() {
    let fleet = fleet();
    let old = fleet.pools_for(&table_of(&[("portal", "us-east", &["10.0.0.1:80", "app.internal:80"])]), None);
    take_down(&fleet, &only(&old).servers()[0]);
    assert_eq!(stored(&fleet), (1, 1, 1));
    let request = only(&old).servers()[0].begin();
    drop(old);
    let new = fleet.pools_for(&table_of(&[("portal", "us-east", &["10.0.0.9:80"])]), None);
    assert_eq!(stored(&fleet), (2, 0, 1), "a request still uses the old server");
    assert_eq!(fleet.servers().len(), 1, "but nobody has to probe it");
    assert!(fleet.names().is_empty());
    drop(request);
    drop(new);
    let back = fleet.pools_for(&table_of(&[("portal", "us-east", &["10.0.0.1:80"])]), None);
    assert_eq!(stored(&fleet), (1, 0, 1));
    assert!(only(&back).any_healthy(), "it is a new server");
}

#[test]
fn names_give_servers_when_they_are_resolved() {
    let fleet = fleet();
    let pools = fleet.pools_for(&table_of(&[("portal", "us-east", &["app.internal:80", "app.internal:81"])]), None);
    let pool = only(&pools);
    assert!(!pool.any_healthy() && pool.pick(&Balancing::default(), None, &[]).is_none());
    let names = fleet.names();
    assert_eq!(names.iter().map(|name| name.text()).collect::<Vec<_>>(), ["app.internal"]);
    let mut targets = fleet.targets_changed();
    targets.mark_unchanged();

    let told = fleet.resolved(&names[0], ips(&["10.0.0.2", "10.0.0.1"]));
    assert_eq!(texts(&told), ["portal in us-east has a healthy server again"]);
    assert_eq!(addresses(&pool), ["10.0.0.1:80", "10.0.0.2:80", "10.0.0.1:81", "10.0.0.2:81"]);
    assert!(targets.has_changed().unwrap(), "there is something to probe");
    targets.mark_unchanged();
    take_down(&fleet, &pool.servers()[0]);

    assert!(fleet.resolved(&names[0], ips(&["10.0.0.1", "10.0.0.2", "10.0.0.1"])).is_empty());
    assert!(!targets.has_changed().unwrap(), "the same answer in another order is no change");
    let before = pool.servers();
    let request = before[1].begin();
    fleet.resolved(&names[0], ips(&["10.0.0.3", "10.0.0.1"])).clear();
    assert_eq!(addresses(&pool), ["10.0.0.1:80", "10.0.0.3:80", "10.0.0.1:81", "10.0.0.3:81"]);
    assert_eq!(pool.healthy(), 3, "what was known of a server that stays is still known");
    assert_eq!(request.server().address().to_string(), "10.0.0.2:80", "a request in flight keeps its server");

    let told = fleet.resolved(&names[0], Vec::new());
    assert_eq!(texts(&told), ["portal in us-east has no healthy server"]);
    let many = (0..200_u32).map(|n| IpAddr::V4(n.into())).collect();
    fleet.resolved(&names[0], many).clear();
    assert_eq!(pool.servers().len(), 2 * 64);
    assert_eq!(pool.healthy(), 2 * 64);
}

#[test]
fn a_failing_name_keeps_its_answer_and_says_why() {
    let fleet = fleet();
    let pools = fleet.pools_for(&table_of(&[("portal", "us-east", &["app.internal:80", "10.0.0.9:80"])]), None);
    let name = fleet.names().remove(0);
    fleet.resolved(&name, ips(&["10.0.0.1"])).clear();
    fleet.unresolved(&name, &format!("refused {}", "ü".repeat(500)));
    let since = pools.status()[0].names[0].failing_since.unwrap();
    fleet.unresolved(&name, "refused");
    let status = pools.status().remove(0);
    assert_eq!((status.healthy, status.servers.len()), (2, 2));
    let shown = serde_json::to_value(&status.names).unwrap();
    let expected = serde_json::json!([
        {"name": "app.internal", "addresses": 1, "last_error": "refused", "failing_since": since.to_string()}
    ]);
    assert_eq!(shown, expected);
    fleet.resolved(&name, ips(&["10.0.0.1"])).clear();
    assert_eq!(pools.status()[0].names[0].last_error, None);
}

#[tokio::test]
async fn a_table_is_settled_once_everything_was_asked_and_tried() {
    let fleet = fleet();
    let pools = fleet.pools_for(&table_of(&[("portal", "us-east", &["app.internal:80", "10.0.0.9:80"])]), None);
    let (name, listed) = (fleet.names().remove(0), only(&pools).servers()[0].clone());
    let steps = async {
        assert!(!pools.is_settled());
        fleet.observe(&listed, Observation::Reached).clear();
        tokio::task::yield_now().await;
        assert!(!pools.is_settled());
        fleet.resolved(&name, ips(&["10.0.0.1"])).clear();
        tokio::task::yield_now().await;
        assert!(!pools.is_settled(), "the name gave a server that was not tried yet");
        fleet.observe(&only(&pools).servers()[0], Observation::Unreachable).clear();
    };
    tokio::join!(pools.settled(), steps);
    assert!(pools.is_settled());
    fleet.pools_for(&table_of(&[("portal", "us-east", &["app.internal:80"])]), None).settled().await; // nothing is new
}

/// Tables change in one thread while others make requests and a name moves: nothing piles up, no count goes wrong.
#[test]
fn a_storm_of_tables_leaves_nothing_behind() {
    let fleet = fleet();
    let tables: Vec<_> = (0..10)
        .map(|n| {
            let (own, shared) = (format!("10.1.{n}.1:80"), format!("10.2.{}.1:80", n % 3));
            let name = format!("app{}.internal:80", n % 4);
            table_of(&[("portal", "us-east", &[&own, &shared, &name]), ("shop", "us-west", &["10.3.0.1:80", &name])])
        })
        .collect();
    let current = arc_swap::ArcSwap::from_pointee(fleet.pools_for(&tables[0], None));
    let stop = AtomicBool::new(false);
    let mut largest = (0, 0, 0);
    std::thread::scope(|scope| {
        for thread in 0..3_u64 {
            let (fleet, current, stop) = (&fleet, &current, &stop);
            scope.spawn(move || {
                let mut turn = thread;
                while !stop.load(Ordering::Relaxed) {
                    turn = turn.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(thread);
                    let pools = current.load_full();
                    for pool in pools.iter() {
                        let Some(server) = pool.pick(&Balancing::default(), None, &[]) else { continue };
                        let _active = server.begin();
                        let up = (turn >> 33).is_multiple_of(2);
                        fleet
                            .observe(&server, if up { Observation::Reached } else { Observation::Unreachable })
                            .clear();
                    }
                    for name in fleet.names() {
                        fleet.resolved(&name, vec![IpAddr::V4(((turn >> 40) as u32 % 5).into())]).clear();
                    }
                }
            });
        }
        for reload in 0..1000 {
            current.store(Arc::new(fleet.pools_for(&tables[reload % tables.len()], None)));
            let (servers, names, pools) = stored(&fleet);
            largest = (largest.0.max(servers), largest.1.max(names), largest.2.max(pools));
        }
        stop.store(true, Ordering::Relaxed);
    });
    assert!(largest.0 <= 40 && largest.1 <= 8 && largest.2 <= 12, "{largest:?}");
    drop(current);
    let last = fleet.pools_for(&tables[3], None);
    for pool in last.iter() {
        let servers = pool.servers();
        assert_eq!(pool.healthy(), servers.iter().filter(|server| server.is_healthy()).count());
        assert!(servers.iter().all(|server| server.active() == 0));
    }
    let (servers, names, pools) = stored(&fleet);
    assert!(servers <= 5 && names == 1 && pools == 2, "{:?}", (servers, names, pools));
}

#[derive(Debug, Clone)]
enum Event {
    Table(usize),
    Seen(usize, Observation),
    Dns(Vec<u32>),
    NoDns,
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let seen = prop_oneof![Just(Observation::Reached), Just(Observation::Unreachable)];
    let event = prop_oneof![
        1 => (0_usize..3).prop_map(Event::Table),
        4 => (0_usize..8, seen).prop_map(|(server, seen)| Event::Seen(server, seen)),
        1 => prop::collection::vec(1_u32..6, 0..4).prop_map(Event::Dns),
        1 => Just(Event::NoDns),
    ];
    prop::collection::vec(event, 0..80)
}

proptest! {
    #[test]
    fn counts_picks_and_transitions_agree_with_the_servers(events in events()) {
        let fleet = fleet();
        let tables = [
            table_of(&[("portal", "us-east", &["0.0.0.1:80", "0.0.0.2:80", "app.internal:80"])]),
            table_of(&[("portal", "us-east", &["app.internal:80"])]),
            table_of(&[("portal", "us-east", &["0.0.0.3:80"]), ("shop", "us-east", &["app.internal:80"])]),
        ];
        let mut pools = fleet.pools_for(&tables[0], None);
        for event in events {
            let before: Vec<_> = pools.iter().map(|pool| (Arc::clone(pool), pool.any_healthy())).collect();
            let told = match event {
                Event::Table(at) => {
                    pools = fleet.pools_for(&tables[at], None);
                    continue;
                }
                Event::Seen(at, seen) => {
                    let all: Vec<_> = pools.iter().flat_map(|pool| pool.servers().to_vec()).collect();
                    all.get(at).map(|server| fleet.observe(server, seen)).unwrap_or_default()
                }
                Event::Dns(answer) => {
                    let answer = answer.into_iter().map(|n| IpAddr::V4(n.into())).collect();
                    fleet.names().first().map(|name| fleet.resolved(name, answer)).unwrap_or_default()
                }
                Event::NoDns => {
                    fleet.names().iter().for_each(|name| fleet.unresolved(name, "silence"));
                    Vec::new()
                }
            };
            for (pool, had) in before {
                let servers = pool.servers();
                let healthy = servers.iter().filter(|server| server.is_healthy()).count();
                prop_assert_eq!(pool.healthy(), healthy);
                prop_assert_eq!(pool.any_healthy(), pool.pick(&Balancing::default(), None, &[]).is_some_and(|server| server.is_healthy()));
                let tells = told.iter().filter(|told| matches!(told, Transition::Pool { pool: of, .. } if Arc::ptr_eq(of, &pool)));
                prop_assert_eq!(tells.count(), usize::from(had != pool.any_healthy()));
            }
        }
    }
}
