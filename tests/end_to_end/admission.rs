//! From where a service may be asked, how, and how often.

use crate::routing::World;
use crate::support::fleet::{EAST, Fleet, REGIONS, Reach, WEST};
use crate::support::{Client, edge, eventually};
use std::net::{IpAddr, Ipv4Addr};

const LOCAL: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const TRUST: &str = "trusted_proxies: [127.0.0.1]\n";

/// How many requests came to an app server.
fn seen(world: &World) -> usize {
    [&world.east, &world.central, &world.west].iter().map(|app| app.seen().len()).sum()
}

#[tokio::test]
async fn networks_and_methods_of_a_service() {
    let rules = "    clients: {allow: [192.0.2.0/24], deny: [192.0.2.9]}\n    methods: [GET, POST]\n";
    let world = World::start(TRUST, rules).await;
    let mut client = Client::connect(world.edge.address, LOCAL).await;
    for (from, method, status) in [
        ("192.0.2.1", "GET", 200),
        ("192.0.2.1", "HEAD", 200),
        ("192.0.2.1", "DELETE", 405),
        ("192.0.2.9", "GET", 403),
        ("192.0.2.9", "DELETE", 403),
        ("198.51.100.1", "POST", 403),
        ("192.0.2.1", "POST", 200),
    ] {
        let before = seen(&world);
        let headers = [("x-forwarded-for", from), ("accept", "application/json")];
        let answer = client.send(method, "/", &headers, "").await.unwrap();
        assert_eq!(answer.status, status, "{method} from {from}: {answer:?}");
        assert_eq!(seen(&world) - before, usize::from(status == 200), "{method} from {from}");
        assert_eq!(answer.header("allow"), if status == 405 { "GET, HEAD, POST" } else { "" });
        if status == 403 {
            assert!(answer.header("proxy-status").ends_with("error=http_request_denied"), "{answer:?}");
        }
    }
    let query = "/api/v1/explain?host=portal.example.com&path=/&ip=192.0.2.9";
    let told: serde_json::Value = serde_json::from_str(&world.edge.admin(query).await.body).unwrap();
    assert_eq!(told["outcome"], "denied", "{told}");
}

#[tokio::test]
async fn who_asks_too_often_is_told_when_to_come_back() {
    let rule = "    rate_limit: {rate: 0.01/s, burst: 3}\n";
    let world = World::start(TRUST, rule).await;
    let mut client = Client::connect(world.edge.address, LOCAL).await;
    let mut statuses = Vec::new();
    for _ in 0..5 {
        statuses.push(client.get("/", &[("x-forwarded-for", "192.0.2.1")]).await);
    }
    assert_eq!(statuses.iter().map(|answer| answer.status).collect::<Vec<_>>(), [200, 200, 200, 429, 429]);
    let refused = &statuses[3];
    let wait: u32 = refused.header("retry-after").parse().unwrap();
    assert!((90..=100).contains(&wait), "{refused:?}");
    assert_eq!(refused.header("ratelimit-policy"), "\"portal\";q=3;w=300");
    assert_eq!(refused.header("ratelimit"), format!("\"portal\";r=0;t={wait}"));
    assert_eq!(seen(&world), 3);
    assert_eq!(client.get("/", &[("x-forwarded-for", "192.0.2.2")]).await.status, 200, "another client");

    // The count goes on in the next table, and begins anew by another rule.
    let table = std::fs::read_to_string(world.edge.file("routing.yaml")).unwrap();
    world.edge.adopt(&format!("{table}\n# the same rule\n")).await;
    assert_eq!(client.get("/", &[("x-forwarded-for", "192.0.2.1")]).await.status, 429);
    world.edge.adopt(&table.replace("burst: 3", "burst: 4")).await;
    assert_eq!(client.get("/", &[("x-forwarded-for", "192.0.2.1")]).await.status, 200);
    let metric = "homeward_rate_limited_total{service=\"portal\"} 3";
    eventually("the count", async || world.edge.admin("/metrics").await.body.contains(metric).then_some(())).await;
}

#[tokio::test]
async fn requests_are_counted_by_a_header_or_a_session() {
    let rule = "    rate_limit: {key: header:X-Api-Key, rate: 0.01/s, burst: 1}\n";
    let world = World::start("", rule).await;
    let mut client = Client::connect(world.edge.address, LOCAL).await;
    let mut status = async |name, value| client.get("/", &[(name, value)]).await.status;
    assert_eq!([status("x-api-key", "a").await, status("x-api-key", "a").await], [200, 429]);
    assert_eq!(
        [status("x-api-key", "b").await, status("x-other", "b").await, status("x-api-key", "").await],
        [200, 200, 429]
    );
    let rule = "    rate_limit: {key: session, rate: 0.01/s, burst: 1}\n";
    let world = World::start("", rule).await;
    let mut client = Client::connect(world.edge.address, LOCAL).await;
    let mut status = async |value| client.get("/", &[("cookie", value)]).await.status;
    assert_eq!([status("sid=east-1").await, status("sid=east-1").await, status("sid=east-2").await], [200, 429, 200]);
    assert_eq!([status("a=b").await, status("a=b").await], [200, 429]);
}

#[tokio::test]
async fn a_request_that_makes_a_hop_is_counted_once() {
    let fleet = Fleet::start(Reach::Edge).await;
    let rule = "    session: {cookie: sid}\n";
    let table = fleet.table([Reach::Edge; 3]);
    assert!(table.contains(rule), "{table}");
    fleet.adopt(&table.replace(rule, &format!("{rule}    rate_limit: {{rate: 0.01/s, burst: 3}}\n"))).await;
    for (region, edges) in [(WEST, 2), (EAST, 1)] {
        let mut visitor = Client::connect(fleet.edges[region].address, edge::NEW_YORK).await;
        for status in [200, 200, 200, 429] {
            let answer = visitor.get("/", &[("cookie", "sid=east-1")]).await;
            assert_eq!(answer.status, status, "by the count of {}", REGIONS[region]);
        }
        let seen = fleet.apps[EAST].take_seen();
        assert!(seen.len() == 3 && seen.iter().all(|seen| seen.edges_passed() == edges), "{seen:?}");
    }
}
