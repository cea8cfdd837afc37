//! What another table would do to the requests of the last minute.

use super::clock;
use super::edge::Edge;
use super::places::CountingFinder;
use crate::model::Timestamp;
use crate::routing::RoutingTable;
use crate::routing::preview::{Comparison, FleetHealth, Preview, Sample};

/// What `new` would do at the moment `at` to the requests that `edge` got lately, with its servers as they are: for a table
/// that is to come, or the live one with other drains. `None` where no table is live, or `new` does not have the edge's
/// region.
///
/// Rates are those of this edge alone, as is what it knows of a region's load. It takes some milliseconds for each 10,000
/// requests that are kept, and more where a region would be over its capacity.
#[must_use]
pub fn preview_of(edge: &Edge, new: &RoutingTable, at: Timestamp) -> Option<Preview> {
    let live = edge.table()?;
    let second = clock::second();
    let fleet = FleetHealth::of(&live.table, &live.view(second));
    let comparison = Comparison::new((&live.table, clock::now()), (new, at), &fleet)?;
    let recent = edge.sampler().recent(second);
    // A question is no request: it counts nowhere.
    let finder = CountingFinder::new(edge.places(), None);
    let inputs: Vec<_> = recent
        .requests
        .iter()
        .map(|request| {
            let sample = Sample {
                service: &request.service,
                network: request.network,
                place: request.place,
                session: request.session.as_deref(),
                per_second: request.per_second,
            };
            (comparison.input(&sample, &finder), request.per_second)
        })
        .collect();
    Some(comparison.preview(&inputs, recent.seconds as f64, inputs.len() as u64, at))
}
