//! `/api/v1/history`: every table that was live, and what was done.

use super::problem::Problem;
use super::routes::Context;
use crate::config::{Change, Source, describe_changes, did_you_mean, read_routing};
use crate::history::{DrillReport, Entry, Found, History, HistoryError, unified_diff};
use crate::live::{Edge, clock};
use crate::model::{Revision, Timestamp};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::sync::Arc;

pub(super) fn routes() -> Router<Context> {
    Router::new()
        .route("/api/v1/history", get(history))
        .route("/api/v1/history/{revision}", get(table))
        .route("/api/v1/history/{revision}/diff", get(diff))
        .route("/api/v1/drills", get(drills))
}

/// What `/api/v1/history` says.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct HistoryAnswer {
    /// The table that is live; missing where no edge was asked.
    #[serde(default)]
    pub live: Option<Revision>,
    /// The table that the guard has refused, while the file says it.
    #[serde(default)]
    pub refused: Option<Revision>,
    /// What happened, the newest first.
    pub entries: Vec<HistoryLine>,
}

/// One line of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HistoryLine {
    /// When.
    pub time: Timestamp,
    /// What happened: `start`, `file`, `sighup`, `rollback`, `edit`, `guard` or `last_good` brought a table; `drain`, `undrain`,
    /// `lease_ended`, `lease_held` and `drill` are of regions.
    pub origin: String,
    /// The table that was live from then on.
    pub revision: Option<Revision>,
    /// The one that was live until then.
    pub previous: Option<Revision>,
    /// Who wanted it.
    pub by: Option<String>,
    /// Why.
    pub note: Option<String>,
    /// Whether the table's text can still be had.
    #[serde(default)]
    pub kept: bool,
}

/// What `/api/v1/history/{revision}` says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TableAnswer {
    /// The table.
    pub revision: Revision,
    /// Its text as it was, comments and all.
    pub text: String,
}

/// What `/api/v1/history/{revision}/diff` says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DiffAnswer {
    /// The table.
    pub revision: Revision,
    /// The one that it is compared with; missing where none was live before it, and everything is new.
    pub against: Option<Revision>,
    /// What differs, in words; missing where there is nothing to compare with, or one of the two is not good by the rules of
    /// today.
    #[serde(default)]
    pub changes: Option<Vec<Change>>,
    /// The difference in the form of `diff -u`; empty where there is none.
    pub lines: String,
}

/// Why something cannot be told.
#[derive(Debug)]
pub enum Untold {
    /// No such table is kept; the sentence says which ones are.
    Unknown(String),
    /// The history cannot be read.
    Unreadable(HistoryError),
}

impl From<HistoryError> for Untold {
    fn from(error: HistoryError) -> Self {
        Self::Unreadable(error)
    }
}

impl std::fmt::Display for Untold {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unknown(what) => f.write_str(what),
            Self::Unreadable(error) => error.fmt(f),
        }
    }
}

impl From<Untold> for Problem {
    fn from(untold: Untold) -> Self {
        let status = match untold {
            Untold::Unknown(_) => StatusCode::NOT_FOUND,
            Untold::Unreadable(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self::new(status, untold.to_string())
    }
}

impl HistoryAnswer {
    /// What `history` holds.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn of(history: &History, live: Option<Revision>, refused: Option<Revision>) -> Result<Self, Untold> {
        let (entries, kept) = (history.entries()?, history.kept()?);
        Ok(Self { live, refused, entries: entries.into_iter().map(|entry| HistoryLine::of(entry, &kept)).collect() })
    }
}

impl HistoryLine {
    fn of(entry: Entry, kept: &HashSet<Revision>) -> Self {
        let Entry { time, origin, revision, previous, by, note } = entry;
        let kept = revision.is_some_and(|revision| kept.contains(&revision));
        Self { time, origin: origin.as_str().to_owned(), revision, previous, by, note, kept }
    }
}

impl TableAnswer {
    /// The table whose revision begins with `word`.
    ///
    /// # Errors
    /// Where there is none, or it cannot be read.
    pub fn of(history: &History, word: &str) -> Result<Self, Untold> {
        let revision = found(history, word)?;
        let text = history.text(revision)?.ok_or_else(|| Untold::Unknown(format!("table {revision} is not kept")))?;
        Ok(Self { revision, text })
    }
}

impl DiffAnswer {
    /// The table whose revision begins with `word`, against the one that begins with `against`, or that was live before it.
    ///
    /// # Errors
    /// Where there is none, or it cannot be read.
    pub fn of(history: &History, word: &str, against: Option<&str>) -> Result<Self, Untold> {
        let TableAnswer { revision, text } = TableAnswer::of(history, word)?;
        let against = match against {
            Some(word) => Some(found(history, word)?),
            None => {
                let entries = history.entries()?;
                let entry = entries.iter().find(|entry| entry.table() == Some(revision) && entry.previous.is_some());
                entry.and_then(|entry| entry.previous)
            }
        };
        let before = against.map(|against| history.text(against)).transpose()?.flatten();
        let name = |revision: Option<Revision>| revision.map_or_else(|| "/dev/null".to_owned(), |it| it.to_string());
        let against = against.filter(|_| before.is_some());
        let lines = unified_diff(before.as_deref().unwrap_or_default(), &text, &name(against), &name(Some(revision)));
        let changes = before.as_deref().and_then(|before| in_words(before, &text));
        Ok(Self { revision, against, changes, lines })
    }
}

/// What differs between two texts of tables; `None` where one of them is no table.
fn in_words(before: &str, after: &str) -> Option<Vec<Change>> {
    let read = |text: &str| read_routing(&Source::new("a table", text), clock::now()).ok();
    Some(describe_changes(&read(before)?, &read(after)?))
}

/// The one table that a word means.
///
/// # Errors
/// Where it means none or several: which ones there are.
pub(super) fn found(history: &History, word: &str) -> Result<Revision, Untold> {
    let list = |revisions: &[Revision]| {
        let shown: Vec<_> = revisions.iter().take(10).map(ToString::to_string).collect();
        let more = revisions.len().saturating_sub(shown.len());
        if more > 0 { format!("{} and {more} more", shown.join(", ")) } else { shown.join(", ") }
    };
    let shown: String = word.chars().filter(|c| !c.is_control()).take(64).collect();
    match history.find(word)? {
        Found::One(revision) => Ok(revision),
        Found::Several(several) => {
            Err(Untold::Unknown(format!("'{shown}' may be any of {}: write more of it", list(&several))))
        }
        Found::Nothing(known) if known.is_empty() => {
            Err(Untold::Unknown(format!("there is no table '{shown}': none has been live here yet")))
        }
        Found::Nothing(known) => {
            let words: Vec<_> = known.iter().map(ToString::to_string).collect();
            let meant = did_you_mean(word, words.iter().map(String::as_str));
            let meant = meant.map(|near| format!("did you mean '{near}'? ")).unwrap_or_default();
            Err(Untold::Unknown(format!("there is no table '{shown}': {meant}there are {}", list(&known))))
        }
    }
}

/// The history of an edge.
pub(super) fn history_of(edge: &Edge) -> Result<Arc<History>, Problem> {
    edge.changes()
        .history()
        .cloned()
        .ok_or_else(|| Problem::new(StatusCode::NOT_FOUND, "this edge keeps no history: it has no directory for state"))
}

/// Does what reads files, off the thread that answers everybody.
async fn reading<T: Send + 'static>(
    edge: Arc<Edge>,
    read: impl FnOnce(&Edge, &History) -> Result<T, Untold> + Send + 'static,
) -> Result<Json<T>, Problem> {
    let history = history_of(&edge)?;
    let answered = tokio::task::spawn_blocking(move || read(&edge, &history)).await;
    let failed = |_| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the edge failed to answer; its log says why");
    Ok(Json(answered.map_err(failed)??))
}

async fn history(State(Context { edge, .. }): State<Context>) -> Result<Json<HistoryAnswer>, Problem> {
    reading(edge, |edge, history| {
        let guard = edge.changes().guard();
        let refused = guard.and_then(|guard| guard.refused.as_ref().map(|refused| refused.revision));
        HistoryAnswer::of(history, edge.table().map(|live| live.revision), refused)
    })
    .await
}

async fn table(
    State(Context { edge, .. }): State<Context>,
    Path(word): Path<String>,
) -> Result<Json<TableAnswer>, Problem> {
    reading(edge, move |_, history| TableAnswer::of(history, &word)).await
}

/// What `/api/v1/drills` says.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct DrillsAnswer {
    /// The regions that are drained for practice now.
    pub running: Vec<String>,
    /// What became of the drills before, the newest first.
    pub drills: Vec<DrillReport>,
}

async fn drills(State(Context { edge, .. }): State<Context>) -> Result<Json<DrillsAnswer>, Problem> {
    let answered = tokio::task::spawn_blocking(move || {
        let running = edge.leases().into_iter().filter(|lease| lease.practice).map(|lease| lease.region.to_string());
        let drills = edge.changes().drills().map(crate::history::DrillReports::all).transpose();
        drills.map(|drills| DrillsAnswer { running: running.collect(), drills: drills.unwrap_or_default() })
    });
    let failed = |what: String| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, what);
    let answered = answered.await.map_err(|_| failed("the edge failed to answer; its log says why".to_owned()))?;
    let answer = answered.map_err(|error| failed(format!("the reports of drills cannot be read: {error}")))?;
    Ok(Json(answer))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct DiffAsked {
    against: Option<String>,
}

async fn diff(
    State(Context { edge, .. }): State<Context>,
    Path(word): Path<String>,
    asked: Result<Query<DiffAsked>, QueryRejection>,
) -> Result<Json<DiffAnswer>, Problem> {
    let Query(DiffAsked { against }) = asked
        .map_err(|error| Problem::new(StatusCode::BAD_REQUEST, format!("{}; ask for ?against=", error.body_text())))?;
    reading(edge, move |_, history| DiffAnswer::of(history, &word, against.as_deref())).await
}
