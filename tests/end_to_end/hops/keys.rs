//! The key of the hops is exchanged while requests flow.

use crate::support::fleet::{Fleet, KEY, OTHER_KEY, REGIONS, Reach};
use crate::support::{Client, EdgeProcess, PATIENCE, edge, eventually};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Writes the key file of an edge and waits until it is used.
async fn exchange(edge: &EdgeProcess, keys: &str) {
    let used = || edge.log().matches("hops are signed with the keys in").count();
    let before = used();
    std::fs::write(edge.file("hop.key.new"), keys).unwrap();
    std::fs::rename(edge.file("hop.key.new"), edge.file("hop.key")).unwrap();
    eventually("the new keys", async || (used() > before).then_some(())).await;
}

/// Visits each edge by turns, with the sessions of all regions and, where `new_ones` says so, without one; until it is
/// stopped. New visitors come from New York, and belong to us-east.
async fn flow(fleet: &Fleet, new_ones: bool, stop: Arc<AtomicBool>, count: Arc<AtomicUsize>) {
    let sessions = ["sid=east-1", "sid=central-1", "sid=west-1", "theme=dark"];
    let homes = [REGIONS[0], REGIONS[1], REGIONS[2], REGIONS[0]];
    let mut visitors = Vec::new();
    for edge in &fleet.edges {
        visitors.push(Client::connect(edge.address, edge::NEW_YORK).await);
    }
    while !stop.load(Ordering::Relaxed) {
        for (visitor, arrival) in visitors.iter_mut().zip(REGIONS) {
            for (cookie, home) in sessions.into_iter().zip(homes).take(if new_ones { 4 } else { 3 }) {
                let answer = visitor.get("/", &[("cookie", cookie)]).await;
                assert_eq!((answer.status, answer.body.as_str()), (200, home), "{cookie} at {arrival}");
                count.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

/// Exchanges keys at one edge after the other while requests flow; each step is what stands in the file.
async fn rotate(new_ones: bool, steps: &[String]) -> Fleet {
    let fleet = Fleet::start(Reach::Edge).await;
    let (stop, count) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let operator = async {
        let more = async |by| {
            let wanted = count.load(Ordering::Relaxed) + by;
            eventually("more requests", async || (count.load(Ordering::Relaxed) >= wanted).then_some(())).await;
        };
        more(24).await;
        for keys in steps {
            for edge in &fleet.edges {
                exchange(edge, keys).await;
                more(24).await;
            }
        }
        stop.store(true, Ordering::Relaxed);
    };
    let both = async { tokio::join!(flow(&fleet, new_ones, Arc::clone(&stop), Arc::clone(&count)), operator) };
    tokio::time::timeout(PATIENCE * 3, both).await.expect("it ends");
    let seen: usize = fleet.apps.iter().map(|app| app.seen().len()).sum();
    assert_eq!(seen, count.load(Ordering::Relaxed), "none was lost, and none served twice");
    fleet
}

/// First every edge believes the new key, then every edge signs with it, then nobody knows the old one any more: no edge
/// ever gets a token that it does not believe.
#[tokio::test]
async fn keys_are_exchanged_without_anybody_noticing() {
    let steps = [format!("{KEY}\n{OTHER_KEY}\n"), format!("{OTHER_KEY}\n{KEY}\n"), format!("{OTHER_KEY}\n")];
    let fleet = rotate(true, &steps).await;
    for (app, region) in fleet.apps.iter().zip(REGIONS) {
        for seen in app.seen() {
            let (is_session, edges) = (seen.header("cookie") != ["theme=dark"], seen.edges_passed());
            let session = if !is_session {
                "new"
            } else if edges == 2 {
                "flopped"
            } else {
                "home"
            };
            assert_eq!(seen.header("homeward-session"), [session], "{seen:?}");
            assert_eq!(seen.header("homeward-region"), [region]);
            assert_eq!(seen.header("x-forwarded-for"), [edge::NEW_YORK.to_string()], "as the first edge saw it");
        }
    }
    for edge in &fleet.edges {
        let metrics = edge.admin("/metrics").await.body;
        let bad =
            metrics.lines().filter(|line| line.starts_with("homeward_hop_tokens_total") && !line.contains("\"valid\""));
        bad.for_each(|line| assert!(line.ends_with(" 0"), "{line}"));
    }
}

/// With the new key on top at once, the edges that do not know it yet believe nothing of what is signed with it; sessions
/// get home all the same.
#[tokio::test]
async fn sessions_get_home_whatever_the_order_of_an_exchange() {
    rotate(false, &[format!("{OTHER_KEY}\n{KEY}\n"), format!("{OTHER_KEY}\n")]).await;
}
