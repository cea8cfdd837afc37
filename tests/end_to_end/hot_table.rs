//! The table and the place databases change under the edge's feet.

use crate::routing::World;
use crate::support::edits::{Edit, Way, sha256sum};
use crate::support::{App, Block, Client, EdgeProcess, client, edge, eventually};
use mmdb_writer::{IpVersion, Value, Writer};
use serde_json::Value as Json;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// One counter of the reloads.
async fn reloads(edge: &EdgeProcess, result: &str) -> usize {
    let metrics = edge.admin("/metrics").await.body;
    let name = format!("homeward_routing_reloads_total{{result=\"{result}\"}} ");
    metrics.lines().find_map(|line| line.strip_prefix(&name)).map_or(0, |value| value.parse().unwrap())
}

/// Where a sentence of the log begins that says why a table was refused.
const LOUD: &str = "there is no region 'us-wets'";

fn broken(table: &str) -> String {
    table.replace("region: us-west", "region: us-wets")
}

/// Asks for the sessions of all regions by turns until it is told to stop; gives back how many answers came.
async fn visit(edge: SocketAddr, stop: Arc<AtomicBool>, count: Arc<AtomicUsize>) {
    let mut visitor = Client::connect(edge, edge::NEW_YORK).await;
    let sessions = [("sid=east-1", "us-east"), ("sid=central-1", "us-central"), ("sid=west-1", "us-west")];
    for (nth, (cookie, region)) in sessions.iter().cycle().enumerate() {
        if nth % 1000 == 999 {
            visitor = Client::connect(edge, edge::NEW_YORK).await; // an edge closes a connection after many requests
        }
        let answer = visitor.get("/", &[("cookie", cookie)]).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, *region), "{cookie}");
        count.fetch_add(1, Ordering::Relaxed);
        if stop.load(Ordering::Relaxed) {
            return;
        }
    }
}

#[tokio::test]
async fn edits_of_every_kind_are_live_or_refused_and_no_request_notices() {
    let block = Block::new();
    let at = |number| SocketAddr::new(block.address(number), 8080);
    let (first, second) = (App::start("us-east", at(2)).await, App::start("us-east", at(3)).await);
    let (central, west) = (App::start("us-central", at(4)).await, App::start("us-west", at(5)).await);
    let number = |n| Edit::number(n, [first.address, second.address], central.address, west.address);
    let table = edge::table(&[first.address], &[central.address], &[west.address], "");
    let edge = EdgeProcess::start(&block, 1, &edge::Plan { region: "us-west", settings: String::new(), table }).await;

    let (stop, count) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let visits = tokio::spawn(visit(edge.address, Arc::clone(&stop), Arc::clone(&count)));
    let mut live = edge.status().await["table"]["revision"].clone();
    for edit in (0..40).map(number) {
        let before = count.load(Ordering::Relaxed);
        edit.way.save(&edge.file("routing.yaml"), &edit.text);
        let what = format!("{edit:?}");
        if let Some(refusal) = edit.refusal {
            let is_refused = |status: &Json| status["table"]["problem"]["revision"] == *edit.revision;
            let status = edge.status_where(&what, is_refused).await;
            let summary = status["table"]["problem"]["summary"].as_str().unwrap();
            assert!(refusal.is_in(summary), "{summary}\n{refusal:?}");
            assert_eq!(status["table"]["revision"], live, "the last good one stays");
        } else {
            let status = edge.status_where(&what, |status| status["table"]["revision"] == *edit.revision).await;
            assert_eq!(status["table"]["problem"], Json::Null);
            live = status["table"]["revision"].clone();
        }
        eventually("a visit in between", async || (count.load(Ordering::Relaxed) > before).then_some(())).await;
        assert!(!visits.is_finished(), "a visit failed");
    }
    stop.store(true, Ordering::Relaxed);
    visits.await.unwrap();
    assert_eq!(reloads(&edge, "applied").await, 1 + 20);
    // An in-place save may be seen half-way where the machine is slow: refused, and corrected by what follows.
    let refused = reloads(&edge, "refused").await;
    assert!((20..=30).contains(&refused), "{refused}");
}

#[tokio::test]
async fn a_mounted_config_map_is_followed() {
    let block = Block::new();
    let at = |number| SocketAddr::new(block.address(number), 8080);
    let (east, west) = (App::start("us-east", at(2)).await, App::start("us-west", at(3)).await);
    let table = |more| edge::table(&[east.address], &[], &[west.address], more);
    let directory = tempfile::tempdir().unwrap();
    let (address, admin) = (SocketAddr::new(block.address(1), 8080), SocketAddr::new(block.address(1), 9901));
    let plan = edge::Plan { region: "us-west", settings: String::new(), table: table("") };
    edge::write_settings(directory.path(), &plan, address, admin);
    Way::ConfigMap.save(&directory.path().join("routing.yaml"), &plan.table);
    let edge = EdgeProcess::start_in(directory, address, admin).await;
    for (nth, more) in ["# a\n", "# b\n", "# c\n"].into_iter().enumerate() {
        let text = table(more);
        Way::ConfigMap.save(&edge.file("routing.yaml"), &text);
        edge.status_where("the swapped table", |status| status["table"]["revision"] == *sha256sum(&text)).await;
        assert_eq!(reloads(&edge, "applied").await, nth + 2);
    }
    assert_eq!(reloads(&edge, "refused").await, 0, "a swap has no moment in between");
}

#[tokio::test]
async fn a_broken_table_at_the_start_leaves_the_last_good_one_loudly() {
    let mut world = World::start("", "").await;
    let good = world.edge.status().await["table"]["revision"].clone();
    assert_eq!(world.edge.status().await["table"]["origin"], "file");
    world.edge.save_table(&broken(&world.table("")));
    world.edge.kill_and_start_again().await;

    let status = world.edge.status().await;
    assert_eq!(status["table"]["revision"], good);
    assert_eq!(status["table"]["origin"], "last_good");
    assert!(status["table"]["problem"]["summary"].as_str().unwrap().contains(LOUD), "{status}");
    assert!(status["table"]["problem"]["text"].as_str().unwrap().contains("did you mean 'us-west'"), "{status}");
    let log = world.edge.log();
    assert!(log.contains(LOUD) && log.contains("the last good table serves"), "{log}");
    let metrics = world.edge.admin("/metrics").await.body;
    assert!(metrics.contains("homeward_routing_table_stale 1\n"), "{metrics}");
    let answer = client::get(world.edge.address, edge::NEW_YORK, "/", &[("cookie", "sid=east-1")]).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "us-east"), "and it serves");

    world.edge.adopt(&world.table("# corrected\n")).await;
    let status = world.edge.status().await;
    assert_eq!((&status["table"]["origin"], &status["table"]["problem"]), (&Json::from("file"), &Json::Null));
    assert!(world.edge.admin("/metrics").await.body.contains("homeward_routing_table_stale 0\n"));
}

#[test]
fn a_broken_table_without_a_last_good_one_is_the_end() {
    let block = Block::new();
    let directory = tempfile::tempdir().unwrap();
    let (address, admin) = (SocketAddr::new(block.address(1), 8080), SocketAddr::new(block.address(1), 9901));
    let table = broken(&edge::table(&[SocketAddr::new(block.address(2), 8080)], &[], &[], ""));
    let plan = edge::Plan { region: "us-west", settings: String::new(), table };
    edge::write_settings(directory.path(), &plan, address, admin);
    std::fs::write(directory.path().join("routing.yaml"), &plan.table).unwrap();
    let ended = edge::verb(directory.path(), &["run", "--config", "homeward.yaml"]);
    let said = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(1), "{said}");
    assert!(said.contains(LOUD) && said.contains("--> routing.yaml:8:"), "{said}");
    assert!(said.contains("did you mean 'us-west'"), "{said}");
}

#[tokio::test]
async fn a_hang_up_reads_the_table_anew() {
    let world = World::start("", "").await;
    assert_eq!(reloads(&world.edge, "unchanged").await, 0);
    world.edge.signal("HUP");
    let read = async || (reloads(&world.edge, "unchanged").await == 1).then_some(());
    eventually("the same table, read again", read).await;
    world.edge.save_table(&world.table("# new\n"));
    world.edge.signal("HUP");
    let revision = sha256sum(&world.table("# new\n"));
    world.edge.status_where("the new table", |status| status["table"]["revision"] == *revision).await;
}

#[tokio::test]
async fn a_request_in_flight_keeps_the_table_that_it_began_with() {
    let world = World::start("", "").await;
    let held = tokio::spawn({
        let address = world.edge.address;
        async move { client::get(address, edge::NEW_YORK, "/hold", &[("cookie", "sid=east-1")]).await }
    });
    eventually("the request in flight", async || (world.east.seen().len() == 1).then_some(())).await;

    // The new table takes the server out, and the region's prefix with it.
    let new = edge::table(&[world.west.address], &[world.central.address], &[world.west.address], "")
        .replace("session_prefix: east", "session_prefix: orient");
    world.edge.adopt(&new).await;
    let answer = client::get(world.edge.address, edge::NEW_YORK, "/", &[("cookie", "sid=orient-1")]).await;
    assert_eq!(answer.body, "us-west", "who comes now is served by the new table");
    assert!(!held.is_finished());
    world.east.let_go();
    let answer = held.await.unwrap();
    assert_eq!((answer.status, answer.body.as_str()), (200, "us-east"));
    let log = async || Some(world.edge.access_log()).filter(|log| log.len() == 2);
    let log = eventually("both lines", log).await;
    let line = log.iter().find(|line| line["path"] == "/hold").unwrap();
    assert_eq!(line["upstream"], world.east.address.to_string());
    assert_eq!(line["reasons"], "SessionNamesRegion;region=us-east");
}

#[tokio::test]
async fn a_busy_directory_does_not_hide_a_table() {
    let world = World::start("", "").await;
    let (stop, beside) = (Arc::new(AtomicBool::new(false)), world.edge.file("busy.log"));
    let busy = std::thread::spawn({
        let stop = Arc::clone(&stop);
        move || {
            while !stop.load(Ordering::Relaxed) {
                std::fs::write(&beside, "a line\n").unwrap();
                std::thread::park_timeout(std::time::Duration::from_millis(8));
            }
        }
    });
    let started = tokio::time::Instant::now();
    world.edge.adopt(&world.table("# new\n")).await;
    stop.store(true, Ordering::Relaxed);
    busy.join().unwrap();
    assert!(started.elapsed() < edge::LIVE_WITHIN, "{:?}", started.elapsed());
}

/// A database in which New York's network of the fixture is in this state.
fn places(country: &str, subdivision: &str) -> Vec<u8> {
    let mut writer = Writer::builder("Test-City").ip_version(IpVersion::V4).build();
    let record = Value::map([
        ("country", Value::map([("iso_code", country)])),
        ("subdivisions", Value::array([Value::map([("iso_code", subdivision)])])),
    ]);
    writer.insert_value("127.10.0.0/16".parse::<ipnet::IpNet>().unwrap(), record).unwrap();
    writer.to_bytes().unwrap()
}

#[tokio::test]
async fn a_bad_place_database_is_refused_and_a_good_one_moves_visitors() {
    let world = World::start("", "").await;
    let home = async || client::get(world.edge.address, edge::NEW_YORK, "/", &[]).await.body;
    assert_eq!(home().await, "us-east");
    let replace = |bytes: &[u8]| {
        std::fs::write(world.edge.file("places.new"), bytes).unwrap();
        std::fs::rename(world.edge.file("places.new"), world.edge.file("places.mmdb")).unwrap();
    };
    replace(b"no database");
    let is_refused = |status: &Json| !status["places"]["problem"].is_null();
    let status = world.edge.status_where("the bad database's problem", is_refused).await;
    assert!(status["places"]["problem"]["summary"].as_str().unwrap().starts_with("places.mmdb: "), "{status}");
    assert_eq!(home().await, "us-east", "the old one stays");
    assert!(world.edge.log().contains("the place databases stay as they were"));

    replace(&places("US", "CA"));
    world.edge.status_where("the good database", |status| status["places"]["problem"].is_null()).await;
    assert_eq!(home().await, "us-west", "New York's network is in California now");
    let elsewhere = IpAddr::V4(Ipv4Addr::new(127, 30, 0, 1));
    assert_eq!(client::get(world.edge.address, elsewhere, "/", &[]).await.body, "us-west", "and Frankfurt is unknown");
}

#[tokio::test]
async fn the_revision_is_the_one_of_sha256sum() {
    let world = World::start("", "").await;
    assert_eq!(world.edge.status().await["table"]["revision"], *sha256sum(&world.table("")));
    let text = world.table("# umlauts: äöü\n");
    world.edge.adopt(&text).await;
    assert_eq!(world.edge.status().await["table"]["revision"], *sha256sum(&text));
}
