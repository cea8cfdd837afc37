//! Drains of operators: live when the verb returns, kept through crashes and pushes of the table, over in time.

use crate::routing::World;
use crate::support::{Client, client, edge, eventually};
use std::net::{IpAddr, Ipv4Addr};
use std::process::Output;

const CALIFORNIAN: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 11, 7, 1));

fn run(world: &World, line: &str) -> Output {
    let mut words: Vec<&str> = line.split_whitespace().collect();
    words.extend(["--config", "homeward.yaml"]);
    world.edge.verb(&words)
}

/// Runs a verb that does what it is asked.
fn well(world: &World, line: &str) -> String {
    let Output { status, stdout, stderr } = run(world, line);
    let (out, err) = (String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap());
    assert!(status.success() && err.is_empty(), "{line}: {status}\n{out}{err}");
    out
}

/// Runs a verb that is refused, and gives back what it says.
fn refused(world: &World, line: &str) -> String {
    let Output { status, stdout, stderr } = run(world, line);
    let (out, err) = (String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap());
    assert_eq!(status.code(), Some(1), "{line}\n{out}{err}");
    out + &err
}

async fn visit(world: &World, cookie: &str) -> String {
    let headers: &[(&str, &str)] = if cookie.is_empty() { &[] } else { &[("cookie", cookie)] };
    client::get(world.edge.address, CALIFORNIAN, "/", headers).await.body
}

fn drains_file(world: &World) -> String {
    std::fs::read_to_string(world.edge.file("run/drains.yaml")).unwrap_or_default()
}

#[tokio::test]
async fn a_drain_is_live_when_the_verb_returns_and_so_is_its_end() {
    let world = World::start("", "").await;
    assert_eq!(visit(&world, "").await, "us-west");
    let told = well(&world, "drain us-west --reason INC-481 --for 4h --by oncall");
    assert!(told.contains("us-west is drained to 0% of its visitors, its sessions stay, until "), "{told}");
    assert!(told.contains("done, on disk and live after "), "{told}");
    assert_eq!(visit(&world, "").await, "us-central");
    assert_eq!(visit(&world, "sid=west-1").await, "us-west", "sessions stay");
    let drain = world.edge.status().await["drains"][0].clone();
    assert_eq!((&drain["layer"], &drain["by"]), (&"operator".into(), &"oncall".into()));

    well(&world, "drain us-west --reason INC-481 --for 4h --sessions move --replace");
    assert_eq!(visit(&world, "sid=west-1").await, "us-central");
    assert_eq!(world.edge.status().await["drains"].as_array().unwrap().len(), 1);

    let told = well(&world, "undrain us-west");
    assert!(told.starts_with("us-west gets its visitors back, all at once\n"), "{told}");
    assert_eq!(visit(&world, "").await, "us-west");
    assert_eq!(visit(&world, "sid=west-1").await, "us-west");
    assert_eq!(drains_file(&world).lines().last(), Some("drains: []"));
}

#[tokio::test]
async fn a_drain_outlives_a_crash_a_hand_over_and_any_table() {
    let mut world = World::start("", "").await;
    well(&world, "drain us-west --reason INC-481 --for 4h");
    world.edge.kill_and_start_again().await;
    assert_eq!(visit(&world, "").await, "us-central");
    world.edge.adopt(&world.table("# pushed\ndrains: []\n")).await;
    assert_eq!(visit(&world, "").await, "us-central");
    world.edge.hand_over().await;
    assert_eq!(visit(&world, "").await, "us-central");
    // A table that has a drain of its own, and one that has lost the region for a while.
    world.edge.adopt(&world.table("drains: [{region: us-east, share: 50%}]\n")).await;
    let status = world.edge.status().await;
    let layers: Vec<_> = status["drains"].as_array().unwrap().iter().map(|drain| &drain["layer"]).collect();
    assert_eq!(layers, ["table", "operator"]);
    assert!(refused(&world, "undrain us-east").contains("the routing table does; take its drain out there"));
    well(&world, "undrain us-west");
    assert_eq!(visit(&world, "").await, "us-west");
    world.edge.kill_and_start_again().await;
    assert_eq!(visit(&world, "").await, "us-west", "what has ended stays so");
}

#[tokio::test]
async fn a_drain_waits_for_a_region_that_the_table_does_not_have() {
    let world = World::start("", "").await;
    well(&world, "drain us-east --reason INC-482 --for 4h");
    let without = edge::table(&[], &[world.central.address], &[world.west.address], "");
    let without: Vec<_> = without.lines().filter(|line| !line.starts_with("  us-east:")).collect();
    let without = without.join("\n").replace("nearest: [us-east, us-central]", "nearest: [us-central]");
    world.edge.adopt(&without.replace("region: us-east", "region: us-central")).await;
    let drain = world.edge.status().await["drains"][0].clone();
    assert_eq!((&drain["region"], &drain["region_is_known"]), (&"us-east".into(), &false.into()));
    world.edge.adopt(&world.table("")).await;
    let answer = client::get(world.edge.address, edge::NEW_YORK, "/", &[]).await;
    assert_eq!(answer.body, "us-central", "it is drained again");
}

#[tokio::test]
async fn a_lease_ends_on_time_also_after_a_crash() {
    let mut world = World::start("", "").await;
    for crash in [false, true] {
        well(&world, "drain us-west --reason INC-481 --for 3s");
        assert_eq!(visit(&world, "").await, "us-central");
        let until: String = serde_json::from_value(world.edge.status().await["drains"][0]["until"].clone()).unwrap();
        let until: homeward::model::Timestamp = until.parse().unwrap();
        if crash {
            world.edge.kill_and_start_again().await;
        }
        let served = eventually("the region is back", async || {
            let before = homeward::live::clock::now();
            (visit(&world, "").await == "us-west").then_some(before)
        })
        .await;
        let late = served.duration_since(until);
        assert!((0..1000).contains(&late.as_millis()), "{late:?} after its end");
        world.edge.status_where("no drain", |status| status["drains"] == serde_json::json!([])).await;
        assert_eq!(drains_file(&world).lines().last(), Some("drains: []"));
    }
}

#[tokio::test]
async fn nobody_comes_back_to_a_dead_region() {
    let mut world = World::start("", "").await;
    well(&world, "drain us-west --reason INC-481 --for 8s");
    world.west.kill().await;
    world.edge.status_where("a dead region", |status| status["regions"][2]["healthy"] == false).await;
    let status = world.edge.status_where("a drain that is held", |status| status["drains"][0]["held"] == true).await;
    assert_eq!(status["drains"][0]["in_force"], true);
    let said =
        eventually("a word about it", async || Some(world.edge.log()).filter(|log| log.contains("is held"))).await;
    assert!(
        said.contains("the drain of us-west is held beyond its end: a service has no healthy server there"),
        "{said}"
    );
    // A crash does not let it go either.
    world.edge.kill_and_start_again().await;
    world.edge.status_where("a drain that is held", |status| status["drains"][0]["held"] == true).await;
    let told = refused(&world, "undrain us-west");
    assert!(told.contains("no healthy server for portal (--force does it all the same)"), "{told}");
    world.west.restart().await;
    world.edge.status_where("a region that is back", |status| status["regions"][2]["healthy"] == true).await;
    assert_eq!(visit(&world, "").await, "us-central", "it may fall over again");
    world.edge.status_where("the end of the drain", |status| status["drains"] == serde_json::json!([])).await;
    assert_eq!(visit(&world, "").await, "us-west");
    assert!(world.edge.log().contains("it was held beyond its end, and us-west is back"));
}

#[tokio::test]
async fn people_come_back_little_by_little() {
    let world = World::start("", "").await;
    well(&world, "drain us-west --reason INC-481 --for 4h --share 20%");
    let told = well(&world, "undrain us-west --ramp 1h");
    assert!(told.starts_with("us-west gets its visitors back from 20% on, all of them by "), "{told}");
    let drain = world.edge.status().await["drains"][0].clone();
    assert_eq!((&drain["return"], &drain["share"]), (&"1h".into(), &"20%".into()));
    assert!(drain["share_now_ratio"].as_f64().unwrap() < 0.21, "{drain}");
    // A short way back is soon over.
    well(&world, "undrain us-west --ramp 1s");
    world.edge.status_where("no drain", |status| status["drains"] == serde_json::json!([])).await;
    assert_eq!(visit(&world, "").await, "us-west");
}

#[tokio::test]
async fn what_would_hurt_is_refused_and_changes_nothing() {
    let mut world = World::start("", "").await;
    well(&world, "drain us-west --reason INC-481 --for 4h --by oncall");
    let before = drains_file(&world);
    let told = refused(&world, "drain us-east --reason other --for 1h");
    assert!(
        told.contains("us-east is not drained: another region is drained at the same time: us-west by oncall until ")
    );
    assert!(told.contains("INC-481 (--also does it all the same)"), "{told}");
    let told = refused(&world, "drain us-west --reason again --for 1h");
    assert!(told.contains("it is drained already: us-west by oncall until"), "{told}");
    let told = refused(&world, "drain us-wset --reason INC-481 --for 1h");
    assert!(
        told.contains(
            "there is no region 'us-wset': did you mean 'us-west'? the table has us-east, us-central, us-west"
        )
    );
    let told = refused(&world, "drain us-east --reason x --until 2020-01-01T00:00:00Z --also");
    assert!(told.contains("it would be over before it begins"), "{told}");
    world.central.kill().await;
    world.edge.status_where("a dead region", |status| status["regions"][1]["healthy"] == false).await;
    let told = refused(&world, "drain us-east --reason x --for 1h --also");
    assert!(told.contains("no other region that is healthy and not drained serves portal"), "{told}");
    assert_eq!(drains_file(&world), before, "nothing of it was kept");
    let dry = run(&world, "drain us-east --reason x --for 1h --also --dry-run");
    assert_eq!(dry.status.code(), Some(1), "it would be refused");
    let dry = String::from_utf8(dry.stdout).unwrap();
    assert!(dry.contains("us-east would be drained to 0%") && dry.ends_with("nothing was changed\n"), "{dry}");
    assert_eq!(drains_file(&world), before);
    let told = well(&world, "drain us-east --reason x --for 1h --also --force");
    assert!(told.contains("(--force)") && told.contains("(--also)"), "what was overridden is said: {told}");
}

#[tokio::test]
async fn a_full_disk_applies_nothing() {
    let world = World::start("", "").await;
    let beside = world.edge.file(&format!("run/drains.yaml.{}.new", world.edge.id()));
    std::os::unix::fs::symlink("/dev/full", &beside).unwrap();
    let told = refused(&world, "drain us-west --reason INC-481 --for 4h");
    assert!(
        told.contains("it cannot be kept in run/drains.yaml, and what would be forgotten by a restart is not done")
    );
    assert!(told.contains("No space left on device"), "{told}");
    assert_eq!(visit(&world, "").await, "us-west");
    assert_eq!(world.edge.status().await["drains"], serde_json::json!([]));
    // With room again it works.
    well(&world, "drain us-west --reason INC-481 --for 4h");
    assert_eq!(visit(&world, "").await, "us-central");
}

#[tokio::test]
async fn a_file_of_drains_that_is_broken_is_said_and_kept() {
    let mut world = World::start("", "").await;
    well(&world, "drain us-west --reason INC-481 --for 4h");
    world.edge.kill();
    let broken = drains_file(&world).replace("share: 0%", "share: nothing");
    std::fs::write(world.edge.file("run/drains.yaml"), &broken).unwrap();
    world.edge.start_again().await;
    let problem = world.edge.status().await["drains_problem"].clone();
    assert!(problem["summary"].as_str().unwrap().contains("'nothing' is not a share"), "{problem}");
    let told = refused(&world, "drain us-west --reason INC-481 --for 4h");
    assert!(
        told.contains("the drains of operators cannot be read") && told.contains("'nothing' is not a share"),
        "{told}"
    );
    assert_eq!(drains_file(&world), broken, "what an operator can repair is not overwritten");
}

#[tokio::test]
async fn an_order_that_makes_no_sense_is_told_what_is_wrong() {
    let world = World::start("", "").await;
    let mut socket = Client::at(&world.edge.file("run/homeward.sock")).await;
    let json = ("content-type", "application/json");
    for (headers, body, status, wanted) in [
        (&[json][..], "{", 400, "docs/reference/api.md shows an order"),
        (
            &[json],
            r#"{"region": "us-west", "reason": "x", "for": "4h", "colour": "red"}"#,
            400,
            "unknown field `colour`",
        ),
        (&[json], r#"{"region": "us-west", "reason": "x"}"#, 400, "for: say how long it lasts"),
        (&[json], r#"{"region": "us-west", "for": "4h"}"#, 400, "reason: say a few words"),
        (&[json], r#"{"region": "moon\u0007", "reason": "x", "for": "4h"}"#, 404, "there is no region 'moon'"),
        (&[], r#"{"region": "us-west", "reason": "x", "for": "4h"}"#, 400, "Content-Type"),
    ] {
        let answer = socket.send("POST", "/api/v1/drains", headers, body).await.unwrap();
        assert_eq!(answer.status, status, "{body}\n{}", answer.body);
        assert!(answer.body.contains(wanted) && !answer.body.contains('\u{7}'), "{body}\n{}", answer.body);
    }
    let answer = socket.send("GET", "/api/v1/drains", &[], "").await.unwrap();
    assert_eq!(answer.status, 405);
    assert_eq!(world.edge.status().await["drains"], serde_json::json!([]));
}

#[tokio::test]
async fn of_two_operators_at_once_one_is_told_of_the_other() {
    let world = World::start("", "").await;
    let outputs: Vec<Output> = std::thread::scope(|scope| {
        let regions = ["us-west", "us-east", "us-central"];
        let one = |region| {
            let world = &world;
            scope.spawn(move || run(world, &format!("drain {region} --reason of-{region} --for 1h --by of-{region}")))
        };
        let running: Vec<_> = regions.into_iter().map(one).collect();
        running.into_iter().map(|each| each.join().unwrap()).collect()
    });
    let done: Vec<_> = outputs.iter().filter(|output| output.status.success()).collect();
    assert_eq!(done.len(), 1, "{outputs:?}");
    for output in outputs.iter().filter(|output| !output.status.success()) {
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1));
        assert!(told.contains("another region is drained at the same time: ") && told.contains(" by of-us-"), "{told}");
    }
    assert_eq!(world.edge.status().await["drains"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn whoever_may_only_read_drains_nothing() {
    const READ: &str = "homeward_UmVhZFJlYWRSZWFkUmVhZFJlYWRSZWFkUmVhZDAx";
    const OPERATE: &str = "homeward_T3BlcmF0ZU9wZXJhdGVPcGVyYXRlT3BlcmF0ZTAx";
    let mut world = World::start("", "").await;
    let settings = std::fs::read_to_string(world.edge.file("homeward.yaml")).unwrap();
    let tokens = world.edge.file("admin.tokens");
    std::fs::write(&tokens, format!("read:{READ}\noperate:{OPERATE}\n")).unwrap();
    std::fs::write(world.edge.file("read.token"), READ).unwrap();
    std::fs::write(world.edge.file("operate.token"), OPERATE).unwrap();
    let with_tokens = settings.replace("socket: run/homeward.sock", "token_file: admin.tokens");
    std::fs::write(world.edge.file("homeward.yaml"), with_tokens).unwrap();
    world.edge.kill_and_start_again().await;
    let admin = world.edge.admin.to_string();
    let drain = |token: &str| {
        let line = format!("drain us-west --reason INC-481 --for 4h --admin {admin}{token}");
        let output = world.edge.verb(&line.split_whitespace().collect::<Vec<_>>());
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, told) = drain("");
    assert!(code == Some(1) && told.contains("this needs a token"), "{told}");
    let (code, told) = drain(" --token-file read.token");
    assert!(code == Some(1) && told.contains("the token may read and change nothing: take one of operate"), "{told}");
    assert_eq!(visit(&world, "").await, "us-west");
    let (code, told) = drain(" --token-file operate.token");
    assert!(code == Some(0), "{told}");
    assert_eq!(visit(&world, "").await, "us-central");
    assert!(world.edge.log().contains("(a token from 127.0.0.1)"), "who did it is in the log:\n{}", world.edge.log());
}

#[tokio::test]
async fn who_has_no_edge_or_no_permission_is_told() {
    let mut world = World::start("", "").await;
    world.edge.kill();
    let told = refused(&world, "drain us-west --reason INC-481 --for 4h");
    assert!(told.contains("no edge answers: run/homeward.sock (Connection refused"), "{told}");
    for line in ["drain us-west --for 4h", "drain us-west --reason x", "drain --reason x --for 4h"] {
        let output = run(&world, line);
        assert_eq!(output.status.code(), Some(2), "{line}");
    }
}
