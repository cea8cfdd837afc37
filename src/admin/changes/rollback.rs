//! The table goes back to one that was live; and somebody says beforehand that he is about to write the file.

use super::Refusal;
use super::drain::milliseconds;
use super::order::note;
use crate::admin::access::Operator;
use crate::admin::history::{found, history_of};
use crate::admin::problem::Problem;
use crate::admin::routes::Context;
use crate::history::{EntryOrigin, History};
use crate::live::{Announced, Edge, RollBack, RollBackRefused};
use crate::model::Revision;
use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// What `POST /api/v1/rollback` takes.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RollbackOrder {
    /// The table to go back to, or the beginning of its revision; where missing, the one before the live one or, where the
    /// file is refused, the live one itself.
    pub revision: Option<String>,
    /// The table that was live when the order was given: where another one is by now, nothing is done.
    pub expect: Option<Revision>,
    /// Who says so.
    pub by: Option<String>,
    /// Why.
    pub reason: Option<String>,
    /// Whether it is only said what would become of it.
    pub dry_run: bool,
}

/// What has come of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RollbackAnswer {
    /// Whether it is live.
    pub applied: bool,
    /// The table that is live now, or would be.
    pub revision: Revision,
    /// The one that was live before; the same where the file alone is put right.
    pub previous: Revision,
    /// The file that is written.
    pub file: String,
    /// How long it took from the order until it was live, in milliseconds; missing in a dry run.
    pub live_after_ms: Option<f64>,
}

/// What `POST /api/v1/announce` takes: somebody is about to write the routing file by himself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Announcement {
    /// What he will write.
    pub revision: Revision,
    /// By what: `edit` or `rollback`.
    pub origin: String,
    /// Who.
    #[serde(default)]
    pub by: Option<String>,
    /// Why.
    #[serde(default)]
    pub reason: Option<String>,
}

pub(super) async fn rollback(
    operator: Operator,
    State(Context { edge, .. }): State<Context>,
    order: Result<Json<RollbackOrder>, JsonRejection>,
) -> Result<Json<RollbackAnswer>, Problem> {
    let Json(order) = order.map_err(Refusal::from)?;
    let asks = operator.to_string();
    let by = note("by", order.by.as_deref().unwrap_or(&asks))?;
    let reason = order.reason.as_deref().map(|reason| note("reason", reason)).transpose()?;
    let history = history_of(&edge)?;
    let revision = order.revision.as_deref().map(|word| found(&history, word)).transpose()?;
    let wanted = RollBack {
        revision,
        expect: order.expect,
        by: Some(by.to_string()),
        reason: reason.as_ref().map(ToString::to_string),
        dry_run: order.dry_run,
    };
    let done = edge.changes().roll_back(wanted).await.map_err(|refused| problem(refused, &edge, &history))?;
    if !order.dry_run {
        let reason = reason.map(|reason| format!(": {reason}")).unwrap_or_default();
        tracing::warn!(
            "{} is back at table {} by {by} ({asks}), from {}{reason}",
            done.file,
            done.revision,
            done.previous
        );
    }
    Ok(Json(RollbackAnswer {
        applied: !order.dry_run,
        revision: done.revision,
        previous: done.previous,
        file: done.file,
        live_after_ms: (!order.dry_run).then(|| milliseconds(done.took)),
    }))
}

pub(super) async fn announce(
    operator: Operator,
    State(Context { edge, .. }): State<Context>,
    announcement: Result<Json<Announcement>, JsonRejection>,
) -> Result<Json<serde_json::Value>, Problem> {
    let Json(Announcement { revision, origin, by, reason }) = announcement.map_err(Refusal::from)?;
    let origin = match origin.as_str() {
        "edit" => EntryOrigin::Edit,
        "rollback" => EntryOrigin::Rollback,
        _ => return Err(Refusal::Senseless("origin: edit or rollback".to_owned()).into()),
    };
    let asks = operator.to_string();
    let by = note("by", by.as_deref().unwrap_or(&asks))?;
    let reason = reason.as_deref().map(|reason| note("reason", reason)).transpose()?;
    tracing::info!("{by} ({asks}) is about to write table {revision} into the routing file");
    let (by, note) = (Some(by.to_string()), reason.map(|reason| reason.to_string()));
    edge.changes().announce(Announced { revision, origin, by, note });
    Ok(Json(json!({})))
}

fn problem(refused: RollBackRefused, edge: &Edge, history: &History) -> Problem {
    let conflict = |detail: String| Problem::new(StatusCode::CONFLICT, detail);
    match refused {
        RollBackRefused::NoTable => Problem::new(StatusCode::SERVICE_UNAVAILABLE, "no routing table is live yet"),
        RollBackRefused::IsLive(live) => conflict(format!(
            "table {live} is live already, and the routing file says it; homeward history shows what was live before"
        )),
        RollBackRefused::NothingBefore => {
            conflict("no other table was live before this one, as far as is remembered; homeward history".to_owned())
        }
        RollBackRefused::Unknown(revision) => {
            Problem::new(StatusCode::NOT_FOUND, format!("table {revision} is no longer kept; homeward history shows which are"))
        }
        RollBackRefused::Changed(live) => conflict(format!(
            "somebody was faster, and nothing was done: table {live} is live now{}; look at it (homeward history {live} --diff), \
             and ask again",
            who_brought(history, live)
        ))
        .with("live", json!(edge.table().map(|table| table.revision))),
        RollBackRefused::Problems(problems) => Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            format!("the table of then is not good by the rules of today, and nothing was changed: {}", problems.summary()),
        )
        .with("problems", json!(problems.render(false))),
        RollBackRefused::Unwritable(what) => {
            Problem::new(StatusCode::INSUFFICIENT_STORAGE, what).with("unwritable", json!(true))
        }
        RollBackRefused::History(what) => Problem::new(StatusCode::INTERNAL_SERVER_ERROR, what),
        RollBackRefused::Busy => Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "the edge is changing its table or stopping, and nothing was done; ask again in a moment",
        ),
    }
}

fn who_brought(history: &History, live: Revision) -> String {
    let entries = history.entries().unwrap_or_default();
    let Some(entry) = entries.into_iter().find(|entry| entry.table() == Some(live)) else { return String::new() };
    let by = entry.by.map(|by| format!(" by {by}")).unwrap_or_default();
    let note = entry.note.map(|note| format!(" ({note})")).unwrap_or_default();
    format!(", since {}{by}, through {}{note}", entry.time, entry.origin.as_str())
}
