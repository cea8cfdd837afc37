//! Who is where, and who goes where when a region is lost.

use super::{Costs, Load, Machine, Needs, ratio};

/// A region: its part of the visitors, what its servers carry, and who stands in for it.
#[derive(Debug, Clone, PartialEq)]
pub struct Region {
    /// Its name.
    pub name: String,
    /// Its part of the visitors. The parts of all regions are of their sum.
    pub share: f64,
    /// What its servers carry in requests per second; `None` where nobody says.
    pub capacity: Option<f64>,
    /// The positions of those that stand in for it, in this order; `None` is all the others at once, by their shares.
    pub substitutes: Option<Vec<usize>>,
}

/// What becomes of everybody when one region is lost.
#[derive(Debug, Clone, PartialEq)]
pub struct Loss {
    /// The position of the lost region.
    pub lost: usize,
    /// By region: what it gets on top of its own, in requests per second. Nothing for the lost one.
    pub gains: Vec<f64>,
    /// By region: what it gets in all.
    pub loads: Vec<f64>,
    /// What nobody takes: there is no other region.
    pub nowhere: f64,
}

impl Loss {
    /// The regions that would get more than they carry.
    pub fn over<'a>(&'a self, regions: &'a [Region]) -> impl Iterator<Item = usize> + 'a {
        let is_over = |(load, region): (&f64, &Region)| region.capacity.is_some_and(|most| *load > most * (1.0 + 1e-9));
        (0..).zip(self.loads.iter().zip(regions)).filter(move |(_, pair)| is_over(*pair)).map(|(at, _)| at)
    }
}

/// The parts of the visitors, so that they add up to one. Where no region has any, all have the same.
fn shares(regions: &[Region]) -> Vec<f64> {
    let sum: f64 = regions.iter().map(|region| region.share).sum();
    let alike = ratio(1.0, regions.len() as f64);
    regions.iter().map(|region| if sum > 0.0 { region.share / sum } else { alike }).collect()
}

/// What becomes of `requests` per second of all regions together when each of them is lost, one at a time.
///
/// A substitute is given what its capacity leaves room for, then the next one the rest; what none has room for stays with the
/// first: nobody is refused while a region is there. That is what an edge does, visitor by visitor.
#[must_use]
pub fn losses(regions: &[Region], requests: f64) -> Vec<Loss> {
    let own: Vec<_> = shares(regions).into_iter().map(|share| share * requests).collect();
    (0..regions.len()).map(|lost| lose(regions, &own, lost)).collect()
}

fn lose(regions: &[Region], own: &[f64], lost: usize) -> Loss {
    let mut gains = vec![0.0; regions.len()];
    let mut left = own.get(lost).copied().unwrap_or(0.0);
    match regions.get(lost).and_then(|region| region.substitutes.as_ref()) {
        Some(order) => {
            let others = || order.iter().copied().filter(|at| *at != lost && *at < regions.len());
            for at in others() {
                let room = regions[at].capacity.map_or(f64::INFINITY, |most| (most - own[at] - gains[at]).max(0.0));
                let given = left.min(room);
                gains[at] += given;
                left -= given;
            }
            if let Some(first) = others().next() {
                gains[first] += left;
                left = 0.0;
            }
        }
        None => {
            let others = || (0..regions.len()).filter(|at| *at != lost);
            let sum: f64 = others().map(|at| own[at]).sum();
            let alike = ratio(1.0, (regions.len().saturating_sub(1)) as f64);
            for at in others() {
                gains[at] = left * if sum > 0.0 { own[at] / sum } else { alike };
            }
            left = if regions.len() > 1 { 0.0 } else { left };
        }
    }
    let loads = own.iter().zip(&gains).enumerate().map(|(at, (own, gain))| if at == lost { 0.0 } else { own + gain });
    Loss { lost, loads: loads.collect(), gains, nowhere: left }
}

/// How many edges a region needs. `None` where no number of them is enough.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PlannedEdges {
    /// For its own visitors.
    pub alone: Option<f64>,
    /// Where it carries the loss of any other region too.
    pub with_loss: Option<f64>,
}

/// By region: how many edges it needs.
#[must_use]
pub fn planned_edges(costs: &Costs, load: &Load, machine: &Machine, regions: &[Region]) -> Vec<PlannedEdges> {
    // Who sends no requests has connections all the same; what counts is the parts.
    let all = load.requests.max(1.0);
    let losses = losses(regions, all);
    let edges = |share: f64| Needs::of(costs, &load.part(share), machine).edges();
    let planned = |(at, share): (usize, f64)| {
        let worst = losses.iter().filter_map(|loss| loss.loads.get(at)).fold(share * all, |a, b| a.max(*b));
        PlannedEdges { alone: edges(share), with_loss: edges(worst / all) }
    };
    shares(regions).into_iter().enumerate().map(planned).collect()
}
