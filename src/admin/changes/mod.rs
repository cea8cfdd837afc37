//! What operators change: the answers to `POST`.
//!
//! | file | what it holds |
//! |---|---|
//! | `order` | what may be asked for, and what is wrong with it |
//! | `drain` | a region is drained |
//! | `undrain` | a drain ends |
//! | `rollback` | the table goes back to one that was live |
//! | `warning` | what speaks against it |

mod drain;
mod order;
mod rollback;
mod undrain;
mod warning;

pub use order::{DrainAnswer, DrainOrder, UndrainOrder};
pub use rollback::{Announcement, RollbackAnswer, RollbackOrder};
pub use warning::Warning;

use super::problem::Problem;
use super::routes::Context;
use crate::config::did_you_mean;
use crate::history::{Entry, EntryOrigin};
use crate::live::{Edge, LiveTable, NotChanged, clock};
use crate::model::RegionId;
use axum::Router;
use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;
use axum::routing::post;

pub(super) fn routes() -> Router<Context> {
    Router::new()
        .route("/api/v1/drains", post(drain::drain))
        .route("/api/v1/undrain", post(undrain::undrain))
        .route("/api/v1/rollback", post(rollback::rollback))
        .route("/api/v1/announce", post(rollback::announce))
}

/// Why an order is not carried out.
#[derive(Debug)]
enum Refusal {
    /// It makes no sense, whatever the state of the edge is.
    Senseless(String),
    /// It names something that is not there.
    Unknown(String),
    /// It would hurt, or does not fit to what is.
    Conflict(String, Vec<Warning>),
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Senseless(detail) => Self::new(StatusCode::BAD_REQUEST, detail),
            Refusal::Unknown(detail) => Self::new(StatusCode::NOT_FOUND, detail),
            Refusal::Conflict(detail, warnings) => Self::new(StatusCode::CONFLICT, detail)
                .with("warnings", serde_json::to_value(warnings).unwrap_or_default()),
        }
    }
}

impl From<JsonRejection> for Refusal {
    fn from(rejection: JsonRejection) -> Self {
        Self::Senseless(format!("{}; docs/reference/api.md shows an order", rejection.body_text()))
    }
}

impl From<NotChanged<Refusal>> for Problem {
    fn from(not_changed: NotChanged<Refusal>) -> Self {
        match not_changed {
            NotChanged::Refused(refusal) => refusal.into(),
            NotChanged::Stopping => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "this edge is stopping, and nothing was changed; ask again in a moment, so that the one after it answers",
            ),
            NotChanged::NoTable => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "no routing table is live, so that nothing can be drained")
            }
            NotChanged::Unreadable(problem) => Self::new(
                StatusCode::CONFLICT,
                format!(
                    "the drains of operators cannot be read, so that none can be changed: {}; correct that file or move it away, \
                     and start the edge anew",
                    problem.summary
                ),
            ),
            NotChanged::NotKept { place, error } => Self::new(
                StatusCode::INSUFFICIENT_STORAGE,
                format!(
                    "it cannot be kept in {place}, and what would be forgotten by a restart is not done: {error}; make room, or let \
                     the user that runs homeward write there; meanwhile a drain in the routing table works (homeward edit)"
                ),
            ),
        }
    }
}

/// Writes into the history what an operator has done to a region.
fn remember(edge: &Edge, origin: EntryOrigin, by: Option<&str>, region: &str, reason: Option<&str>) {
    if let Some(history) = edge.changes().history() {
        let note = reason.map_or_else(|| region.to_owned(), |reason| format!("{region}: {reason}"));
        history.record(Entry::new(clock::now(), origin).by(by).note(Some(note)));
    }
}

/// The region with this name.
fn region_named(live: &LiveTable, name: &str) -> Result<RegionId, Refusal> {
    live.table.region_id(name).ok_or_else(|| {
        let names = || live.table.regions().iter().map(|region| region.name.as_str());
        let shown: String = name.chars().filter(|c| !c.is_control()).take(64).collect();
        let meant = did_you_mean(name, names()).map(|near| format!("did you mean '{near}'? ")).unwrap_or_default();
        let known: Vec<_> = names().take(20).collect();
        let more = live.table.regions().len().saturating_sub(known.len());
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        Refusal::Unknown(format!("there is no region '{shown}': {meant}the table has {}{more}", known.join(", ")))
    })
}
