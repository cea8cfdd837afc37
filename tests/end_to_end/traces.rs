//! Traces: what a collector gets, and what apps are told.

use crate::support::fleet::{BELIEVED, EAST, Fleet, Reach, WEST};
use crate::support::{Block, client, edge, eventually};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use prost::Message;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::sync::watch;

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const UNSAMPLED: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";

/// A span, and the region of the edge that sent it.
#[derive(Debug, Clone)]
struct Got {
    edge: String,
    span: Span,
}

impl Got {
    fn attribute(&self, key: &str) -> String {
        text_of(&self.span.attributes, key)
    }

    fn is(&self, kind: SpanKind) -> bool {
        self.span.kind == kind as i32
    }
}

fn text_of(attributes: &[opentelemetry_proto::tonic::common::v1::KeyValue], key: &str) -> String {
    let found = attributes.iter().find(|attribute| attribute.key == key);
    match found.and_then(|found| found.value.clone()?.value) {
        Some(Value::StringValue(text)) => text,
        Some(Value::IntValue(number)) => number.to_string(),
        other => other.map_or_else(String::new, |value| format!("{value:?}")),
    }
}

/// A collector that takes spans by OTLP over HTTP, or answers with a status of one's choice.
#[derive(Clone)]
struct Collector {
    address: SocketAddr,
    spans: Arc<Mutex<Vec<Got>>>,
    status: StatusCode,
    /// Whether it takes in what comes; until it does, who sends is held.
    is_open: watch::Sender<bool>,
    /// How many batches are held.
    held: Arc<AtomicUsize>,
}

impl Collector {
    async fn start(block: &Block, status: StatusCode) -> Self {
        let address = SocketAddr::new(block.address(20), 4318);
        let collector =
            Self { address, spans: Arc::default(), status, is_open: watch::Sender::new(true), held: Arc::default() };
        let listener = tokio::net::TcpListener::bind(address).await.unwrap();
        let router = Router::new().route("/v1/traces", post(take)).with_state(collector.clone());
        tokio::spawn(async { axum::serve(listener, router).await });
        collector
    }

    /// All spans, once there are that many.
    async fn spans(&self, count: usize) -> Vec<Got> {
        let spans = eventually(&format!("{count} spans"), async || {
            Some(self.spans.lock().unwrap().clone()).filter(|spans| spans.len() >= count)
        })
        .await;
        assert_eq!(spans.len(), count, "{spans:#?}");
        spans
    }
}

async fn take(State(collector): State<Collector>, headers: HeaderMap, body: Bytes) -> StatusCode {
    assert_eq!(headers["content-type"], "application/x-protobuf");
    collector.held.fetch_add(1, Ordering::Relaxed);
    collector.is_open.subscribe().wait_for(|is_open| *is_open).await.unwrap();
    collector.held.fetch_sub(1, Ordering::Relaxed);
    assert_eq!(headers.get("authorization").map(|value| value.to_str().unwrap()), Some("Bearer of-the-collector"));
    for of_edge in ExportTraceServiceRequest::decode(body).unwrap().resource_spans {
        let attributes = &of_edge.resource.as_ref().unwrap().attributes;
        assert_eq!(text_of(attributes, "service.name"), "homeward");
        let edge = text_of(attributes, "homeward.edge.region");
        let spans = of_edge.scope_spans.into_iter().flat_map(|scope| scope.spans);
        collector.spans.lock().unwrap().extend(spans.map(|span| Got { edge: edge.clone(), span }));
    }
    collector.status
}

/// A fleet whose edges record traces, and the token that they have for the collector.
struct Traced {
    fleet: Fleet,
    _token: tempfile::NamedTempFile,
}

impl Traced {
    async fn start(block: Block, sample: &str, collector: SocketAddr) -> Self {
        let token = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(token.path(), "of-the-collector\n").unwrap();
        let path = token.path().display();
        let settings = format!("tracing: {{endpoint: \"http://{collector}\", sample: {sample}, token_file: {path}}}\n");
        Self { fleet: Fleet::start_with(block, Reach::Edge, &settings).await, _token: token }
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The one span of its kind that this edge sent.
fn one<'a>(spans: &'a [Got], edge: &str, kind: SpanKind) -> &'a Got {
    let mut found = spans.iter().filter(|got| got.edge == edge && got.is(kind));
    let one = found.next().unwrap_or_else(|| panic!("no {kind:?} of {edge} in {spans:#?}"));
    assert!(found.next().is_none(), "{spans:#?}");
    one
}

#[tokio::test]
async fn one_request_through_two_edges_is_one_trace() {
    let block = Block::new();
    let collector = Collector::start(&block, StatusCode::OK).await;
    let Traced { fleet, _token } = Traced::start(block, "100%", collector.address).await;

    // Somebody who is not believed, with a trace of their own.
    let said = [("cookie", "sid=east-1"), ("traceparent", PARENT), ("tracestate", "rojo=1"), ("x-request-id", "mine")];
    let answer = client::get(fleet.edges[WEST].address, edge::NEW_YORK, "/cart?token=east-1", &said).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "us-east"));
    let spans = collector.spans(4).await;
    let [arrived, hop, served, tried] = [
        one(&spans, "us-west", SpanKind::Server),
        one(&spans, "us-west", SpanKind::Client),
        one(&spans, "us-east", SpanKind::Server),
        one(&spans, "us-east", SpanKind::Client),
    ];
    // One chain from the first edge to the app.
    assert!(arrived.span.parent_span_id.is_empty());
    for (parent, child) in [(arrived, hop), (hop, served), (served, tried)] {
        assert_eq!(child.span.parent_span_id, parent.span.span_id);
        assert_eq!(child.span.trace_id, parent.span.trace_id);
        assert!(child.span.start_time_unix_nano <= child.span.end_time_unix_nano);
    }
    let seen = fleet.apps[EAST].take_seen().pop().unwrap();
    let trace = hexadecimal(&tried.span.trace_id);
    assert_eq!(seen.header("traceparent"), [format!("00-{trace}-{}-01", hexadecimal(&tried.span.span_id))]);
    // What they brought is a link and no parent: they cannot have a trace of others recorded, or extended.
    assert!(!PARENT.contains(&trace));
    assert!(seen.header("tracestate").is_empty());
    let [link] = &*arrived.span.links else { panic!("{arrived:#?}") };
    assert!(PARENT.contains(&hexadecimal(&link.trace_id)) && PARENT.contains(&hexadecimal(&link.span_id)));

    // The decision, and what the conventions for HTTP want.
    let id = seen.header("x-request-id").concat();
    let visitor = edge::NEW_YORK.to_string();
    for (got, key, value) in [
        (arrived, "http.request.method", "GET"),
        (arrived, "http.response.status_code", "200"),
        (arrived, "url.path", "/cart"),
        (arrived, "url.scheme", "http"),
        (arrived, "server.address", "portal.example.com"),
        (arrived, "client.address", &*visitor),
        (arrived, "network.protocol.version", "1.1"),
        (arrived, "homeward.service", "portal"),
        (arrived, "homeward.home", "us-east"),
        (arrived, "homeward.home_by", "session"),
        (arrived, "homeward.region", "us-east"),
        (arrived, "homeward.way", "edge"),
        (arrived, "homeward.session", "flopped"),
        (arrived, "homeward.reasons", "SessionNamesRegion;region=us-east"),
        (arrived, "homeward.request_id", &*id),
        (hop, "server.address", &*fleet.edges[EAST].address.ip().to_string()),
        (hop, "server.port", "8080"),
        (hop, "homeward.way", "edge"),
        (hop, "http.response.status_code", "200"),
        (served, "homeward.home_by", "hop"),
        (served, "homeward.way", "local"),
        (served, "homeward.request_id", &*id),
        (served, "client.address", &*visitor),
        (tried, "server.address", &*fleet.apps[EAST].address.ip().to_string()),
        (tried, "homeward.region", "us-east"),
    ] {
        assert_eq!(got.attribute(key), value, "{key} of {got:#?}");
    }
    let all = format!("{spans:?}");
    assert!(!all.contains("east-1") && !all.contains("sid="), "a session key is in a span: {all}");
    // They count once the collector's answer is there, which comes after them.
    eventually("both spans as exported", async || {
        let metrics = fleet.edges[WEST].admin("/metrics").await.body;
        metrics.contains("homeward_spans_total{result=\"exported\"} 2\n").then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_trusted_proxy_decides_for_its_traces() {
    let block = Block::new();
    let collector = Collector::start(&block, StatusCode::OK).await;
    let Traced { fleet, _token } = Traced::start(block, "0%", collector.address).await;
    let ask = async |from, traceparent| {
        let headers = [("cookie", "sid=east-1"), ("traceparent", traceparent), ("tracestate", "rojo=1")];
        assert_eq!(client::get(fleet.edges[WEST].address, from, "/", &headers).await.status, 200);
        fleet.apps[EAST].take_seen().pop().unwrap()
    };

    // Not recorded: it is passed on as it is.
    let seen = ask(BELIEVED, UNSAMPLED).await;
    assert_eq!((seen.header("traceparent"), seen.header("tracestate")), (vec![UNSAMPLED], vec!["rojo=1"]));

    // Somebody else begins a trace of which nothing is recorded, whatever they say.
    let seen = ask(edge::NEW_YORK, PARENT).await;
    let told = seen.header("traceparent").concat();
    assert!(told.ends_with("-00") && told.len() == 55 && told[..35] != PARENT[..35], "{told}");

    // Recorded, though nothing that begins here would be.
    let seen = ask(BELIEVED, PARENT).await;
    let spans = collector.spans(4).await;
    let arrived = one(&spans, "us-west", SpanKind::Server);
    assert_eq!(hexadecimal(&arrived.span.parent_span_id), PARENT[36..52]);
    assert!(arrived.span.links.is_empty());
    assert!(spans.iter().all(|got| hexadecimal(&got.span.trace_id) == PARENT[3..35]), "{spans:#?}");
    let told = seen.header("traceparent").concat();
    assert_eq!((&told[..35], &told[52..]), (&PARENT[..35], "-01"));
    assert_eq!(seen.header("tracestate"), ["rojo=1"]);
}

#[tokio::test]
async fn each_try_has_a_span_and_the_last_ones_are_sent_at_the_end() {
    let block = Block::new();
    let collector = Collector::start(&block, StatusCode::OK).await;
    let Traced { mut fleet, _token } = Traced::start(block, "100%", collector.address).await;
    fleet.apps[EAST].kill().await;
    // Its edge does not know yet that the server is gone, or it does, and serves by a substitute at once.
    let answer = client::get(fleet.edges[EAST].address, edge::NEW_YORK, "/", &[("cookie", "sid=east-1")]).await;
    assert_eq!(answer.status, 200);
    let line = eventually("the line", async || fleet.edges[EAST].access_log().pop()).await;
    fleet.edges[EAST].signal("TERM");
    fleet.edges[EAST].ended().await;

    let tries = usize::try_from(line["attempts"].as_u64().unwrap()).unwrap();
    let spans = eventually("all spans", async || {
        let spans = collector.spans.lock().unwrap().clone();
        let of_east = spans.into_iter().filter(|got| got.edge == "us-east").collect::<Vec<_>>();
        (of_east.len() > tries).then_some(of_east)
    })
    .await;
    let mut of_tries: Vec<&Got> = spans.iter().filter(|got| got.is(SpanKind::Client)).collect();
    of_tries.sort_by_key(|got| got.span.start_time_unix_nano);
    assert_eq!(of_tries.len(), tries, "{spans:#?}");
    let (last, before) = of_tries.split_last().unwrap();
    assert_eq!(last.attribute("http.response.status_code"), "200");
    for failed in before {
        assert_eq!(failed.attribute("error.type"), "connection_refused", "{failed:#?}");
        assert_eq!(failed.span.status.as_ref().unwrap().code, 2);
    }
    let served = one(&spans, "us-east", SpanKind::Server);
    assert_eq!(served.attribute("homeward.session"), "orphaned");
    assert!(served.attribute("homeward.reasons").contains("HomeIsAway"), "{served:#?}");
    assert!(of_tries.iter().all(|got| got.span.parent_span_id == served.span.span_id));
}

#[tokio::test]
async fn spans_that_are_on_their_way_at_the_end_arrive() {
    let block = Block::new();
    let collector = Collector::start(&block, StatusCode::OK).await;
    let Traced { mut fleet, _token } = Traced::start(block, "100%", collector.address).await;
    collector.is_open.send_replace(false);
    let answer = client::get(fleet.edges[EAST].address, edge::NEW_YORK, "/", &[("cookie", "sid=east-1")]).await;
    assert_eq!(answer.status, 200);
    eventually("a batch on its way", async || (collector.held.load(Ordering::Relaxed) > 0).then_some(())).await;
    fleet.edges[EAST].signal("TERM");
    eventually("a stop", async || fleet.edges[EAST].log().contains("stopping").then_some(())).await;
    collector.is_open.send_replace(true);
    fleet.edges[EAST].ended().await;
    collector.spans(2).await;
}

#[tokio::test]
async fn a_collector_that_takes_nothing_costs_spans_and_nothing_else() {
    let block = Block::new();
    let collector = Collector::start(&block, StatusCode::BAD_REQUEST).await;
    let Traced { fleet, _token } = Traced::start(block, "100%", collector.address).await;
    for _ in 0..20 {
        let answer = client::get(fleet.edges[WEST].address, edge::NEW_YORK, "/", &[("cookie", "sid=west-1")]).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, "us-west"));
    }
    eventually("spans that are counted as failed", async || {
        let metrics = fleet.edges[WEST].admin("/metrics").await.body;
        metrics.contains("homeward_spans_total{result=\"failed\"} 40\n").then_some(())
    })
    .await;
    let log = fleet.edges[WEST].log();
    assert!(log.contains("does not take spans: it answers 400") && !log.contains("of-the-collector"), "{log}");
}

#[tokio::test]
async fn a_collector_that_is_gone_costs_spans_and_nothing_else() {
    let block = Block::new();
    let nobody = SocketAddr::new(block.address(20), 4318);
    let Traced { mut fleet, _token } = Traced::start(block, "100%", nobody).await;
    let answer = client::get(fleet.edges[WEST].address, edge::NEW_YORK, "/", &[("cookie", "sid=west-1")]).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "us-west"));
    eventually("spans that are counted as failed", async || {
        let metrics = fleet.edges[WEST].admin("/metrics").await.body;
        metrics.contains("homeward_spans_total{result=\"failed\"} 2\n").then_some(())
    })
    .await;
    // And it stops as always.
    fleet.edges[WEST].signal("TERM");
    assert!(fleet.edges[WEST].ended().await.success());
}
