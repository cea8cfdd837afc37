//! What another table would do to the requests of the last minute: `POST /api/v1/preview`. It changes nothing.

use super::problem::Problem;
use super::routes::Context;
use crate::config::{Source, read_routing};
use crate::live::{Edge, NoPreview, clock, preview_of_parts};
use crate::model::Timestamp;
use crate::routing::preview::Preview;
use axum::Json;
use axum::extract::rejection::{QueryRejection, StringRejection};
use axum::extract::{Query, State};
use axum::http::StatusCode;
use tokio::sync::Semaphore;

/// The path of it.
pub(super) const PATH: &str = "/api/v1/preview";

/// The largest table that is taken, in bytes: as in a file.
pub(super) const LARGEST_BODY: u64 = Source::LARGEST as u64;

/// One at a time: a large table takes a core for a while, and the edge has better uses for the others.
static TURN: Semaphore = Semaphore::const_new(1);

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    /// The moment to look at; the end of the ramps where it is missing.
    at: Option<Timestamp>,
}

/// Takes the text of a routing table.
pub(super) async fn preview(
    State(Context { edge, .. }): State<Context>,
    asked: Result<Query<Asked>, QueryRejection>,
    text: Result<String, StringRejection>,
) -> Result<Json<Preview>, Problem> {
    let bad = |detail: String| Problem::new(StatusCode::BAD_REQUEST, detail);
    let Query(Asked { at }) =
        asked.map_err(|error| bad(format!("{}; ask for ?at=, e.g. 2026-11-22T04:30:00Z", error.body_text())))?;
    let text =
        text.map_err(|error| Problem::new(error.status(), format!("{}; send a routing table", error.body_text())))?;
    let stopping = || Problem::new(StatusCode::SERVICE_UNAVAILABLE, "this edge is stopping");
    let turn = TURN.acquire().await.map_err(|_| stopping())?;
    let looked = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        look(&edge, text, at)
    });
    looked
        .await
        .map_err(|_| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the edge failed to answer; its log says why"))?
        .map(Json)
}

fn look(edge: &Edge, text: String, at: Option<Timestamp>) -> Result<Preview, Problem> {
    let parts = read_routing(&Source::new("the new table", text), clock::now()).map_err(|problems| {
        let all: Vec<_> = problems.iter().collect();
        let problem = Problem::new(StatusCode::UNPROCESSABLE_ENTITY, problems.render(false));
        problem.with("problems", serde_json::to_value(all).unwrap_or_default())
    })?;
    preview_of_parts(edge, parts, at).map_err(|none| match none {
        NoPreview::NoTable => Problem::new(StatusCode::SERVICE_UNAVAILABLE, "no routing table is live"),
        NoPreview::NoRegion(missing) => Problem::new(StatusCode::UNPROCESSABLE_ENTITY, missing.to_string()),
    })
}
