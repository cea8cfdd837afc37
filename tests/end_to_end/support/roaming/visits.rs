//! Random visits to the edges of three regions, many at once.

use super::super::PATIENCE;
use super::super::client::Client;
use super::super::fleet::{BELIEVED, REGIONS};
use super::tables::{Place, Words};
use fastrand::Rng;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::time::Instant;

/// How many connections each edge has.
const CONNECTIONS: usize = 6;

/// One request of a visitor.
pub(super) struct Visit {
    /// By which it is found again; no two are the same.
    pub(super) path: String,
    /// The region of the edge that it comes to.
    pub(super) arrival: usize,
    /// Where it belongs, as long as the edges agree.
    pub(super) home: usize,
    pub(super) is_session: bool,
    host: &'static str,
    client: String,
    headers: Vec<(&'static str, String)>,
}

/// What its visitor got.
pub(super) struct Answered {
    pub(super) nth: usize,
    pub(super) status: u16,
    pub(super) body: String,
    pub(super) took: Duration,
}

impl Visit {
    /// Four of five have a session.
    pub(super) fn random(rng: &mut Rng, path: String, words: &Words, places: &[Place]) -> Self {
        let place = rng.choice(places).unwrap();
        let is_session = rng.u8(..5) > 0;
        let mut headers = Vec::new();
        let mut home = words.home_of(place);
        if is_session {
            home = rng.usize(..REGIONS.len());
            let Words { cookie, prefixes, separator, .. } = words;
            let pair = format!("{cookie}={}{separator}{:016x}", prefixes[home], rng.u64(..));
            headers.push(("cookie", if rng.bool() { pair } else { format!("theme=dark; {pair}; a=b") }));
        }
        let arrival = rng.usize(..REGIONS.len());
        Self { path, arrival, home, is_session, host: "portal.example.com", client: place.address(rng), headers }
    }

    /// The same for any host, perhaps with what only edges say.
    pub(super) fn odd(mut self, rng: &mut Rng) -> Self {
        self.host = match rng.u8(..8) {
            0 => "no.test",
            1 | 2 => "shop.example.com",
            _ => "portal.example.com",
        };
        match rng.u8(..12) {
            0 => self.headers.push(("cdn-loop", "homeward".to_owned())),
            1 => self.headers.push(("homeward-hop", "1;us-east;us-west;us-west;;127.0.0.1;1;AAAA".to_owned())),
            2 => self.headers.push(("homeward-home", REGIONS[rng.usize(..3)].to_owned())),
            _ => {}
        }
        self
    }
}

/// Makes all visits, over kept connections, and counts up `done` after each. Each must be answered within the patience of
/// the tests.
pub(super) async fn make(edges: [SocketAddr; 3], visits: &Arc<Vec<Visit>>, done: &Arc<AtomicUsize>) -> Vec<Answered> {
    let mut tasks = tokio::task::JoinSet::new();
    for (arrival, edge) in edges.into_iter().enumerate() {
        for part in 0..CONNECTIONS {
            let (visits, done) = (Arc::clone(visits), Arc::clone(done));
            tasks.spawn(async move {
                let mut client = Client::connect(edge, BELIEVED).await;
                let mut answers = Vec::new();
                let own = visits.iter().enumerate().filter(|(_, visit)| visit.arrival == arrival);
                for (nth, visit) in own.skip(part).step_by(CONNECTIONS) {
                    client = client.host(visit.host);
                    let mut headers = vec![("x-forwarded-for", visit.client.as_str())];
                    headers.extend(visit.headers.iter().map(|(name, value)| (*name, value.as_str())));
                    // Some with a body: it must not be lost, nor sent twice.
                    let (method, body) =
                        if nth % 8 == 0 { ("POST", "x".repeat(nth % 3000)) } else { ("GET", String::new()) };
                    let began = Instant::now();
                    let answer = tokio::time::timeout(PATIENCE, client.send(method, &visit.path, &headers, body)).await;
                    let answer = answer.expect("an answer in time").unwrap();
                    if answer.header("connection") == "close" {
                        client = Client::connect(edge, BELIEVED).await;
                    }
                    answers.push(Answered { nth, status: answer.status, body: answer.body, took: began.elapsed() });
                    done.fetch_add(1, Ordering::Relaxed);
                }
                answers
            });
        }
    }
    tasks.join_all().await.into_iter().flatten().collect()
}
