//! An app answers that a request belongs to another region.

use crate::routing::World;
use crate::support::{Client, edge, eventually};
use bytes::Bytes;

#[tokio::test]
async fn a_request_is_replayed_with_its_body_where_the_app_says() {
    let world = World::start("", "").await;
    let mut visitor = Client::connect(world.edge.address, edge::NEW_YORK).await;
    for size in [0, 1, 1000, 60 << 10] {
        let body = Bytes::from(vec![b'x'; size]);
        let answer = visitor.send("POST", "/order?n=1", &[("x-replay", "region=us-west")], body).await.unwrap();
        assert_eq!((answer.status, answer.body), (200, format!("us-west took {size}")));
        assert!(answer.headers.iter().all(|(name, _)| !name.starts_with("homeward-")));
        let seen = world.west.seen().pop().unwrap();
        assert_eq!((seen.method.as_str(), seen.target.as_str()), ("POST", "/order?n=1"));
        assert_eq!(seen.header("homeward-replayed-from"), ["us-east"]);
        assert_eq!(seen.header("homeward-region"), ["us-west"]);
        assert_eq!(seen.header("homeward-home"), ["us-west"]);
        assert!(seen.header("homeward-reason")[0].ends_with("AppAsksForReplay;region=us-west"), "{seen:?}");
        assert_eq!(world.east.seen().pop().unwrap().header("homeward-replayed-from"), [""; 0]);
    }
    assert_eq!((world.east.seen().len(), world.west.seen().len(), world.central.seen().len()), (4, 4, 0));
    let line = eventually("the lines", async || Some(world.edge.access_log()).filter(|log| log.len() == 4)).await;
    assert_eq!((&line[0]["region"], &line[0]["home_by"]), (&"us-west".into(), &"replay".into()));
    let metrics = world.edge.admin("/metrics").await.body;
    assert!(metrics.contains("homeward_replays_total{result=\"replayed\"} 4"), "{metrics}");
}

#[tokio::test]
async fn a_replay_that_cannot_be_is_a_clear_error_or_the_app_s_own_answer() {
    let world = World::start("", "drains:\n  - {region: us-central, sessions: move}\n").await;
    let mut visitor = Client::connect(world.edge.address, edge::NEW_YORK).await;
    for (order, status) in [
        ("region=us-moon", 502),
        ("region=us-central", 503), // drained
        ("us-west", 502),
        ("region=us-west; fallback=other", 502),
        ("", 502),
    ] {
        let refused = visitor.send("POST", "/", &[("x-replay", order)], "body").await.unwrap();
        assert_eq!(refused.status, status, "{order}: {}", refused.body);
        assert!(refused.header("proxy-status").starts_with("homeward; error="), "{order}");
        assert_eq!(refused.header("retry-after").is_empty(), status != 503);
        visitor = Client::connect(world.edge.address, edge::NEW_YORK).await;
    }
    for order in ["region=us-moon; fallback=self", "fallback=self; region=us-central"] {
        let own = visitor.send("POST", "/", &[("x-replay", order)], "body").await.unwrap();
        assert_eq!((own.status, own.body.as_str()), (200, "ask another, says us-east"), "{order}");
        assert_eq!(own.header("homeward-replay"), "");
    }
    assert_eq!(world.west.seen().len() + world.central.seen().len(), 0);

    // More of the body has passed than is held.
    let large = Bytes::from(vec![b'x'; 1 << 20]);
    for (order, status) in [("region=us-west", 502), ("region=us-west; fallback=self", 200)] {
        let mut visitor = Client::connect(world.edge.address, edge::NEW_YORK).await;
        let answer = visitor.send("POST", "/count-first", &[("x-replay", order)], large.clone()).await.unwrap();
        assert_eq!(answer.status, status, "{order}: {}", answer.body);
    }
    assert_eq!(world.west.seen().len(), 0, "no half of a body is ever sent");
}

#[tokio::test]
async fn a_request_is_replayed_once() {
    let world = World::start("", "").await;
    let mut visitor = Client::connect(world.edge.address, edge::NEW_YORK).await;
    // us-west does not take it either: it names a third region.
    let twice = [("x-replay", "region=us-west"), ("x-replay-again", "region=us-central")];
    let refused = visitor.get("/", &twice).await;
    assert_eq!(refused.status, 502, "{}", refused.body);
    assert!(refused.body.contains("asked twice"), "{}", refused.body);
    assert_eq!((world.east.seen().len(), world.west.seen().len(), world.central.seen().len()), (1, 1, 0));
}

#[tokio::test]
async fn where_the_region_dies_under_a_replay_the_app_gets_its_request_back() {
    let mut world = World::start("", "").await;
    world.west.kill().await;
    // Nobody has noticed yet, or the edge has: either way the client gets the app's answer, or a clear error.
    let mut visitor = Client::connect(world.edge.address, edge::NEW_YORK).await;
    let own = visitor.send("POST", "/", &[("x-replay", "region=us-west; fallback=self")], "body").await.unwrap();
    assert_eq!((own.status, own.body.as_str()), (200, "ask another, says us-east"));
    let seen = world.east.seen();
    if seen.len() == 2 {
        assert_eq!(seen[1].header("homeward-replay-failed"), ["region=us-west"]);
        assert_eq!(seen[1].header("homeward-replayed-from"), [""; 0]);
    }
    let refused = visitor.send("POST", "/", &[("x-replay", "region=us-west")], "body").await.unwrap();
    assert_eq!((refused.status, refused.header("retry-after")), (503, "5"), "{}", refused.body);
}

#[tokio::test]
async fn what_apps_say_is_learned() {
    let world = World::start("", "").await;
    let session = "session: {cookie: sid, learn: {entries: 100, ttl: 1h}}";
    world.edge.adopt(&world.table("").replace("session: {cookie: sid}", session)).await;
    let mut visitor = Client::connect(world.edge.address, edge::NEW_YORK).await;
    let request = [("cookie", "sid=legacy0123"), ("x-replay", "region=us-west")];
    for round in 0..3 {
        assert_eq!(visitor.get("/", &request).await.body, "us-west took 0");
        assert_eq!(world.east.seen().len(), 1, "round {round}: only the first asked the wrong region");
    }
    let seen = world.west.seen();
    assert_eq!(seen[0].header("homeward-replayed-from"), ["us-east"]);
    assert_eq!(seen[2].header("homeward-replayed-from"), [""; 0]);
    assert_eq!(seen[2].header("homeward-reason"), ["SessionWasLearned;region=us-west"]);
    assert_eq!(seen[2].header("homeward-session"), ["home"]);
    assert_eq!(visitor.get("/", &[("cookie", "sid=other")]).await.body, "us-east");
    // Another table that learns by the same rules goes on with what is known.
    world.edge.adopt(&world.table("    when_home_is_away: refuse\n").replace("session: {cookie: sid}", session)).await;
    assert_eq!(visitor.get("/", &request).await.body, "us-west took 0");
    assert_eq!(world.east.seen().len(), 2);
}
