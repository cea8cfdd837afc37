//! Heads of requests byte by byte: each is passed on with one meaning, or refused and seen by nobody (`docs/requests.md`).

use crate::support::edge::Plan;
use crate::support::recorder::{Recorder, Taken};
use crate::support::{Block, EdgeProcess, eventually};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

mod passed;
mod refused;

/// An edge with one app server.
struct Bench {
    app: Recorder,
    edge: EdgeProcess,
}

impl Bench {
    async fn start() -> Self {
        Self::with_pools(|address| format!("[\"{address}\"]"), "", "").await
    }

    async fn with_pools(pool: impl Fn(std::net::SocketAddr) -> String, service: &str, settings: &str) -> Self {
        let block = Block::new();
        let app = Recorder::start((block.address(2), 8080).into()).await;
        let table = format!(
            "version: 1\nregions: {{us-east: {{session_prefix: east}}}}\nhomes: [{{otherwise: us-east}}]\n\
             services:\n\x20 portal:\n\x20   hosts: [\"*\"]\n{service}\x20   pools: {{us-east: {}}}\n",
            pool(app.address)
        );
        let plan = Plan { region: "us-east", settings: settings.to_owned(), table };
        Self { edge: EdgeProcess::start(&block, 1, &plan).await, app }
    }

    /// Says `bytes` on a connection of its own, and gives back everything that is answered until the edge closes, or until
    /// `answers` whole answers have come.
    async fn say(&self, bytes: &[u8], answers: usize) -> String {
        let mut stream = TcpStream::connect(self.edge.address).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        let mut got = Vec::new();
        while whole_answers(&got) < answers {
            let mut some = [0; 4096];
            match tokio::time::timeout(Duration::from_secs(10), stream.read(&mut some)).await {
                Ok(Ok(read)) if read > 0 => got.extend_from_slice(&some[..read]),
                Ok(_) => break,
                Err(_) => panic!("no answer to {}: {}", bytes.escape_ascii(), got.escape_ascii()),
            }
        }
        String::from_utf8(got).unwrap()
    }

    /// What the app server took of `bytes`, which are one request, and are answered with 200.
    async fn passed(&self, bytes: &[u8]) -> Taken {
        let before = self.app.taken().len();
        let answer = self.say(bytes, 1).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{} got {answer}", bytes.escape_ascii());
        let mut new = self.app.taken().split_off(before);
        assert_eq!(new.len(), 1, "{} came as {new:?}", bytes.escape_ascii());
        new.remove(0)
    }

    /// Checks that `bytes` are refused with `status`, that nothing comes behind that, and that the app server saw nothing.
    async fn refused(&self, bytes: &[u8], status: u16) {
        let before = self.app.taken().len();
        let answer = self.say(bytes, 2).await;
        let said = bytes.escape_ascii();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{said} got {answer:?}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{said} got {answer:?}");
        let seen = self.app.taken().split_off(before);
        assert!(seen.is_empty(), "{said} came as {seen:?}");
    }
}

/// How many answers with a `Content-Length` are whole in `bytes`.
fn whole_answers(bytes: &[u8]) -> usize {
    let text = String::from_utf8_lossy(bytes);
    let (mut rest, mut count) = (&*text, 0);
    while let Some((head, behind)) = rest.split_once("\r\n\r\n") {
        let length = head.lines().filter_map(|line| line.split_once(": "));
        let mut length = length.filter(|(name, _)| name.eq_ignore_ascii_case("content-length")).map(|(_, n)| n.parse());
        let Some(left) = behind.get(length.next().map_or(0, Result::unwrap)..) else { break };
        (rest, count) = (left, count + 1);
    }
    count
}

#[tokio::test]
async fn servers_are_told_whose_a_connection_is() {
    let pool = |address| format!("{{servers: [\"{address}\"], proxy_protocol: v1}}");
    let bench = Bench::with_pools(pool, "", "trusted_proxies: [127.0.0.1]\n").await;
    let edge = bench.edge.address.ip();
    let taken = bench.passed(b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert!(taken.before.starts_with(&format!("PROXY TCP4 127.0.0.1 {edge} ")), "{taken:?}");
    assert!(taken.before.ends_with(" 8080\r\n"), "{taken:?}");
    for client in ["192.0.2.1", "192.0.2.2", "192.0.2.1"] {
        let request = format!("GET /b HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: {client}\r\n\r\n");
        let taken = bench.passed(request.as_bytes()).await;
        assert_eq!(taken.before, format!("PROXY TCP4 {client} {edge} 0 8080\r\n"));
    }
}

#[tokio::test]
async fn whose_a_request_is_can_be_said_in_forwarded() {
    let pool = |address| format!("[\"{address}\"]");
    for (setting, fields, x_forwarded_for, forwarded, proto) in [
        ("forwarded", "Forwarded: for=192.0.2.1;proto=https\r\n", "192.0.2.1, 127.0.0.1", 2, "https"),
        ("forwarded", "X-Forwarded-For: 192.0.2.9\r\nX-Forwarded-Proto: https\r\n", "127.0.0.1", 1, "http"),
        ("both", "Forwarded: for=192.0.2.1;proto=ftp\r\n", "192.0.2.1, 127.0.0.1", 2, "http"),
        ("both", "Forwarded: for=192.0.2.1\r\nX-Forwarded-For: 192.0.2.9\r\n", "192.0.2.9, 127.0.0.1", 2, "http"),
        ("x_forwarded_for", "X-Forwarded-For: 192.0.2.9\r\n", "192.0.2.9, 127.0.0.1", 0, "http"),
    ] {
        let settings = format!("trusted_proxies: [127.0.0.1]\nforwarded_header: {setting}\n");
        let bench = Bench::with_pools(pool, "", &settings).await;
        let taken = bench.passed(format!("GET / HTTP/1.1\r\nHost: a.example\r\n{fields}\r\n").as_bytes()).await;
        assert_eq!(taken.header("x-forwarded-for"), [x_forwarded_for], "{setting}: {fields}");
        assert_eq!(taken.header("x-forwarded-proto"), [proto], "{setting}: {fields}");
        let said = taken.header("forwarded");
        assert_eq!(said.len(), forwarded, "{setting}: {said:?}");
        if let Some(last) = said.last() {
            assert!(last.starts_with("for=\"127.0.0.1:") && last.ends_with(";proto=http;host=\"a.example\""), "{last}");
        }
        // The log has the visitor, not the proxy.
        let wanted = x_forwarded_for.split(',').next().unwrap();
        eventually("its line", async || {
            bench.edge.access_log().first().cloned().filter(|line| line["client"] == wanted)
        })
        .await;
    }
    let settings = "trusted_proxies: [127.0.0.1]\nforwarded_header: forwarded\n";
    let bench = Bench::with_pools(pool, "", settings).await;
    let half = b"GET / HTTP/1.1\r\nHost: a\r\nForwarded: for=\"192.0.2.9, for=192.0.2.1\r\n\r\n";
    bench.refused(half, 400).await;
    let bench = Bench::with_pools(pool, "", "forwarded_header: forwarded\n").await;
    let taken = bench.passed(b"GET / HTTP/1.1\r\nHost: a\r\nForwarded: for=192.0.2.1\r\n\r\n").await;
    assert_eq!(
        (taken.header("forwarded").len(), taken.header("x-forwarded-for")),
        (1, vec!["127.0.0.1"]),
        "a stranger"
    );
}
