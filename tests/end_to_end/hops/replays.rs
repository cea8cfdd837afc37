//! A replay over edges: the first edge makes it, and the app that it goes to is told the truth.

use crate::support::fleet::{CENTRAL, EAST, Fleet, Reach, WEST};
use crate::support::{Client, edge};

#[tokio::test]
async fn the_first_edge_replays_what_an_app_behind_another_one_sends_on() {
    for reach in [Reach::Edge, Reach::Http2] {
        let fleet = Fleet::start(reach).await;
        let mut visitor = Client::connect(fleet.edges[WEST].address, edge::NEW_YORK).await;
        // The key names us-east; the app there says us-central, or there is no session at all, or one without a name.
        for (cookie, session) in [("sid=east-1", "flopped"), ("a=b", "new"), ("sid=nameless", "flopped")] {
            let said = [("cookie", cookie), ("x-replay", "region=us-central")];
            let answer = visitor.send("POST", "/order", &said, "twelve bytes").await.unwrap();
            assert_eq!((answer.status, answer.body.as_str()), (200, "us-central took 12"), "{cookie}");
            let (east, central) = (fleet.apps[EAST].seen(), fleet.apps[CENTRAL].seen());
            let (first, seen) = (east.last().unwrap(), central.last().unwrap());
            assert_eq!((first.edges_passed(), seen.edges_passed()), (2, 2), "each a hop, and neither behind the other");
            assert_eq!(seen.header("homeward-replayed-from"), ["us-east"]);
            assert_eq!(seen.header("homeward-home"), ["us-central"]);
            assert_eq!(seen.header("homeward-region"), ["us-central"]);
            assert_eq!(seen.header("homeward-session"), [session], "{cookie}");
            let reason = seen.header("homeward-reason")[0];
            assert!(reason.ends_with("AppAsksForReplay;region=us-central, ArrivedByHop;from=us-west"), "{reason}");
            assert_eq!(first.header("x-request-id"), seen.header("x-request-id"), "one request, one id");
        }
        assert_eq!(fleet.apps[WEST].seen().len(), 0);
    }
}

#[tokio::test]
async fn what_was_learned_is_told_to_the_next_edge() {
    let fleet = Fleet::start(Reach::Edge).await;
    let session = "session: {cookie: sid, learn: {entries: 100, ttl: 1h}}";
    fleet.adopt(&fleet.table([Reach::Edge; 3]).replace("session: {cookie: sid}", session)).await;
    let mut visitor = Client::connect(fleet.edges[WEST].address, edge::NEW_YORK).await;
    let said = [("cookie", "sid=nameless"), ("x-replay", "region=us-central")];
    for _ in 0..3 {
        assert_eq!(visitor.get("/", &said).await.body, "us-central took 0");
    }
    let seen = fleet.apps[CENTRAL].seen();
    assert_eq!((fleet.apps[EAST].seen().len(), seen.len()), (1, 3), "only the first asked the wrong region");
    let last = seen.last().unwrap();
    assert_eq!(last.header("homeward-session"), ["flopped"]);
    assert_eq!(last.header("homeward-replayed-from"), [""; 0]);
    assert_eq!(last.header("homeward-reason"), ["SessionWasLearned;region=us-central, ArrivedByHop;from=us-west"]);
}
