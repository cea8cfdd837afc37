//! Clients of HTTP/2 that attack at full speed from one core, and what is left for everybody else on the other.

use crate::load::Load;
use crate::support::frames::{CONTINUATION, END_HEADERS, END_STREAM, HEADERS, PING, RESET, SETTINGS, frame, head};
use crate::support::{Block, EdgeProcess, edge};
use crate::town::{Server, start_edge_with};
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// How often quiet and attack take turns.
const ROUNDS: usize = 5;

/// How long each lasts.
const ROUND: Duration = Duration::from_secs(4);

/// From how many addresses an attack of many comes.
const BOTNET: u32 = 1000;

/// The least share of its throughput that the rest must keep.
const KEPT: f64 = 0.8;

fn pin(core: u8, tasks: &str) {
    let pinned = Command::new("taskset").args(["-a", "-p", "-c", &core.to_string(), tasks]).output().unwrap();
    assert!(pinned.status.success(), "{pinned:?}");
}

/// Pins the thread that calls this, and no other.
fn pin_thread(core: u8) {
    let link = std::fs::read_link("/proc/thread-self").unwrap();
    let thread = link.file_name().unwrap().to_str().unwrap().to_owned();
    let pinned = Command::new("taskset").args(["-p", "-c", &core.to_string(), &thread]).output().unwrap();
    assert!(pinned.status.success(), "{pinned:?}");
}

/// Attacks until it is told to stop, on one connection after the other.
struct Attack {
    stop: Arc<AtomicBool>,
    connections: Arc<AtomicU64>,
    bytes: Arc<AtomicU64>,
    thread: std::thread::JoinHandle<()>,
}

type Chunks = (Vec<u8>, Vec<Vec<u8>>);

impl Attack {
    /// From as many `addresses`, by turns. What is sent first on each connection comes first, then the chunks.
    fn start(to: SocketAddr, addresses: u32, (first, chunks): Chunks) -> Self {
        let (stop, connections, bytes) = <(Arc<AtomicBool>, Arc<AtomicU64>, Arc<AtomicU64>)>::default();
        let (told, opened, sent) = (Arc::clone(&stop), Arc::clone(&connections), Arc::clone(&bytes));
        let thread = std::thread::spawn(move || {
            pin_thread(0);
            while !told.load(Ordering::Relaxed) {
                let nth = u32::try_from(opened.fetch_add(1, Ordering::Relaxed)).unwrap();
                let Ok(mut stream) = connect(nth % addresses, to) else { continue };
                if stream.write_all(&first).is_err() {
                    continue;
                }
                for chunk in &chunks {
                    // Cut, as it should be: on with the next, as who attacks loses no time on what is dead.
                    if told.load(Ordering::Relaxed) || has_ended(&mut stream) || stream.write_all(chunk).is_err() {
                        break;
                    }
                    sent.fetch_add(chunk.len() as u64, Ordering::Relaxed);
                }
            }
        });
        Self { stop, connections, bytes, thread }
    }

    /// How many connections it has opened, and how many bytes it got rid of.
    fn stop(self) -> (u64, u64) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap();
        (self.connections.load(Ordering::Relaxed), self.bytes.load(Ordering::Relaxed))
    }
}

/// Whether the other side has ended the connection.
fn has_ended(stream: &mut TcpStream) -> bool {
    if stream.set_nonblocking(true).is_err() {
        return true;
    }
    let ended = loop {
        match stream.read(&mut [0; 4096]) {
            Ok(0) => break true,
            Ok(_) => {}
            Err(error) => break error.kind() != std::io::ErrorKind::WouldBlock,
        }
    };
    ended || stream.set_nonblocking(false).is_err()
}

fn connect(nth: u32, to: SocketAddr) -> std::io::Result<TcpStream> {
    let from = Ipv4Addr::from(u32::from(Ipv4Addr::new(127, 70, 0, 1)) + nth);
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None)?;
    // What the attacker has not got rid of is its own to throw away; on one machine whoever resets the connection has to.
    socket.set_send_buffer_size(64 << 10)?;
    socket.bind(&SocketAddr::new(from.into(), 0).into())?;
    socket.connect(&to.into())?;
    Ok(socket.into())
}

fn hello() -> Vec<u8> {
    [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), frame(SETTINGS, 0, 0, &[])].concat()
}

/// Requests that are taken back at once, a hundred to a chunk.
fn rapid_reset() -> Chunks {
    let head = head("GET", "/", &[]);
    let pair = |nth: u32| {
        let stream = 2 * nth + 1;
        [frame(HEADERS, END_HEADERS | END_STREAM, stream, &head), frame(RESET, 0, stream, &[0, 0, 0, 8])].concat()
    };
    (hello(), (0..100).map(|chunk| (0..100).flat_map(|nth| pair(100 * chunk + nth)).collect()).collect())
}

/// One head that goes on and on.
fn continuation() -> Chunks {
    let first = [hello(), frame(HEADERS, END_STREAM, 1, &head("GET", "/", &[]))].concat();
    let more = head("GET", "/", &[("x-a", &"x".repeat(100))])[head("GET", "/", &[]).len()..].to_vec();
    (first, vec![frame(CONTINUATION, 0, 1, &more).repeat(100); 100])
}

/// Pings without end.
fn pings() -> Chunks {
    (hello(), vec![frame(PING, 0, 0, b"pingpong").repeat(500); 100])
}

async fn throughput(edge: &EdgeProcess) -> f64 {
    let mut load = Load::start(edge.address, 1);
    tokio::time::sleep(ROUND).await;
    assert!(load.runs());
    let outcome = load.stop();
    assert_eq!(outcome.wrong(), 0.0, "{}", outcome.said);
    outcome.of("right") / outcome.of("seconds")
}

fn median(figures: &mut [f64]) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes; run by `make heavy`"]
async fn attacks_from_one_core_leave_the_other_to_everybody_else() {
    let block = Block::new();
    let mut servers = Vec::new();
    for (number, region) in [(2, "us-east"), (3, "us-central"), (4, "us-west")] {
        servers.push(Server::start(region, SocketAddr::new(block.address(number), 8080)).await.address);
    }
    let table = edge::table(&servers[..1], &servers[1..2], &servers[2..], "");
    let attacked = SocketAddr::new(block.address(1), 8082);
    let listener = format!(", {{address: \"{attacked}\", http2: true}}");
    let edge = start_edge_with(&block, &table, &listener, "").await;
    pin(1, &edge.id().to_string());
    pin(1, &std::process::id().to_string());
    for (name, addresses, chunks) in [
        ("CONTINUATION", 1, continuation()),
        ("rapid reset", 1, rapid_reset()),
        ("pings", 1, pings()),
        ("CONTINUATION", BOTNET, continuation()),
        ("rapid reset", BOTNET, rapid_reset()),
    ] {
        let (mut quiet, mut attacked_by) = (Vec::new(), Vec::new());
        let (mut connections, mut bytes) = (0, 0);
        for _ in 0..ROUNDS {
            quiet.push(throughput(&edge).await);
            let attack = Attack::start(attacked, addresses, chunks.clone());
            attacked_by.push(throughput(&edge).await);
            let of_round = attack.stop();
            (connections, bytes) = (connections + of_round.0, bytes + of_round.1);
        }
        let (quiet, attacked_by) = (median(&mut quiet), median(&mut attacked_by));
        let seconds = (ROUND * u32::try_from(ROUNDS).unwrap()).as_secs_f64();
        println!(
            "{name} from {addresses} address(es): {quiet:.0} requests/s in quiet, {attacked_by:.0} under attack ({:.1} % kept); \
             the attacker made {:.0} connections/s and got rid of {:.1} MiB/s",
            100.0 * attacked_by / quiet,
            connections as f64 / seconds,
            bytes as f64 / seconds / 1024.0 / 1024.0,
        );
        // What a thousand addresses can do is for firewalls to stop: each of them is met with patience at first.
        assert!(attacked_by >= KEPT * quiet || addresses > 1, "{name}");
    }
}
