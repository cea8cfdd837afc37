use super::{Watched, until};
use crate::live::fleet::tests::table_with;
use crate::live::{Pools, Server};
use crate::model::{Balancing, HealthRules, ProbePace};
use crate::resilience::{Observation, Standing};
use crate::upstream::probe::{ProbeSpread, Prober};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinHandle;

const QUICK: Duration = Duration::from_millis(20);
const HOURS: Duration = Duration::from_secs(3600);

fn start(watched: &Watched, spread: ProbeSpread) -> JoinHandle<()> {
    tokio::spawn(Prober::new(spread).run(watched.fleet.clone(), watched.report(), watched.stop.subscribe()))
}

/// A listener on an address that no other test uses, so that it can come back at the same port.
async fn listener(address: &str) -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind(format!("{address}:0")).await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

fn every(interval: Duration) -> HealthRules {
    HealthRules { pace: ProbePace { interval, ..ProbePace::default() }, ..HealthRules::default() }
}

fn pools(watched: &Watched, rules: HealthRules, addresses: &[SocketAddr]) -> Pools {
    let texts: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    watched.fleet.pools_for(&table_with(&[("portal", "us-east", &texts)], &rules), None)
}

fn servers(pools: &Pools) -> Vec<Arc<Server>> {
    pools.iter().flat_map(|pool| pool.servers().to_vec()).collect()
}

#[tokio::test]
async fn a_dead_server_is_seen_and_comes_back() {
    let watched = Watched::new();
    let (up, at) = listener("127.80.1.1").await;
    start(&watched, ProbeSpread::default());
    let pools = pools(&watched, every(QUICK), &[at]);
    let server = servers(&pools).remove(0);
    pools.settled().await;
    assert_eq!(server.standing(), Standing::Healthy);
    assert!(watched.told().is_empty(), "it counted as healthy before");
    drop(up);
    until("it is unhealthy", || watched.told().len() == 2).await;
    assert!(!server.is_healthy() && !pools.iter().any(|pool| pool.any_healthy()));
    let _up = TcpListener::bind(at).await.unwrap();
    until("it is back", || watched.told().len() == 4).await;
    let expected = [
        format!("server {at} of portal in us-east is unhealthy: connection refused"),
        "portal in us-east has no healthy server".into(),
        format!("server {at} of portal in us-east is healthy"),
        "portal in us-east has a healthy server again".into(),
    ];
    assert_eq!(watched.told(), expected);
}

#[tokio::test]
async fn the_first_probe_comes_at_once_and_decides() {
    let watched = Watched::new();
    let (_up, alive) = listener("127.80.2.1").await;
    let (down, dead) = listener("127.80.2.2").await;
    drop(down);
    start(&watched, ProbeSpread::default());
    let first = pools(&watched, every(HOURS), &[alive]);
    first.settled().await;
    let second = pools(&watched, every(HOURS), &[dead, alive]); // a new server of a later table, just as soon
    second.settled().await;
    let standings: Vec<_> = servers(&second).iter().map(|server| server.standing()).collect();
    assert_eq!(standings, [Standing::Unhealthy, Standing::Healthy]);
    for _ in 0..10 {
        assert_eq!(second.iter().next().unwrap().pick(&Balancing::default(), None, &[]).unwrap().address(), alive);
    }
}

#[tokio::test]
async fn what_a_request_found_unhealthy_is_probed_soon() {
    let watched = Watched::new();
    let (_up, at) = listener("127.80.3.1").await;
    start(&watched, ProbeSpread::default());
    let pools = pools(&watched, every(HOURS), &[at]);
    pools.settled().await;
    let server = servers(&pools).remove(0);
    let told: Vec<_> = (0..2).flat_map(|_| watched.fleet.observe(&server, Observation::Unreachable)).collect();
    assert_eq!(told.len(), 2);
    until("probes found it well", || server.is_healthy()).await;
    assert_eq!(watched.told().len(), 2);
}

#[tokio::test]
async fn what_no_table_has_is_probed_no_more() {
    let watched = Watched::new();
    let (_up, kept) = listener("127.80.4.1").await;
    let (gone_up, gone) = listener("127.80.4.2").await;
    let task = start(&watched, ProbeSpread::default());
    let old = pools(&watched, every(QUICK), &[kept, gone]);
    old.settled().await;
    let gone = Arc::downgrade(&servers(&old)[1]);
    let new = pools(&watched, every(QUICK), &[kept]);
    drop(old);
    until("nobody holds it", || gone.upgrade().is_none()).await;
    drop(gone_up);
    assert!(servers(&new)[0].is_healthy());
    drop(watched.stop); // whoever started it is gone
    task.await.unwrap();
}

#[tokio::test]
async fn more_servers_than_probes_at_once_all_get_their_turn() {
    let watched = Watched::new();
    let mut up = Vec::new();
    for _ in 0..100 {
        up.push(listener("127.80.5.1").await);
    }
    start(&watched, ProbeSpread { at_once: 3, ..ProbeSpread::default() });
    let addresses: Vec<_> = up.iter().map(|(_, address)| *address).collect();
    let pools = pools(&watched, every(QUICK), &addresses);
    pools.settled().await;
    assert_eq!(pools.iter().map(|pool| pool.healthy()).sum::<usize>(), 100);
    assert!(servers(&pools).iter().all(|server| server.standing() == Standing::Healthy));
}

#[tokio::test]
async fn a_server_that_does_not_answer_in_time_is_unhealthy() {
    // A listener whose queue is full does what a server behind a broken network does: nothing.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.80.6.1:0".parse().unwrap()).unwrap();
    let full = socket.listen(1).unwrap();
    let at = full.local_addr().unwrap();
    let mut queued = Vec::new();
    while let Ok(connection) = tokio::time::timeout(Duration::from_millis(300), TcpStream::connect(at)).await {
        queued.push(connection.unwrap());
    }
    let watched = Watched::new();
    start(&watched, ProbeSpread::default());
    let pace = ProbePace { timeout: Duration::from_millis(50), ..ProbePace::default() };
    let pools = pools(&watched, HealthRules { pace, ..HealthRules::default() }, &[at]);
    pools.settled().await;
    assert_eq!(servers(&pools)[0].standing(), Standing::Unhealthy);
}
