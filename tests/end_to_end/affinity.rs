//! Sessions that stay on one server of their region.

use crate::support::{App, Block, Client, EdgeProcess, edge, eventually};
use std::collections::HashMap;
use std::net::SocketAddr;

/// So many that each of three servers has its part of them, by whatever addresses the servers have.
const SESSIONS: usize = 120;

fn cookie(session: usize) -> String {
    format!("theme=dark; sid=east-{session}")
}

/// The server of every session, as it is now.
async fn servers(visitor: &mut Client) -> Vec<String> {
    let mut servers = Vec::new();
    for session in 0..SESSIONS {
        let answer = visitor.get("/", &[("cookie", &cookie(session))]).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        servers.push(answer.body);
    }
    servers
}

/// Three servers in us-east, and an edge that balances among them by `balance`.
async fn start(balance: &str) -> (Vec<App>, EdgeProcess, Block) {
    let block = Block::new();
    let mut apps = Vec::new();
    for (number, name) in [(2, "first"), (3, "second"), (4, "third")] {
        apps.push(App::start(name, SocketAddr::new(block.address(number), 8080)).await);
    }
    let pool: Vec<_> = apps.iter().map(|app| app.address).collect();
    let west = SocketAddr::new(block.address(5), 8080);
    let session = "    session: {cookie: sid}\n";
    let table = edge::table(&pool, &[], &[west], "").replace(session, &format!("{session}    balance: {balance}\n"));
    assert!(table.contains("balance"));
    let edge = EdgeProcess::start(&block, 1, &edge::Plan { region: "us-east", settings: String::new(), table }).await;
    (apps, edge, block)
}

#[tokio::test]
async fn sessions_stay_on_their_server_and_only_those_of_a_dead_one_move() {
    let (mut apps, edge, _block) = start("session").await;
    let mut visitor = Client::connect(edge.address, edge::NEW_YORK).await;
    let at_first = servers(&mut visitor).await;
    let mut counts = HashMap::new();
    at_first.iter().for_each(|server| *counts.entry(server.as_str()).or_insert(0) += 1);
    assert_eq!(counts.len(), 3, "{counts:?}");
    assert!(counts.values().all(|count| *count >= 16), "{counts:?}");
    for _ in 0..5 {
        assert_eq!(servers(&mut visitor).await, at_first);
    }
    let mut elsewhere = Client::connect(edge.address, "127.20.0.1".parse().unwrap()).await;
    assert_eq!(servers(&mut elsewhere).await, at_first, "wherever its visitor is now");

    apps[1].kill().await;
    let meanwhile = servers(&mut visitor).await; // with the very first request to a server that is not there
    for (before, now) in at_first.iter().zip(&meanwhile) {
        assert!(now != "second" && (before == now || before == "second"), "{before} to {now}");
    }
    assert_eq!(servers(&mut visitor).await, meanwhile, "in the meantime they stay where they are, too");

    apps[1].restart().await;
    eventually("every session to be back", async || (servers(&mut visitor).await == at_first).then_some(())).await;
}

#[tokio::test]
async fn what_a_browser_asks_for_at_once_is_served_by_one_server() {
    let (apps, edge, _block) = start("session").await;
    let mut waiting = Vec::new();
    for _ in 0..6 {
        let mut client = Client::connect(edge.address, edge::NEW_YORK).await;
        waiting.push(tokio::spawn(async move { client.get("/hold", &[("cookie", &cookie(1))]).await.body }));
    }
    let held = || apps.iter().map(|app| app.seen().len()).collect::<Vec<_>>();
    eventually("six requests at once", async || (held().iter().sum::<usize>() == 6).then_some(())).await;
    assert!(held().contains(&6), "{:?}", held());
    apps.iter().for_each(App::let_go);
    for answer in waiting {
        assert!(!answer.await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn other_keys_hold_requests_together_as_well() {
    let (_apps, edge, _block) = start("session").await;
    let mut visitor = Client::connect(edge.address, edge::NEW_YORK).await;
    let table = std::fs::read_to_string(edge.file("routing.yaml")).unwrap();
    for (balance, headers) in [
        ("client", ("x-any", "thing")),
        ("header:X-Tenant", ("x-tenant", "acme")),
        ("cookie:cart", ("cookie", "sid=east-1; cart=7; sid=east-2")),
    ] {
        edge.adopt(&table.replace("balance: session", &format!("balance: {balance}"))).await;
        let first = visitor.get("/", &[headers]).await.body;
        for _ in 0..9 {
            assert_eq!(visitor.get("/", &[headers]).await.body, first, "{balance}");
        }
    }
    // The last of them, without its key: in turn.
    let mut turns = Vec::new();
    for _ in 0..3 {
        turns.push(visitor.get("/", &[("cookie", "sid=east-1")]).await.body);
    }
    turns.sort();
    assert_eq!(turns, ["first", "second", "third"]);
}
