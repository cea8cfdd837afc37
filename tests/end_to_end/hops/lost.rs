//! Edges and servers that are lost.

use crate::support::fleet::{CENTRAL, EAST, Fleet, Reach, WEST};
use crate::support::{Client, client::Answer, edge, eventually};

/// What a session of us-east gets that comes to us-west, and what its app is told.
async fn visit(fleet: &Fleet, visitor: &mut Client, served_by: usize) -> (Answer, String, usize) {
    let answer = visitor.get("/", &[("cookie", "sid=east-1")]).await;
    let seen = fleet.apps[served_by].seen().pop().unwrap();
    (answer, seen.header("homeward-session").concat(), seen.edges_passed())
}

async fn visitor(fleet: &Fleet) -> Client {
    Client::connect(fleet.edges[WEST].address, edge::NEW_YORK).await
}

#[tokio::test]
async fn a_lost_edge_is_passed_by_where_the_table_allows_it() {
    let mut fleet = Fleet::start(Reach::EdgeOrPool).await;
    let mut visitor = visitor(&fleet).await;
    let (answer, session, edges) = visit(&fleet, &mut visitor, EAST).await;
    assert_eq!((answer.body.as_str(), session.as_str(), edges), ("us-east", "flopped", 2), "by its edge");
    fleet.edges[EAST].kill();
    for _ in 0..20 {
        let (answer, session, edges) = visit(&fleet, &mut visitor, EAST).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, "us-east"), "the first request after it too");
        assert_eq!((session.as_str(), edges), ("flopped", 1));
    }
    let upload = visitor.send("PUT", "/count", &[("cookie", "sid=east-1")], vec![b'x'; 1000]).await.unwrap();
    assert_eq!(upload.body, "1000");
    fleet.edges[EAST].start_again().await;
    eventually("the hop again", async || (visit(&fleet, &mut visitor, EAST).await.2 == 2).then_some(())).await;
    let log = eventually("the log", async || {
        Some(fleet.edges[WEST].access_log()).filter(|log| log.iter().filter(|line| line["way"] == "edge").count() == 2)
    })
    .await;
    let ways: Vec<_> = log.iter().map(|line| line["way"].as_str().unwrap()).collect();
    assert_eq!(ways[1..22], ["pool"; 21], "{ways:?}");
}

#[tokio::test]
async fn without_another_way_a_lost_edge_takes_its_region_away() {
    let mut fleet = Fleet::start(Reach::Edge).await;
    let mut visitor = visitor(&fleet).await;
    assert_eq!(visit(&fleet, &mut visitor, EAST).await.0.body, "us-east");
    fleet.edges[EAST].kill();
    for _ in 0..20 {
        let (answer, session, edges) = visit(&fleet, &mut visitor, CENTRAL).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, "us-central"), "the first request after it too");
        assert_eq!((session.as_str(), edges), ("orphaned", 2));
    }
    let reason = fleet.apps[CENTRAL].seen().pop().unwrap().header("homeward-reason").concat();
    assert!(reason.contains("HomeIsAway;why=NoHealthyEdge"), "{reason}");
    assert_eq!(fleet.apps[EAST].seen().len(), 1, "nobody went there directly");
    fleet.edges[EAST].start_again().await;
    eventually("the session at home again", async || {
        (visitor.get("/", &[("cookie", "sid=east-1")]).await.body == "us-east").then_some(())
    })
    .await;
}

#[tokio::test]
async fn an_edge_whose_servers_are_dead_hands_the_request_back() {
    let mut fleet = Fleet::start(Reach::Edge).await;
    let mut visitor = visitor(&fleet).await;
    // Nothing went there yet: on a kept connection that dies, a POST may have been taken, and is not sent again.
    fleet.apps[EAST].kill().await;
    let cookie = [("cookie", "sid=east-1")];
    let first = visitor.send("POST", "/count", &cookie, vec![b'x'; 30_000]).await.unwrap();
    assert_eq!((first.status, first.body.as_str()), (200, "30000"), "its body went along, whole");
    for _ in 0..20 {
        let (answer, session, _) = visit(&fleet, &mut visitor, CENTRAL).await;
        assert_eq!((answer.status, answer.body.as_str(), session.as_str()), (200, "us-central", "orphaned"));
        assert!(answer.headers.iter().all(|(name, _)| !name.starts_with("homeward-")), "{answer:?}");
    }
    let refused = eventually("the refusal", async || {
        let log = fleet.edges[EAST].access_log();
        log.into_iter().find(|line| line["status"] == 503)
    })
    .await;
    assert_eq!(refused["session"], "orphaned", "{refused}");
    fleet.apps[EAST].restart().await;
    eventually("the session at home again", async || (visitor.get("/", &cookie).await.body == "us-east").then_some(()))
        .await;
    assert_eq!(fleet.apps[WEST].seen().len(), 0);
}

#[tokio::test]
async fn where_nobody_is_left_the_visitor_is_told_to_come_back() {
    let mut fleet = Fleet::start(Reach::Edge).await;
    let mut visitor = visitor(&fleet).await;
    for region in [EAST, CENTRAL, WEST] {
        fleet.apps[region].kill().await;
    }
    for _ in 0..5 {
        let answer = visitor.get("/", &[("cookie", "sid=east-1")]).await;
        assert_eq!((answer.status, answer.header("retry-after")), (503, "5"), "{answer:?}");
        assert!(answer.headers.iter().all(|(name, _)| !name.starts_with("homeward-")), "{answer:?}");
        if answer.header("connection") == "close" {
            visitor = self::visitor(&fleet).await;
        }
    }
}
