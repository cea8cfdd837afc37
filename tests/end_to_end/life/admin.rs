//! What operators and their tools get to read.

use crate::routing::World;
use crate::support::{Client, client, edge, eventually};
use serde_json::Value;
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr};
use std::process::{Command, Stdio};

#[tokio::test]
async fn status_exits_with_what_it_found() {
    let mut world = World::start("", "").await;
    let status = |world: &World, arguments: &[&str]| {
        world.edge.verb(&[&["status", "--config", "homeward.yaml"], arguments].concat())
    };
    let well = status(&world, &[]);
    assert_eq!(well.status.code(), Some(0), "{well:?}");
    let text = String::from_utf8(well.stdout).unwrap();
    for region in ["us-east", "us-central", "us-west"] {
        assert!(text.contains(region), "{region} is not in\n{text}");
    }

    world.east.kill().await;
    world.edge.status_where("us-east to be away", |status| status["regions"][0]["healthy"] == false).await;
    let away = status(&world, &["--json"]);
    assert_eq!(away.status.code(), Some(1), "{away:?}");
    let told: Value = serde_json::from_slice(&away.stdout).unwrap();
    assert_eq!(told["regions"][0]["name"], "us-east");
    assert!(!told["regions"][0]["away"].as_array().unwrap().is_empty(), "{told}");
    assert!(told["regions"][1]["away"].as_array().unwrap().is_empty(), "{told}");

    world.edge.signal("TERM");
    assert_eq!(world.edge.ended().await.code(), Some(0));
    let gone = status(&world, &[]);
    assert_eq!(gone.status.code(), Some(1));
    let said = String::from_utf8(gone.stderr).unwrap();
    assert!(said.contains("no edge answers") && said.contains("start one with 'homeward run'"), "{said}");
    assert!(said.contains("run/homeward.sock") && said.contains(&world.edge.admin.to_string()), "{said}");
    assert_eq!(String::from_utf8(gone.stdout).unwrap(), "", "results and messages do not mix");
}

#[tokio::test]
async fn the_admin_address_answers_those_who_name_it() {
    let world = World::start("", "").await;
    assert_eq!(world.edge.admin("/livez").await.body, "alive\n");
    assert_eq!(world.edge.admin("/readyz").await.body, "ready\n");
    let here = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let mut page = Client::connect(world.edge.admin, here).await.host("evil.example:9901");
    for path in ["/", "/livez", "/metrics", "/api/v1/status", "/api/v1/explain?ip=192.0.2.1", "/nothing"] {
        let answer = page.get(path, &[]).await;
        assert_eq!(answer.status, 403, "{path}");
        assert!(answer.body.contains("Host header"), "{}", answer.body);
    }
    let mut local = Client::connect(world.edge.admin, here).await.host("localhost:9901");
    assert_eq!(local.get("/api/v1/status", &[]).await.status, 200);
    assert_eq!(local.get("/nothing", &[]).await.status, 404);
    assert_eq!(local.get("/api/v1/explain?ip=moon", &[]).await.status, 400);
    assert_eq!(local.send("POST", "/api/v1/status", &[], "").await.unwrap().status, 405);
}

#[tokio::test]
async fn prometheus_finds_nothing_to_mend() {
    let mut world = World::start("", "    when_home_is_away: refuse\n    largest_body: 1KiB\n").await;
    let mut visitor = Client::connect(world.edge.address, edge::NEW_YORK).await;
    for cookie in ["sid=east-1", "sid=west-1", "sid=moon-1", "sid=", "other=1"] {
        visitor.get("/", &[("cookie", cookie)]).await;
    }
    visitor.get("/status/500", &[]).await;
    let too_large = visitor.send("PUT", "/count", &[], vec![b'x'; 1025]).await.unwrap();
    assert_eq!(too_large.status, 413);
    let mut stranger = Client::connect(world.edge.address, edge::NEW_YORK).await.host("unknown.example.com");
    assert_eq!(stranger.get("/", &[]).await.status, 404);
    world.edge.save_table("version: 1\nregions: [");
    world.edge.status_where("a broken table", |status| !status["table"]["problem"].is_null()).await;
    world
        .edge
        .adopt(&world.table("drains:\n  - {region: us-west, sessions: move, by: \"a \\\"b\\\"\", reason: x}\n"))
        .await;
    for _ in 0..3 {
        assert_eq!(client::get(world.edge.address, edge::NEW_YORK, "/", &[("cookie", "sid=west-1")]).await.status, 200);
    }
    for app in [&mut world.east, &mut world.central, &mut world.west] {
        app.kill().await;
    }
    eventually("a 503", async || {
        let answer = client::get(world.edge.address, edge::NEW_YORK, "/", &[]).await;
        (answer.status == 503 && !answer.header("retry-after").is_empty()).then_some(())
    })
    .await;

    let metrics = world.edge.admin("/metrics").await;
    for wanted in [
        "homeward_flops_total{",
        "homeward_substitutions_total{",
        "homeward_region_away{",
        "homeward_drain_info{",
        "session=\"orphaned\"",
        "code=\"4xx\"",
        "code=\"5xx\"",
        "homeward_routing_reloads_total{result=\"refused\"} 1",
    ] {
        assert!(metrics.body.contains(wanted), "{wanted} is not in\n{}", metrics.body);
    }
    let promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut promtool) = promtool else {
        println!("promtool is not installed: its check is left out");
        return;
    };
    promtool.stdin.take().unwrap().write_all(metrics.body.as_bytes()).unwrap();
    let output = promtool.wait_with_output().unwrap();
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert!(output.status.success() && said.is_empty(), "{}\n{said}", output.status);
}
