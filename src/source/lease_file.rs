//! The drains of operators, in the directory for state.

use super::last_good::read_bounded;
use crate::config::{Problems, Source, read_drains, write_drains};
use crate::history::{Entry, EntryOrigin, write_whole};
use crate::live::{Edge, FileProblem, Lease, LeaseEvent, LeaseStore, Revision, clock};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// How often it is looked whether a lease is over.
const LOOK: Duration = Duration::from_millis(200);

/// The file of the drains that operators have put on an edge.
#[derive(Debug, Clone)]
pub struct LeaseFile {
    path: PathBuf,
}

impl LeaseFile {
    /// The file in the directory `state`.
    #[must_use]
    pub fn in_state(state: &Path) -> Self {
        Self { path: state.join("drains.yaml") }
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What it holds; nothing where it is not there.
    ///
    /// # Errors
    /// All its problems.
    pub fn read(&self) -> Result<Vec<Lease>, Problems> {
        let name = self.path.display().to_string();
        match read_bounded(&self.path, Source::LARGEST) {
            Ok(bytes) => read_drains(&Source::from_bytes(name, bytes)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => {
                let help = "let the user that runs homeward read and write it";
                Err(Problems::of_file(name, format!("the file cannot be read: {error}"), help))
            }
        }
    }

    /// Gives `edge` what the file holds. Where it has a problem, that is said, and the file is not touched.
    pub fn restore(&self, edge: &Edge) {
        let kept = self.read().map_err(|problems| {
            let text = problems.render(false);
            tracing::error!(
                "the drains of operators cannot be read, so that none of them is in force, and none can be put on: correct \
                 {} or move it away, and start anew\n{text}",
                self.path.display()
            );
            let revision = read_bounded(&self.path, Source::LARGEST).ok().map(|bytes| Revision::of(&bytes));
            let (file, summary) = (problems.file().to_owned(), problems.summary());
            FileProblem { file, revision, since: clock::now(), summary, text }
        });
        if let Ok(leases) = &kept {
            let known = edge.leases();
            for lease in leases.iter().filter(|lease| !known.contains(lease)) {
                let until = lease.until.map(|until| format!(" until {until}")).unwrap_or_default();
                tracing::warn!("{} is still drained by an operator{until}", lease.region);
            }
        }
        edge.restore_leases(kept, Arc::new(self.clone()));
    }
}

impl LeaseStore for LeaseFile {
    fn keep(&self, leases: &[Lease]) -> io::Result<()> {
        write_whole(&self.path, write_drains(leases).as_bytes())
    }

    fn place(&self) -> String {
        self.path.display().to_string()
    }
}

/// Lets leases end in time, until it is told to stop.
pub async fn keep_leases(edge: Arc<Edge>, mut stopped: watch::Receiver<bool>) {
    let mut ticks = tokio::time::interval(LOOK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            // An error means that the edge is gone, which is as good as stopped.
            _ = stopped.wait_for(|stopped| *stopped) => return,
        }
        let tended = Arc::clone(&edge);
        // It may write a file.
        let events = tokio::task::spawn_blocking(move || tended.tend_leases_now()).await.unwrap_or_default();
        if events.is_empty() {
            continue;
        }
        events.iter().for_each(|event| tracing::warn!("{event}"));
        let edge = Arc::clone(&edge);
        // Whether it could be written: the history says so itself.
        let _ = tokio::task::spawn_blocking(move || events.iter().for_each(|event| remember(&edge, event))).await;
    }
}

fn remember(edge: &Edge, event: &LeaseEvent) {
    let Some(history) = edge.changes().history() else { return };
    let origin = match event {
        LeaseEvent::Ended(_) | LeaseEvent::Released(_) => EntryOrigin::LeaseEnded,
        LeaseEvent::Held(_) => EntryOrigin::LeaseHeld,
    };
    let by = event.lease().by.as_deref();
    history.record(Entry::new(clock::now(), origin).by(by).note(Some(event.to_string())));
}
