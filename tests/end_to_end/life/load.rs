//! Hand-overs and stops while visitors never stop.

use crate::support::edge::{self, Plan, has_ended};
use crate::support::steady::{Kind, Steady, Target, echo, echo_section};
use crate::support::{App, Block, EdgeProcess, eventually};
use std::net::SocketAddr;
use std::os::unix::fs::FileTypeExt;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};

/// An edge that takes HTTP/1.1 and HTTP/2, and an app and an echo behind it.
async fn start(settings: &str) -> (EdgeProcess, App) {
    let block = Block::new();
    let at = |number| SocketAddr::new(block.address(number), 8080);
    let app = App::start("us-east", at(2)).await;
    let listener = TcpListener::bind(at(3)).await.unwrap();
    let table = edge::table(&[app.address], &[], &[], &echo_section(at(3)));
    tokio::spawn(echo(listener));
    let plan = Plan { region: "us-west", settings: settings.to_owned(), table };
    let directory = tempfile::tempdir().unwrap();
    let (address, admin) = (at(1), SocketAddr::new(block.address(1), 9901));
    edge::write_settings(directory.path(), &plan, address, admin);
    let file = directory.path().join("homeward.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace(&format!("\"{address}\"}}]"), &format!("\"{address}\", http2: true}}]")))
        .unwrap();
    std::fs::write(directory.path().join("routing.yaml"), &plan.table).unwrap();
    (EdgeProcess::start_in(directory, address, admin).await, app)
}

const ALL: [(Kind, &str); 5] = [
    (Kind::Http1, "HTTP/1.1"),
    (Kind::Seldom, "seldom"),
    (Kind::Http2, "HTTP/2"),
    (Kind::WebSocket, "WebSocket"),
    (Kind::Download, "download"),
];

fn visit(edge: &EdgeProcess) -> Steady {
    let mut visitors = Steady::new();
    for (kind, name) in ALL {
        visitors.visit(kind, Target::plain(edge.address), name);
    }
    visitors
}

async fn more(visitors: &Steady) {
    let counts = |of: &str| visitors.so_far().of(of);
    for what in ["HTTP/1.1 requests", "HTTP/2 requests", "WebSocket messages"] {
        let before = counts(what);
        eventually(what, async || (counts(what) > before + 20 || !visitors.so_far().failures.is_empty()).then_some(()))
            .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handover_loses_nothing() {
    let (mut edge, app) = start("").await;
    let visitors = visit(&edge);
    more(&visitors).await;
    let first = edge.id();
    let second = edge.hand_over().await;
    assert_ne!(first, second);
    more(&visitors).await;
    assert!(!has_ended(first), "a WebSocket and a download are its own still");
    let third = edge.hand_over().await;
    more(&visitors).await;

    let tally = visitors.stop().await;
    assert_eq!(tally.failures, [""; 0], "{tally:?}");
    let answered: u64 =
        tally.counts.iter().filter(|(name, _)| name.ends_with(" requests")).map(|(_, count)| count).sum();
    assert_eq!(app.seen().len() as u64, answered, "each came to the app once: {tally:?}");
    assert!(tally.of("HTTP/1.1 told to close") >= 2, "{tally:?}");
    assert!(tally.of("HTTP/2 connections") >= 3, "{tally:?}");
    assert_eq!(tally.of("WebSocket connections"), 1, "the socket stays where it was: {tally:?}");
    assert!(tally.of("download requests") >= 1, "{tally:?}");

    // Nothing is left for the first two.
    edge.ended().await;
    eventually("the end of the second", async || has_ended(second).then_some(())).await;
    assert!(!has_ended(third));
    assert_eq!(edge.admin("/readyz").await.status, 200);
    edge.signal("TERM");
    edge.is_gone().await;
    let left = std::fs::read_dir(edge.file("run")).unwrap().map(|entry| entry.unwrap());
    let sockets: Vec<_> = left.filter(|entry| entry.file_type().unwrap().is_socket()).collect();
    assert!(sockets.is_empty(), "no socket is left behind: {sockets:?}");
    assert_eq!(edge.log().matches("stopped; every request was finished").count(), 3, "{}", edge.log());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_process_that_is_told_to_stop_has_the_grace_of_a_stop() {
    let (mut edge, _app) = start("stop: {grace: 300ms}\n").await;
    let mut visitors = Steady::new();
    visitors.visit(Kind::WebSocket, Target::plain(edge.address), "WebSocket");
    eventually("a WebSocket", async || (visitors.so_far().of("WebSocket messages") > 3).then_some(())).await;
    let first = edge.id();
    edge.hand_over().await;
    eventually("the farewell", async || edge.log().contains("has taken over: 1 request(s)").then_some(())).await;
    assert!(std::process::Command::new("kill").args(["-TERM", &first.to_string()]).status().unwrap().success());
    assert_eq!(edge.ended().await.code(), Some(0));
    assert!(edge.log().contains("what is left gets up to 300ms"), "{}", edge.log());
    eventually("another WebSocket", async || (visitors.so_far().of("WebSocket connections") == 2).then_some(())).await;
    let tally = visitors.stop().await;
    assert_eq!((tally.failures.as_slice(), tally.of("WebSocket orderly ends")), (&[][..], 1), "{tally:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_answers_what_it_has_accepted() {
    let (mut edge, app) = start("stop: {grace: 3s}\n").await;
    let visitors = visit(&edge);
    more(&visitors).await;
    edge.signal("TERM");
    assert_eq!(edge.ended().await.code(), Some(0));
    let tally = visitors.stop().await;
    // Nobody listens any more: new connections are refused. Those that were there got every answer, and the WebSocket, which
    // outlived the grace, a proper end.
    let lost: Vec<_> = tally.failures.iter().filter(|failure| !failure.contains("connect")).collect();
    assert!(lost.is_empty(), "{lost:?}\n{}", edge.log());
    assert_eq!(tally.of("WebSocket orderly ends"), 1, "{tally:?}");
    let asked = app.seen().len() as u64;
    let answered = ["HTTP/1.1", "seldom", "HTTP/2", "download"]
        .map(|name| tally.of(&format!("{name} requests")))
        .iter()
        .sum::<u64>();
    assert_eq!(asked, answered, "{tally:?}");
    assert!(edge.log().contains("1 request(s) were cut off"), "{}", edge.log());
}

#[tokio::test]
async fn an_idle_connection_may_ask_once_more_when_the_edge_stops() {
    use crate::support::Client;
    let (mut edge, _app) = start("").await;
    let mut idle = Client::connect(edge.address, edge::NEW_YORK).await;
    assert_eq!(idle.get("/", &[]).await.header("connection"), "keep-alive");
    edge.signal("TERM");
    let address = edge.address;
    eventually("closed doors", async || TcpStream::connect(address).await.is_err().then_some(())).await;
    let late = idle.get("/", &[]).await;
    assert_eq!((late.status, late.header("connection")), (200, "close"));
    let started = std::time::Instant::now();
    assert_eq!(edge.ended().await.code(), Some(0));
    assert!(started.elapsed() < Duration::from_secs(8), "nobody is waited for");
}
