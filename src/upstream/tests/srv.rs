use super::discovery::{QUICK, name_server, start};
use super::name_server::Reply;
use super::{Watched, until};
use crate::live::fleet::tests::table_of_pools;
use crate::live::{Pools, Target};
use crate::model::{Pool, PoolServer, ServerAddress};
use crate::upstream::lookup::Said;
use crate::upstream::srv::{KnownTargets, MOST_RECORDS, SrvRecord, sifted};
use proptest::prelude::*;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

const HOUR: Duration = Duration::from_hours(1);

fn record(priority: u16, weight: u16, port: u16, target: &str) -> SrvRecord {
    SrvRecord { priority, target: target.into(), port, weight }
}

/// What is said of a target that has these addresses for A, for a minute.
fn found(texts: &[&str]) -> [Said; 2] {
    let addresses: Vec<IpAddr> = texts.iter().map(|text| text.parse().unwrap()).collect();
    let nothing = Said::Nothing("the name has no address");
    if addresses.is_empty() { [nothing.clone(), nothing] } else { [Said::Addresses(addresses, HOUR), nothing] }
}

fn silence() -> [Said; 2] {
    [Said::NoAnswer("silence".into()), Said::NoAnswer("silence".into())]
}

/// `address:port weight` of what follows.
fn targets(said: Said<Target>) -> Vec<String> {
    match said {
        Said::Addresses(targets, _) => {
            let text = |target: Target| format!("{}:{} {}", target.address, target.port.unwrap(), target.weight);
            targets.into_iter().map(text).collect()
        }
        Said::Nothing(why) => vec![why.to_owned()],
        Said::NoAnswer(why) => vec![format!("no answer: {why}")],
    }
}

#[test]
fn the_lowest_priority_that_has_addresses_counts() {
    let records = [record(1, 5, 80, "a"), record(1, 0, 81, "b"), record(2, 1, 82, "c")];
    let mut known = KnownTargets::default();
    let said =
        known.judge(&records, vec![found(&["10.0.0.1", "10.0.0.2"]), found(&["10.0.0.3"]), found(&["10.0.0.4"])], HOUR);
    assert_eq!(targets(said), ["10.0.0.1:80 5", "10.0.0.2:80 5", "10.0.0.3:81 1"]);
    let said = known.judge(&records, vec![found(&[]), found(&[]), found(&["10.0.0.4"])], HOUR);
    assert_eq!(targets(said), ["10.0.0.4:82 1"]);
    let said = known.judge(&records, vec![found(&[]), found(&[]), found(&[])], HOUR);
    assert_eq!(targets(said), ["no target of its records has an address"]);
}

#[test]
fn a_target_that_dns_fails_for_stays_where_it_was() {
    let records = [record(1, 1, 80, "a"), record(1, 1, 80, "b"), record(2, 1, 80, "c")];
    let mut known = KnownTargets::default();
    let all = || vec![found(&["10.0.0.1"]), found(&["10.0.0.2"]), found(&["10.0.0.3"])];
    known.judge(&records, all(), HOUR);
    let said = known.judge(&records, vec![silence(), found(&["10.0.0.9"]), silence()], HOUR);
    assert_eq!(targets(said), ["10.0.0.1:80 1", "10.0.0.9:80 1"]);
    let said = known.judge(&records, vec![silence(), silence(), silence()], HOUR);
    assert_eq!(targets(said), ["10.0.0.1:80 1", "10.0.0.9:80 1"], "however often");
    let said = KnownTargets::default().judge(&records, vec![silence(), found(&[]), found(&[])], HOUR);
    assert_eq!(targets(said), ["no answer: a: silence"]);
}

#[test]
fn the_shortest_ttl_counts() {
    let minute = Duration::from_mins(1);
    let said = |ttl| {
        let addresses = [Said::Addresses(vec![IpAddr::V4(Ipv4Addr::LOCALHOST)], minute), Said::Nothing("no")];
        KnownTargets::default().judge(&[record(1, 1, 80, "a")], vec![addresses], ttl)
    };
    let ttl = |said| if let Said::Addresses(_, ttl) = said { ttl } else { Duration::ZERO };
    assert_eq!((ttl(said(HOUR)), ttl(said(Duration::from_secs(5)))), (minute, Duration::from_secs(5)));
}

#[test]
fn heavy_weights_are_made_lighter_alike() {
    let records = [record(1, 60_000, 80, "a"), record(1, 30_000, 80, "b"), record(1, 1, 80, "c")];
    let said = vec![found(&["10.0.0.1"]), found(&["10.0.0.2"]), found(&["10.0.0.3"])];
    let said = KnownTargets::default().judge(&records, said, HOUR);
    assert_eq!(targets(said), ["10.0.0.1:80 1000", "10.0.0.2:80 500", "10.0.0.3:80 1"]);
}

proptest! {
    #[test]
    fn records_are_bounded_and_in_order(
        records in prop::collection::vec((0..3_u16, any::<u16>(), 0..4_u16, 0..40_u32), 0..200)
    ) {
        let name = |n: u32| if n == 0 { String::new() } else { format!("t{n}") };
        let records: Vec<_> = records.into_iter().map(|(p, weight, port, n)| record(p, weight, port, &name(n))).collect();
        let sifted = sifted(records.clone());
        prop_assert!(sifted.len() <= MOST_RECORDS && sifted.is_sorted());
        prop_assert!(sifted.iter().all(|kept| kept.port != 0 && !kept.target.is_empty() && records.contains(kept)));
        let said = sifted.iter().map(|_| found(&["10.0.0.1"])).collect();
        if let Said::Addresses(targets, _) = KnownTargets::default().judge(&sifted, said, HOUR) {
            prop_assert!(targets.iter().all(|target| target.weight.get() <= PoolServer::HEAVIEST));
        }
    }
}

/// `address weight` of the servers of the only pool.
fn servers(pools: &Pools) -> Vec<String> {
    let status = pools.status();
    let weights = pools.iter().next().map(|pool| pool.weights()).unwrap_or_default();
    status[0].servers.iter().zip(weights).map(|(server, weight)| format!("{} {weight}", server.address)).collect()
}

#[tokio::test]
async fn srv_records_say_ports_and_weights() {
    let (watched, dns) = (Watched::new(), name_server().await);
    dns.says(
        "_app._tcp.internal",
        Reply::Services(&[(1, 3, 81, "a.internal"), (1, 1, 82, "b.internal"), (2, 1, 83, "c.internal")], 0),
    );
    dns.says("a.internal", Reply::Addresses(&["10.0.0.1", "10.0.0.2"], 0));
    dns.says("b.internal", Reply::Addresses(&["10.0.0.3"], 0));
    dns.says("c.internal", Reply::Addresses(&["10.0.0.4"], 0));
    start(&watched, dns.address(), QUICK);
    let address = ServerAddress::of_service("_app._tcp.internal").unwrap();
    let server = PoolServer { address, weight: 2.try_into().unwrap() };
    let pool = Pool { servers: vec![server], tls: None, http2: false, proxy_protocol: None, health: None };
    let pools = watched.fleet.pools_for(&table_of_pools(&[("portal", "us-east", pool)]), None);
    until("all targets are in", || servers(&pools) == ["10.0.0.1:81 6", "10.0.0.2:81 6", "10.0.0.3:82 2"]).await;

    dns.says("a.internal", Reply::NoSuchName);
    dns.says("b.internal", Reply::NoSuchName);
    until("the next priority is in", || servers(&pools) == ["10.0.0.4:83 2"]).await;

    // Whoever looks after names has failed: what was known stays.
    dns.says("_app._tcp.internal", Reply::Broken);
    until("DNS fails", || pools.status()[0].names[0].last_error.is_some()).await;
    assert_eq!(servers(&pools), ["10.0.0.4:83 2"]);
    dns.says("_app._tcp.internal", Reply::Services(&[(1, 0, 84, "b.internal")], 0));
    dns.says("b.internal", Reply::Addresses(&["10.0.0.5"], 0));
    until("it resolves again", || servers(&pools) == ["10.0.0.5:84 2"]).await;
    watched.stop.send(true).unwrap();
}
