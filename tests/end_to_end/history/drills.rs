//! `homeward drill`

use super::{Load, said, say};
use crate::routing::World;
use crate::support::{client, edge, eventually};
use serde_json::Value as Json;
use std::process::{Command, Stdio};

async fn drills(world: &World) -> Json {
    serde_json::from_str(&world.edge.admin("/api/v1/drills").await.body).unwrap()
}

async fn is_drained(world: &World, region: &str) -> bool {
    let status = world.edge.status().await;
    status["drains"].as_array().unwrap().iter().any(|drain| drain["region"] == region && drain["practice"] == true)
}

const GUARD: &str = "guard: {min_requests: 200}\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_drill_that_goes_well_ends_after_its_time_with_a_report() {
    let world = World::start(GUARD, "").await;
    let load = Load::on(world.edge.address, "sid=east-1", "portal.example.com");
    load.more(300).await;
    let dry = say(&world.edge, &["drill", "us-east", "--for", "8s", "--dry-run"]);
    assert_eq!(dry.code, 0, "{dry:?}");
    assert!(!is_drained(&world, "us-east").await);

    let arguments = ["drill", "us-east", "--for", "8s", "--sessions", "move", "--by", "ann", "--reason", "quarterly"];
    let done = tokio::task::block_in_place(|| say(&world.edge, &arguments));
    assert_eq!(done.code, 0, "{done:?}");
    assert!(done.out.starts_with("# Drill of us-east\n\n**passed: "), "{}", done.out);
    assert!(done.err.contains("us-east is drained to 0%"), "{}", done.err);
    load.end().await;
    assert!(!is_drained(&world, "us-east").await);

    let drills = drills(&world).await;
    assert_eq!(drills["running"], Json::Array(Vec::new()));
    let report = &drills["drills"][0];
    assert_eq!((&report["ended"], &report["verdict"]), (&"time_up".into(), &"passed".into()));
    assert_eq!((&report["by"], &report["reason"]), (&"ann".into(), &"quarterly".into()));
    assert!(report["during"]["requests"].as_u64().unwrap() > 200, "{report}");
    assert!(report["orphaned_requests"].as_u64().unwrap() > 200, "{report}");
    assert!(report["mean_latency_during_ms"].as_f64().unwrap() > 0.0, "{report}");
    assert_eq!(std::fs::read_dir(world.edge.file("run/drills")).unwrap().count(), 2, "Markdown and JSON");
    let history = say(&world.edge, &["history"]);
    assert!(history.out.contains("us-east: passed: the others carried"), "{}", history.out);
    assert!(history.out.contains("us-east: quarterly"), "{}", history.out);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drill_ends_at_once_where_errors_rise() {
    let world = World::start(GUARD, "").await;
    let load = Load::on(world.edge.address, "sid=east-1", "portal.example.com");
    load.more(1500).await;
    // Who would have to carry them answers with errors: the substitute of us-east.
    world.central.fail(true);
    let arguments = ["drill", "us-east", "--for", "30s", "--sessions", "move"];
    let done = tokio::task::block_in_place(|| say(&world.edge, &arguments));
    load.end().await;
    assert_eq!(done.code, 1, "{done:?}");
    assert!(done.out.contains("**failed: errors rose"), "{}", done.out);
    assert!(!is_drained(&world, "us-east").await, "it is over");
    let answer = client::get(world.edge.address, edge::NEW_YORK, "/", &[("cookie", "sid=east-1")]).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "us-east"));
    assert!(world.edge.log().contains("was drained for practice, and the drill is ended"), "{}", world.edge.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drill_that_is_interrupted_is_over() {
    let world = World::start("", "").await;
    let mut command = Command::new(env!("CARGO_BIN_EXE_homeward"));
    command.args(["drill", "us-east", "--for", "10m", "--json", "--config", "homeward.yaml"]);
    let drill = command.current_dir(world.edge.directory.path()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let drill = drill.spawn().unwrap();
    eventually("the drill", async || is_drained(&world, "us-east").await.then_some(())).await;
    let watched = async || world.edge.log().contains("the drill of us-east is watched").then_some(());
    eventually("its watch", watched).await;
    assert!(Command::new("kill").args(["-INT", &drill.id().to_string()]).status().unwrap().success());
    let done = tokio::task::spawn_blocking(move || said(drill.wait_with_output().unwrap())).await.unwrap();
    assert_eq!(done.code, 0, "{done:?}");
    let report: Json = serde_json::from_str(&done.out).unwrap();
    assert_eq!((&report["ended"], &report["verdict"]), (&"by_operator".into(), &"stopped_early".into()));
    assert!(!is_drained(&world, "us-east").await);

    let unknown = say(&world.edge, &["drill", "us-eest", "--for", "10m"]);
    assert_eq!(unknown.code, 1);
    assert!(unknown.err.contains("did you mean 'us-east'?"), "{}", unknown.err);
}
