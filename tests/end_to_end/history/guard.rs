//! The guard: a bad table is put back under load, a good one is left alone.

use super::{Load, brought, say, tables};
use crate::routing::World;
use crate::support::edits::sha256sum;
use crate::support::{client, edge, eventually};
use serde_json::Value as Json;

const GUARD: &str = "guard: {watch: 15s, max_error_increase: 2%, min_requests: 200}\n";

async fn guarded(edge: &crate::support::EdgeProcess, result: &str) -> usize {
    let metrics = edge.admin("/metrics").await.body;
    let name = format!("homeward_guard_total{{result=\"{result}\"}} ");
    metrics.lines().find_map(|line| line.strip_prefix(&name)).map_or(0, |value| value.parse().unwrap())
}

#[tokio::test]
async fn a_bad_table_is_put_back_and_stays_refused_until_somebody_insists() {
    let mut world = World::start(GUARD, "").await;
    let (good, bad) = (world.table(""), super::without_servers_in_the_east(&world));
    let load = Load::on(world.edge.address, "sid=east-1", "portal.example.com");
    load.more(300).await;
    world.edge.save_table(&bad);
    world.edge.status_where("the bad table", |status| status["guard"]["watched"]["revision"] == *sha256sum(&bad)).await;
    let put_back = |status: &Json| status["table"]["origin"] == "guard";
    let status = world.edge.status_where("the table before", put_back).await;
    load.end().await;
    assert_eq!(status["table"]["revision"], *sha256sum(&good));
    assert_eq!(status["guard"]["refused"]["revision"], *sha256sum(&bad));
    assert!(status["guard"]["refused"]["figures"]["error_ratio"].as_f64().unwrap() > 0.5, "{status}");
    let problem = &status["table"]["problem"];
    assert_eq!(problem["revision"], *sha256sum(&bad));
    let text = problem["text"].as_str().unwrap();
    assert!(text.contains("the guard has put the last table back") && text.contains("homeward rollback"), "{text}");
    let log = world.edge.log();
    assert!(log.contains("ERROR") && log.contains("of 0.00 % of") | log.contains("requests failed, and"), "{log}");
    assert_eq!(guarded(&world.edge, "put_back").await, 1);
    let wanted =
        [brought("guard", &sha256sum(&good)), brought("file", &sha256sum(&bad)), brought("start", &sha256sum(&good))];
    assert_eq!(tables(&world.edge).await, wanted);
    assert_eq!(std::fs::read_to_string(world.edge.file("routing.yaml")).unwrap(), bad, "the file is the operator's");
    let answer = client::get(world.edge.address, edge::NEW_YORK, "/", &[("cookie", "sid=east-1")]).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "us-east"));

    // A restart, a touch and a hang-up do not bring it back.
    world.edge.kill_and_start_again().await;
    let status = world.edge.status().await;
    assert_eq!(
        (&status["table"]["revision"], &status["table"]["origin"]),
        (&sha256sum(&good).into(), &"last_good".into())
    );
    assert_eq!(status["guard"]["refused"]["revision"], *sha256sum(&bad));
    world.edge.save_table(&bad);
    world.edge.signal("HUP");
    let said_twice = async || {
        let log = world.edge.log();
        (log.matches("is refused, and the table that was live stays").count() > 0).then_some(())
    };
    eventually("the refusal", said_twice).await;
    assert_eq!(world.edge.status().await["table"]["revision"], *sha256sum(&good));

    // An operator insists, and it is not watched.
    let said = say(&world.edge, &["rollback", &sha256sum(&bad), "--reason", "it is the apps"]);
    assert_eq!(said.code, 0, "{said:?}");
    let status = world.edge.status().await;
    assert_eq!(status["table"]["revision"], *sha256sum(&bad));
    assert_eq!((&status["guard"]["refused"], &status["guard"]["watched"]), (&Json::Null, &Json::Null));
    assert!(!world.edge.file("run/guard.json").exists());
}

#[tokio::test]
async fn a_good_table_is_left_alone_and_garbage_of_clients_makes_none_bad() {
    let settings = "guard: {watch: 4s, max_error_increase: 2%, min_requests: 100}\n";
    let world = World::start(settings, "").await;
    let load = Load::on(world.edge.address, "sid=east-1", "portal.example.com");
    // Keys and hosts that no table knows, and what an edge refuses.
    let keys = Load::on(world.edge.address, "sid=nobody-1", "portal.example.com");
    let hosts = Load::on(world.edge.address, "sid=east-1", "no.such.host");
    load.more(200).await;
    world.edge.adopt(&world.table("# as good as the one before\n")).await;
    let passed = async || (guarded(&world.edge, "passed").await == 1).then_some(());
    eventually("the end of the watch", passed).await;
    for load in [load, keys, hosts] {
        load.end().await;
    }
    let status = world.edge.status().await;
    assert_eq!(status["table"]["revision"], *sha256sum(&world.table("# as good as the one before\n")));
    assert_eq!((&status["guard"]["on"], &status["guard"]["watched"]), (&true.into(), &Json::Null));
    assert_eq!(guarded(&world.edge, "put_back").await, 0);
}

/// That a table is put back whose visitors get no 5xx, and are lost all the same.
async fn is_put_back(change: impl FnOnce(String) -> String) {
    let world = World::start(GUARD, "").await;
    let (good, bad) = (world.table(""), change(world.table("")));
    let load = Load::on(world.edge.address, "sid=east-1", "portal.example.com");
    load.more(300).await;
    world.edge.save_table(&bad);
    let put_back = |status: &Json| status["guard"]["refused"]["revision"] == *sha256sum(&bad);
    let status = world.edge.status_where("the table before", put_back).await;
    assert_eq!(status["table"]["revision"], *sha256sum(&good));
    load.end().await;
    assert_eq!(guarded(&world.edge, "put_back").await, 1);
}

#[tokio::test]
async fn hosts_that_a_table_loses_are_errors() {
    is_put_back(|table| table.replace("hosts: [portal.example.com]", "hosts: [portal.example.org]")).await;
}

#[tokio::test]
async fn sessions_that_a_table_loses_with_their_prefix_are_errors() {
    is_put_back(|table| table.replace("session_prefix: east", "session_prefix: orient")).await;
}

#[tokio::test]
async fn sessions_that_a_table_loses_with_their_cookie_are_errors() {
    is_put_back(|table| table.replace("cookie: sid", "cookie: session")).await;
}

#[tokio::test]
async fn a_bad_table_is_no_measure_for_the_next_one() {
    let world = World::start(GUARD, "").await;
    let load = Load::on(world.edge.address, "sid=east-1", "portal.example.com");
    load.more(300).await;
    for more in ["# first\n", "# second\n"] {
        let bad = super::without_servers_in_the_east(&world) + more;
        world.edge.save_table(&bad);
        let put_back = |status: &Json| status["guard"]["refused"]["revision"] == *sha256sum(&bad);
        world.edge.status_where("the table before", put_back).await;
    }
    load.end().await;
    assert_eq!(world.edge.status().await["table"]["revision"], *sha256sum(&world.table("")));
}
