//! What a new table would do to the requests that were seen lately: who is moved, from where to where, and what each
//! region would get.
//!
//! A [`Comparison`] decides each [`Input`] by the table of today and by the new one, with the same function that decides
//! requests, and sums what comes out into a [`Preview`].
//!
//! | file | what it holds |
//! |---|---|
//! | `compare` | the two tables, and what a request is to each of them |
//! | `health` | which servers and edges are well, by name |
//! | `project` | where the load goes, also where a region would be over its capacity |
//! | `matrix` | the sums |
//! | `form` | what is told, as data |

mod compare;
mod form;
mod health;
mod matrix;
mod project;

pub use compare::{Comparison, End, Input, Services, SessionHome};
pub use form::{Cell, Preview, RegionLoad};
pub use health::FleetHealth;

use super::table::RoutingTable;
use super::visitor::VisitorNetwork;
use crate::model::{Place, Timestamp};

/// One request that was seen, or some that were alike: what decides where it goes, and nothing that tells whose it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample<'a> {
    /// The name of the service.
    pub service: &'a str,
    /// From where the visitor came.
    pub network: VisitorNetwork,
    /// Where that is, if it was looked up.
    pub place: Option<Place>,
    /// The name of the region that the session was at home in; `None` for a new visitor.
    pub session: Option<&'a str>,
    /// Requests per second that it stands for.
    pub per_second: f64,
}

/// The moment at which all drains of `table` that are not over at `now` have reached their share, as far as they have not
/// ended by then: what a preview looks at unless somebody asks for another moment.
#[must_use]
pub fn end_of_ramps(table: &RoutingTable, now: Timestamp) -> Timestamp {
    let ends = table.drains().iter().filter_map(|drain| {
        let end = drain.settles_at()?;
        (drain.held || drain.until.is_none_or(|until| end < until)).then_some(end)
    });
    ends.fold(now, Timestamp::max)
}
