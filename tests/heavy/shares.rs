//! The shares of drains, measured by where real requests go.

use crate::support::edits::sha256sum;
use crate::support::{Block, Client, EdgeProcess, edge, eventually};
use crate::town::{Server, start_edge};
use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::time::Instant;

/// How many visitors, each in a network of its own.
const VISITORS: u32 = 4000;

/// How many of them are on their way at once.
const AT_ONCE: u32 = 8;

/// How far a measured share may be from the one that was asked for.
const TOLERANCE: f64 = 0.02;

/// The addresses of the visitors: spread over 10.0.0.0/8, no two in one /24.
fn visitor(nth: u32) -> Ipv4Addr {
    let network = nth.wrapping_mul(40_503) & 0xffff; // odd, so no two are the same
    Ipv4Addr::from(10 << 24 | network << 8 | (1 + nth % 254))
}

/// The visitors that us-west serves.
async fn served_at_home(edge: SocketAddr, cookie: Option<&'static str>) -> HashSet<u32> {
    let mut parts = Vec::new();
    for part in 0..AT_ONCE {
        parts.push(tokio::spawn(async move {
            let mut client = Client::connect(edge, IpAddr::V4(Ipv4Addr::LOCALHOST)).await;
            let mut home = Vec::new();
            for nth in (part..VISITORS).step_by(AT_ONCE as usize) {
                let from = visitor(nth).to_string();
                let mut headers = vec![("x-forwarded-for", from.as_str())];
                headers.extend(cookie.map(|cookie| ("cookie", cookie)));
                let answer = client.get("/", &headers).await;
                match (answer.status, answer.body.as_str()) {
                    (200, "us-west -\n") => home.push(nth),
                    (200, "us-central -\n") => {}
                    other => panic!("{from} got {other:?}"),
                }
            }
            home
        }));
    }
    let mut home = HashSet::new();
    for part in parts {
        home.extend(part.await.unwrap());
    }
    home
}

async fn adopt(edge: &EdgeProcess, table: &str) {
    edge.save_table(table);
    let revision = sha256sum(table);
    let is_live = |status: &serde_json::Value| status["table"]["revision"] == *revision;
    eventually("the table", async || Some(edge.status().await).filter(is_live)).await;
}

/// The share that is wanted.
#[derive(Clone, Copy)]
enum At {
    Once(f64),
    /// A ramp of ten minutes that began five minutes ago and ends at this share.
    HalfWayTo(f64),
}

impl At {
    /// The share so long after the beginning of the measurement.
    fn after(self, time: Duration) -> f64 {
        match self {
            Self::Once(share) => share,
            Self::HalfWayTo(end) => 1.0 - (1.0 - end) * (0.5 + time.as_secs_f64() / 600.0),
        }
    }
}

fn minutes_ago(minutes: u32) -> String {
    let said = std::process::Command::new("date")
        .args(["-u", "-d", &format!("-{minutes} min"), "+%Y-%m-%dT%H:%M:%SZ"])
        .output()
        .unwrap();
    String::from_utf8(said.stdout).unwrap().trim().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes long: make heavy"]
async fn shares_of_real_requests() {
    let block = Block::new();
    let at = |number| SocketAddr::new(block.address(number), 8080);
    let central = Server::start("us-central", at(2)).await;
    let west = Server::start("us-west", at(3)).await;
    let table = |drain: &str| {
        let more =
            if drain.is_empty() { String::new() } else { format!("drains:\n  - {{region: us-west, {drain}}}\n") };
        edge::table(&[], &[central.address], &[west.address], &more)
            .replace("homes:\n", "homes:\n  - networks: [10.0.0.0/8]\n    region: us-west\n")
    };
    let edge = start_edge(&block, &table("")).await;

    println!("{VISITORS} visitors, each in a /24 of its own: the part that us-west serves, as asked and as measured");
    let (new, session) = (None, Some("sid=west-1"));
    let mut sets = Vec::new();
    for (drain, cookie, wanted) in [
        ("", new, At::Once(1.0)),
        ("share: 30%, sessions: keep", new, At::Once(0.3)),
        ("share: 30%, sessions: keep", session, At::Once(1.0)),
        ("share: 30%, sessions: move", new, At::Once(0.3)),
        ("share: 30%, sessions: move", session, At::Once(0.3)),
        ("sessions: move", session, At::Once(0.0)),
        ("sessions: keep", new, At::HalfWayTo(0.0)),
        ("sessions: move", session, At::HalfWayTo(0.0)),
        ("share: 30%", new, At::HalfWayTo(0.3)),
    ] {
        let drain = match wanted {
            At::Once(_) => drain.to_owned(),
            At::HalfWayTo(_) => format!("{drain}, ramp: 10m, since: {}", minutes_ago(5)),
        };
        let began = Instant::now();
        adopt(&edge, &table(&drain)).await;
        let before = began.elapsed();
        let home = served_at_home(edge.address, cookie).await;
        // A ramp goes on while it is measured: what is measured is the share in the middle.
        let middle = (before + began.elapsed()) / 2;
        let wanted = wanted.after(middle);
        let measured = home.len() as f64 / f64::from(VISITORS);
        let who = if cookie.is_some() { "sessions" } else { "new visitors" };
        let (asked, is) = (wanted * 100.0, measured * 100.0);
        println!("  {who:<12} {asked:>5.1} %  {is:>6.2} %   {}", if drain.is_empty() { "no drain" } else { &drain });
        assert!((measured - wanted).abs() <= TOLERANCE, "{who} under {drain}: {measured}");
        if wanted == 0.0 || wanted == 1.0 {
            assert_eq!(measured, wanted, "{who} under {drain}: all or none");
        }
        sets.push((drain.contains("ramp"), home));
    }
    // Who is in at a share is in at every larger one; those of one share are the same visitors. Not so for ramps here, which
    // go on while they are measured.
    sets.retain(|(is_ramp, _)| !is_ramp);
    sets.sort_by_key(|(_, home)| home.len());
    for pair in sets.windows(2) {
        assert!(pair[0].1.is_subset(&pair[1].1), "visitors are in at a share and not at a larger one");
    }
}
