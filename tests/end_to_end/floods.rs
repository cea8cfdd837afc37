//! Clients that send frames of HTTP/2 for nothing: they are cut, and others are served meanwhile.

use crate::routing::World;
use crate::slow_clients::cut;
use crate::support::frames::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, Frames, GOAWAY, HEADERS, PING, PRIORITY, RESET, SETTINGS,
    WINDOW_UPDATE, frame, head,
};
use crate::support::{client, edge, eventually};
use std::net::{IpAddr, SocketAddr};

/// A world whose second listener takes HTTP/2 without TLS.
struct Plain {
    world: World,
    http2: SocketAddr,
}

impl Plain {
    async fn start(limits: &str) -> Self {
        let mut world = World::start(limits, "").await;
        let http2 = world.edge.and_http2().await;
        Self { world, http2 }
    }

    /// Sends a flood; asserts that it was cut for that and early, and that another client was served while it went on.
    async fn cuts(&self, what: &str, most: u32, bytes: impl FnMut(u32) -> Vec<u8> + Send + 'static) {
        let before = cut(&self.world, "flood").await;
        // From an address of its own, as who floods again and again is kept out.
        let from = IpAddr::from([127, 66, 0, what.len().try_into().unwrap()]);
        let flood = tokio::spawn(Frames::connect_from(from, self.http2).await.flood(most, bytes));
        loop {
            let served = client::get(self.world.edge.address, edge::NEW_YORK, "/", &[]).await;
            assert_eq!(served.status, 200, "{what}");
            if flood.is_finished() {
                break;
            }
        }
        flood.await.unwrap();
        eventually(what, async || (cut(&self.world, "flood").await == before + 1).then_some(())).await;
    }
}

#[tokio::test]
async fn floods_of_frames_are_cut() {
    let plain = Plain::start("").await;
    // How many were sent when the cut is noticed is for the sockets' buffers to say.
    plain.cuts("pings", 100_000, |_| frame(PING, 0, 0, b"pingpong")).await;
    plain.cuts("settings", 100_000, |_| frame(SETTINGS, 0, 0, &[])).await;
    plain.cuts("priorities", 100_000, |nth| frame(PRIORITY, 0, 2 * nth + 1, &[0, 0, 0, 0, 16])).await;
    plain.cuts("unknown frames", 100_000, |_| frame(0xfe, 0, 0, b"")).await;
    plain.cuts("window updates", 100_000, |_| frame(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1])).await;
    assert_eq!(plain.world.edge.access_log().iter().filter(|line| line["status"] != 200).count(), 0);
}

#[tokio::test]
async fn a_rapid_reset_is_cut_before_it_is_half_a_thousand_requests() {
    let plain = Plain::start("").await;
    plain
        .cuts("resets", 100_000, |nth| {
            let stream = 2 * nth + 1;
            let mut bytes = frame(HEADERS, END_HEADERS | END_STREAM, stream, &head("GET", "/rapid", &[]));
            bytes.extend(frame(RESET, 0, stream, &[0, 0, 0, 8]));
            bytes
        })
        .await;
    let rapid =
        plain.world.east.seen().iter().chain(&plain.world.west.seen()).filter(|seen| seen.target == "/rapid").count();
    assert!(rapid <= 400, "{rapid} reached an app");
}

#[tokio::test]
async fn empty_pieces_of_a_body_are_cut() {
    let plain = Plain::start("").await;
    plain
        .cuts("empty pieces", 100_000, |nth| match nth {
            0 => frame(HEADERS, END_HEADERS, 1, &head("POST", "/count", &[])),
            _ => frame(DATA, 0, 1, &[]),
        })
        .await;
}

#[tokio::test]
async fn a_head_in_endless_pieces_is_refused() {
    let plain = Plain::start("").await;
    let mut frames = Frames::connect(plain.http2).await;
    frames.send(&frame(HEADERS, END_STREAM, 1, &head("GET", "/", &[]))).await.unwrap();
    let mut sent = 0;
    while sent < 10_000 && frames.send(&frame(CONTINUATION, 0, 1, &head("GET", "/", &[])[20..])).await.is_ok() {
        sent += 1;
    }
    let goaway = frames.next_of(GOAWAY).await;
    // Where the edge is done before all is sent, its last word may be lost to the reset that follows.
    assert!(goaway.is_none_or(|frame| frame.payload[4..8] != [0, 0, 0, 0]), "it is an error");
    assert_eq!(frames.next().await.map(|frame| frame.kind), None);
    assert_eq!(plain.world.west.seen().len() + plain.world.east.seen().len(), 0);
}

#[tokio::test]
async fn a_head_that_is_never_whole_is_cut() {
    let plain = Plain::start("limits: {head_time: 300ms}\n").await;
    for part in [
        frame(HEADERS, END_STREAM, 1, &head("GET", "/", &[])),
        frame(HEADERS, END_STREAM | END_HEADERS, 1, &head("GET", "/", &[]))[..20].to_vec(),
        frame(SETTINGS, 0, 0, &[0; 6])[..12].to_vec(),
        vec![0, 0],
    ] {
        let before = cut(&plain.world, "slow_head").await;
        let mut frames = Frames::connect(plain.http2).await;
        frames.send(&part).await.unwrap();
        while frames.next().await.is_some() {}
        assert_eq!(cut(&plain.world, "slow_head").await, before + 1, "{part:?}");
    }
    // So is a preface.
    let mut stream = tokio::net::TcpStream::connect(plain.http2).await.unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut stream, b"PRI * HT").await.unwrap();
    eventually("the cut", async || (cut(&plain.world, "slow_head").await == 5).then_some(())).await;
}

#[tokio::test]
async fn a_body_that_drips_is_refused_and_a_call_that_streams_is_not() {
    let plain = Plain::start("limits: {patience: 300ms, slowest_body: 1KiB}\n").await;
    let mut frames = Frames::connect(plain.http2).await;
    frames.send(&frame(HEADERS, END_HEADERS, 1, &head("POST", "/count", &[]))).await.unwrap();
    frames
        .send(&frame(HEADERS, END_HEADERS, 3, &head("POST", "/count", &[("content-type", "application/grpc")])))
        .await
        .unwrap();
    let mut pace = tokio::time::interval(std::time::Duration::from_millis(20)); // how slowly is what this is about
    let mut both = 0;
    let answer = loop {
        tokio::select! {
            next = frames.next_of(HEADERS) => break next.unwrap(),
            _ = pace.tick() => {
                both += 1;
                frames.write_drop(1, both).await;
                frames.write_drop(3, both).await;
            }
        }
    };
    assert_eq!(answer.stream, 1);
    assert_eq!(cut(&plain.world, "slow_body").await, 1);
    frames.send(&frame(DATA, END_STREAM, 3, b"x")).await.unwrap();
    let answer = frames.next_of(HEADERS).await.unwrap();
    assert_eq!(answer.stream, 3);
    let counted = frames.next_of(DATA).await.unwrap();
    assert_eq!(String::from_utf8_lossy(&counted.payload), (both + 1).to_string());
}

#[tokio::test]
async fn an_answer_that_is_not_taken_is_cut_and_the_connection_goes_on() {
    let plain = Plain::start("limits: {patience: 300ms}\n").await;
    let mut frames = Frames::connect(plain.http2).await;
    frames.send(&frame(HEADERS, END_HEADERS | END_STREAM, 1, &head("GET", "/size/1000000", &[]))).await.unwrap();
    let reset = frames.next_of(RESET).await.unwrap();
    assert_eq!(reset.stream, 1);
    // The window of the connection is used up as well.
    frames.send(&frame(WINDOW_UPDATE, 0, 0, &[0, 1, 0, 0])).await.unwrap();
    frames.send(&frame(HEADERS, END_HEADERS | END_STREAM, 3, &head("GET", "/", &[]))).await.unwrap();
    assert_eq!(frames.next_of(HEADERS).await.unwrap().stream, 3);
}

#[tokio::test]
async fn more_requests_at_once_than_the_limit_are_refused() {
    let plain = Plain::start("limits: {streams: 3}\n").await;
    let mut frames = Frames::connect(plain.http2).await;
    // A client that has not heard of the limit yet may have sent them in good faith.
    for stream in [1, 3, 5, 7] {
        frames.send(&frame(HEADERS, END_HEADERS | END_STREAM, stream, &head("GET", "/hold", &[]))).await.unwrap();
    }
    let refused = frames.next_of(RESET).await.unwrap();
    assert_eq!((refused.stream, refused.payload), (7, vec![0, 0, 0, 7]), "REFUSED_STREAM: it may be sent again");
}

#[tokio::test]
async fn who_floods_three_times_is_kept_out_and_nobody_else_is() {
    let plain = Plain::start("").await;
    let flood =
        || async { Frames::connect(plain.http2).await.flood(100_000, |_| frame(PING, 0, 0, b"pingpong")).await };
    for nth in 1..=3 {
        flood().await;
        eventually("the cut", async || (cut(&plain.world, "flood").await == nth).then_some(())).await;
    }
    let mut stream = tokio::net::TcpStream::connect(plain.http2).await.unwrap();
    assert_eq!(tokio::io::AsyncReadExt::read(&mut stream, &mut [0]).await.unwrap_or(0), 0, "closed at once");
    let refused = plain.world.edge.admin("/metrics").await.body;
    assert!(refused.contains("homeward_connections_refused_total{why=\"flooding\"} "), "{refused}");
    assert!(!refused.contains("homeward_connections_refused_total{why=\"flooding\"} 0"), "{refused}");
    assert_eq!(client::get(plain.world.edge.address, edge::NEW_YORK, "/", &[]).await.status, 200, "from elsewhere");
    let log = plain.world.edge.log();
    assert!(log.contains("it has flooded three connections") && !log.contains("h2::"), "{log}");
}
