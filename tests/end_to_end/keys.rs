//! Session keys elsewhere than in cookies, and prefixes of regions that are no more.

use crate::routing::World;
use crate::support::{Client, edge};

#[tokio::test]
async fn a_client_without_cookies_gets_home_by_a_header_or_a_bearer_token() {
    let world = World::start("", "").await;
    let session = "session: {cookie: sid, header: X-Session-Id, bearer: true}";
    let table = world.table("").replace("session: {cookie: sid}", session);
    world.edge.adopt(&table.replace("session_prefix: west", "session_prefix: west, retired_prefixes: [north]")).await;
    let mut client = Client::connect(world.edge.address, edge::NEW_YORK).await;
    for (header, region) in [
        (("x-session-id", "central-1"), "us-central"),
        (("authorization", "Bearer west-1"), "us-west"),
        (("authorization", "bearer north-1"), "us-west"),
        (("authorization", "Basic west-1"), "us-east"),
        (("cookie", "sid=north-1"), "us-west"),
        (("x-session-id", "nowhere-1"), "us-east"),
    ] {
        let answer = client.get("/", &[header]).await;
        assert_eq!(answer.body, region, "{header:?}");
        let all = [world.east.seen(), world.central.seen(), world.west.seen()].concat();
        let seen = all.iter().filter(|seen| seen.header(header.0) == [header.1]).count();
        assert_eq!(seen, 1, "{header:?}: passed on as it came");
    }
    // The first that names a region counts: cookie, header, bearer.
    let both = [("cookie", "sid=nowhere-1"), ("authorization", "Bearer central-1"), ("x-session-id", "west-1")];
    assert_eq!(client.get("/", &both).await.body, "us-west");

    let told = world.edge.verb(&[
        "explain",
        "--config",
        "homeward.yaml",
        "--ip",
        "127.10.0.1",
        "--live",
        "--json",
        "--header",
        "X-Session-Id: west-1",
    ]);
    let told: serde_json::Value = serde_json::from_slice(&told.stdout).unwrap();
    assert_eq!((&told["region"], &told["session_key"]), (&"us-west".into(), &"valid".into()));
}
