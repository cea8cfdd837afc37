//! Bodies much larger than what the edge may hold, and peers much slower than it.

use crate::memory::Memory;
use crate::support::{App, Block, EdgeProcess, client, edge};
use crate::town::start_edge;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::Instant;

/// 2 GiB.
const HUGE: u64 = 2 << 30;

/// How much the edge may grow by, in MiB: for one body of 2 GiB, or for fifty slow peers.
const GROWTH: f64 = 64.0;

/// How many slow clients there are.
const SLOW: usize = 50;

/// How much a slow client reads or writes at a time, and how often. 250 times are five seconds, in which an edge that
/// does not hold back what comes in would have grown by gigabytes.
const SIP: usize = 1024;
const EVERY: Duration = Duration::from_millis(20);
const SIPS: usize = 250;

async fn town() -> (EdgeProcess, App, Memory) {
    let block = Block::new();
    let east = App::start("us-east", SocketAddr::new(block.address(2), 8080)).await;
    let west = SocketAddr::new(block.address(3), 8080);
    let edge = start_edge(&block, &edge::table(&[east.address], &[], &[west], "")).await;
    // The first request takes what every request needs.
    let answer = client::get(edge.address, edge::NEW_YORK, "/size/1000000", &[("cookie", "sid=east-1")]).await;
    assert_eq!(answer.status, 200);
    let memory = Memory::of(edge.id());
    (edge, east, memory)
}

/// A connection to the edge that takes little at a time where it is `small`, with this request begun on it.
async fn begin(edge: SocketAddr, small: bool, method: &str, path: &str, length: u64) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    if small {
        socket.set_recv_buffer_size(4096).unwrap();
    }
    let mut stream = socket.connect(edge).await.unwrap();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: portal.example.com\r\nCookie: sid=east-1\r\nContent-Length: {length}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

/// Reads the head of an answer and gives back what came behind it.
async fn head(stream: &mut TcpStream) -> Vec<u8> {
    let mut read = Vec::new();
    loop {
        assert_ne!(stream.read_buf(&mut read).await.unwrap(), 0, "{}", String::from_utf8_lossy(&read));
        if let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") {
            assert!(read.starts_with(b"HTTP/1.1 200 "), "{}", String::from_utf8_lossy(&read));
            return read.split_off(end + 4);
        }
    }
}

/// Reads an answer that says how many bytes the app got.
async fn counted(stream: &mut TcpStream, wanted: u64) {
    let (mut read, wanted) = (head(stream).await, wanted.to_string());
    while read.len() < wanted.len() && stream.read_buf(&mut read).await.unwrap() > 0 {}
    assert_eq!(String::from_utf8(read).unwrap(), wanted, "the app got every byte");
}

fn report(what: &str, took: Duration, before: f64, peak: f64) {
    let rate = mebibytes_per_second(HUGE, took);
    println!("  {what:<18} {rate:>6.0} MiB/s   memory of the edge {before:.1} MiB before, {peak:.1} at its peak");
    assert!(peak - before < GROWTH, "{what}: from {before} to {peak} MiB");
}

pub(crate) fn mebibytes_per_second(length: u64, took: Duration) -> f64 {
    length as f64 / (1 << 20) as f64 / took.as_secs_f64()
}

/// Uploads so many bytes to the app of us-east, and says how long it took.
pub(crate) async fn up(edge: SocketAddr, length: u64) -> Duration {
    let (piece, started) = (vec![b'x'; 256 * 1024], Instant::now());
    let mut up = begin(edge, false, "PUT", "/count", length).await;
    for _ in 0..length / piece.len() as u64 {
        up.write_all(&piece).await.unwrap();
    }
    counted(&mut up, length).await;
    started.elapsed()
}

/// Downloads so many bytes from there, and says how long it took.
pub(crate) async fn down(edge: SocketAddr, length: u64) -> Duration {
    let (mut buffer, started) = (vec![0; 256 * 1024], Instant::now());
    let mut down = begin(edge, false, "GET", &format!("/size/{length}"), 0).await;
    let mut got = head(&mut down).await.len() as u64;
    while got < length {
        let read = down.read(&mut buffer).await.unwrap();
        assert_ne!(read, 0, "it ended after {got} bytes");
        assert!(buffer[..read].iter().all(|byte| *byte == b'x'));
        got += read as u64;
    }
    assert_eq!(got, length);
    started.elapsed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes long: make heavy"]
async fn two_gibibytes_each_way() {
    let (edge, _east, memory) = town().await;
    println!("2 GiB each way");
    memory.forget_peak();
    let before = memory.resident();
    let took = up(edge.address, HUGE).await;
    report("up", took, before, memory.peak());

    memory.forget_peak();
    let before = memory.resident();
    let took = down(edge.address, HUGE).await;
    report("down", took, before, memory.peak());
}

/// Lets each of the slow peers take `SIPS` sips, and tells what the edge held before, in the middle and at its peak.
async fn sip(
    what: &str,
    memory: Memory,
    before: f64,
    mut peers: Vec<TcpStream>,
    mut one: impl AsyncFnMut(&mut TcpStream),
) -> Vec<TcpStream> {
    let mut ticks = tokio::time::interval(EVERY);
    let mut half_way = 0.0;
    for nth in 0..SIPS {
        ticks.tick().await;
        for peer in &mut peers {
            one(peer).await;
        }
        if nth == SIPS / 2 {
            half_way = memory.resident();
        }
    }
    let (end, peak) = (memory.resident(), memory.peak());
    let each = (peak - before) * 1024.0 / SLOW as f64;
    println!(
        "  {what:<34} {before:>5.1} MiB before, {half_way:>5.1} half-way, {end:>5.1} at the end, {peak:>5.1} at its peak: \
         {each:.0} KiB for each connection"
    );
    assert!(peak - before < GROWTH, "{what}: from {before} to {peak} MiB");
    assert!(end - half_way < 4.0, "{what}: it goes on growing, from {half_way} to {end} MiB");
    peers
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes long: make heavy"]
async fn slow_peers_do_not_grow_the_edge() {
    let (edge, east, memory) = town().await;
    println!("{SLOW} slow peers at a time, each {SIPS} times {SIP} bytes");

    memory.forget_peak();
    let before = memory.resident();
    let mut readers = Vec::new();
    for _ in 0..SLOW {
        let mut reader = begin(edge.address, true, "GET", "/size/1073741824", 0).await;
        head(&mut reader).await;
        readers.push(reader);
    }
    let mut bytes = [0; SIP];
    let readers = sip("downloads that are read slowly", memory, before, readers, async |reader: &mut TcpStream| {
        reader.read_exact(&mut bytes).await.unwrap();
    })
    .await;
    drop(readers);

    memory.forget_peak();
    let before = memory.resident();
    let mut writers = Vec::new();
    for _ in 0..SLOW {
        writers.push(begin(edge.address, false, "PUT", "/count", (SIP * SIPS) as u64).await);
    }
    let writers = sip("uploads that are written slowly", memory, before, writers, async |writer: &mut TcpStream| {
        writer.write_all(&[b'x'; SIP]).await.unwrap();
    })
    .await;
    for mut writer in writers {
        counted(&mut writer, (SIP * SIPS) as u64).await;
    }

    // The app does not read at all, and the client writes as fast as it can.
    memory.forget_peak();
    let before = memory.resident();
    let mut writers = Vec::new();
    for _ in 0..SLOW {
        writers.push(begin(edge.address, false, "PUT", "/hold", 1 << 30).await);
    }
    let (piece, mut pushed) = (vec![b'x'; 64 * 1024], 0_u64);
    let writers = sip("uploads that the app does not read", memory, before, writers, async |writer: &mut TcpStream| {
        while let Ok(written) = writer.try_write(&piece) {
            pushed += written as u64;
        }
    })
    .await;
    let each = pushed / 1024 / SLOW as u64;
    println!("    of each 1 GiB, {each} KiB were taken, most of them by the kernel's buffers on the way");
    east.let_go();
    drop(writers);
}
