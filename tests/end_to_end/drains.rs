//! Drains: who is moved, and how many, measured by the app servers.

use crate::routing::World;
use crate::support::{Client, client, edge, eventually};
use std::net::{IpAddr, Ipv4Addr};

/// Californian visitors: 250 networks of their own.
fn californians() -> impl Iterator<Item = IpAddr> {
    (0..250).map(|network| IpAddr::V4(Ipv4Addr::new(127, 11, network, 1)))
}

fn drain(rest: &str) -> String {
    format!("drains:\n  - {{region: us-west, by: oncall, reason: INC-481, {rest}}}\n")
}

/// How many Californians are served by us-west, by the words of those who served them; and by us-central, which is next.
async fn served_by(world: &World, cookie: Option<&str>) -> (usize, usize) {
    let (mut west, mut central) = (0, 0);
    for visitor in californians() {
        let headers: Vec<_> = cookie.iter().map(|cookie| ("cookie", *cookie)).collect();
        match client::get(world.edge.address, visitor, "/", &headers).await.body.as_str() {
            "us-west" => west += 1,
            "us-central" => central += 1,
            other => panic!("{visitor} got to {other}"),
        }
    }
    (west, central)
}

#[tokio::test]
async fn a_drain_that_keeps_sessions_moves_new_visitors_only() {
    let world = World::start("", "").await;
    assert_eq!(served_by(&world, None).await, (250, 0), "before");
    world.edge.adopt(&world.table(&drain("sessions: keep"))).await;
    assert_eq!(served_by(&world, None).await, (0, 250));
    assert_eq!(served_by(&world, Some("sid=west-1")).await, (250, 0), "sessions still go home");
    let seen = world.central.seen().pop().unwrap();
    assert_eq!(seen.header("homeward-session"), ["new"]);
    assert_eq!(seen.header("homeward-home"), ["us-west"]);
    let reasons = "SubdivisionIsInRule;rule=1, HomeIsAway;why=Drained;drain=1, SubstituteServes;region=us-central";
    assert_eq!(seen.header("homeward-reason"), [reasons]);
}

#[tokio::test]
async fn a_drain_that_moves_sessions_moves_all() {
    let world = World::start("", &drain("sessions: move")).await;
    assert_eq!(served_by(&world, None).await, (0, 250));
    assert_eq!(served_by(&world, Some("sid=west-1")).await, (0, 250));
    assert_eq!(world.central.seen().pop().unwrap().header("homeward-session"), ["orphaned"]);
    assert_eq!(served_by(&world, Some("sid=central-1")).await, (0, 250), "others' sessions stay where they are");
    assert_eq!(world.central.seen().pop().unwrap().header("homeward-session"), ["flopped"]);
}

#[tokio::test]
async fn a_share_is_a_share_of_the_visitors() {
    let world = World::start("", &drain("sessions: keep, share: 30%")).await;
    let (west, central) = served_by(&world, None).await;
    // 250 networks have a fixed draw each; their number inside a share is the same in every run.
    let share = west as f64 / (west + central) as f64;
    assert!((share - 0.3).abs() <= 0.02, "{share}");
    assert_eq!(served_by(&world, Some("sid=west-1")).await, (250, 0));

    world.edge.adopt(&world.table(&drain("sessions: move, share: 30%"))).await;
    assert_eq!(served_by(&world, Some("sid=west-1")).await, (west, central), "a session moves with its visitor");
}

#[tokio::test]
async fn a_ramp_falls_with_the_clock() {
    // Begun 5 minutes ago, 10 minutes long, down to nothing: half of the visitors are left.
    let now = std::process::Command::new("date").args(["-u", "-d", "-5 min", "+%Y-%m-%dT%H:%M:%SZ"]).output().unwrap();
    let since = String::from_utf8(now.stdout).unwrap();
    let world = World::start("", &drain(&format!("ramp: 10m, since: {}", since.trim()))).await;
    let (west, central) = served_by(&world, None).await;
    let share = west as f64 / (west + central) as f64;
    assert!((share - 0.5).abs() <= 0.07, "250 visitors, {share} of them left");
    let told = world.edge.status().await["regions"][2]["share"].clone();
    assert!(told.as_str().is_some_and(|text| text.ends_with('%')), "{told}");
}

#[tokio::test]
async fn a_drain_ends_by_itself() {
    let ends = std::process::Command::new("date").args(["-u", "-d", "+2 sec", "+%Y-%m-%dT%H:%M:%SZ"]).output().unwrap();
    let until = String::from_utf8(ends.stdout).unwrap();
    let world = World::start("", &drain(&format!("until: {}", until.trim()))).await;
    let california = IpAddr::V4(Ipv4Addr::new(127, 11, 0, 1));
    let mut visitor = Client::connect(world.edge.address, california).await;
    eventually("the end of the drain", async || (visitor.get("/", &[]).await.body == "us-west").then_some(())).await;
}

#[tokio::test]
async fn the_last_healthy_region_ignores_its_drain() {
    let mut world = World::start("", &drain("sessions: move")).await;
    world.east.kill().await;
    world.central.kill().await;
    let is_dead = |status: &serde_json::Value, at: usize| status["regions"][at]["healthy"] == false;
    world.edge.status_where("two dead regions", |status| is_dead(status, 0) && is_dead(status, 1)).await;
    let answer = client::get(world.edge.address, edge::NEW_YORK, "/", &[("cookie", "sid=west-1")]).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "us-west"));
    let reason = world.west.seen().pop().unwrap().header("homeward-reason").join("");
    assert!(reason.contains("LastHealthyRegionIgnoresItsDrain;drain=1"), "{reason}");
    let warned = async || world.edge.log().contains("us-west serves portal though drain 1 is on it").then_some(());
    eventually("a warning in the log", warned).await;
}
