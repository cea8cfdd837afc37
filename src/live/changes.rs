//! Changes of the table: what is remembered of them, what operators want of it, and how requests end under it.

use super::clock;
use super::outcomes::Outcomes;
use crate::config::Problems;
use crate::history::{DrillReports, EntryOrigin, History};
use crate::model::{Revision, Timestamp};
use crate::resilience::Comparison;
use arc_swap::ArcSwapOption;
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;

/// How many changes wait for the thread that follows the table. It takes one in a few milliseconds; whoever finds that
/// many waiting is told to try again.
const MOST_WAITING: usize = 8;

/// How long it is remembered that somebody is about to write the file.
const ANNOUNCED_FOR: Duration = Duration::from_secs(30);

/// What an operator wants of the routing file.
#[derive(Debug, Clone, Default)]
pub struct RollBack {
    /// The table to go back to; the one before the live one where missing.
    pub revision: Option<Revision>,
    /// What the operator has seen as live: if it is not any more, nothing is done.
    pub expect: Option<Revision>,
    /// Who wants it.
    pub by: Option<String>,
    /// Why.
    pub reason: Option<String>,
    /// Whether it is only said what would be done.
    pub dry_run: bool,
}

/// What was done, or would be.
#[derive(Debug, Clone)]
pub struct RolledBack {
    /// The table that is live now.
    pub revision: Revision,
    /// The one that was live before; the same where the file alone was put right.
    pub previous: Revision,
    /// The file that was written.
    pub file: String,
    /// How long it took until the table was live.
    pub took: Duration,
}

/// Why a table is not put back. Nothing was changed.
#[derive(Debug, Clone)]
pub enum RollBackRefused {
    /// No table is live yet.
    NoTable,
    /// It is live already, and the file says so.
    IsLive(Revision),
    /// Nothing was live before that is still kept.
    NothingBefore,
    /// No table of this revision is kept.
    Unknown(Revision),
    /// Another table is live than the operator has seen.
    Changed(Revision),
    /// What was good then is not by the rules of today, or by the files that it names.
    Problems(Problems),
    /// The file cannot be written; the sentence says why and what to do.
    Unwritable(String),
    /// The history cannot be read.
    History(String),
    /// Too many changes are waiting, or the edge stops.
    Busy,
}

/// Somebody waits for an answer to what is wanted.
pub type Answer = oneshot::Sender<Result<RolledBack, RollBackRefused>>;

/// Where what operators want arrives: with the thread that follows the table.
pub struct Desk {
    wanted: Receiver<(RollBack, Answer)>,
}

impl Desk {
    /// What is wanted next, if anything.
    #[must_use]
    pub fn next(&self) -> Option<(RollBack, Answer)> {
        self.wanted.try_recv().ok()
    }
}

struct Door {
    sender: SyncSender<(RollBack, Answer)>,
    wake: Box<dyn Fn() + Send + Sync>,
}

/// Who is about to write the routing file with which text.
#[derive(Debug, Clone)]
pub struct Announced {
    /// The text.
    pub revision: Revision,
    /// By what it will be written.
    pub origin: EntryOrigin,
    /// Who writes it.
    pub by: Option<String>,
    /// Why.
    pub note: Option<String>,
}

/// A revision that the guard has refused.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct RefusedTable {
    /// The revision.
    pub revision: Revision,
    /// When it was refused.
    pub time: Timestamp,
    /// What was compared.
    pub figures: Comparison,
}

/// A table that is watched.
#[derive(Debug, Clone, PartialEq)]
pub struct WatchedTable {
    /// The table.
    pub revision: Revision,
    /// The one that would be put back.
    pub before: Revision,
    /// When the watch is over.
    pub until: Timestamp,
    /// What has been counted so far.
    pub figures: Comparison,
}

/// How the guard stands.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct GuardStanding {
    /// The table that is watched, while one is.
    pub watched: Option<WatchedTable>,
    /// The table that was refused last, while the file says it.
    pub refused: Option<RefusedTable>,
}

/// All that belongs to changes of one edge's table.
#[derive(Default)]
pub struct Changes {
    history: Option<Arc<History>>,
    drills: Option<DrillReports>,
    door: Mutex<Option<Door>>,
    announced: Mutex<Option<(Announced, Duration)>>,
    guard: ArcSwapOption<GuardStanding>,
    outcomes: Outcomes,
}

impl Changes {
    /// Those that are remembered in the directory `state`.
    #[must_use]
    pub fn remembered_in(state: &Path) -> Self {
        Self {
            history: Some(Arc::new(History::in_state(state))),
            drills: Some(DrillReports::in_state(state)),
            ..Self::default()
        }
    }

    /// Where the reports of drills are; `None` where nothing is remembered.
    #[must_use]
    pub fn drills(&self) -> Option<&DrillReports> {
        self.drills.as_ref()
    }

    /// Where they are remembered; `None` where nothing is.
    #[must_use]
    pub fn history(&self) -> Option<&Arc<History>> {
        self.history.as_ref()
    }

    /// How requests ended in the last minutes, whatever the table.
    #[must_use]
    pub fn outcomes(&self) -> &Outcomes {
        &self.outcomes
    }

    /// How the guard stands; `None` where there is none.
    #[must_use]
    pub fn guard(&self) -> Option<Arc<GuardStanding>> {
        self.guard.load_full()
    }

    /// Says how the guard stands.
    pub fn set_guard(&self, standing: GuardStanding) {
        self.guard.store(Some(Arc::new(standing)));
    }

    /// Opens the desk of the thread that follows the table; `wake` wakes it. One that was opened before is closed.
    #[must_use]
    pub fn open_desk(&self, wake: impl Fn() + Send + Sync + 'static) -> Desk {
        let (sender, wanted) = sync_channel(MOST_WAITING);
        *self.door.lock().unwrap_or_else(PoisonError::into_inner) = Some(Door { sender, wake: Box::new(wake) });
        Desk { wanted }
    }

    /// Has a table put back, and waits until it is live.
    ///
    /// # Errors
    /// Why it is not; nothing was changed then.
    pub async fn roll_back(&self, wanted: RollBack) -> Result<RolledBack, RollBackRefused> {
        let (answer, answered) = oneshot::channel();
        {
            let door = self.door.lock().unwrap_or_else(PoisonError::into_inner);
            let door = door.as_ref().ok_or(RollBackRefused::Busy)?;
            door.sender.try_send((wanted, answer)).map_err(|_| RollBackRefused::Busy)?;
            (door.wake)();
        }
        answered.await.unwrap_or(Err(RollBackRefused::Busy))
    }

    /// Remembers for half a minute who is about to write the file with which text.
    pub fn announce(&self, announced: Announced) {
        let until = clock::elapsed() + ANNOUNCED_FOR;
        *self.announced.lock().unwrap_or_else(PoisonError::into_inner) = Some((announced, until));
    }

    /// Who was about to write the file with the text of this revision, if somebody has said so; once.
    #[must_use]
    pub fn take_announced(&self, revision: Revision) -> Option<Announced> {
        let mut held = self.announced.lock().unwrap_or_else(PoisonError::into_inner);
        held.take_if(|(announced, until)| announced.revision == revision || *until < clock::elapsed())
            .filter(|(announced, until)| announced.revision == revision && clock::elapsed() <= *until)
            .map(|(announced, _)| announced)
    }
}
