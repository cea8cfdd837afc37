//! What a new process goes on with.

use crate::routing::World;
use crate::support::{Client, client, edge, eventually};
use std::os::unix::fs::symlink;
use std::process::{Command, Stdio};

#[tokio::test]
async fn what_was_used_up_is_used_up() {
    let mut world = World::start("", "    rate_limit: {rate: 0.01/s, burst: 3}\n").await;
    let statuses = async |world: &World| {
        let mut statuses = Vec::new();
        for _ in 0..3 {
            // The old process may take one more connection in its last moment, and closes that after one answer.
            statuses.push(client::get(world.edge.address, edge::NEW_YORK, "/", &[]).await.status);
        }
        statuses
    };
    assert_eq!(statuses(&world).await, [200, 200, 200]);
    world.edge.hand_over().await;
    assert_eq!(statuses(&world).await, [429, 429, 429]);
    // And over one more process; a new limit begins anew.
    world.edge.hand_over().await;
    assert_eq!(statuses(&world).await, [429, 429, 429]);
    world.edge.save_table(&world.table("    rate_limit: {rate: 0.01/s, burst: 4}\n"));
    world.edge.hand_over().await;
    assert_eq!(statuses(&world).await, [200, 200, 200]);
}

#[tokio::test]
async fn what_is_known_of_servers_and_rates_is_known() {
    let mut world = World::start("", "").await;
    world.central.kill().await;
    world.edge.status_where("a dead server", |status| status["regions"][1]["away"] != serde_json::json!([])).await;
    let mut visitor = Client::connect(world.edge.address, edge::NEW_YORK).await;
    for _ in 0..200 {
        assert_eq!(visitor.get("/", &[("cookie", "sid=east-1")]).await.status, 200);
    }
    let rate = |status: &serde_json::Value| status["regions"][0]["requests_per_second"].as_f64().unwrap();
    // Only full seconds are counted.
    world.edge.status_where("a rate", |status| rate(status) > 1.0).await;
    world.edge.hand_over().await;
    let status = world.edge.status().await;
    assert!(rate(&status) > 1.0, "{status}");
    assert_ne!(status["regions"][1]["away"], serde_json::json!([]), "from the first moment on: {status}");
    assert_eq!(status["regions"][1]["services"][0]["healthy"], 0, "{status}");
}

#[tokio::test]
async fn learned_homes_are_remembered() {
    let rules = "    session: {cookie: sid, learn: {entries: 100, ttl: 1h}}\n";
    let mut world = World::start("", "").await;
    let table = world.table("").replace("    session: {cookie: sid}\n", rules);
    world.edge.adopt(&table).await;
    let mut visitor = Client::connect(world.edge.address, edge::NEW_YORK).await;
    let headers = [("cookie", "sid=anything"), ("x-replay", "region=us-west")];
    let learned = visitor.get("/", &headers).await;
    assert_eq!(learned.status, 200, "{learned:?}");
    let home = async |world: &World| {
        let mut visitor = Client::connect(world.edge.address, edge::NEW_YORK).await;
        visitor.get("/", &[("cookie", "sid=anything")]).await.body
    };
    assert_eq!(home(&world).await, "us-west");
    world.edge.hand_over().await;
    assert_eq!(home(&world).await, "us-west");
}

#[tokio::test]
async fn a_program_that_is_started_by_hand_takes_over() {
    let mut world = World::start("", "").await;
    let log = std::fs::OpenOptions::new().append(true).open(world.edge.file("process.log")).unwrap();
    symlink(env!("CARGO_BIN_EXE_homeward"), world.edge.file("homeward-new")).unwrap();
    // It is made once the edge serves.
    eventually("the socket of hand-overs", async || world.edge.file("run/handover.sock").exists().then_some(())).await;
    let mut by_hand = Command::new("./homeward-new")
        .args(["run", "--upgrade", "--config", "homeward.yaml"])
        .current_dir(world.edge.directory.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .unwrap();
    assert_eq!(world.edge.taken_over().await, by_hand.id());
    assert_eq!(world.edge.ended().await.code(), Some(0));
    // A signal to the old one in the end, as with other servers, is of no harm; the new one hands over to itself.
    world.edge.hand_over().await;
    assert_eq!(eventually("its end", async || by_hand.try_wait().unwrap()).await.code(), Some(0));
    let status = world.edge.verb(&["status", "--json", "--admin", "run/homeward.sock"]);
    assert_eq!(status.status.code(), Some(0), "the socket is handed over too: {status:?}");
    world.edge.signal("TERM");
    world.edge.is_gone().await;
    assert!(!world.edge.file("run/homeward.sock").exists());
}

#[tokio::test]
async fn where_nothing_runs_there_is_nothing_to_take_over() {
    let mut world = World::start("", "").await;
    world.edge.kill();
    let mut edge = Command::new(env!("CARGO_BIN_EXE_homeward"))
        .args(["run", "--upgrade", "--config", "homeward.yaml"])
        .current_dir(world.edge.directory.path())
        .stdin(Stdio::null())
        .stderr(std::fs::OpenOptions::new().append(true).open(world.edge.file("process.log")).unwrap())
        .spawn()
        .unwrap();
    eventually("a ready edge", async || {
        world.edge.log().contains("nothing to take over: starting as usual").then_some(())
    })
    .await;
    eventually("an answer", async || tokio::net::TcpStream::connect(world.edge.address).await.is_ok().then_some(()))
        .await;
    let sent = Command::new("kill").args(["-TERM", &edge.id().to_string()]).status().unwrap();
    assert!(sent.success());
    assert_eq!(eventually("its end", async || edge.try_wait().unwrap()).await.code(), Some(0));
}
