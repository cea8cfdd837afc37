//! Steady synthetic visitors from many places, each with an address of its own, so that the edge sees them come from
//! all over the world while nothing leaves this machine.

pub(super) mod client;
mod places;
mod tally;
mod visitor;

pub(super) use places::PLACES;
pub(super) use tally::{Outcomes, Tally};

use crate::live::entropy;
use client::Client;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::task::JoinSet;
use visitor::{Outcome, Rest, Visitor};

/// What `regions` and all visitors begin with: nobody served yet.
pub(super) fn tally(regions: Vec<String>) -> Arc<Tally> {
    Arc::new(Tally::new(regions, places::beginnings()))
}

/// Sends all visitors to `edge`; they go on until the set is dropped. They make about 60 requests a second together, one
/// at a time each.
pub(super) fn send(edge: SocketAddr, tally: &Arc<Tally>) -> JoinSet<()> {
    places::beginnings().enumerate().map(|(number, place)| live(number, place, edge, Arc::clone(tally))).collect()
}

async fn live(number: usize, place: usize, edge: SocketAddr, tally: Arc<Tally>) {
    let Some(first) = PLACES.get(place) else { return };
    let mut client = Client::new(edge, first.address(number));
    let mut visitor = Visitor::default();
    loop {
        // The wait comes first, so that they do not all arrive at once.
        match visitor::rest(entropy::random_u64(), PLACES.len()) {
            Rest::Here(time) => tokio::time::sleep(time).await,
            Rest::Elsewhere(time, place) => {
                tokio::time::sleep(time).await;
                if let Some(there) = PLACES.get(place) {
                    client.move_to(there.address(number));
                    tally.moved(number, place);
                }
            }
        }
        let step = visitor.next(entropy::random_u64());
        let (method, path) = step.request();
        let cookie = visitor.cookie.clone();
        let headers: Vec<(&str, &str)> = cookie.iter().map(|cookie| ("cookie", cookie.as_str())).collect();
        let answer = client.request(method, path, &headers).await;
        let outcome = visitor.learn(step, &answer, entropy::random_u64());
        tally.count(number, answer.as_ref().ok().and_then(|answer| answer.region.as_deref()), outcome);
        if outcome == Outcome::Failed {
            tally.failure(match answer {
                Ok(answer) => format!("{path}: {}", answer.status),
                Err(why) => format!("{path}: {why}"),
            });
        }
    }
}
