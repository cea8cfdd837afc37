//! Pools that choose by key and by weight, and servers that start slowly.

use super::*;
use crate::balance::KeyHash;
use crate::model::Balance;
use std::time::Duration;

const THREE: [&str; 3] = ["10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80"];

fn by(by: Balance) -> Balancing {
    Balancing { by, ..Balancing::default() }
}

/// Turns, with a slow start that does not end during a test.
fn slowly() -> Balancing {
    Balancing { slow_start: Duration::from_hours(24), ..Balancing::default() }
}

fn portal(servers: &[&str]) -> RoutingTable {
    table_of(&[("portal", "us-east", servers)])
}

/// How many of 2,100 requests each server gets, in hundreds.
fn hundreds(pool: &PoolState, balancing: &Balancing) -> Vec<usize> {
    let picked: Vec<_> = (0..2100).map(|_| pool.pick(balancing, None, &[]).unwrap().address()).collect();
    let count = |server: &Arc<Server>| picked.iter().filter(|picked| **picked == server.address()).count();
    pool.servers().iter().map(|server| (count(server) + 50) / 100).collect()
}

#[test]
fn a_key_stays_and_goes_on_in_its_order_where_attempts_failed() {
    let fleet = fleet();
    let pools = fleet.pools_for(&portal(&THREE), None);
    let pool = only(&pools);
    for number in 0..20_u8 {
        let key = Some(KeyHash::of_bytes(&[number]));
        let pick = |tried: &[_]| pool.pick(&by(Balance::Session), key, tried).map(|server| server.address());
        let first = pick(&[]).unwrap();
        assert_eq!(pick(&[]), Some(first));
        let second = pick(&[first]).unwrap();
        let third = pick(&[first, second]).unwrap();
        assert!(first != second && first != third && second != third);
        assert_eq!(pick(&[second]), Some(first), "its own server, whichever others failed");
        assert_eq!(pick(&[first, second, third]), None);
    }
}

#[test]
fn a_key_is_back_with_its_server_and_choosing_allocates_nothing() {
    let fleet = fleet();
    let pools = fleet.pools_for(&portal(&THREE), None);
    let pool = only(&pools);
    let key = Some(KeyHash::of_bytes(b"east-1"));
    let pick = || pool.pick(&by(Balance::Session), key, &[]).unwrap();
    let own = pick();
    take_down(&fleet, &own);
    let other = pick();
    assert_ne!(other.address(), own.address());
    bring_up(&fleet, &own);
    let slow = Balancing { by: Balance::Session, ..slowly() };
    let counted = allocation_counter::measure(|| {
        assert!(Arc::ptr_eq(&pick(), &own));
        assert!(pool.pick(&slow, key, &[]).is_some());
    });
    assert_eq!(counted.count_total, 0);
}

#[test]
fn a_busy_server_is_gone_past_for_a_while() {
    let fleet = fleet();
    let pools = fleet.pools_for(&portal(&THREE), None);
    let pool = only(&pools);
    let key = Some(KeyHash::of_bytes(b"east-1"));
    let pick = || pool.pick(&by(Balance::Session), key, &[]).unwrap();
    let own = pick();
    let mut active: Vec<_> = (0..8).map(|_| pick().begin()).collect();
    assert!(active.iter().all(|request| Arc::ptr_eq(request.server(), &own)), "what one browser asks for at once");
    active.push(pick().begin());
    assert!(!Arc::ptr_eq(active[8].server(), &own), "all the load of the pool on one of three servers is too much");
    drop(active);
    assert!(Arc::ptr_eq(&pick(), &own));
    let busy = own.begin();
    let least = pool.pick(&by(Balance::LeastRequests), key, &[]).unwrap();
    assert!(!Arc::ptr_eq(&least, busy.server()));
}

#[test]
fn weights_are_the_tables() {
    let fleet = fleet();
    let weighted = |weights: [u16; 3]| {
        let mut parts = parts_of(&[("portal", "us-east", &THREE)]);
        let servers = parts.services[0].pools[0].1.servers.iter_mut();
        servers.zip(weights).for_each(|(server, weight)| server.weight = weight.try_into().unwrap());
        RoutingTable::new(parts)
    };
    let pools = fleet.pools_for(&weighted([4, 2, 1]), None);
    assert_eq!(hundreds(&only(&pools), &Balancing::default()), [12, 6, 3]);
    let edited = fleet.pools_for(&weighted([1, 1, 1]), None);
    assert_eq!(hundreds(&only(&edited), &slowly()), [7, 7, 7], "known servers, and warm");
    assert_eq!(
        hundreds(&only(&pools), &Balancing::default()),
        [12, 6, 3],
        "requests of the older table go on as they began"
    );
}

#[test]
fn a_server_that_is_back_starts_slowly_where_that_is_asked_for() {
    let fleet = fleet();
    let pools = fleet.pools_for(&portal(&THREE), None);
    let pool = only(&pools);
    assert_eq!(hundreds(&pool, &slowly()), [7, 7, 7], "nobody is slow when an edge starts");
    fleet.observe(&pool.servers()[1], Observation::Reached).clear();
    assert_eq!(hundreds(&pool, &slowly()), [7, 7, 7], "nor when its first probe comes back");
    take_down(&fleet, &pool.servers()[1]);
    assert_eq!(hundreds(&pool, &slowly()), [11, 0, 11]);
    bring_up(&fleet, &pool.servers()[1]);
    assert_eq!(hundreds(&pool, &slowly()), [10, 1, 10]);
    assert_eq!(hundreds(&pool, &Balancing::default()), [7, 7, 7]);
}

#[test]
fn a_new_server_starts_slowly_beside_those_that_were_there() {
    let fleet = fleet();
    let pools = fleet.pools_for(&portal(&THREE[..2]), None);
    let edited = fleet.pools_for(&portal(&THREE), None);
    assert_eq!(hundreds(&only(&edited), &slowly()), [10, 10, 1]);
    drop(pools);

    let named = fleet.pools_for(&table_of(&[("shop", "us-east", &["10.0.1.1:80", "shop.internal:80"])]), None);
    let (pool, name) = (only(&named), fleet.names().remove(0));
    fleet.resolved(&name, ips(&["10.0.1.2"])).clear();
    assert_eq!(hundreds(&pool, &slowly()), [11, 11], "the first answer belongs to the start");
    fleet.resolved(&name, ips(&["10.0.1.2", "10.0.1.3"])).clear();
    assert_eq!(hundreds(&pool, &slowly()), [10, 10, 1]);
}
