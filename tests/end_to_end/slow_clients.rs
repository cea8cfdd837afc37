//! Clients that drip: they are cut, and others are served meanwhile.

use crate::routing::World;
use crate::support::{client, edge, eventually};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Short, so that the tests are.
const LIMITS: &str = "limits: {head_time: 300ms, patience: 300ms, slowest_body: 100KiB}\n";

/// Sends `bytes` over and over until the edge has had enough, and gives back what it said to that.
async fn drip(edge: SocketAddr, start: &str, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(edge).await.unwrap();
    stream.write_all(start.as_bytes()).await.unwrap();
    let (mut from, mut to) = stream.split();
    let mut said = Vec::new();
    let mut pace = tokio::time::interval(Duration::from_millis(20)); // how slowly is what this is about
    loop {
        tokio::select! {
            read = from.read_to_end(&mut said) => {
                // Cut in whatever way: the edge has closed it.
                let _ = read;
                return String::from_utf8_lossy(&said).into_owned();
            }
            _ = pace.tick() => {
                let _ = to.write_all(bytes).await;
            }
        }
    }
}

pub(crate) async fn cut(world: &World, why: &str) -> u32 {
    let line = format!("homeward_connections_cut_total{{why=\"{why}\"}} ");
    let metrics = world.edge.admin("/metrics").await.body;
    metrics.lines().find_map(|found| found.strip_prefix(&line)?.parse().ok()).unwrap_or_default()
}

#[tokio::test]
async fn a_head_that_drips_is_cut_and_nobody_else_notices() {
    let world = World::start(LIMITS, "").await;
    let slow: Vec<_> = (0..50)
        .map(|_| {
            let edge = world.edge.address;
            tokio::spawn(
                async move { drip(edge, "GET / HTTP/1.1\r\nHost: portal.example.com\r\n", b"X-A: b\r\n").await },
            )
        })
        .collect();
    while !slow.iter().all(tokio::task::JoinHandle::is_finished) {
        assert_eq!(client::get(world.edge.address, edge::NEW_YORK, "/", &[]).await.status, 200);
    }
    for drip in slow {
        let said = drip.await.unwrap();
        assert!(said.is_empty() || said.starts_with("HTTP/1.1 4"), "{said}");
    }
    assert_eq!(cut(&world, "slow_head").await, 50);
    assert_eq!(world.edge.access_log().iter().filter(|line| line["status"] != 200).count(), 0);
}

#[tokio::test]
async fn a_body_that_drips_is_cut_and_one_that_flows_is_not() {
    let world = World::start(LIMITS, "").await;
    let head = "PUT /count HTTP/1.1\r\nHost: portal.example.com\r\nContent-Length: 10000000\r\n\r\n";
    drip(world.edge.address, head, b"x").await;
    assert_eq!(cut(&world, "slow_body").await, 1);

    // Slowly, but faster than the slowest: 10 KiB every 20 ms or so.
    let size = 400 << 10;
    let head = format!(
        "PUT /count HTTP/1.1\r\nHost: portal.example.com\r\nConnection: close\r\nContent-Length: {size}\r\n\r\n"
    );
    let answer = drip(world.edge.address, &head, &[b'x'; 10 << 10]).await;
    assert!(answer.ends_with(&size.to_string()), "{answer}");
}

#[tokio::test]
async fn a_client_that_takes_no_answer_is_cut() {
    let world = World::start(LIMITS, "").await;
    let mut stream = TcpStream::connect(world.edge.address).await.unwrap();
    let request = format!("GET /size/{} HTTP/1.1\r\nHost: portal.example.com\r\n\r\n", 1 << 30);
    stream.write_all(request.as_bytes()).await.unwrap();
    eventually("the cut", async || (cut(&world, "slow_reader").await == 1).then_some(())).await;
    drop(stream);
}

#[tokio::test]
async fn an_idle_connection_and_a_slow_app_are_no_trouble() {
    let world = World::start(LIMITS, "").await;
    let mut visitor = client::Client::connect(world.edge.address, edge::NEW_YORK).await;
    assert_eq!(visitor.get("/", &[]).await.status, 200);
    let held = tokio::spawn(async move {
        let held = visitor.get("/hold", &[]).await;
        (visitor, held)
    });
    // Longer than any of the limits: as long as it takes to cut another.
    drip(world.edge.address, "GET / HTTP/1.1\r\n", b"X-A: b\r\n").await;
    drip(world.edge.address, "GET / HTTP/1.1\r\n", b"X-A: b\r\n").await;
    world.east.let_go();
    let (mut visitor, held) = held.await.unwrap();
    assert_eq!(held.status, 200, "the app took its time");
    drip(world.edge.address, "GET / HTTP/1.1\r\n", b"X-A: b\r\n").await;
    drip(world.edge.address, "GET / HTTP/1.1\r\n", b"X-A: b\r\n").await;
    assert_eq!(visitor.get("/", &[]).await.status, 200, "the connection was idle all the while");
}
