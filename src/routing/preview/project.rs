//! Where the load goes.

use super::compare::{Comparison, End, Input, Side};
use crate::model::RegionId;

/// How many decisions a projection with running load makes at the most, as far as it can still tell each input.
const DECISIONS: usize = 1_000_000;

/// In how many pieces an input goes at the most. The load runs up while they do, so that one large input does not fall into
/// a region as a whole.
const MOST_PIECES: usize = 32;

/// Where each input ends, and what each region of that table gets.
pub(super) struct Projection {
    /// By input: where it ends as a whole, or where each of its pieces does.
    ends: Vec<Ends>,
    /// By region: what it would get if no region were ever passed over for its capacity, in requests per second.
    pub(super) would_get: Vec<f64>,
    /// By region: what it gets.
    pub(super) gets: Vec<f64>,
}

type Ends = smallvec::SmallVec<[End; 1]>;

impl Projection {
    /// Where the inputs end by both: for each input its equal parts, each with its ends.
    pub(super) fn beside<'p>(
        &'p self,
        other: &'p Self,
    ) -> impl Iterator<Item = impl Iterator<Item = (End, End)> + use<'p>> {
        // Either is one end, or as many as the other's.
        let pair = |(these, those): (&'p Ends, &'p Ends)| {
            let pieces = these.len().max(those.len());
            these.iter().copied().cycle().zip(those.iter().copied().cycle()).take(pieces)
        };
        self.ends.iter().zip(&other.ends).map(pair)
    }
}

/// Decides all inputs by one table; `end` does that with a judgement of who is over.
///
/// A substitute over its capacity is passed over, and what it gets is what others do to it. So the first pass takes nobody
/// as over. Where that gives a region more than its capacity, a second one lets the load run up: piece by piece, a region is
/// over while what it was given is more than its capacity's part of what was given to all.
pub(super) fn project(
    side: &Side<'_>,
    inputs: &[(Input, f64)],
    end: impl Fn(&Input, &dyn Fn(RegionId) -> bool) -> End,
) -> Projection {
    let regions = side.table.regions();
    let capacity: Vec<_> = regions.iter().map(|region| region.capacity.map(|rate| rate.per_second())).collect();
    let mut would_get = vec![0.0; regions.len()];
    let mut ends = Vec::with_capacity(inputs.len());
    for (input, rate) in inputs {
        let end = end(input, &|_| false);
        give(&mut would_get, end, *rate);
        ends.push(Ends::from_slice(&[end]));
    }
    let is_over = |(load, capacity): (&f64, &Option<f64>)| capacity.is_some_and(|capacity| *load > capacity);
    if !would_get.iter().zip(&capacity).any(is_over) {
        return Projection { ends, gets: would_get.clone(), would_get };
    }

    let pieces = (DECISIONS / inputs.len().max(1)).clamp(1, MOST_PIECES);
    let total: f64 = inputs.iter().map(|(_, rate)| rate).sum();
    let mut running = vec![0.0; regions.len()];
    let mut given = 0.0;
    ends.iter_mut().for_each(Ends::clear);
    for _ in 0..pieces {
        for ((input, rate), ends) in inputs.iter().zip(&mut ends) {
            let is_over = |region: RegionId| {
                let (load, capacity) = (running.get(region.index()), capacity.get(region.index()).copied().flatten());
                load.zip(capacity).is_some_and(|(load, capacity)| load * total > capacity * given)
            };
            let end = end(input, &is_over);
            give(&mut running, end, rate / pieces as f64);
            given += rate / pieces as f64;
            ends.push(end);
        }
    }
    Projection { ends, would_get, gets: running }
}

fn give(loads: &mut [f64], end: End, rate: f64) {
    if let End::Region(region) = end
        && let Some(load) = loads.get_mut(region.index())
    {
        *load += rate;
    }
}

impl Comparison<'_> {
    pub(super) fn project_today(&self, inputs: &[(Input, f64)]) -> Projection {
        project(&self.today, inputs, |input, is_over| self.end_today(input, is_over))
    }

    pub(super) fn project_new(&self, inputs: &[(Input, f64)]) -> Projection {
        project(&self.new, inputs, |input, is_over| self.end_new(input, is_over))
    }
}
