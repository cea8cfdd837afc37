//! Servers that accept connections and are not well: probes that ask, deep ones that log in, ejections by what requests see.

use crate::support::fleet::{EAST, Fleet, Reach, WEST};
use crate::support::{Block, Client, EdgeProcess, client, edge, eventually};
use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// What an app does wrong, if anything.
const WELL: u8 = 0;
const HEALTH_PAGE_SAYS_503: u8 = 1;
const HEALTH_PAGE_SAYS_ELSE: u8 = 2;
const LOGINS_FAIL: u8 = 3;
const ANSWERS_503: u8 = 4;
const DECLARES_FAILURE: u8 = 5;
const SAYS_SOMETHING_ELSE: u8 = 6;

/// An app that can be sick in several ways, and accepts connections all the while.
struct Patient {
    address: SocketAddr,
    ails: Arc<AtomicU8>,
    /// Requests of visitors, those of probes not counted.
    visits: Arc<AtomicUsize>,
    /// The bodies of its logins.
    logins: Arc<Mutex<Vec<String>>>,
}

#[derive(Clone)]
struct Ward {
    name: &'static str,
    ails: Arc<AtomicU8>,
    visits: Arc<AtomicUsize>,
    logins: Arc<Mutex<Vec<String>>>,
}

impl Patient {
    async fn start(name: &'static str, address: SocketAddr) -> Self {
        let ward = Ward { name, ails: Arc::default(), visits: Arc::default(), logins: Arc::default() };
        let this = Self { address, ails: ward.ails.clone(), visits: ward.visits.clone(), logins: ward.logins.clone() };
        let listener = tokio::net::TcpListener::bind(address).await.unwrap();
        tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer).with_state(ward)).await });
        this
    }

    fn ails(&self, what: u8) {
        self.ails.store(what, Ordering::SeqCst);
    }

    fn visits(&self) -> usize {
        self.visits.load(Ordering::SeqCst)
    }
}

async fn answer(State(ward): State<Ward>, request: Request) -> Response {
    let ails = ward.ails.load(Ordering::SeqCst);
    let (parts, body) = request.into_parts();
    let header = |name| parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    match (parts.uri.path(), ails) {
        ("/healthz", _) if header("host") != "portal.example.com" => StatusCode::MISDIRECTED_REQUEST.into_response(),
        ("/healthz", HEALTH_PAGE_SAYS_503) => (StatusCode::SERVICE_UNAVAILABLE, "database ok").into_response(),
        ("/healthz", HEALTH_PAGE_SAYS_ELSE) => "database gone".into_response(),
        ("/healthz", _) => "all is well: database ok, queue ok".into_response(),
        ("/login", _) => {
            let body = axum::body::to_bytes(body, 1 << 16).await.unwrap();
            ward.logins.lock().unwrap().push(String::from_utf8_lossy(&body).into_owned());
            let cookies = [("set-cookie", "sid=east-probe; Path=/; HttpOnly"), ("location", "/home")];
            (StatusCode::FOUND, cookies).into_response()
        }
        ("/home", LOGINS_FAIL) => "Please log in".into_response(),
        ("/home", _) if header("cookie") == "sid=east-probe" => "Welcome probe".into_response(),
        ("/home", _) => "Please log in".into_response(),
        (_, ails) => {
            ward.visits.fetch_add(1, Ordering::SeqCst);
            match ails {
                ANSWERS_503 => (StatusCode::SERVICE_UNAVAILABLE, ward.name).into_response(),
                DECLARES_FAILURE => ([("homeward-outcome", "failed")], ward.name).into_response(),
                SAYS_SOMETHING_ELSE => ([("homeward-outcome", "perhaps")], ward.name).into_response(),
                _ => ward.name.into_response(),
            }
        }
    }
}

/// Two apps in us-east, and an edge there.
struct World {
    first: Patient,
    second: Patient,
    edge: EdgeProcess,
}

impl World {
    async fn start(service: &str) -> Self {
        Self::start_with(service, &[]).await
    }

    async fn start_with(service: &str, files: &[(&str, &str)]) -> Self {
        let block = Block::new();
        let first = Patient::start("first", SocketAddr::new(block.address(2), 8080)).await;
        let second = Patient::start("second", SocketAddr::new(block.address(3), 8080)).await;
        let directory = tempfile::tempdir().unwrap();
        let service = service.replace("DIR", directory.path().to_str().unwrap());
        let table = edge::table(&[first.address, second.address], &[], &[], &service);
        let plan = edge::Plan { region: "us-east", settings: String::new(), table };
        let address = SocketAddr::new(block.address(1), 8080);
        let admin = SocketAddr::new(block.address(1), 9901);
        edge::write_settings(directory.path(), &plan, address, admin);
        std::fs::write(directory.path().join("routing.yaml"), &plan.table).unwrap();
        for (name, text) in files {
            std::fs::write(directory.path().join(name), text).unwrap();
        }
        Self { first, second, edge: EdgeProcess::start_in(directory, address, admin).await }
    }

    /// What the status says of the pool.
    async fn pool_where(&self, what: &str, holds: impl Fn(&serde_json::Value) -> bool) -> serde_json::Value {
        let of = |status: &serde_json::Value| status["regions"][0]["services"][0].clone();
        of(&self.edge.status_where(what, |status| holds(&of(status))).await)
    }

    async fn ask(&self) -> client::Answer {
        client::get(self.edge.address, edge::NEW_YORK, "/", &[]).await
    }

    /// Asks until the first server has had so many requests.
    async fn ask_first(&self, count: usize) {
        let before = self.first.visits();
        eventually("requests at the first server", async || {
            self.ask().await;
            (self.first.visits() >= before + count).then_some(())
        })
        .await;
    }

    /// That requests go to the second server alone.
    async fn second_serves_all(&self) {
        for _ in 0..10 {
            let answer = self.ask().await;
            assert_eq!((answer.status, answer.body.as_str()), (200, "second"));
        }
    }
}

fn told(pool: &serde_json::Value) -> String {
    pool["problems"].to_string()
}

#[tokio::test]
async fn a_health_page_is_asked_and_its_words_are_read() {
    let health = "    health: {path: /healthz, status: [200], body: database ok, interval: 100ms}\n";
    let world = World::start(health).await;
    let address = world.first.address;
    for (ails, why) in [
        (HEALTH_PAGE_SAYS_503, "GET /healthz: answered 503, not 200"),
        (HEALTH_PAGE_SAYS_ELSE, "GET /healthz: answered 200 without \"database ok\""),
    ] {
        world.first.ails(ails);
        let pool = world.pool_where("an unhealthy server", |pool| pool["healthy"] == 1).await;
        assert_eq!(pool["unwell"][0]["why"], why, "{pool}");
        assert!(told(&pool).contains(&format!("server {address} is unhealthy since ")), "{pool}");
        world.second_serves_all().await;
        world.first.ails(WELL);
        world.pool_where("both again", |pool| pool["healthy"] == 2).await;
        let line = format!("server {address} of portal in us-east is unhealthy: {why}");
        let log =
            eventually("a line of the log", async || Some(world.edge.log()).filter(|log| log.contains("is healthy")))
                .await;
        // In the log of the process, quotes inside of a line may be escaped.
        assert_eq!(log.replace("\\\"", "\"").matches(&line).count(), 1, "{log}");
    }
    let metrics = world.edge.admin("/metrics").await.body;
    let probes = "homeward_probes_total{kind=\"http\",region=\"us-east\",result=\"failed\",service=\"portal\"} ";
    assert!(metrics.contains(probes), "{metrics}");
}

#[tokio::test]
async fn a_deep_probe_logs_in_and_takes_out_who_lets_nobody_in() {
    let health = "    health:\n      interval: 100ms\n      deep:\n        interval: 100ms\n        steps:\n        \
        - {method: POST, path: /login, headers: {Content-Type: application/x-www-form-urlencoded}, body_file: DIR/login, status: [302], header: {Location: /home}}\n        \
        - {path: /home, contains: Welcome probe}\n";
    let world = World::start_with(health, &[("login", "user=probe&password=x\n")]).await;
    world.pool_where("two servers", |pool| pool["healthy"] == 2).await;
    eventually("a login", async || (!world.first.logins.lock().unwrap().is_empty()).then_some(())).await;
    assert_eq!(world.first.logins.lock().unwrap()[0], "user=probe&password=x");
    world.first.ails(LOGINS_FAIL);
    let pool = world.pool_where("an unhealthy server", |pool| pool["healthy"] == 1).await;
    assert_eq!(pool["unwell"][0]["why"], "GET /home: answered 200 without \"Welcome probe\"", "{pool}");
    world.second_serves_all().await;
    world.first.ails(WELL);
    world.pool_where("both again", |pool| pool["healthy"] == 2).await;
    eventually("requests at the first again", async || (world.ask().await.body == "first").then_some(())).await;
}

#[tokio::test]
async fn failures_in_a_row_eject_and_the_last_server_is_never_ejected() {
    let world = World::start(
        "    retries: {attempts: 1}\n    outliers: {consecutive_failures: 3, ejection: 1h, longest_ejection: 1h}\n",
    )
    .await;
    world.first.ails(ANSWERS_503);
    let first = world.first.address.to_string();
    let pool = eventually("an ejection", async || {
        world.ask().await;
        let status = world.edge.status().await;
        Some(status["regions"][0]["services"][0].clone()).filter(|pool| pool["ejected"] == 1)
    })
    .await;
    assert_eq!((&pool["unwell"][0]["address"], &pool["healthy"]), (&first.as_str().into(), &2.into()), "{pool}");
    assert!(told(&pool).contains(&format!("server {first} is ejected until ")), "{pool}");
    world.second_serves_all().await;
    // From now on nobody is well: the last one is not ejected too.
    world.second.ails(ANSWERS_503);
    for _ in 0..20 {
        assert_eq!(world.ask().await.status, 503);
    }
    let metrics = world.edge.admin("/metrics").await.body;
    for line in [
        "homeward_upstream_ejected{region=\"us-east\",service=\"portal\"} 1",
        "homeward_upstream_ejections_total{region=\"us-east\",service=\"portal\",why=\"consecutive_failures\"} 1",
        "homeward_upstream_healthy{region=\"us-east\",service=\"portal\"} 2",
    ] {
        assert!(metrics.lines().any(|shown| shown == line), "{line}: {metrics}");
    }
    assert_eq!(world.edge.log().matches("is ejected for 1h").count(), 1);
}

#[tokio::test]
async fn an_ejected_server_comes_back_by_itself() {
    let world =
        World::start("    retries: {attempts: 1}\n    outliers: {consecutive_failures: 3, ejection: 1s}\n").await;
    world.first.ails(ANSWERS_503);
    world.ask_first(3).await;
    world.first.ails(WELL);
    eventually("requests at the first again", async || (world.ask().await.body == "first").then_some(())).await;
    eventually("the word of it", async || world.edge.log().contains("is no longer ejected").then_some(())).await;
}

#[tokio::test]
async fn what_an_app_calls_a_failure_counts_and_is_not_seen() {
    let world = World::start(
        "    retries: {attempts: 1}\n    outliers: {consecutive_failures: 3, ejection: 1h, longest_ejection: 1h}\n",
    )
    .await;
    world.first.ails(SAYS_SOMETHING_ELSE);
    world.ask_first(10).await;
    assert_eq!(world.edge.status().await["regions"][0]["services"][0]["ejected"], 0);
    world.first.ails(DECLARES_FAILURE);
    let before = world.first.visits();
    for _ in 0..40 {
        let answer = world.ask().await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("homeward-outcome"), "");
    }
    assert_eq!(world.first.visits() - before, 3);
    world.second_serves_all().await;
    let metrics = world.edge.admin("/metrics").await.body;
    let line = "homeward_upstream_requests_total{region=\"us-east\",result=\"declared_failed\",service=\"portal\"} 3";
    assert!(metrics.lines().any(|shown| shown == line), "{metrics}");
    let has_errors =
        |status: &serde_json::Value| status["regions"][0]["errors_per_second"].as_f64().is_some_and(|rate| rate > 0.0);
    world.edge.status_where("errors of the region", has_errors).await;
}

#[tokio::test]
async fn outliers_off_ejects_nobody() {
    let world = World::start("    retries: {attempts: 1}\n    outliers: off\n").await;
    world.first.ails(ANSWERS_503);
    world.ask_first(20).await;
    assert_eq!(world.edge.status().await["regions"][0]["services"][0]["ejected"], 0);
}

/// Over a hop, the edge in front of the app tells the one that the visitor reached, and both count.
#[tokio::test]
async fn a_declared_failure_makes_a_hop_and_stays_between_edges() {
    let fleet = Fleet::start(Reach::Edge).await;
    let mut visitor = Client::connect(fleet.edges[WEST].address, edge::NEW_YORK).await;
    let answer = visitor.get("/outcome/failed", &[("cookie", "sid=east-1")]).await;
    assert_eq!((answer.status, answer.header("homeward-outcome")), (200, ""));
    for at in [WEST, EAST] {
        let line =
            "homeward_upstream_requests_total{region=\"us-east\",result=\"declared_failed\",service=\"portal\"} 1";
        eventually("a counted failure", async || {
            let metrics = fleet.edges[at].admin("/metrics").await.body;
            metrics.lines().any(|shown| shown == line).then_some(())
        })
        .await;
    }
}
