//! Bodies of any size pass in both directions.

use crate::routing::World;
use crate::support::{Client, edge, eventually};
use bytes::Bytes;

const LARGE: usize = 64 << 20;

#[tokio::test]
async fn large_bodies_pass_both_ways() {
    let world = World::start("", "").await;
    let mut visitor = Client::connect(world.edge.address, edge::NEW_YORK).await;
    let up = visitor.send("PUT", "/count", &[], Bytes::from(vec![b'x'; LARGE])).await.unwrap();
    assert_eq!((up.status, up.body), (200, LARGE.to_string()));
    let down = visitor.get(&format!("/size/{LARGE}"), &[]).await;
    assert_eq!((down.status, down.body.len()), (200, LARGE));
    let memory = std::fs::read_to_string(format!("/proc/{}/status", world.edge.id())).unwrap();
    let peak = memory.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    let kib: usize = peak.split_whitespace().nth(1).unwrap().parse().unwrap();
    assert!(kib < LARGE / 1024 * 3, "the edge held {kib} KiB at its peak");
    let line = eventually("both lines", async || Some(world.edge.access_log()).filter(|log| log.len() == 2)).await;
    assert_eq!(line[0]["bytes_received"], LARGE);
    assert_eq!(line[1]["bytes_sent"], LARGE);
}

#[tokio::test]
async fn a_body_over_the_service_s_limit_is_refused() {
    let world = World::start("", "    largest_body: 1KiB\n").await;
    let mut visitor = Client::connect(world.edge.address, edge::NEW_YORK).await;
    let fits = visitor.send("PUT", "/count", &[], vec![b'x'; 1024]).await.unwrap();
    assert_eq!((fits.status, fits.body.as_str()), (200, "1024"));
    let refused = visitor.send("PUT", "/count", &[], vec![b'x'; 1025]).await.unwrap();
    assert_eq!(refused.status, 413);
    assert_eq!(world.east.seen().len(), 1, "no app saw the second");
}

#[tokio::test]
async fn a_head_over_its_limits_is_refused() {
    let world = World::start("limits: {head: 4KiB, headers: 20}\n", "").await;
    let long = "x".repeat(5000);
    let mut visitor = Client::connect(world.edge.address, edge::NEW_YORK).await;
    assert_eq!(visitor.get("/", &[("x-long", &long)]).await.status, 431);
    let mut visitor = Client::connect(world.edge.address, edge::NEW_YORK).await;
    assert_eq!(visitor.get("/", &[("x-many", "1"); 21]).await.status, 431);
    assert_eq!(world.east.seen().len(), 0);
}

#[tokio::test]
async fn a_connection_is_kept_for_many_requests() {
    let world = World::start("", "").await;
    let mut visitor = Client::connect(world.edge.address, edge::NEW_YORK).await;
    for _ in 0..50 {
        assert_eq!(visitor.get("/", &[]).await.status, 200);
    }
    let head = visitor.send("HEAD", "/size/1000", &[], "").await.unwrap();
    assert_eq!((head.status, head.header("content-length"), head.body.as_str()), (200, "1000", ""));
    assert_eq!(visitor.get("/status/204", &[]).await.status, 204);
    assert_eq!(visitor.get("/", &[]).await.body, "us-east", "and goes on");
}
