//! What a flop costs: a hop passes everything on at once, and holds nothing.

use crate::bodies::{down, mebibytes_per_second, up};
use crate::memory::Memory;
use crate::support::PATIENCE;
use crate::support::edge;
use crate::support::fleet::{EAST, Fleet, Reach, WEST};
use crate::support::stepwise::Spoken;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};

/// How many answers are timed on each way.
const ANSWERS: usize = 500;

/// How many go before that, so that all connections are there.
const WARM: usize = 50;

/// 1 GiB.
const HUGE: u64 = 1 << 30;

/// How much an edge may grow by while a body of 1 GiB passes, in MiB.
const GROWTH: f64 = 64.0;

/// Without a length: the engine keeps the first 1,460 bytes of an answer that has one together.
const HEAD_AND_FIRST: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n";
const REST: &str = "5\r\n-rest\r\n0\r\n\r\n";

/// An app server that sends the head and the first bytes of an answer, tells when it began to, and sends the rest when it
/// is let go.
struct Paused {
    began: mpsc::UnboundedReceiver<Instant>,
    go: Arc<Semaphore>,
}

impl Paused {
    async fn start(address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let (tell, began) = mpsc::unbounded_channel();
        let go = Arc::new(Semaphore::new(0));
        let let_go = Arc::clone(&go);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (tell, go) = (tell.clone(), Arc::clone(&let_go));
                tokio::spawn(async move { serve(stream, &tell, &go).await });
            }
        });
        Self { began, go }
    }
}

/// Ends where the other side does.
async fn serve(stream: TcpStream, tell: &mpsc::UnboundedSender<Instant>, go: &Semaphore) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut stream = BufReader::new(stream);
    loop {
        let mut line = String::new();
        while line != "\r\n" {
            line.clear();
            if stream.read_line(&mut line).await.ok()? == 0 {
                return None;
            }
        }
        let began = Instant::now();
        stream.write_all(HEAD_AND_FIRST.as_bytes()).await.ok()?;
        tell.send(began).ok()?;
        go.acquire().await.ok()?.forget();
        stream.write_all(REST.as_bytes()).await.ok()?;
    }
}

/// From the moment in which the app began to send until its visitor has the first bytes, which is before there are more.
async fn first_bytes(app: &mut Paused, at: SocketAddr) -> Vec<Duration> {
    let mut visitor = Spoken::ask(at, edge::NEW_YORK, "/", "sid=east-1").await;
    let mut times = Vec::new();
    for nth in 0..WARM + ANSWERS {
        if nth > 0 {
            visitor.ask_again("/", "sid=east-1").await;
        }
        visitor.hear("first").await;
        let heard = Instant::now();
        let began = tokio::time::timeout(PATIENCE, app.began.recv()).await.expect("an answer").unwrap();
        times.push(heard.duration_since(began));
        app.go.add_permits(1);
        visitor.hear(REST).await;
    }
    let mut times = times.split_off(WARM);
    times.sort_unstable();
    times
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes long: make heavy"]
async fn the_first_byte_of_a_flop() {
    let fleet = Fleet::start(Reach::Edge).await;
    let server = SocketAddr::new(fleet.block.address(20), 8080);
    let mut app = Paused::start(server).await;
    println!("from the app's first byte to its visitor's, {ANSWERS} answers");
    let (east, west) = (fleet.edges[EAST].address, fleet.edges[WEST].address);
    for (way, reach, at) in [
        ("no edge at all", Reach::Edge, server),
        ("at home: one edge", Reach::Edge, east),
        ("flopped, directly: one edge", Reach::Pool, west),
        ("flopped, by a hop: two edges", Reach::Edge, west),
        ("the same by HTTP/2", Reach::Http2, west),
    ] {
        let own = format!("us-east: [\"{}\"]", fleet.apps[EAST].address);
        fleet.adopt(&fleet.table([reach; 3]).replace(&own, &format!("us-east: [\"{server}\"]"))).await;
        let times = first_bytes(&mut app, at).await;
        let [median, p99] = [50, 99].map(|percent| times[times.len() * percent / 100].as_micros());
        println!("  {way:<30} median {median:>5} µs   p99 {p99:>5} µs");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes long: make heavy"]
async fn a_gibibyte_each_way_through_a_hop() {
    let fleet = Fleet::start(Reach::Edge).await;
    println!("1 GiB each way through a hop, memory of both edges");
    for reach in [Reach::Edge, Reach::Http2] {
        if reach != Reach::Edge {
            fleet.adopt(&fleet.table([reach; 3])).await;
        }
        let west = fleet.edges[WEST].address;
        // The first ones take what every request needs.
        for _ in 0..4 {
            up(west, 4 << 20).await;
            down(west, 4 << 20).await;
        }
        for direction in ["up", "down"] {
            let memories = [WEST, EAST].map(|region| Memory::of(fleet.edges[region].id()));
            memories.iter().for_each(|memory| memory.forget_peak());
            let before = memories.map(Memory::resident);
            let took = if direction == "up" { up(west, HUGE).await } else { down(west, HUGE).await };
            let peak = memories.map(Memory::peak);
            let rate = mebibytes_per_second(HUGE, took);
            println!(
                "  {reach:<6?} {direction:<5} {rate:>5.0} MiB/s   {:.1} and {:.1} MiB before, {:.1} and {:.1} at the peak",
                before[0], before[1], peak[0], peak[1]
            );
            for (before, peak) in before.into_iter().zip(peak) {
                assert!(peak - before < GROWTH, "{reach:?} {direction}: from {before} to {peak} MiB");
            }
        }
    }
    let passed = fleet.apps[EAST].seen();
    assert!(passed.iter().all(|seen| seen.edges_passed() == 2));
}
