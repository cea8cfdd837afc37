//! How long a drain takes until it is live.

use crate::support::{Block, Client, EdgeProcess, edge};
use crate::town::{EXPECTED, Server};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How many drains, each with its end.
const DRAINS: usize = 1000;

/// The longest that any of 99 in 100 may take.
const SOON: Duration = Duration::from_millis(100);

const CALIFORNIAN: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 11, 7, 1));

async fn post(socket: &mut Client, path: &str, body: &str) -> serde_json::Value {
    let answer = socket.send("POST", path, &[("content-type", "application/json")], body.to_owned()).await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.body);
    serde_json::from_str(&answer.body).unwrap()
}

async fn visit(visitor: &mut Client, region: &str) {
    let answer = visitor.get("/", &[(EXPECTED, region)]).await;
    assert_eq!(
        (answer.status, answer.body),
        (200, format!("{region} {region}\n")),
        "the order is live: it was answered"
    );
}

/// A visitor that sends one request after the other, and gets an answer to each.
async fn load(edge: SocketAddr, stop: Arc<AtomicBool>, count: Arc<AtomicU64>) {
    let mut visitor = Client::connect(edge, edge::NEW_YORK).await;
    for nth in 1_u64.. {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        if nth.is_multiple_of(900) {
            // The edge ends a connection after a thousand requests.
            visitor = Client::connect(edge, edge::NEW_YORK).await;
        }
        assert_eq!(visitor.get("/", &[]).await.status, 200);
        count.fetch_add(1, Ordering::Relaxed);
    }
}

fn told(what: &str, mut times: Vec<Duration>) -> Duration {
    times.sort();
    let at = |part: usize| times[(times.len() * part / 100).min(times.len() - 1)];
    let (p50, p99, most) = (at(50), at(99), at(100));
    println!("{what}: p50 {p50:.1?}, p99 {p99:.1?}, at most {most:.1?}");
    p99
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "it takes half a minute"]
async fn a_thousand_drains_over_the_socket() {
    println!("{DRAINS} drains over the socket, each with its end, under load");
    let block = Block::new();
    let at = |number| SocketAddr::new(block.address(number), 8080);
    let (east, central, west) = (
        Server::start("us-east", at(2)).await,
        Server::start("us-central", at(3)).await,
        Server::start("us-west", at(4)).await,
    );
    let table = edge::table(&[east.address], &[central.address], &[west.address], "");
    let plan = edge::Plan { region: "us-west", settings: String::new(), table };
    let edge = EdgeProcess::start(&block, 1, &plan).await;
    let (stop, count) = (Arc::new(AtomicBool::new(false)), Arc::<AtomicU64>::default());
    let loads: Vec<_> =
        (0..4).map(|_| tokio::spawn(load(edge.address, Arc::clone(&stop), Arc::clone(&count)))).collect();

    let mut visitor = Client::connect(edge.address, CALIFORNIAN).await;
    visit(&mut visitor, "us-west").await;
    let path = edge.file("run/homeward.sock");
    let mut socket = Client::at(&path).await;
    let drain = r#"{"region": "us-west", "reason": "power loss", "for": "4h", "by": "oncall"}"#;
    let (mut asked, mut live, mut by_verb) = (Vec::new(), Vec::new(), Vec::new());
    for nth in 0..DRAINS {
        if nth % 200 == 199 {
            socket = Client::at(&path).await;
            visitor = Client::connect(edge.address, CALIFORNIAN).await;
        }
        let began = Instant::now();
        let answer = post(&mut socket, "/api/v1/drains", drain).await;
        asked.push(began.elapsed());
        live.push(Duration::from_secs_f64(answer["live_after_ms"].as_f64().unwrap() / 1e3));
        visit(&mut visitor, "us-central").await;
        post(&mut socket, "/api/v1/undrain", r#"{"region": "us-west"}"#).await;
        visit(&mut visitor, "us-west").await;
    }
    for _ in 0..20 {
        let began = Instant::now();
        let line = ["drain", "us-west", "--reason", "power loss", "--for", "4h", "--config", "homeward.yaml"];
        assert!(edge.verb(&line).status.success());
        by_verb.push(began.elapsed());
        visit(&mut visitor, "us-central").await;
        post(&mut socket, "/api/v1/undrain", r#"{"region": "us-west"}"#).await;
    }
    stop.store(true, Ordering::Relaxed);
    for load in loads {
        load.await.unwrap();
    }
    told("  in the edge, on disk and live", live);
    let p99 = told("  from the order to its answer over the socket", asked);
    told("  the verb as it is typed, with the start of its process (20)", by_verb);
    println!("  {} requests of others meanwhile, all of them answered", count.load(Ordering::Relaxed));
    assert!(p99 < SOON, "{p99:?}");
}
