//! Floor 1: how many cores and edges a load takes, and what the loss of a region does to those that are left.
//!
//! Pure: costs, a load and a machine come in, numbers come out; chance comes from a seed. All of it is arithmetic on `f64`, which
//! no input makes infinite: [`checked`] refuses what is absurd.
//!
//! | file | what it holds |
//! |---|---|
//! | `costs` | what each thing costs an edge, as it was measured |
//! | `load` | what comes, and the machine that it comes to |
//! | `need` | cores, memory, network, file handles and ports; how many edges that is |
//! | `queue` | how long requests wait for a core |
//! | `regions` | who is where, and who goes where when a region is lost |
//! | `failure` | the loss of a region second by second: reconnects, handshakes, queues |
//! | `fleet` | how a table reaches all edges, and what that costs them |

mod costs;
mod failure;
mod fleet;
mod load;
mod need;
mod queue;
mod regions;
#[cfg(test)]
mod tests;

pub use costs::{BadCosts, Costs, DEFAULT_COSTS, Measured};
pub use failure::{Course, Failure, Moment, RAMPS, gentlest_ramp};
pub use fleet::{Distribution, Fleet};
pub use load::{Load, Machine};
pub use need::{Need, Needs, Resource, Work, waking_part};
pub use queue::{Delay, Event, delay};
pub use regions::{Loss, PlannedEdges, Region, losses, planned_edges};

/// The largest number that an input may be. Products of two or three of them stay far below the end of `f64`.
pub const LARGEST: f64 = 1e15;

/// `value`, where it is a number from nothing to [`LARGEST`].
#[must_use]
pub fn checked(value: f64) -> Option<f64> {
    (0.0..=LARGEST).contains(&value).then_some(value)
}

/// `part` of `whole`, nothing where there is no whole.
fn ratio(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}

/// How many of a size `each` hold `all`, at least one; `None` where one of them holds nothing.
fn count(all: f64, each: f64) -> Option<f64> {
    // A hair more than a whole number is rounding, not another edge.
    (each > 0.0).then(|| (all / each * (1.0 - 1e-12)).ceil().max(1.0))
}
