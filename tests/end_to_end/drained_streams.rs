//! Streams of a region that is drained: counted, ended in order where the drain says so, and nobody else's.

use crate::support::stepwise::{Spoken, Stepwise};
use crate::support::{Block, EdgeProcess, PATIENCE, edge, eventually};
use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::Request;
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::net::SocketAddr;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

struct World {
    edge: EdgeProcess,
    http2: SocketAddr,
    east: Stepwise,
    west: Stepwise,
}

const EVENTS: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";

const UPGRADED: &str = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                        Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

impl World {
    async fn start() -> Self {
        let block = Block::new();
        let east = Stepwise::start(SocketAddr::new(block.address(2), 8080)).await;
        let west = Stepwise::start(SocketAddr::new(block.address(3), 8080)).await;
        let table = edge::table(&[east.address], &[], &[west.address], "");
        let plan = edge::Plan { region: "us-west", settings: String::new(), table };
        let mut edge = EdgeProcess::start(&block, 1, &plan).await;
        let http2 = edge.and_http2().await;
        Self { edge, http2, east, west }
    }

    /// Drains us-west, with more keys of the drain.
    async fn drain(&self, rest: &str) {
        let drain = format!("drains:\n  - {{region: us-west, sessions: keep, {rest}}}\n");
        self.edge.adopt(&edge::table(&[self.east.address], &[], &[self.west.address], &drain)).await;
    }

    /// Opens a stream of events of a session, and lets its app say hello. Both ends of it.
    async fn events(&mut self, home: &str) -> (Spoken, Spoken) {
        let mut client = Spoken::ask(self.edge.address, edge::NEW_YORK, "/events", &format!("sid={home}-1")).await;
        let mut app = if home == "west" { self.west.next() } else { self.east.next() }.await;
        app.say(EVENTS).await;
        app.say("7\r\nhello\n\n\r\n").await;
        client.hear("hello\n\n\r\n").await;
        (client, app)
    }

    async fn websocket(&mut self) -> (Spoken, Spoken) {
        let mut client = Spoken::connect(self.edge.address, edge::NEW_YORK).await;
        client
            .say(
                "GET /chat HTTP/1.1\r\nHost: portal.example.com\r\nCookie: sid=west-1\r\nConnection: Upgrade\r\n\
                 Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
            )
            .await;
        let mut app = self.west.next().await;
        app.say(UPGRADED).await;
        client.hear("\r\n\r\n").await;
        app.say("from the app").await;
        client.hear("from the app").await;
        (client, app)
    }

    async fn streams_are(&self, east: u64, west: u64) {
        let of = |status: &serde_json::Value, nth: usize| status["regions"][nth]["open_streams"].as_u64().unwrap();
        let what = format!("{east} and {west} streams");
        self.edge.status_where(&what, |status| (of(status, 0), of(status, 2)) == (east, west)).await;
    }

    /// What the access log says of how requests for `path` ended.
    async fn ends(&self, path: &str, count: usize) -> Vec<serde_json::Value> {
        eventually("lines in the access log", async || {
            let lines: Vec<_> = self.edge.access_log().into_iter().filter(|line| line["path"] == path).collect();
            (lines.len() == count).then(|| lines.iter().map(|line| line["error"].clone()).collect())
        })
        .await
    }
}

/// Waits for the end of the client's side: no reset, and nothing more before it.
async fn ends_in_order(mut client: Spoken) {
    let read = timeout(PATIENCE, client.stream.read(&mut [0; 64])).await.expect("an end");
    assert_eq!(read.expect("no reset"), 0);
}

#[tokio::test]
async fn streams_end_in_order_once_their_time_is_over_and_others_do_not() {
    let mut world = World::start().await;
    let (mut events, _app_of_events) = world.events("west").await;
    let (socket, _app_of_socket) = world.websocket().await;
    let (mut others, mut app_of_others) = world.events("east").await;
    world.streams_are(1, 2).await;
    let metrics = world.edge.admin("/metrics").await.body;
    let line = "homeward_region_remainder{kind=\"streams\",region=\"us-west\"} 2\n";
    assert!(metrics.contains(line), "{metrics}");

    world.drain("streams: {close_after: 1s}").await;
    events.hear("0\r\n\r\n").await;
    ends_in_order(events).await;
    ends_in_order(socket).await;
    world.streams_are(1, 0).await;
    app_of_others.say("5\r\nagain\r\n").await;
    others.hear("again\r\n").await;
    assert_eq!(world.ends("/chat", 1).await, ["stream_ended_by_drain"]);
    assert_eq!(world.ends("/events", 1).await, ["stream_ended_by_drain"]);
    let told = eventually("an empty region", async || {
        let remainder = world.edge.status().await["drains"][0]["remainder"].clone();
        (!remainder["empty_since"].is_null()).then_some(remainder)
    })
    .await;
    assert_eq!((&told["open_streams"], &told["sessions_per_second"]), (&0.into(), &0.0.into()));
    let verb = world.edge.verb(&["status", "--until-empty", "us-west", "--config", "homeward.yaml"]);
    let said = String::from_utf8_lossy(&verb.stdout).into_owned();
    assert!(verb.status.success() && said.contains("us-west is empty since "), "{said}");

    // With sessions: keep, who comes back is let be.
    let (mut back, mut app) = world.events("west").await;
    world.streams_are(1, 1).await;
    app.say("5\r\nthere\r\n").await;
    back.hear("there\r\n").await;
}

#[tokio::test]
async fn streams_of_a_drain_that_keeps_them_stay() {
    let mut world = World::start().await;
    let (mut events, mut app) = world.events("west").await;
    world.drain("streams: keep").await;
    world.streams_are(0, 1).await;
    app.say("5\r\nstill\r\n").await;
    events.hear("still\r\n").await;
    app.say("0\r\n\r\n").await;
    events.hear("0\r\n\r\n").await;
    world.streams_are(0, 0).await;
    assert_eq!(world.ends("/events", 1).await, [serde_json::Value::Null]);
}

#[tokio::test]
async fn a_stream_of_http2_ends_with_its_next_event_and_its_connection_goes_on() {
    let mut world = World::start().await;
    let stream = TcpStream::connect(world.http2).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let ask = |home: &str| {
        let request = Request::get("http://portal.example.com/events").header("cookie", format!("sid={home}-1"));
        request.body(Empty::<Bytes>::new()).unwrap()
    };
    let begin = async |mut app: Spoken| {
        app.say(EVENTS).await;
        app.say("5\r\nhello\r\n").await;
        app
    };
    let (answer, app) = tokio::join!(sender.send_request(ask("west")), async { begin(world.west.next().await).await });
    let (mut west, mut app_of_west) = (answer.unwrap().into_body(), app);
    let (answer, app) = tokio::join!(sender.send_request(ask("east")), async { begin(world.east.next().await).await });
    let (mut east, mut app_of_east) = (answer.unwrap().into_body(), app);
    world.streams_are(1, 1).await;
    for body in [&mut west, &mut east] {
        let data = timeout(PATIENCE, body.frame()).await.unwrap().unwrap().unwrap().into_data().unwrap();
        assert_eq!(data, "hello");
    }
    world.drain("streams: {close_after: 0s}").await;
    let ended = eventually("the end of the stream", async || {
        // An app that says nothing is not known to be there.
        let _ = tokio::io::AsyncWriteExt::write_all(&mut app_of_west.stream, b"1\r\n.\r\n").await;
        match timeout(std::time::Duration::from_millis(20), west.frame()).await {
            Ok(None) => Some(true),
            Ok(Some(Err(_))) => Some(false),
            Ok(Some(Ok(_))) | Err(_) => None,
        }
    })
    .await;
    assert!(ended, "it was reset");
    app_of_east.say("5\r\nagain\r\n").await;
    let data = timeout(PATIENCE, east.frame()).await.unwrap().unwrap().unwrap().into_data().unwrap();
    assert_eq!(data, "again", "the other on the same connection");
    world.streams_are(1, 0).await;
}
