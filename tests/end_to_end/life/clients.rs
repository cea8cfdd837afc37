//! Clients that leave.

use super::open_requests;
use crate::routing::World;
use crate::support::{client, edge, eventually};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Waits until no request is open any more.
async fn none_is_open(world: &World) {
    eventually("no open request", async || (open_requests(&world.edge).await == 0).then_some(())).await;
}

async fn say(world: &World, head: &str) -> TcpStream {
    let mut stream = TcpStream::connect(world.edge.address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

#[tokio::test]
async fn a_client_that_leaves_in_the_middle_of_an_answer_leaves_nothing_behind() {
    let world = World::start("", "").await;
    for left in 1..=20 {
        let head = "GET /size/1000000000 HTTP/1.1\r\nHost: portal.example.com\r\nCookie: sid=east-1\r\n\r\n";
        let mut client = say(&world, head).await;
        let mut some = [0; 1000];
        client.read_exact(&mut some).await.unwrap();
        assert!(some.starts_with(b"HTTP/1.1 200"));
        assert!(open_requests(&world.edge).await >= 1, "it is counted while it runs");
        drop(client);
        none_is_open(&world).await;
        assert_eq!(world.east.seen().len(), left, "each was asked for once");
    }
    let log = eventually("all lines", async || Some(world.edge.access_log()).filter(|log| log.len() == 20)).await;
    for line in log {
        assert_eq!((&line["status"], &line["error"]), (&200.into(), &"client_left".into()), "{line}");
        assert!(line["bytes_sent"].as_u64().unwrap() < 1_000_000_000, "{line}");
    }
    let status = world.edge.status().await;
    assert_eq!(status["regions"][0]["healthy"], true, "a client that leaves is not the server's fault: {status}");
    assert_eq!(client::get(world.edge.address, edge::NEW_YORK, "/", &[("cookie", "sid=east-1")]).await.body, "us-east");
}

#[tokio::test]
async fn a_client_that_leaves_before_an_answer_leaves_nothing_behind() {
    let world = World::start("", "").await;
    for head in [
        "GET /hold HTTP/1.1\r\nHost: portal.example.com\r\nCookie: sid=east-1\r\n\r\n",
        "PUT /hold HTTP/1.1\r\nHost: portal.example.com\r\nCookie: sid=east-1\r\nContent-Length: 100\r\n\r\nhalf",
    ] {
        let before = world.east.seen().len();
        let client = say(&world, head).await;
        eventually("the request", async || (world.east.seen().len() == before + 1).then_some(())).await;
        assert_eq!(open_requests(&world.edge).await, 1);
        drop(client);
        none_is_open(&world).await;
        assert_eq!(world.east.seen().len(), before + 1, "it is not tried again");
    }
    // Half a head is no request.
    drop(say(&world, "GET / HTTP/1.1\r\nHost: por").await);
    none_is_open(&world).await;
    assert_eq!(world.edge.status().await["regions"][0]["healthy"], true);
}
