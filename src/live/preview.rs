//! What another table would do to the requests of the last minute.

use super::clock;
use super::edge::{Edge, LocalRegionMissing};
use super::places::CountingFinder;
use super::sample::Recent;
use crate::model::Timestamp;
use crate::routing::preview::{Comparison, FleetHealth, Preview, Sample, end_of_ramps};
use crate::routing::{RoutingTable, TableParts};
use std::sync::PoisonError;

/// How many requests are looked at by somebody who is in a hurry.
const A_FEW: usize = 3_000;

/// Why nothing can be told of a table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoPreview {
    /// There is none to hold it against.
    #[error("no routing table is live")]
    NoTable,
    /// It is none for this edge.
    #[error(transparent)]
    NoRegion(#[from] LocalRegionMissing),
}

/// What `new` would do at the moment `at` to the requests that `edge` got lately, with its servers as they are: for the live
/// table with other drains, or any other one.
///
/// Rates are those of this edge alone, as is what it knows of a region's load. It blocks for some milliseconds for each 10,000
/// requests that are kept, and about ten times as long where a region would be over its capacity.
///
/// # Errors
/// Where no table is live, or `new` does not have the edge's region.
pub fn preview_of(edge: &Edge, new: &RoutingTable, at: Timestamp) -> Result<Preview, NoPreview> {
    preview_on(edge, new, at, edge.sampler().recent(clock::second()))
}

/// The same from a few thousand requests at most, for somebody who is in a hurry: within a few milliseconds, and within a
/// percent or two.
///
/// # Errors
/// As above.
pub fn quick_preview_of(edge: &Edge, new: &RoutingTable, at: Timestamp) -> Result<Preview, NoPreview> {
    preview_on(edge, new, at, edge.sampler().recent(clock::second()).thinned(A_FEW))
}

fn preview_on(edge: &Edge, new: &RoutingTable, at: Timestamp, recent: Recent) -> Result<Preview, NoPreview> {
    let live = edge.table().ok_or(NoPreview::NoTable)?;
    let second = clock::second();
    let fleet = FleetHealth::of(&live.table, &live.view(second));
    let missing = || {
        let known = new.regions().iter().map(|region| region.name.to_string()).collect();
        LocalRegionMissing { local: edge.local().clone(), known }
    };
    let comparison = Comparison::new((&live.table, clock::now()), (new, at), &fleet).ok_or_else(missing)?;
    // A question is no request: it counts nowhere.
    let finder = CountingFinder::new(edge.places(), None);
    let seconds = recent.seconds as f64;
    let inputs: Vec<_> = recent
        .requests
        .into_iter()
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
    Ok(comparison.preview(&inputs, seconds, inputs.len() as u64, at))
}

/// The same for a table that would come out of the file, with the drains of operators on it as they are; at the end of its
/// ramps where `at` is missing.
///
/// # Errors
/// Where no table is live, or this one does not have the edge's region.
pub fn preview_of_parts(edge: &Edge, parts: TableParts, at: Option<Timestamp>) -> Result<Preview, NoPreview> {
    let table = RoutingTable::new(parts);
    let drains = edge.leases.lock().unwrap_or_else(PoisonError::into_inner).drains_on(&table);
    let table = table.with_drains(drains);
    let at = at.unwrap_or_else(|| end_of_ramps(&table, clock::now()));
    preview_of(edge, &table, at)
}
