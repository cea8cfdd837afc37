//! A new text for the routing file, put in its place by this program.

use super::client::Client;
use super::ending::Failure;
use crate::admin::{Announcement, Status};
use crate::config::Source;
use crate::history::replace_whole;
use crate::live::clock;
use crate::model::Revision;
use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

/// How long a table may take to be live.
const LIVE_WITHIN: Duration = Duration::from_secs(10);

/// How often it is looked.
const LOOK: Duration = Duration::from_millis(25);

/// A text that is to be written, and by whom.
pub(super) struct Swap<'a> {
    /// The routing file.
    pub(super) path: &'a Path,
    /// What it held when this began; where it holds something else by now, nothing is written.
    pub(super) before: &'a str,
    /// What it shall hold.
    pub(super) after: &'a str,
    /// By what it is written: `edit` or `rollback`.
    pub(super) origin: &'static str,
    /// Who writes it.
    pub(super) by: Option<String>,
    /// Why.
    pub(super) reason: Option<String>,
}

/// What came of it.
#[derive(Debug, PartialEq)]
pub(super) enum Swapped {
    /// It is live after so long.
    Live(Duration),
    /// It is written; no edge answers.
    NoEdge,
    /// It is written, and the edge does not take it; why.
    Refused(String),
    /// It is written, and not live after ten seconds: the edge may follow another file.
    NotLive,
}

impl Swap<'_> {
    /// Writes it, and waits until it is live.
    ///
    /// # Errors
    /// Where it cannot be written, or somebody else has written meanwhile.
    pub(super) fn carry_out(self, client: &Client) -> Result<Swapped, Failure> {
        let path = self.path.display();
        let now = fs::read(self.path).map_err(|error| Failure::Said(format!("{path} cannot be read: {error}")))?;
        if now != self.before.as_bytes() {
            return Err(Failure::Said(format!(
                "somebody has changed {path} meanwhile (it is {} now, and was {}), so that nothing was written; look at what was \
                 changed, and do it again",
                Revision::of(&now),
                Revision::of(self.before.as_bytes())
            )));
        }
        let revision = Revision::of(self.after.as_bytes());
        let announcement = Announcement { revision, origin: self.origin.to_owned(), by: self.by, reason: self.reason };
        // Where that is not taken (no edge, no right to change), the history says that the file was saved, and no more.
        let announced: Result<serde_json::Value, Failure> = client.post("/api/v1/announce", &announcement);
        drop(announced);
        let began = clock::monotonic();
        replace_whole(self.path, self.after.as_bytes()).map_err(|error| cannot_write(self.path, &error))?;
        loop {
            let took = clock::monotonic().duration_since(began);
            match client.get::<Status>("/api/v1/status") {
                Ok(status) if status.table.revision == Some(revision.to_string()) => return Ok(Swapped::Live(took)),
                Ok(status) => {
                    let problem = status.table.problem.filter(|problem| problem.revision == Some(revision.to_string()));
                    if let Some(problem) = problem {
                        return Ok(Swapped::Refused(problem.text));
                    }
                }
                Err(Failure::NoEdge(_)) => return Ok(Swapped::NoEdge),
                Err(failure) => return Err(failure),
            }
            if took > LIVE_WITHIN {
                return Ok(Swapped::NotLive);
            }
            std::thread::sleep(LOOK);
        }
    }
}

/// Why the file cannot be written, and what to do.
fn cannot_write(path: &Path, error: &io::Error) -> Failure {
    let what_to_do = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "make room on that disk",
        io::ErrorKind::PermissionDenied => "ask somebody who may, or use sudo",
        io::ErrorKind::ReadOnlyFilesystem => "change it where it comes from",
        _ => "check the disk that it is on",
    };
    Failure::Said(format!("{} cannot be written: {error}; {what_to_do}", path.display()))
}

/// The routing file as it is.
///
/// # Errors
/// Where it cannot be read.
pub(super) fn read(path: &Path) -> Result<Source, Failure> {
    crate::source::read_source(path).map_err(|problems| Failure::of_problems(&problems))
}
