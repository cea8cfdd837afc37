//! What a preview says, held against what then happens: live visitors from 40 places, a table with drains, and the servers that
//! count who came.

use crate::routing::World;
use crate::support::fleet::{EAST, Fleet, Reach, WEST};
use crate::support::{App, Client, EdgeProcess, eventually};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::time::Instant;

/// The networks of 40 places of the fixture: each of them somewhere else, or nowhere.
const PLACES: [u8; 40] = [
    10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 30, 31, 32, 33, 34, 35, 36, 37, 38, 40, 41, 42, 43, 44, 45,
    46, 50, 51, 52, 53, 60, 61, 62, 70, 71, 80,
];

/// How many visitors each place has, each in a network of its own.
const VISITORS: u8 = 6;

/// A visitor and, where it has one, its session's cookie.
#[derive(Clone, Copy)]
struct Visitor {
    address: IpAddr,
    cookie: Option<&'static str>,
}

impl Visitor {
    fn all() -> Vec<Self> {
        let cookies = [None, Some("sid=west-1"), None, Some("sid=east-1"), Some("sid=west-2"), Some("sid=central-1")];
        let of_place = |place: u8| {
            (0..VISITORS).map(move |nth| Self {
                address: IpAddr::V4(Ipv4Addr::new(127, place, nth * 41, 9)),
                cookie: cookies[usize::from(nth)],
            })
        };
        PLACES.into_iter().flat_map(of_place).collect()
    }

    fn kind(self) -> &'static str {
        self.cookie.map_or("new", |cookie| cookie.split(['=', '-']).nth(1).unwrap())
    }
}

/// Who was served by which region, by place and kind of visitor, once each; and how often each region was asked.
type Served = BTreeMap<(IpAddr, &'static str), String>;

/// Lets every visitor come again and again, in turn, until `is_over`.
async fn visit(world: &World, is_over: &AtomicBool, rounds: &AtomicUsize) -> Served {
    let mut clients = Vec::new();
    for visitor in Visitor::all() {
        clients.push((visitor, Client::connect(world.edge.address, visitor.address).await));
    }
    let mut served = Served::new();
    while !is_over.load(Ordering::Relaxed) {
        served.clear();
        for (visitor, client) in &mut clients {
            let headers: Vec<_> = visitor.cookie.iter().map(|cookie| ("cookie", *cookie)).collect();
            let answer = client.get("/", &headers).await;
            assert_eq!(answer.status, 200);
            served.insert((visitor.address, visitor.kind()), answer.body);
        }
        rounds.fetch_add(1, Ordering::Relaxed);
    }
    served
}

/// Some seconds of visits, whole ones: then who was served where.
async fn some_seconds(world: &World, seconds: u64) -> Served {
    let (is_over, rounds) = (Arc::new(AtomicBool::new(false)), AtomicUsize::new(0));
    let began = Instant::now();
    let (served, ()) = tokio::join!(visit(world, &is_over, &rounds), async {
        let enough = async || {
            let long = began.elapsed() >= Duration::from_secs(seconds) && rounds.load(Ordering::Relaxed) >= 3;
            long.then_some(())
        };
        eventually("enough visits", enough).await;
        is_over.store(true, Ordering::Relaxed);
    });
    served
}

/// The parts of all requests, by region before, region after: of whole rounds, in which each visitor came once.
fn parts(before: &Served, after: &Served) -> BTreeMap<(String, String), [f64; 3]> {
    let mut parts: BTreeMap<_, [f64; 3]> = BTreeMap::new();
    for ((visitor, from), to) in before.iter().zip(after.values()) {
        let part = parts.entry((from.clone(), to.clone())).or_default();
        let home = |kind: &str| format!("us-{kind}");
        part[0] += 1.0;
        part[1] += f64::from(u8::from(visitor.1 == "new"));
        part[2] += f64::from(u8::from(visitor.1 != "new" && *to != home(visitor.1) && *from == home(visitor.1)));
    }
    let all = before.len() as f64;
    parts.values_mut().for_each(|part| part.iter_mut().for_each(|number| *number /= all));
    parts
}

#[tokio::test]
async fn what_a_preview_says_is_what_happens() {
    let world = World::start("", "").await;
    let before = some_seconds(&world, 3).await;
    let drains = "drains:\n  - {region: us-west, sessions: move, share: 35%, by: me, reason: a test}\n  \
                  - {region: us-east, sessions: keep, share: 50%, by: me, reason: a test}\n";
    let new = world.table(drains);
    std::fs::write(world.edge.file("new.yaml"), &new).unwrap();
    let told = world.edge.verb(&["preview", "--config", "homeward.yaml", "--routing", "new.yaml", "--json"]);
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    let told: serde_json::Value = serde_json::from_slice(&told.stdout).unwrap();
    let shown = world.edge.verb(&["preview", "--config", "homeward.yaml", "--routing", "new.yaml"]);
    assert!(String::from_utf8(shown.stdout).unwrap().contains("WOULD GET/S"));

    // And so it is.
    [&world.east, &world.central, &world.west].into_iter().for_each(|app| drop(app.take_seen()));
    world.edge.adopt(&new).await;
    let after = some_seconds(&world, 1).await;
    let happened = parts(&before, &after);

    let all = told["requests_per_second"].as_f64().unwrap();
    assert!(told["samples"].as_u64().unwrap() > 500, "{told}");
    let mut said = BTreeMap::new();
    for cell in told["cells"].as_array().unwrap() {
        let rate = |key: &str| cell[key].as_f64().unwrap() / all;
        let word = |key: &str| cell[key].as_str().unwrap().to_owned();
        let numbers = ["requests_per_second", "new_visitors_per_second", "sessions_orphaned_per_second"].map(rate);
        said.insert((word("from"), word("to")), numbers);
    }
    println!("part of all requests, of them of new visitors, of them of orphans: said, and what happened");
    let none = [0.0; 3];
    let cells: std::collections::BTreeSet<_> = said.keys().chain(happened.keys()).collect();
    assert!(cells.len() >= 5, "{cells:?}");
    for cell in cells {
        let (said, happened) = (said.get(cell).unwrap_or(&none), happened.get(cell).unwrap_or(&none));
        println!("  {:<10} {:<10}  {said:.3?}  {happened:.3?}", cell.0, cell.1);
        for (said, happened) in said.iter().zip(happened) {
            let is_near = (said - happened).abs() <= 0.03 || (said / happened - 1.0).abs() <= 0.05;
            assert!(is_near, "{cell:?}: {said} was said, and {happened} happened");
        }
    }
    // What the servers saw is what the visitors were told.
    let counted = |app: &App| app.take_seen().len();
    let [east, central, west] = [&world.east, &world.central, &world.west].map(counted);
    assert!(east > 0 && central > 0 && west > 0, "{east} {central} {west}");
}

/// How many requests the last minute had, by the word of a preview of the table that is live.
fn samples(edge: &EdgeProcess) -> u64 {
    let told = edge.verb(&["preview", "--config", "homeward.yaml", "--json"]);
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    serde_json::from_slice::<serde_json::Value>(&told.stdout).unwrap()["samples"].as_u64().unwrap()
}

#[tokio::test]
async fn a_request_counts_at_the_edge_that_it_reached_first() {
    let fleet = Fleet::start(Reach::Edge).await;
    let mut visitor = Client::connect(fleet.edges[WEST].address, IpAddr::V4(Ipv4Addr::new(127, 11, 0, 9))).await;
    for _ in 0..5 {
        assert_eq!(visitor.get("/", &[("cookie", "sid=east-1")]).await.body, "us-east");
    }
    // Whatever leads nowhere, or is refused, counts nowhere.
    assert_eq!(visitor.host("other.example.com").get("/", &[]).await.status, 404);
    eventually("five requests in a preview", async || (samples(&fleet.edges[WEST]) == 5).then_some(())).await;
    assert_eq!(samples(&fleet.edges[EAST]), 0, "the edge that was handed the request has no visitor");
}

#[tokio::test]
async fn a_preview_says_why_it_cannot_be_had() {
    let world = World::start("", "").await;
    let broken = world.table("").replace("region: us-west", "region: us-wst");
    std::fs::write(world.edge.file("new.yaml"), broken).unwrap();
    let preview = |more: &[&str]| {
        let told =
            world.edge.verb(&[&["preview", "--config", "homeward.yaml", "--routing", "new.yaml"], more].concat());
        (told.status.code(), String::from_utf8(told.stderr).unwrap())
    };
    let (code, said) = preview(&[]);
    assert!(code == Some(1) && said.contains("new.yaml:") && said.contains("did you mean 'us-west'?"), "{said}");
    std::fs::write(world.edge.file("new.yaml"), world.table("").replace("us-west", "eu-west")).unwrap();
    let (code, said) = preview(&[]);
    assert!(code == Some(1) && said.contains("the table has no region us-west, in which this edge stands"), "{said}");
    let (code, said) = preview(&["--at", "tomorrow"]);
    assert!(code == Some(2) && said.contains("tomorrow"), "{said}");
    let (code, said) = preview(&["--admin", "nowhere.sock"]);
    assert!(code == Some(1) && said.contains("no edge answers: nowhere.sock"), "{said}");
}
