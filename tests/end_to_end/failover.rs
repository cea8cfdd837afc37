//! Regions that are away with some servers left, that come and go, that are full, and that stand out.

use crate::routing::World;
use crate::support::{App, Block, Client, EdgeProcess, client, edge, eventually};
use std::net::{IpAddr, SocketAddr};
use std::process::Output;
use std::time::Duration;

const SESSION: (&str, &str) = ("cookie", "sid=east-1");

fn at(block: &Block, number: u8) -> SocketAddr {
    SocketAddr::new(block.address(number), 8080)
}

fn with_failover(table: &str, rules: &str) -> String {
    table.replace("    session: {cookie: sid}\n", &format!("    session: {{cookie: sid}}\n    failover: {{{rules}}}\n"))
}

fn region<'a>(status: &'a serde_json::Value, name: &str) -> &'a serde_json::Value {
    status["regions"].as_array().unwrap().iter().find(|region| region["name"] == name).unwrap()
}

fn healthy(status: &serde_json::Value, name: &str) -> u64 {
    region(status, name)["services"][0]["healthy"].as_u64().unwrap()
}

#[tokio::test]
async fn with_too_few_healthy_servers_a_region_is_away_and_serves_where_no_other_can() {
    let block = Block::new();
    let mut east = Vec::new();
    for number in 2..5 {
        east.push(App::start("us-east", at(&block, number)).await);
    }
    let mut central = App::start("us-central", at(&block, 5)).await;
    let addresses: Vec<_> = east.iter().map(|app| app.address).collect();
    let table = with_failover(&edge::table(&addresses, &[central.address], &[], ""), "away_below: 60%, back_above: 3");
    let plan = edge::Plan { region: "us-west", settings: String::new(), table };
    let edge = EdgeProcess::start(&block, 1, &plan).await;
    let mut visitor = Client::connect(edge.address, edge::NEW_YORK).await;
    assert_eq!(visitor.get("/", &[SESSION]).await.body, "us-east");

    east[0].kill().await;
    edge.status_where("one dead server", |status| healthy(status, "us-east") == 2).await;
    assert_eq!(visitor.get("/", &[SESSION]).await.body, "us-east", "two of three are 60 %");
    east[1].kill().await;
    edge.status_where("two dead servers", |status| healthy(status, "us-east") == 1).await;
    for _ in 0..20 {
        assert_eq!(visitor.get("/", &[SESSION]).await.body, "us-central");
    }
    let seen = central.seen().pop().unwrap();
    let reason =
        "SessionNamesRegion;region=us-east, HomeIsAway;why=TooFewHealthyServers, SubstituteServes;region=us-central";
    assert_eq!(seen.header("homeward-reason"), [reason]);
    let status = edge.status().await;
    let away = &region(&status, "us-east")["away"][0];
    assert_eq!((&away["why"], &away["service"]), (&"TooFewHealthyServers".into(), &"portal".into()));
    let metrics = edge.admin("/metrics").await.body;
    assert!(metrics.contains("homeward_region_away{region=\"us-east\",why=\"TooFewHealthyServers\"} 1"), "{metrics}");
    assert!(edge.log().contains("portal in us-east has too few healthy servers (1 of 3): others serve"));

    // Nobody else is there any more: one server is better than none.
    central.kill().await;
    for _ in 0..20 {
        let answer = visitor.get("/", &[SESSION]).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, "us-east"));
    }
    let reasons = east[2].seen().pop().unwrap();
    assert!(reasons.header("homeward-reason")[0].ends_with("HeldRegionServes"), "{reasons:?}");

    central.restart().await;
    east[0].restart().await;
    edge.status_where("two servers again", |status| healthy(status, "us-east") == 2).await;
    edge.status_where("us-central", |status| healthy(status, "us-central") == 1).await;
    assert_eq!(visitor.get("/", &[SESSION]).await.body, "us-central", "it comes back with three");
    east[1].restart().await;
    eventually("the region to be back", async || (visitor.get("/", &[SESSION]).await.body == "us-east").then_some(()))
        .await;
}

#[tokio::test]
async fn servers_that_flap_move_a_visitor_a_few_times_only() {
    const FALLS: u64 = 6;
    let block = Block::new();
    let mut east = App::start("us-east", at(&block, 2)).await;
    let central = App::start("us-central", at(&block, 3)).await;
    let table = edge::table(&[east.address], &[central.address], &[], "");
    let table = with_failover(&table, "hold: 6s, longest_hold: 6s");
    let plan = edge::Plan { region: "us-west", settings: String::new(), table };
    let edge = EdgeProcess::start(&block, 1, &plan).await;
    let mut visitor = Client::connect(edge.address, edge::NEW_YORK).await;
    let mut went = vec![visitor.get("/", &[SESSION]).await.body];
    for _ in 0..FALLS {
        east.kill().await;
        eventually("a dead server", async || {
            went.push(visitor.get("/", &[SESSION]).await.body);
            (healthy(&edge.status().await, "us-east") == 0).then_some(())
        })
        .await;
        east.restart().await;
        eventually("a server that is back", async || {
            went.push(visitor.get("/", &[SESSION]).await.body);
            (healthy(&edge.status().await, "us-east") == 1).then_some(())
        })
        .await;
        went.push(visitor.get("/", &[SESSION]).await.body);
    }
    went.dedup();
    // There, back at once, there, and back once in the time that six falls take, as nobody knows how long that is.
    assert!(went.len() <= 7, "{went:?}");
    let status = edge.status().await;
    if region(&status, "us-east")["away"] != serde_json::json!([]) {
        assert_eq!(region(&status, "us-east")["away"][0]["why"], "IsFlapping", "{status:#}");
    }
    assert!(edge.log().contains("portal in us-east has 1 of 1 servers healthy again; it has been away several times"));
    eventually("the session to be at home", async || {
        (visitor.get("/", &[SESSION]).await.body == "us-east").then_some(())
    })
    .await;
}

/// Visitors of many networks, who are behind a proxy that the edge believes.
struct Crowd {
    clients: Vec<Client>,
}

impl Crowd {
    async fn of(edge: SocketAddr) -> Self {
        let mut clients = Vec::new();
        for _ in 0..4 {
            clients.push(Client::connect(edge, "127.0.0.1".parse().unwrap()).await);
        }
        Self { clients }
    }

    /// The region that serves a visitor of the network with this number.
    async fn visit(&mut self, network: u32, cookie: Option<&str>) -> String {
        let address = IpAddr::from((0x0b00_0001_u32 + (network << 8)).to_be_bytes()).to_string();
        let mut headers = vec![("x-forwarded-for", address.as_str())];
        headers.extend(cookie.map(|cookie| ("cookie", cookie)));
        let client = network as usize % self.clients.len();
        let answer = self.clients[client].get("/", &headers).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.body
    }
}

#[tokio::test]
async fn what_a_full_home_has_no_room_for_goes_on_and_sessions_never_do() {
    const NETWORKS: u32 = 400;
    let world = World::start("trusted_proxies: [127.0.0.1/32]\n", "").await;
    let mut table = world.table("").replace("us-west: {", "us-west: {capacity: 40/s, ");
    // Nothing is known of where these visitors are: they are at home where they arrive.
    table = table.replace("  - otherwise: nearest\n", "  - otherwise: us-west\n");
    world.edge.adopt(&table).await;
    let mut crowd = Crowd::of(world.edge.address).await;
    // About a hundred requests a second, whatever the machine is busy with.
    let mut ticks = tokio::time::interval(Duration::from_millis(10));
    let mut network = 0;
    let mut load = async |crowd: &mut Crowd, requests: u32| {
        let mut served = Vec::new();
        for _ in 0..requests {
            ticks.tick().await;
            network = (network + 1) % NETWORKS;
            served.push((network, crowd.visit(network, None).await));
        }
        served
    };
    let room = async || region(&world.edge.status().await, "us-west")["room_ratio"].as_f64().unwrap();
    assert_eq!(room().await, 1.0);
    eventually("a full region", async || {
        load(&mut crowd, 100).await;
        (room().await < 0.8).then_some(())
    })
    .await;
    // Until it has settled; then everybody once, and once more.
    load(&mut crowd, 800).await;
    let before = room().await;
    let (mut first, mut second) = (load(&mut crowd, NETWORKS).await, load(&mut crowd, NETWORKS).await);
    let after = room().await;
    let at_home = first.iter().filter(|(_, region)| region == "us-west").count() as f64 / f64::from(NETWORKS);
    assert!((before.min(after) - 0.15..=before.max(after) + 0.15).contains(&at_home), "{at_home}: {before} to {after}");
    assert!(first.iter().all(|(_, region)| region == "us-west" || region == "us-central"), "the next in its order");
    first.sort();
    second.sort();
    let moved = first.iter().zip(&second).filter(|(a, b)| a.1 != b.1).count();
    assert!(moved <= NETWORKS as usize / 6, "{moved} of {NETWORKS} visitors were moved");
    let seen = world.central.seen().into_iter().rev().find(|seen| seen.target == "/").unwrap();
    assert!(seen.header("homeward-reason")[0].contains("HomeIsAway;why=OverCapacity"), "{seen:?}");

    for network in 0..100 {
        assert_eq!(crowd.visit(network, Some("sid=west-1")).await, "us-west");
    }
    let metrics = world.edge.admin("/metrics").await.body;
    let shown = metrics.lines().find_map(|line| line.strip_prefix("homeward_region_room_ratio{region=\"us-west\"} "));
    assert!(shown.is_some_and(|room| room.parse::<f64>().unwrap() < 1.0), "{metrics}");
}

/// Some requests to each region; half of those to us-east fail while it `fails`. They go on until `is_done`.
async fn requests_until(world: &World, fails: bool, what: &str, is_done: impl AsyncFn() -> bool) {
    let mut visitor = Client::connect(world.edge.address, edge::NEW_YORK).await;
    let began = std::time::Instant::now();
    let mut round = 0_u32;
    while !is_done().await {
        assert!(began.elapsed() < Duration::from_secs(60), "never came: {what}\n{}", world.edge.log());
        for _ in 0..10 {
            round += 1;
            let path = if fails && round.is_multiple_of(2) { "/status/500" } else { "/" };
            visitor.get(path, &[SESSION]).await;
            visitor.get("/", &[("cookie", "sid=west-1")]).await;
        }
        tokio::time::timeout(Duration::from_millis(50), std::future::pending::<()>()).await.unwrap_err();
    }
}

async fn worth_draining(world: &World) -> serde_json::Value {
    region(&world.edge.status().await, "us-east")["worth_draining"].clone()
}

fn verb(world: &World, line: &str) -> String {
    let words: Vec<_> = line.split_whitespace().chain(["--config", "homeward.yaml"]).collect();
    let Output { stdout, stderr, .. } = world.edge.verb(&words);
    String::from_utf8(stdout).unwrap() + &String::from_utf8(stderr).unwrap()
}

#[tokio::test]
async fn a_region_that_stands_out_is_named_and_nothing_is_done() {
    let world = World::start("", "").await;
    requests_until(&world, true, "advice", async || !worth_draining(&world).await.is_null()).await;
    let advice = worth_draining(&world).await;
    assert_eq!(advice["why"], "errors");
    assert!(advice["command"].as_str().unwrap().starts_with("homeward drain us-east --reason '"), "{advice}");
    assert_eq!(advice["not_drained"], serde_json::Value::Null, "nobody has asked for it");
    let metrics = world.edge.admin("/metrics").await.body;
    assert!(metrics.contains("homeward_region_worth_draining{region=\"us-east\"} 1"), "{metrics}");
    assert!(metrics.contains("homeward_region_worth_draining{region=\"us-west\"} 0"), "{metrics}");
    let page = verb(&world, "status");
    assert!(
        page.contains("us-east is worth draining: ") && page.contains("\n  homeward drain us-east --reason"),
        "{page}"
    );
    assert_eq!(world.edge.log().matches("us-east is worth draining: ").count(), 1, "once");
    assert_eq!(world.edge.status().await["drains"], serde_json::json!([]));
}

#[tokio::test]
async fn a_region_is_drained_by_itself_for_a_time_and_not_again_once_an_operator_has_ended_that() {
    let settings = "auto_drain: {after: 1s, for: 4s, sessions: move, pause: 1h}\n";
    let world = World::start(settings, "").await;
    let drains = async || world.edge.status().await["drains"].clone();
    let is_drained = async || drains().await != serde_json::json!([]);
    requests_until(&world, true, "a drain", is_drained).await;
    let drain = drains().await[0].clone();
    assert_eq!(
        (&drain["by"], &drain["region"], &drain["layer"]),
        (&"homeward".into(), &"us-east".into(), &"operator".into())
    );
    assert!(drain["until"].is_string() && drain["reason"].as_str().unwrap().contains("requests fail"), "{drain}");
    assert_eq!(drains().await.as_array().unwrap().len(), 1);
    let history = verb(&world, "history");
    assert!(history.contains("homeward"), "{history}");

    // It ends by itself, and begins again, as nothing is better.
    eventually("the end of the drain", async || (!is_drained().await).then_some(())).await;
    requests_until(&world, true, "another drain", is_drained).await;
    verb(&world, "undrain us-east");
    requests_until(&world, true, "an objection", async || {
        worth_draining(&world).await["not_drained"] == "an operator has ended a drain of it lately"
    })
    .await;
    assert!(!is_drained().await);
}

#[tokio::test]
async fn the_last_region_of_a_service_is_never_drained_by_itself() {
    let world = World::start("auto_drain: {after: 1s, for: 1h}\n", "").await;
    let solo =
        format!("  solo:\n    hosts: [solo.example.com]\n    pools:\n      us-east: [\"{}\"]\n", world.east.address);
    world.edge.adopt(&world.table(&solo)).await;
    requests_until(&world, true, "an objection", async || {
        worth_draining(&world).await["not_drained"] == "it is the last region that can serve some service"
    })
    .await;
    assert_eq!(world.edge.status().await["drains"], serde_json::json!([]));
    // With another one that can serve it, it is.
    let both = format!("{solo}      us-west: [\"{}\"]\n", world.west.address);
    world.edge.adopt(&world.table(&both)).await;
    requests_until(&world, true, "a drain", async || world.edge.status().await["drains"][0]["by"] == "homeward").await;
}

#[tokio::test]
async fn while_an_operator_drains_nothing_is_drained_by_itself() {
    let world = World::start("auto_drain: {after: 1s, for: 1h}\n", "").await;
    verb(&world, "drain us-central --reason maintenance --for 1h --by oncall");
    requests_until(&world, true, "an objection", async || {
        worth_draining(&world).await["not_drained"] == "there is a drain already"
    })
    .await;
    let status = world.edge.status().await;
    let by: Vec<_> = status["drains"].as_array().unwrap().iter().map(|drain| &drain["by"]).collect();
    assert_eq!(by, ["oncall"]);
    let answer = client::get(world.edge.address, edge::NEW_YORK, "/", &[SESSION]).await;
    assert_eq!(answer.body, "us-east");
}
