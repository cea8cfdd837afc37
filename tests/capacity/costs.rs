//! What each thing costs, measured one after the other; the file that `homeward capacity --costs` reads.

use crate::Options;
use crate::app::App;
use crate::clients::{Door, Stream, answer, get, request};
use crate::edge::{Edge, Plan, table};
use crate::load::{self, AT_ONCE, Kind, Outcome};
use homeward::capacity::{Costs, DEFAULT_COSTS, waking_part};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::io::AsyncWriteExt;

const KEPT: Kind = Kind::Kept { connections: 64, path: "/1", prefix: "east" };

/// Costs as they are found.
struct Found {
    file: Value,
    /// A request on a busy core, and what it takes more on an idle one: µs.
    request: f64,
    waking: f64,
}

impl Found {
    fn note(&mut self, name: &str, value: f64, how: &str) {
        assert!(Costs::NAMES.contains(&name), "{name}");
        let value = (value.max(0.0) * 100.0).round() / 100.0;
        println!("{name:<24} {value:>9}  {how}");
        self.file["costs"][name] = json!({"value": value, "how": how});
    }

    /// What each took, less as many times waking up.
    fn busy(&self, outcome: &Outcome, times: f64) -> f64 {
        outcome.each() - times * self.waking * waking_part(outcome.utilisation().min(1.0))
    }

    fn of(&self, name: &str) -> f64 {
        self.file["costs"][name]["value"].as_f64().unwrap()
    }
}

fn all_well(outcome: &Outcome, what: &str) {
    assert!(outcome.failed == 0 && !outcome.times.is_empty(), "{what}: {} failed", outcome.failed);
}

/// Measures everything but what needs a machine of its own, and gives back the file.
pub async fn measure(options: &Options) -> String {
    let app = App::start().await;
    let mut found = Found { file: serde_json::from_str(DEFAULT_COSTS).unwrap(), request: 0.0, waking: 0.0 };
    found.file["machine"] = json!(machine());
    let edge = Edge::start(&options.homeward, &app, &Plan::default()).await;
    found.note(
        "base_mib",
        edge.resident() / 1024.0,
        "resident memory of an edge that has answered some requests, with the country database",
    );
    requests(options, &edge, &mut found).await;
    connections(options, &edge, &mut found).await;
    drop(edge);
    hop(options, &app, &mut found).await;
    memory(options, &app, &mut found).await;
    tables(options, &app, &mut found).await;
    serde_json::to_string_pretty(&found.file).unwrap() + "\n"
}

fn machine() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model =
        text.lines().find_map(|line| line.strip_prefix("model name")?.split(": ").nth(1)).unwrap_or("an unknown CPU");
    let words: Vec<_> = model.split_whitespace().collect();
    format!("{}; the edge on one core, load and app server on another, all on loopback", words.join(" "))
}

async fn requests(options: &Options, edge: &Edge, found: &mut Found) {
    let seconds = 5.0 * options.scale;
    let plain = Door::plain(edge.http);
    load::run(&[edge], &plain, &KEPT, 2_000.0, seconds).await; // warm
    // The cost of each request over the square of how idle the core was lies on a line: where it is busy, and what waking
    // up adds.
    let mut points = Vec::new();
    for rate in [2_000.0, 4_000.0, 7_000.0, 10_000.0, AT_ONCE, 3_000.0, 8_000.0, AT_ONCE] {
        let outcome = load::run(&[edge], &plain, &KEPT, rate, seconds).await;
        all_well(&outcome, "requests");
        eprintln!(
            "  {:.0}/s: {:.1} µs each, {:.0} % busy",
            outcome.rate(),
            outcome.each(),
            outcome.utilisation() * 100.0
        );
        points.push((waking_part(outcome.utilisation().min(1.0)), outcome.each()));
    }
    let (request, waking) = line(&points);
    assert!(request > 0.0 && waking > 0.0, "busy cores are dearer than idle ones: measure on a quiet machine");
    (found.request, found.waking) = (request, waking);
    found.note("http1_request_us", request, "CPU time of the process at 2,000 requests/s up to as many as there can be, on 64 kept connections, answers of 1 KiB, access log to /dev/null: the straight line through the points over the square of how idle the core was, where it never was");
    found.note(
        "wake_up_us",
        waking,
        "the slope of that line: how much more a request costs where the core always was idle",
    );

    let http2 = load::run(&[edge], &Door::plain(edge.http2), &Kind::Http2 { connections: 64 }, AT_ONCE, seconds).await;
    all_well(&http2, "HTTP/2");
    found.note(
        "http2_request_us",
        found.busy(&http2, 1.0),
        "the same by HTTP/2 at full speed, one request at a time on each of 64 connections, less the waking up",
    );
    let door = Door::tls(edge, true);
    let tls_request = more(options, found, &[edge], (&plain, &KEPT), (&door, &KEPT), 1.0).await.max(0.0);
    found.note(
        "tls_request_us",
        tls_request,
        "the same by TLS 1.3 at full speed, less that without TLS, by turns: the median of five",
    );
    let large = Kind::Kept { connections: 64, path: "/64", prefix: "east" };
    let body = load::run(&[edge], &plain, &large, AT_ONCE, seconds).await;
    all_well(&body, "bodies");
    let body_kib = (found.busy(&body, 1.0) - request) / 63.0;
    found.note("body_kib_us", body_kib, "answers of 64 KiB at full speed, less the request, for each of 63 KiB");
    let body = load::run(&[edge], &door, &large, AT_ONCE, seconds).await;
    let tls_body = (found.busy(&body, 1.0) - request - tls_request) / 63.0 - body_kib;
    found.note("tls_body_kib_us", tls_body, "the same by TLS 1.3, less that");
    let closing = Kind::Kept { connections: 64, path: "/close", prefix: "east" };
    let outcome = load::run(&[edge], &plain, &closing, AT_ONCE, seconds).await;
    all_well(&outcome, "connections to servers");
    found.note(
        "server_connection_us",
        found.busy(&outcome, 1.0) - request,
        "requests at full speed to an app server that ends each connection, less the request",
    );
    let sockets = Door::plain(edge.http);
    let messages = load::run(&[edge], &sockets, &Kind::Sockets { connections: 200 }, AT_ONCE, seconds).await;
    all_well(&messages, "WebSockets");
    found.note(
        "websocket_message_us",
        found.busy(&messages, 1.0),
        "messages of 64 bytes at full speed on 200 WebSockets, each echoed, less the waking up",
    );
}

/// How much more each of `what` costs than `times` of `than`, as many of which are waited for in it: µs. Both go at full speed
/// and by turns, so that a machine that becomes slower meanwhile does so for both; the median of five.
async fn more(
    options: &Options,
    found: &Found,
    edges: &[&Edge],
    than: (&Door, &Kind),
    what: (&Door, &Kind),
    times: f64,
) -> f64 {
    let mut differences = Vec::new();
    for _ in 0..5 {
        let outcome = load::run(edges, than.0, than.1, AT_ONCE, 2.0 * options.scale).await;
        all_well(&outcome, "what is compared with");
        let less = times * found.busy(&outcome, 1.0);
        let outcome = load::run(edges, what.0, what.1, AT_ONCE, 2.0 * options.scale).await;
        all_well(&outcome, "what is compared");
        differences.push(found.busy(&outcome, times) - less);
    }
    differences.sort_by(f64::total_cmp);
    differences[2]
}

/// The straight line through points by least squares: its height at 0 and its slope.
fn line(points: &[(f64, f64)]) -> (f64, f64) {
    let count = points.len() as f64;
    let (x, y) = points.iter().fold((0.0, 0.0), |sum, point| (sum.0 + point.0 / count, sum.1 + point.1 / count));
    let (xx, xy) = points
        .iter()
        .fold((0.0, 0.0), |sum, point| (sum.0 + (point.0 - x) * (point.0 - x), sum.1 + (point.0 - x) * (point.1 - y)));
    let slope = xy / xx;
    (y - slope * x, slope)
}

async fn connections(options: &Options, edge: &Edge, found: &mut Found) {
    let seconds = 5.0 * options.scale;
    let fresh = Kind::Fresh { workers: 32 };
    let outcome = load::run(&[edge], &Door::plain(edge.http), &fresh, AT_ONCE, seconds).await;
    all_well(&outcome, "new connections");
    let connection = found.busy(&outcome, 2.0) - found.request;
    found.note(
        "connection_us",
        connection,
        "new connections at full speed with a request each, less the request and the waking up",
    );
    let usual = found.request + found.of("tls_request_us") + found.of("connection_us");
    let outcome = load::run(&[edge], &Door::tls(edge, false), &fresh, AT_ONCE, seconds).await;
    all_well(&outcome, "whole handshakes");
    found.note(
        "full_handshake_us",
        found.busy(&outcome, 3.0) - usual,
        "new connections at full speed by TLS 1.3 (X25519, ECDSA P-256) with a request each, less connection and request",
    );
    let outcome = load::run(&[edge], &Door::tls(edge, true), &fresh, AT_ONCE, seconds).await;
    all_well(&outcome, "resumed handshakes");
    found.note(
        "resumed_handshake_us",
        found.busy(&outcome, 3.0) - usual,
        "the same, where clients resume their session by a ticket",
    );
}

async fn hop(options: &Options, app: &App, found: &mut Found) {
    let second =
        Edge::start(&options.homeward, app, &Plan { number: 2, region: Some("us-west"), ..Plan::default() }).await;
    let first =
        Edge::start(&options.homeward, app, &Plan { number: 1, hop_to: Some(second.http), ..Plan::default() }).await;
    let both = [&first, &second];
    let kind = Kind::Kept { connections: 64, path: "/1", prefix: "west" };
    // Until probes have seen the other edge, nothing goes there.
    for _ in 0..100 {
        let outcome = load::run(&both, &Door::plain(first.http), &kind, 500.0, 0.3).await;
        if outcome.failed == 0 && hops(&second).await > 0.0 {
            break;
        }
    }
    let before = hops(&second).await;
    let outcome = load::run(&both, &Door::plain(first.http), &kind, AT_ONCE, options.scale).await;
    all_well(&outcome, "hops");
    assert!(hops(&second).await > before + outcome.times.len() as f64 * 0.9, "requests took no hop");
    // Two edges on one core: either wakes up for the other.
    let (straight, by_hop) = (Door::plain(second.http), Door::plain(first.http));
    let extra = more(options, found, &both, (&straight, &kind), (&by_hop, &kind), 2.0).await;
    found.note(
        "hop_us",
        extra,
        "requests at full speed by a hop between two edges on one core, less twice one without, by turns: the median of five",
    );
}

/// Requests that an edge has served.
async fn hops(edge: &Edge) -> f64 {
    let metrics = get(edge.admin, "/metrics", edge.admin).await.unwrap_or_default();
    let text = String::from_utf8_lossy(&metrics);
    let counted = text.lines().filter(|line| line.starts_with("homeward_requests_total{"));
    counted.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
}

/// Opens `count` connections, each with a request that is answered. They stay open.
pub async fn open(door: &Door, count: usize) -> Vec<Box<dyn Stream>> {
    let text = request("portal.example.com", "/1", "east", false);
    let (mut all, mut buffer) = (Vec::with_capacity(count), Vec::new());
    for _ in 0..count {
        let mut stream = door.connect().await.unwrap();
        stream.write_all(&text).await.unwrap();
        assert!(answer(&mut stream, &mut buffer).await.unwrap());
        all.push(stream);
    }
    all
}

/// KiB for each of `count` connections, in an edge that has had no others.
async fn idle(options: &Options, app: &App, count: usize, door: impl Fn(&Edge) -> Door) -> f64 {
    let edge = Edge::start(&options.homeward, app, &Plan::default()).await;
    let before = edge.resident();
    let all = open(&door(&edge), count).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let each = (edge.resident() - before) / all.len() as f64;
    drop(all);
    each
}

async fn memory(options: &Options, app: &App, found: &mut Found) {
    let plain = idle(options, app, 5_000, |edge| Door::plain(edge.http)).await;
    found.note("connection_kib", plain, "resident memory with 5,000 kept connections, each after a request");
    let tls = idle(options, app, 3_000, |edge| Door::tls(edge, true)).await;
    found.note("tls_connection_kib", tls - plain, "3,000 kept connections of TLS 1.3, less that");

    let edge = Edge::start(&options.homeward, app, &Plan::default()).await;
    let mut all = open(&Door::plain(edge.http), 1_000).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let before = edge.resident();
    for stream in &mut all {
        stream.write_all(&request("portal.example.com", "/held", "east", false)).await.unwrap();
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    let each = (edge.resident() - before) / 1_000.0;
    found.note(
        "request_kib",
        each,
        "resident memory with 1,000 requests that wait for their answer, less that of the same connections before",
    );
    app.release.send_replace(true);
    let mut buffer = Vec::new();
    for stream in &mut all {
        assert!(answer(stream, &mut buffer).await.unwrap());
    }
    app.release.send_replace(false);
}

async fn tables(options: &Options, app: &App, found: &mut Found) {
    let edge = Edge::start(&options.homeward, app, &Plan::default()).await;
    let of_size = async |rules: usize| {
        let mut took = Vec::new();
        for round in 0..5 {
            let quiet = edge.cpu();
            tokio::time::sleep(Duration::from_millis(1_500)).await;
            let quiet = edge.cpu() - quiet;
            let before = edge.cpu();
            // Another part of each network, so that all rules are read: those that stand as they stood would not be.
            edge.save(&table(app, rules, None).replace(".0/24]", &format!(".{}/26]", round % 4 * 64)));
            tokio::time::sleep(Duration::from_millis(1_500)).await;
            took.push(edge.cpu() - before - quiet);
        }
        took.sort_by(f64::total_cmp);
        (took[2], edge.resident())
    };
    let (small, had) = of_size(10).await;
    let (large, has) = of_size(50_000).await;
    found.note(
        "reload_ms",
        small * 1e3,
        "CPU time from the save of a table whose 10 home rules are all read anew, less that of as long before; the median of five",
    );
    found.note(
        "reload_rule_us",
        (large - small) / 49_990.0 * 1e6,
        "the same with 50,000 home rules on networks, less that, for each rule",
    );
    found.note(
        "rule_bytes",
        (has - had) * 1024.0 / 49_990.0,
        "resident memory after five tables of 50,000 home rules, less that after five of 10, for each rule",
    );
    edge.save(&table(app, 10, None));
    tokio::time::sleep(Duration::from_secs(1)).await;
    let before = edge.cpu();
    for _ in 0..100 {
        assert!(get(edge.admin, "/metrics", edge.admin).await.is_some());
    }
    found.note(
        "scrape_ms",
        (edge.cpu() - before) * 10.0,
        "100 scrapes of an edge with two services and two regions, one after the other",
    );
    let seconds = 6.0;
    let wait = async || {
        let before = edge.cpu();
        tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
        edge.cpu() - before
    };
    let without = wait().await;
    let mut stream = tokio::net::TcpStream::connect(edge.admin).await.unwrap();
    let text = format!("GET /api/v1/events HTTP/1.1\r\nHost: {}\r\nAccept: text/event-stream\r\n\r\n", edge.admin);
    stream.write_all(text.as_bytes()).await.unwrap();
    let with = wait().await;
    found.note(
        "status_stream_us",
        (with - without) / seconds * 1e6,
        "an open status page of a quiet edge for 6 s, less the same time without it",
    );
    drop(stream);
}
