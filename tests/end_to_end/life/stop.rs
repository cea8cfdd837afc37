//! Signals.

use super::{is_shut, open_requests};
use crate::routing::World;
use crate::support::{Client, client, client::Answer, edge, eventually};
use tokio::task::JoinHandle;

/// A world with a request that us-east holds.
async fn with_a_held_request() -> (World, JoinHandle<Result<Answer, hyper::Error>>) {
    let world = World::start("", "").await;
    let mut visitor = Client::connect(world.edge.address, edge::NEW_YORK).await;
    let held = tokio::spawn(async move { visitor.send("GET", "/hold", &[], "").await });
    eventually("the held request", async || (world.east.seen().len() == 1).then_some(())).await;
    (world, held)
}

async fn stops_gracefully_on(signal: &str) {
    let (mut world, held) = with_a_held_request().await;
    let mut idle = Client::connect(world.edge.address, edge::NEW_YORK).await;
    assert_eq!(idle.get("/", &[]).await.status, 200);
    // An answered request is over a moment after its client has the answer.
    eventually("one open request", async || (open_requests(&world.edge).await == 1).then_some(())).await;

    world.edge.signal(signal);
    eventually("shut doors", async || is_shut(world.edge.address).await.then_some(())).await;
    let ready = world.edge.admin("/readyz").await;
    assert_eq!((ready.status, ready.body.as_str()), (503, "stopping\n"), "whoever balances over edges must hear of it");
    assert_eq!(world.edge.admin("/livez").await.status, 200);
    assert!(!held.is_finished(), "the request in flight is waited for");

    world.east.let_go();
    let answer = held.await.unwrap().expect("the request in flight is answered");
    assert_eq!((answer.status, answer.body.as_str()), (200, "us-east"));
    assert_eq!(world.edge.ended().await.code(), Some(0));
    let log = world.edge.log();
    // The knocks at the door, and the request before them, may count for a moment more.
    assert!(log.contains("stopping: ") && !log.contains("stopping: 0 request(s)"), "{log}");
    assert!(log.contains("stopped; every request was finished"), "{log}");
    let line = world.edge.access_log().into_iter().find(|line| line["path"] == "/hold");
    assert_eq!(line.expect("its line is in the access log")["status"], 200);
    assert!(!world.edge.file("run/homeward.sock").exists(), "the socket is taken away");
}

#[tokio::test]
async fn sigterm_stops_after_the_requests_in_flight() {
    stops_gracefully_on("TERM").await;
}

#[tokio::test]
async fn sigint_stops_after_the_requests_in_flight() {
    stops_gracefully_on("INT").await;
}

#[tokio::test]
async fn a_second_sigterm_stops_at_once() {
    let (mut world, held) = with_a_held_request().await;
    world.edge.signal("TERM");
    eventually("the first to be heard", async || world.edge.log().contains("stopping: ").then_some(())).await;
    world.edge.signal("TERM");
    assert_eq!(world.edge.ended().await.code(), Some(1));
    assert!(held.await.unwrap().is_err(), "nobody could answer it");
    assert!(world.edge.log().contains("stopped at once"), "{}", world.edge.log());
}

#[tokio::test]
async fn the_grace_has_an_end() {
    let mut world = World::start("stop: {grace: 100ms}\n", "").await;
    let mut visitor = Client::connect(world.edge.address, edge::NEW_YORK).await;
    let held = tokio::spawn(async move { visitor.send("GET", "/hold", &[], "").await });
    eventually("the held request", async || (world.east.seen().len() == 1).then_some(())).await;
    world.edge.signal("TERM");
    assert_eq!(world.edge.ended().await.code(), Some(0));
    assert!(held.await.unwrap().is_err());
    assert!(world.edge.log().contains("1 request(s) were cut off"), "{}", world.edge.log());
}

#[tokio::test]
async fn sighup_reads_anew_and_goes_on_serving() {
    let mut world = World::start("", "").await;
    let mut visitor = Client::connect(world.edge.address, edge::NEW_YORK).await;
    assert_eq!(visitor.get("/first", &[]).await.status, 200);
    eventually("a line", async || (world.edge.access_log().len() == 1).then_some(())).await;
    std::fs::rename(world.edge.file("access.log"), world.edge.file("access.log.1")).unwrap();
    for _ in 0..3 {
        world.edge.signal("HUP");
    }
    eventually("a new access log", async || world.edge.file("access.log").exists().then_some(())).await;
    assert_eq!(visitor.get("/second", &[]).await.body, "us-east", "on the same connection");
    let line = eventually("a line in the new file", async || world.edge.access_log().pop()).await;
    assert_eq!(line["path"], "/second");
    assert!(world.edge.log().contains("as SIGHUP asks"), "{}", world.edge.log());
    assert_eq!(client::get(world.edge.address, edge::NEW_YORK, "/", &[]).await.status, 200, "and on a new one");
    world.edge.signal("TERM");
    assert_eq!(world.edge.ended().await.code(), Some(0));
}
