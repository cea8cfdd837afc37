//! What a browser asks for at once of a session that was moved.

use crate::routing::World;
use crate::support::{App, Block, Client, EdgeProcess, edge, eventually};
use std::net::SocketAddr;
use tokio::task::JoinHandle;

const AT_ONCE: usize = 8;

/// So many requests of one session at once, which their app answers when it is told to.
fn ask(address: SocketAddr) -> Vec<JoinHandle<(u16, String)>> {
    let one = move || async move {
        let mut client = Client::connect(address, edge::NEW_YORK).await;
        let answer = client.get("/hold", &[("cookie", "sid=east-1")]).await;
        (answer.status, answer.body)
    };
    std::iter::repeat_with(|| tokio::spawn(one())).take(AT_ONCE).collect()
}

async fn metric(edge: &EdgeProcess, name: &str) -> u64 {
    let text = edge.admin("/metrics").await.body;
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.map_or(0, |value| value.parse::<f64>().unwrap() as u64)
}

/// Waits until all but one of the requests wait for that one.
async fn wait_for_the_others(edge: &EdgeProcess) {
    eventually("one to have gone ahead and the others to wait", async || {
        (metric(edge, "homeward_gate_waiting{service=\"portal\"}").await as usize == AT_ONCE - 1).then_some(())
    })
    .await;
}

async fn passages(edge: &EdgeProcess) -> [u64; 3] {
    let mut counts = [0; 3];
    for (count, result) in counts.iter_mut().zip(["ahead", "followed", "timed_out"]) {
        *count = metric(edge, &format!("homeward_gate_requests_total{{result=\"{result}\",service=\"portal\"}}")).await;
    }
    counts
}

#[tokio::test]
async fn where_a_region_has_gone_one_request_goes_ahead_and_the_others_follow() {
    let mut world = World::start("", "").await;
    world.east.kill().await;
    let asked = ask(world.edge.address);
    wait_for_the_others(&world.edge).await;
    eventually("that one to have arrived, alone", async || (world.central.seen().len() == 1).then_some(())).await;
    world.central.let_go();
    for answer in asked {
        assert_eq!(answer.await.unwrap(), (200, "us-central".to_owned()));
    }
    assert_eq!(world.central.seen().len(), AT_ONCE);
    assert_eq!(passages(&world.edge).await, [1, AT_ONCE as u64 - 1, 0]);

    for answer in ask(world.edge.address) {
        assert_eq!(answer.await.unwrap().0, 200);
    }
    assert_eq!(passages(&world.edge).await, [1, AT_ONCE as u64 - 1, 0], "it is loaded there by now");
}

#[tokio::test]
async fn where_a_server_has_gone_so_do_the_sessions_that_it_had() {
    let block = Block::new();
    let mut apps = Vec::new();
    for (number, name) in [(2, "first"), (3, "second"), (4, "third")] {
        apps.push(App::start(name, SocketAddr::new(block.address(number), 8080)).await);
    }
    let pool: Vec<_> = apps.iter().map(|app| app.address).collect();
    let session = "    session: {cookie: sid}\n";
    let west = SocketAddr::new(block.address(5), 8080);
    let table = edge::table(&pool, &[], &[west], "").replace(session, &format!("{session}    balance: session\n"));
    let edge = EdgeProcess::start(&block, 1, &edge::Plan { region: "us-east", settings: String::new(), table }).await;
    let mut visitor = Client::connect(edge.address, edge::NEW_YORK).await;
    let at_first = visitor.get("/", &[("cookie", "sid=east-1")]).await.body;
    assert_eq!(passages(&edge).await, [0; 3], "nobody holds a session that is where it belongs");

    let its_server = apps.iter().position(|app| !app.seen().is_empty()).unwrap();
    let mut gone = apps.remove(its_server);
    gone.kill().await;
    let asked = ask(edge.address);
    wait_for_the_others(&edge).await;
    let seen = || apps.iter().map(|app| app.seen().len()).sum::<usize>();
    eventually("that one to have arrived, alone", async || (seen() == 1).then_some(())).await;
    apps.iter().for_each(App::let_go);
    for answer in asked {
        let (status, server) = answer.await.unwrap();
        assert!(status == 200 && server != at_first, "{status} {server}");
    }
    assert_eq!(passages(&edge).await, [1, AT_ONCE as u64 - 1, 0]);
}

#[tokio::test]
async fn where_the_first_one_fails_the_next_goes_ahead_and_nobody_is_lost() {
    let mut world = World::start("", "").await;
    world.east.kill().await;
    world.central.fail(true);
    let asked = ask(world.edge.address);
    for answer in asked {
        assert_eq!(answer.await.unwrap().0, 500, "what the app says is passed on");
    }
    let [ahead, followed, timed_out] = passages(&world.edge).await;
    assert_eq!((ahead, followed, timed_out), (AT_ONCE as u64, 0, 0));
}

#[tokio::test]
async fn without_the_gate_all_come_at_once() {
    let mut world = World::start("", "").await;
    let table = world
        .table("")
        .replace("    session: {cookie: sid}\n", "    session: {cookie: sid}\n    gate: {sessions: none}\n");
    assert!(table.contains("none"));
    world.edge.adopt(&table).await;
    world.east.kill().await;
    let asked = ask(world.edge.address);
    eventually("all of them to be there", async || (world.central.seen().len() == AT_ONCE).then_some(())).await;
    world.central.let_go();
    for answer in asked {
        assert_eq!(answer.await.unwrap().0, 200);
    }
    assert_eq!(passages(&world.edge).await, [0; 3]);
}
