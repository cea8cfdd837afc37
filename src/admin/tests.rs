//! The servers with real sockets, on an edge with a table and without a proxy.

mod events;

use super::*;
use crate::config::{Admin, SocketUsers, Source, read_routing};
use crate::live::Seen;
use crate::live::{Edge, Origin, Revision, clock};
use crate::routing::VisitorNetwork;
use crate::routing::preview::Preview;
use crate::telemetry::Metrics;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::watch;

const TABLE: &str = "
version: 1
regions:
  us-east: {session_prefix: east, location: {latitude: 39.04, longitude: -77.49}, capacity: 1200/s}
  us-west: {session_prefix: west}
homes: [{networks: [203.0.113.0/24], region: us-west}, {otherwise: us-east}]
services:
  portal:
    hosts: [portal.example.com]
    session: {cookie: sid}
    pools: {us-east: ['127.0.0.1:1'], us-west: ['127.0.0.1:2', '127.0.0.1:3']}
drains:
  - {region: us-west, sessions: move, by: oncall, reason: power loss}
";

struct Running {
    admin: AdminServer,
    edge: Arc<Edge>,
    stop: watch::Sender<bool>,
    directory: tempfile::TempDir,
}

fn edge() -> Arc<Edge> {
    let metrics = Arc::new(Metrics::new("0.0.0", clock::now()).unwrap());
    Arc::new(Edge::new("us-east".parse().unwrap(), metrics))
}

fn settings(socket: PathBuf) -> Admin {
    Admin { address: "127.0.0.1:0".parse().unwrap(), socket: Some(socket), ..Admin::default() }
}

fn give_table(edge: &Edge) {
    let parts = read_routing(&Source::new("routing.yaml", TABLE), clock::now()).unwrap();
    let prepared = edge.prepare(parts, Revision::of(TABLE.as_bytes()), Origin::File).unwrap();
    edge.adopt(prepared).unwrap();
}

/// An edge that has its table, and its admin address.
fn running() -> Running {
    let directory = tempfile::tempdir().unwrap();
    let (stop, stopped) = watch::channel(false);
    let edge = edge();
    give_table(&edge);
    edge.begin_to_serve();
    let socket = directory.path().join("run/homeward.sock");
    let admin = AdminServer::start(&settings(socket), Arc::clone(&edge), None, stopped).unwrap();
    Running { admin, edge, stop, directory }
}

impl Running {
    fn socket(&self) -> PathBuf {
        self.directory.path().join("run/homeward.sock")
    }

    /// The whole answer to `head`, which lacks its `Connection: close` and the empty line.
    async fn ask(&self, head: &str) -> String {
        exchange(TcpStream::connect(self.admin.address()).await.unwrap(), head).await
    }

    async fn get(&self, target: &str) -> (String, String) {
        let answer = self.ask(&format!("GET {target} HTTP/1.1\r\nHost: {}", self.admin.address())).await;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.to_owned(), body.to_owned())
    }

    async fn json(&self, target: &str) -> serde_json::Value {
        let (head, body) = self.get(target).await;
        assert!(head.starts_with("HTTP/1.1 200"), "{head}\n{body}");
        serde_json::from_str(&body).unwrap()
    }
}

async fn exchange(mut stream: impl AsyncRead + AsyncWrite + Unpin, head: &str) -> String {
    stream.write_all(format!("{head}\r\nConnection: close\r\n\r\n").as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn the_status_is_what_the_edge_is() {
    let running = running();
    let status = running.json("/api/v1/status").await;
    assert_eq!(status["region"], "us-east");
    assert_eq!(status["ready"], true);
    assert_eq!(status["table"]["revision"], Revision::of(TABLE.as_bytes()).to_string());
    assert_eq!(status["table"]["origin"], "file");
    assert_eq!(status["regions"][0]["share"], "100%");
    assert_eq!(status["regions"][0]["away"], serde_json::json!([]));
    assert_eq!(status["regions"][1]["share_ratio"], 0.0);
    assert_eq!(status["regions"][1]["away"][0]["why"], "Drained");
    assert_eq!(status["regions"][1]["away"][0]["text"], "drained by oncall (drain 1): power loss");
    assert_eq!(status["regions"][1]["services"][0]["servers"], 2);
    assert_eq!(status["drains"][0]["in_force"], true);
    // What is written is what is read.
    let read: Status = serde_json::from_value(status.clone()).unwrap();
    assert_eq!(serde_json::to_value(&read).unwrap(), status);
}

#[tokio::test]
async fn the_metrics_show_the_state() {
    let running = running();
    let (head, body) = running.get("/metrics").await;
    assert!(head.to_lowercase().contains("content-type: text/plain; version=0.0.4; charset=utf-8"), "{head}");
    for line in [
        "homeward_region_share_ratio{region=\"us-west\"} 0",
        "homeward_region_away{region=\"us-west\",why=\"Drained\"} 1",
        "homeward_drain_info{by=\"oncall\",region=\"us-west\",until=\"none\"} 1",
        "homeward_upstream_servers{region=\"us-west\",service=\"portal\"} 2",
    ] {
        assert!(body.lines().any(|of_body| of_body == line), "{line} is not in\n{body}");
    }
}

#[tokio::test]
async fn explain_answers_and_refuses() {
    let running = running();
    let told = running.json("/api/v1/explain?ip=203.0.113.7&path=/a&cookie=sid%3Dwest-1").await;
    assert_eq!(told["host"], "portal.example.com");
    assert_eq!((&told["home"], &told["region"]), (&"us-west".into(), &"us-east".into()));
    assert_eq!(told["session"], "orphaned");
    for (query, named) in
        [("", "ip"), ("?ip=x", "ip 'x'"), ("?ip=::1&path=x", "path"), ("?ip=::1&colour=red", "colour")]
    {
        let (head, body) = running.get(&format!("/api/v1/explain{query}")).await;
        assert!(head.starts_with("HTTP/1.1 400"), "{head}");
        let problem: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert!(problem["detail"].as_str().unwrap().contains(named), "{body}");
    }
}

#[tokio::test]
async fn ready_is_who_has_a_table_and_is_not_stopping() {
    let (stop, stopped) = watch::channel(false);
    let edge = edge();
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("s");
    let admin = AdminServer::start(&settings(socket), Arc::clone(&edge), None, stopped).unwrap();
    let running = Running { admin, edge, stop, directory };
    assert!(running.get("/livez").await.0.starts_with("HTTP/1.1 200"));
    assert!(running.get("/readyz").await.0.starts_with("HTTP/1.1 503"));
    give_table(&running.edge);
    assert!(running.get("/readyz").await.0.starts_with("HTTP/1.1 503"), "nobody can connect yet");
    running.edge.begin_to_serve();
    assert!(running.get("/readyz").await.0.starts_with("HTTP/1.1 200"));
    running.edge.begin_to_stop();
    assert!(running.get("/readyz").await.0.starts_with("HTTP/1.1 503"));
    assert_eq!(running.json("/api/v1/status").await["ready"], false);
}

#[tokio::test]
async fn names_of_others_and_writes_are_refused() {
    let running = running();
    for (head, status) in [
        ("GET /livez HTTP/1.1\r\nHost: evil.example", "403"),
        ("GET /livez HTTP/1.1\r\nHost: localhost", "200"),
        ("GET /livez HTTP/1.0", "200"),
        ("GET /nowhere HTTP/1.1\r\nHost: localhost", "404"),
        ("POST /api/v1/status HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0", "405"),
        ("OPTIONS / HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil.example", "405"),
        (
            "OPTIONS /api/v1/status HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil.example\r\n\
             Access-Control-Request-Method: GET\r\nAccess-Control-Request-Headers: authorization",
            "405",
        ),
        ("GET /livez HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil.example", "200"),
        ("GET /livez HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000000", "413"),
        ("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 65537", "413"),
        ("POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked", "405"),
        ("TRACE / HTTP/1.1\r\nHost: localhost", "405"),
        ("GET /livez HTTP/1.1\r\nHost: localhost\r\nHost: evil.example", "403"),
        ("HEAD / HTTP/1.1\r\nHost: localhost", "200"),
    ] {
        let answer = running.ask(head).await;
        assert!(answer.split(' ').nth(1) == Some(status), "{head}\n{answer}");
        assert!(answer.to_lowercase().contains("content-security-policy: default-src 'none'"), "{answer}");
        assert!(!answer.to_lowercase().contains("access-control"), "{answer}");
        for header in [
            "cache-control: no-store",
            "x-content-type-options: nosniff",
            "x-frame-options: deny",
            "referrer-policy: no-referrer",
            "cross-origin-resource-policy: same-origin",
        ] {
            assert!(answer.to_lowercase().contains(header), "{header}: {answer}");
        }
    }
}

#[tokio::test]
async fn the_socket_is_for_its_owner_and_ends_with_the_edge() {
    let running = running();
    let path = running.socket();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let head = "GET /readyz HTTP/1.1\r\nHost: any.example";
    let answer = exchange(UnixStream::connect(&path).await.unwrap(), head).await;
    assert!(answer.ends_with("ready\n"), "{answer}");
    running.stop.send(true).unwrap();
    while path.exists() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn the_socket_may_be_for_a_group() {
    let directory = tempfile::tempdir().unwrap();
    let (_stop, stopped) = watch::channel(false);
    let path = directory.path().join("run/s");
    let settings = Admin { socket_for: SocketUsers::Group, ..settings(path.clone()) };
    let _admin = AdminServer::start(&settings, edge(), None, stopped).unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o660, 0o750));
}

#[tokio::test]
async fn an_address_for_others_needs_tls_and_tokens() {
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"] {
        let (_stop, stopped) = watch::channel(false);
        let settings = Admin { address: address.parse().unwrap(), ..Admin::default() };
        let edge = edge();
        edge.set_admin_tokens("read:homeward_000000000000000000000000".parse().unwrap());
        let error = AdminServer::start(&settings, edge, None, stopped).unwrap_err();
        assert!(matches!(error, AdminError::Open { .. }), "{error}");
        assert!(error.to_string().contains("TLS is missing: add tls: and token_file:"), "{error}");
    }
}

fn start_at(path: &Path) -> Result<AdminServer, AdminError> {
    let (_stop, stopped) = watch::channel(false);
    AdminServer::start(&settings(path.to_owned()), edge(), None, stopped)
}

#[tokio::test]
async fn a_socket_in_the_way_is_replaced_only_where_nobody_answers() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s");
    let listener = UnixListener::bind(&path).unwrap();
    assert!(matches!(start_at(&path), Err(AdminError::SocketInUse { .. })));
    drop(listener);
    assert!(path.exists(), "what a dead process leaves");
    start_at(&path).unwrap();

    let file = directory.path().join("f");
    std::fs::write(&file, "precious").unwrap();
    assert!(matches!(start_at(&file), Err(AdminError::NoSocket { .. })));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "precious");
}

#[tokio::test]
async fn an_address_that_is_taken_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let (_stop, stopped) = watch::channel(false);
    let error =
        AdminServer::start(&Admin { address, ..Admin::default() }, edge(), None, stopped).unwrap_err().to_string();
    assert!(error.contains(&address.to_string()) && error.contains("another process has it"), "{error}");
}

/// The JSON blocks of the reference, in their order.
fn examples() -> Vec<serde_json::Value> {
    let text = include_str!("../../docs/reference/api.md");
    let blocks = text.split("```json\n").skip(1).filter_map(|rest| rest.split("```").next());
    blocks.map(|block| serde_json::from_str(block).unwrap()).collect()
}

#[tokio::test]
async fn the_reference_shows_every_field() {
    let [status, explanation, drained, preview] = &examples()[..] else { panic!("the reference has four examples") };
    let read: Preview = serde_json::from_value(preview.clone()).unwrap();
    assert_eq!(&serde_json::to_value(&read).unwrap(), preview);
    let read: DrainAnswer = serde_json::from_value(drained.clone()).unwrap();
    assert_eq!(&serde_json::to_value(&read).unwrap(), drained);
    // A field that the example lacks would come back as null, one that does not exist would not come back.
    let read: Status = serde_json::from_value(status.clone()).unwrap();
    assert_eq!(&serde_json::to_value(&read).unwrap(), status);

    let told = running().json("/api/v1/explain?ip=203.0.113.7").await;
    let keys = |value: &serde_json::Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(explanation), keys(&told));
}

/// What the edge says of `text` at `target`.
async fn preview(running: &Running, target: &str, text: &str) -> (String, serde_json::Value) {
    let head = format!(
        "POST {target} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Type: application/yaml\r\nContent-Length: {}",
        running.admin.address(),
        text.len()
    );
    let mut stream = TcpStream::connect(running.admin.address()).await.unwrap();
    stream.write_all(format!("{head}\r\n\r\n{text}").as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), serde_json::from_str(body).unwrap())
}

#[tokio::test]
async fn a_preview_tells_what_a_table_would_do() {
    let running = running();
    let second = clock::second();
    for nth in 0..40 {
        let seen = Seen {
            service: "portal",
            network: VisitorNetwork::of(format!("203.0.113.{nth}").parse().unwrap()),
            place: None,
            session: (nth % 4 == 0).then_some("us-west"),
        };
        running.edge.sampler().record(second - 2, || seen);
    }
    let without_drain = TABLE.split("drains:").next().unwrap();
    let (head, told) = preview(&running, "/api/v1/preview?at=2026-11-22T04:30:00Z", without_drain).await;
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert_eq!(told["at"], "2026-11-22T04:30:00Z");
    let told: Preview = serde_json::from_value(told).unwrap();
    let [cell] = &told.cells[..] else { panic!("{told:?}") };
    assert_eq!((&*cell.service, &*cell.from, &*cell.to), ("portal", "us-east", "us-west"));
    assert_eq!(told.samples, 40);
    assert!((cell.sessions_at_home_per_second / cell.requests_per_second - 0.25).abs() < 0.01, "{cell:?}");

    // An operator's drain stays, whatever table comes.
    let lease = crate::model::Drain {
        sessions: crate::model::DrainedSessions::Move,
        ..crate::model::Drain::of("us-west".parse().unwrap())
    };
    running.edge.change_leases(|_, _| Ok::<_, ()>(vec![lease])).unwrap();
    let (_, told) = preview(&running, "/api/v1/preview", without_drain).await;
    assert_eq!(told["moved_per_second"], 0.0, "{told}");

    let (head, told) = preview(
        &running,
        "/api/v1/preview",
        &TABLE
            .replace("region: us-west, by", "region: us-wst, by")
            .replace("{region: us-west, sessions", "{region: us-wst, sessions"),
    )
    .await;
    assert!(head.starts_with("HTTP/1.1 422") && head.contains("application/problem+json"), "{head}");
    assert!(told["detail"].as_str().unwrap().contains("= help: did you mean 'us-west'?"), "{told}");
    assert_eq!(told["problems"][0]["message"], "there is no region 'us-wst'", "{told}");
    let (head, told) = preview(&running, "/api/v1/preview", &TABLE.replace("us-east", "eu-east")).await;
    assert!(head.starts_with("HTTP/1.1 422"), "{head}");
    assert!(told["detail"].as_str().unwrap().contains("has no region us-east"), "{told}");
    let (head, _) = preview(&running, "/api/v1/preview?at=tomorrow", without_drain).await;
    assert!(head.starts_with("HTTP/1.1 400"), "{head}");

    // A table may be larger than other bodies.
    let long = format!("{without_drain}# {}\n", "x".repeat(1 << 20));
    assert!(preview(&running, "/api/v1/preview", &long).await.0.starts_with("HTTP/1.1 200"));
    let too_long = format!("POST /api/v1/preview HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}", (16 << 20) + 1);
    assert!(running.ask(&too_long).await.starts_with("HTTP/1.1 413"));
    for (body, status) in [("5\r\n\u{e9}\u{e9}#\r\n0\r\n\r\n", "422"), ("zz\r\n", "400")] {
        let chunked = format!(
            "POST /api/v1/preview HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n{body}"
        );
        let mut stream = TcpStream::connect(running.admin.address()).await.unwrap();
        stream.write_all(chunked.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{body}: {answer}");
    }
    let mut stream = TcpStream::connect(running.admin.address()).await.unwrap();
    let head =
        "POST /api/v1/preview HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let chunk = format!("100000\r\n{}\r\n", "#".repeat(1 << 20));
    let mut sent = 0;
    while sent < 17 && stream.write_all(chunk.as_bytes()).await.is_ok() {
        sent += 1;
    }
    let mut answer = Vec::new();
    // The edge may close before it has read all that was sent.
    let _ = stream.read_to_end(&mut answer).await;
    assert!(answer.starts_with(b"HTTP/1.1 413") || answer.is_empty(), "{}", String::from_utf8_lossy(&answer));
    assert!(
        preview(&running, "/api/v1/preview", without_drain).await.0.starts_with("HTTP/1.1 200"),
        "it is the next one's turn"
    );
}
