//! 10,000 connections that do nothing, and 10,000 that do it slowly: what each costs, and what others notice.

use crate::load::{Load, Outcome};
use crate::memory::Memory;
use crate::support::{Block, EdgeProcess, edge, eventually};
use crate::town::{Server, start_edge_with};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, TcpStream};

/// How many connections a crowd has.
const CROWD: u32 = 10_000;

/// How often quiet and crowd are measured.
const ROUNDS: usize = 5;

const ROUND: Duration = Duration::from_secs(4);

/// How much longer the 99th of 100 requests may take.
const TWICE: f64 = 2.0;

async fn connect(nth: u32, to: SocketAddr) -> TcpStream {
    // From forty addresses, 250 each: under the limit of a client.
    let from = Ipv4Addr::from(u32::from(Ipv4Addr::new(127, 66, 0, 1)) + nth % 40);
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::new(IpAddr::V4(from), 0)).unwrap();
    socket.connect(to).await.unwrap()
}

async fn connect_all(to: SocketAddr) -> Vec<TcpStream> {
    let mut crowd = Vec::with_capacity(CROWD as usize);
    for nth in 0..CROWD {
        crowd.push(connect(nth, to).await);
    }
    crowd
}

/// Requests of well-behaved clients, at a pace that leaves the machine room.
async fn measure(edge: &EdgeProcess) -> Outcome {
    let mut load = Load::start_with(edge.address, 1, 4);
    tokio::time::sleep(ROUND).await;
    assert!(load.runs());
    let outcome = load.stop();
    assert_eq!(outcome.wrong(), 0.0, "{}", outcome.said);
    outcome
}

async fn open_connections(edge: &EdgeProcess) -> u32 {
    let metrics = edge.admin("/metrics").await.body;
    metrics.lines().find_map(|line| line.strip_prefix("homeward_connections_open ")?.parse().ok()).unwrap_or_default()
}

fn median(figures: impl Iterator<Item = f64>) -> f64 {
    let mut figures: Vec<_> = figures.collect();
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

/// Measures with and without a crowd by turns; `gather` makes one, which goes when what it gives is dropped.
async fn compare<C>(name: &str, edge: &EdgeProcess, mut gather: impl AsyncFnMut() -> C) {
    let memory = Memory::of(edge.id());
    let (mut quiet, mut crowded) = (Vec::new(), Vec::new());
    let mut each = 0.0;
    for round in 0..ROUNDS {
        quiet.push(measure(edge).await);
        let before = memory.resident();
        let crowd = gather().await;
        eventually("all of the crowd", async || (open_connections(edge).await >= CROWD).then_some(())).await;
        if round == 0 {
            each = (memory.resident() - before) * 1024.0 / f64::from(CROWD);
        }
        crowded.push(measure(edge).await);
        assert!(open_connections(edge).await >= CROWD, "{name}: the crowd stayed");
        drop(crowd);
        eventually("an empty place", async || (open_connections(edge).await < 10).then_some(())).await;
    }
    let figure = |outcomes: &[Outcome], name: &str| median(outcomes.iter().map(|outcome| outcome.of(name)));
    let rate =
        |outcomes: &[Outcome]| median(outcomes.iter().map(|outcome| outcome.of("right") / outcome.of("seconds")));
    println!(
        "{CROWD} {name} connections: {each:.1} KiB each; others: p50 {:.2} -> {:.2} ms, p99 {:.2} -> {:.2} ms, {:.0} -> {:.0} \
         requests/s, no error",
        figure(&quiet, "p50"),
        figure(&crowded, "p50"),
        figure(&quiet, "p99"),
        figure(&crowded, "p99"),
        rate(&quiet),
        rate(&crowded),
    );
    assert!(figure(&crowded, "p99") <= TWICE * figure(&quiet, "p99"), "{name}");
}

/// Connections that are closed when this is dropped.
struct Slow(Vec<tokio::task::JoinHandle<()>>);

impl Drop for Slow {
    fn drop(&mut self) {
        for task in &self.0 {
            task.abort();
        }
    }
}

/// A client that sends the head of a request, a few bytes every second, for as long as the edge bears it.
async fn drip(nth: u32, to: SocketAddr) {
    let mut stream = connect(nth, to).await;
    if stream.write_all(b"GET /slow HTTP/1.1\r\nHost: portal.example.com\r\n").await.is_err() {
        return;
    }
    loop {
        tokio::time::sleep(Duration::from_millis(900 + u64::from(nth % 200))).await;
        if stream.write_all(b"X-A: b\r\n").await.is_err() {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes; run by `make heavy`"]
async fn crowds_are_not_noticed_by_others() {
    let block = Block::new();
    let mut servers = Vec::new();
    for (number, region) in [(2, "us-east"), (3, "us-central"), (4, "us-west")] {
        servers.push(Server::start(region, SocketAddr::new(block.address(number), 8080)).await.address);
    }
    let table = edge::table(&servers[..1], &servers[1..2], &servers[2..], "");
    // The slow ones are borne for longer than a round takes, so that they are there all the while.
    let edge = start_edge_with(&block, &table, "", "limits: {head_time: 60s}\n").await;
    let to = edge.address;
    measure(&edge).await; // warm
    compare("idle", &edge, async || connect_all(to).await).await;
    compare("slow", &edge, async || {
        let mut tasks = Vec::with_capacity(CROWD as usize);
        for nth in 0..CROWD {
            tasks.push(tokio::spawn(drip(nth, to)));
            if nth % 100 == 99 {
                tokio::time::sleep(Duration::from_millis(10)).await; // as the queue of the listener has an end
            }
        }
        Slow(tasks)
    })
    .await;
}
