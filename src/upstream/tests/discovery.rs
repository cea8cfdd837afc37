use super::name_server::{NameServer, Reply};
use super::{Watched, addresses, until};
use crate::live::fleet::tests::table_of;
use crate::upstream::dns::{Discovery, DiscoveryPace};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::task::JoinHandle;

pub(super) const QUICK: DiscoveryPace = DiscoveryPace {
    floor: Duration::from_millis(20),
    ceiling: Duration::from_millis(200),
    first_retry: Duration::from_millis(20),
    last_retry: Duration::from_millis(100),
    jitter: 0.1,
    disbelief: Duration::from_secs(3600),
};

pub(super) fn start(watched: &Watched, name_server: SocketAddr, pace: DiscoveryPace) -> JoinHandle<()> {
    let discovery = Discovery::of_servers(&[name_server]).unwrap().with_pace(pace);
    tokio::spawn(discovery.run(watched.fleet.clone(), watched.report(), watched.stop.subscribe()))
}

pub(super) async fn name_server() -> NameServer {
    NameServer::at("127.0.0.1:0".parse().unwrap()).await.unwrap()
}

fn parsed(texts: &[&str]) -> Vec<SocketAddr> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

#[tokio::test]
async fn answers_are_followed_by_their_ttl() {
    let (watched, dns) = (Watched::new(), name_server().await);
    dns.says("app.internal", Reply::Addresses(&["10.0.0.2", "10.0.0.1", "fd00::1", "0.0.0.0"], 0));
    let task = start(&watched, dns.address(), QUICK);
    let pools = watched.fleet.pools_for(&table_of(&[("portal", "us-east", &["app.internal:80"])]), None);
    let first = parsed(&["10.0.0.1:80", "10.0.0.2:80", "[fd00::1]:80"]);
    until("the name has its addresses", || addresses(&pools) == first).await;
    assert_eq!(watched.told(), ["portal in us-east has a healthy server again"]);

    dns.says("app.internal", Reply::Addresses(&["10.0.0.3"], 0));
    until("the new answer is in", || addresses(&pools) == parsed(&["10.0.0.3:80"])).await;

    // A table that brings another name has it looked up at once, whatever the TTL of others.
    dns.says("app.internal", Reply::Addresses(&["10.0.0.4"], 3600));
    until("the long TTL is in", || addresses(&pools) == parsed(&["10.0.0.4:80"])).await;
    dns.says("other.internal", Reply::Addresses(&["10.0.0.5"], 3600));
    let edited = watched.fleet.pools_for(&table_of(&[("portal", "us-east", &["other.internal:80"])]), None);
    until("the new name is in", || addresses(&edited) == parsed(&["10.0.0.5:80"])).await;
    drop(pools);
    until("the old name is let go", || watched.fleet.names().len() == 1).await;
    watched.stop.send(true).unwrap();
    task.await.unwrap();
}

#[tokio::test]
async fn a_ttl_is_not_asked_again_before_its_time() {
    let (watched, dns) = (Watched::new(), name_server().await);
    dns.says("steady.internal", Reply::Addresses(&["10.0.0.1"], 3600));
    dns.says("quick.internal", Reply::Addresses(&["10.0.0.2"], 0));
    let pace = DiscoveryPace { ceiling: Duration::from_secs(3600), ..QUICK };
    start(&watched, dns.address(), pace);
    let _pools = watched
        .fleet
        .pools_for(&table_of(&[("portal", "us-east", &["steady.internal:80", "quick.internal:80"])]), None);
    until("one was asked for often", || dns.asked_for("quick.internal") >= 20).await;
    assert_eq!(dns.asked_for("steady.internal"), 2, "once for A, once for AAAA");
}

#[tokio::test]
async fn the_last_answer_stays_while_dns_fails() {
    let (watched, dns) = (Watched::new(), name_server().await);
    dns.says("app.internal", Reply::Addresses(&["10.0.0.1"], 0));
    start(&watched, dns.address(), QUICK);
    let pools = watched.fleet.pools_for(&table_of(&[("portal", "us-east", &["app.internal:80"])]), None);
    pools_have(&pools, "10.0.0.1:80").await;
    let error = || pools.status()[0].names[0].last_error.as_deref().unwrap_or_default().to_owned();
    for (reply, word) in
        [(Reply::Broken, "Server Failure"), (Reply::NoSuchName, "NXDOMAIN"), (Reply::Addresses(&[], 0), "no address")]
    {
        dns.says("app.internal", reply);
        until(word, || error().contains(word)).await;
        assert_eq!(addresses(&pools), parsed(&["10.0.0.1:80"]), "{word}");
    }
    dns.says("app.internal", Reply::Addresses(&["10.0.0.2"], 0));
    pools_have(&pools, "10.0.0.2:80").await;
    assert_eq!(error(), "");
}

#[tokio::test]
async fn a_name_server_that_dies_and_comes_back_is_used_again() {
    let watched = Watched::new();
    // An address of this test's own, so that nobody else takes the port in between.
    let dns = NameServer::at("127.53.7.1:0".parse().unwrap()).await.unwrap();
    let address = dns.address();
    dns.says("app.internal", Reply::Addresses(&["10.0.0.1"], 0));
    start(&watched, address, QUICK);
    let pools = watched.fleet.pools_for(&table_of(&[("portal", "us-east", &["app.internal:80"])]), None);
    pools_have(&pools, "10.0.0.1:80").await;
    dns.close().await;
    until("the failure is known", || pools.status()[0].names[0].last_error.is_some()).await;
    assert_eq!(addresses(&pools), parsed(&["10.0.0.1:80"]));
    let dns = NameServer::at(address).await.unwrap();
    dns.says("app.internal", Reply::Addresses(&["10.0.0.2"], 0));
    pools_have(&pools, "10.0.0.2:80").await;
}

#[tokio::test]
async fn half_an_answer_is_used_and_the_other_half_kept() {
    let (watched, dns) = (Watched::new(), name_server().await);
    dns.says("app.internal", Reply::Addresses(&["10.0.0.1", "fd00::1"], 0));
    start(&watched, dns.address(), QUICK);
    let pools = watched.fleet.pools_for(&table_of(&[("portal", "us-east", &["app.internal:80"])]), None);
    until("both are in", || addresses(&pools).len() == 2).await;
    dns.says("app.internal", Reply::BrokenForV4(&["fd00::2"]));
    let halves = parsed(&["10.0.0.1:80", "[fd00::2]:80"]);
    until("the half is in", || addresses(&pools) == halves).await;
}

#[tokio::test]
async fn an_emptied_name_is_believed_in_the_end() {
    let (watched, dns) = (Watched::new(), name_server().await);
    dns.says("app.internal", Reply::Addresses(&["10.0.0.1"], 0));
    start(&watched, dns.address(), DiscoveryPace { disbelief: Duration::from_millis(100), ..QUICK });
    let pools = watched.fleet.pools_for(&table_of(&[("portal", "us-east", &["app.internal:80"])]), None);
    pools_have(&pools, "10.0.0.1:80").await;
    dns.says("app.internal", Reply::NoSuchName);
    until("the pool is empty", || addresses(&pools).is_empty()).await;
    until("that is told", || watched.told().len() == 2).await;
    assert_eq!(watched.told()[1], "portal in us-east has no healthy server");
}

#[tokio::test]
async fn a_silent_name_holds_up_no_other() {
    let (watched, dns) = (Watched::new(), name_server().await);
    dns.says("silent.internal", Reply::Silence);
    dns.says("app.internal", Reply::Addresses(&["10.0.0.1"], 0));
    start(&watched, dns.address(), QUICK);
    let table = table_of(&[("portal", "us-east", &["silent.internal:80", "app.internal:80"])]);
    let pools = watched.fleet.pools_for(&table, None);
    pools_have(&pools, "10.0.0.1:80").await;
    assert_eq!(pools.status()[0].names[0].last_error, None, "still waiting for the silent one");
}

#[tokio::test]
async fn localhost_needs_no_name_server() {
    let watched = Watched::new();
    let discovery = Discovery::of_this_machine().unwrap();
    tokio::spawn(discovery.run(watched.fleet.clone(), watched.report(), watched.stop.subscribe()));
    let pools = watched.fleet.pools_for(&table_of(&[("portal", "us-east", &["localhost:80"])]), None);
    until("localhost is resolved", || addresses(&pools).contains(&parsed(&["127.0.0.1:80"])[0])).await;
}

#[test]
fn no_name_server_at_all_is_refused() {
    let refused = Discovery::of_servers(&[]).err().unwrap().to_string();
    assert!(refused.contains("no name server is given"), "{refused}");
}

async fn pools_have(pools: &crate::live::Pools, address: &str) {
    until(address, || addresses(pools) == parsed(&[address])).await;
}
