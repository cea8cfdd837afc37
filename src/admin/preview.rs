//! What another table would do to the requests of the last minute: `POST /api/v1/preview`. It changes nothing.

use super::problem::Problem;
use super::routes::Context;
use crate::config::{Source, read_routing};
use crate::live::{Edge, NoPreview, clock, preview_of_parts};
use crate::model::Timestamp;
use crate::routing::preview::Preview;
use axum::Json;
use axum::body::to_bytes;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, Request, State};
use axum::http::StatusCode;
use http_body_util::LengthLimitError;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// The path of it.
pub(super) const PATH: &str = "/api/v1/preview";

/// The largest table that is taken, in bytes: as in a file.
pub(super) const LARGEST_BODY: u64 = Source::LARGEST as u64;

/// One at a time, its text included: a large table takes memory, and a core for a while, and the edge has better uses for them.
static TURN: Semaphore = Semaphore::const_new(1);

/// How long the text may take to come once it is its turn, so that nobody holds up the others.
const ARRIVES_WITHIN: Duration = Duration::from_secs(10);

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
    request: Request,
) -> Result<Json<Preview>, Problem> {
    let Query(Asked { at }) = asked.map_err(|error| {
        let detail = format!("{}; ask for ?at=, e.g. 2026-11-22T04:30:00Z", error.body_text());
        Problem::new(StatusCode::BAD_REQUEST, detail)
    })?;
    let failed = || Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the edge failed to answer; its log says why");
    let turn = TURN.acquire().await.map_err(|_| failed())?;
    let text = text_of(request).await?;
    let looked = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        look(&edge, text, at)
    });
    looked.await.map_err(|_| failed())?.map(Json)
}

async fn text_of(request: Request) -> Result<String, Problem> {
    let largest = usize::try_from(LARGEST_BODY).unwrap_or(usize::MAX);
    let arrived = timeout(ARRIVES_WITHIN, to_bytes(request.into_body(), largest)).await;
    let slow = |_| Problem::new(StatusCode::REQUEST_TIMEOUT, "the table did not come within 10 s");
    let bytes = arrived.map_err(slow)?.map_err(|error| {
        let is_long = std::error::Error::source(&error).is_some_and(|source| source.is::<LengthLimitError>());
        match is_long {
            true => Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "a routing table has at most 16 MiB"),
            false => Problem::new(StatusCode::BAD_REQUEST, format!("the table breaks off: {error}")),
        }
    })?;
    String::from_utf8(bytes.into()).map_err(|bad| {
        let at = bad.utf8_error().valid_up_to();
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, format!("the table is not UTF-8: look at byte {at}"))
    })
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
