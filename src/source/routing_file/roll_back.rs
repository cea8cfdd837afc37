//! An operator goes back to a table that was live: its text is written into the file, comments and all, and is live.

use super::{Cause, RoutingFile, Signature, wrong_region};
use crate::config::Source;
use crate::history::{EntryOrigin, History, replace_whole};
use crate::live::{Origin, Revision, RollBack, RollBackRefused, RolledBack, clock};
use std::fs;
use std::io;
use std::sync::Arc;

impl RoutingFile {
    /// Does what is wanted, or says why not; then nothing has changed.
    pub(super) fn roll_back(&mut self, wanted: RollBack) -> Result<RolledBack, RollBackRefused> {
        let began = clock::monotonic();
        let live = self.edge.table().ok_or(RollBackRefused::NoTable)?.revision;
        if wanted.expect.is_some_and(|expected| expected != live) {
            return Err(RollBackRefused::Changed(live));
        }
        let history = self.edge.changes().history().cloned().ok_or(RollBackRefused::NothingBefore)?;
        let in_file = fs::read(&self.path).ok();
        let says_live = in_file.as_ref().is_some_and(|bytes| Revision::of(bytes) == live);
        let revision = match wanted.revision {
            Some(revision) => revision,
            // The file says what is refused: to go back is to have it say what is live.
            None if !says_live => live,
            None => before(&history, live)?,
        };
        if revision == live && says_live {
            return Err(RollBackRefused::IsLive(live));
        }
        let text = self.text_of(&history, revision, live)?;
        let source = Source::new(self.path.display().to_string(), &*text);
        let read = self.read(&source).map_err(RollBackRefused::Problems)?;
        let prepared = self.edge.prepare(read.value, revision, Origin::File);
        let prepared = prepared.map_err(|missing| RollBackRefused::Problems(wrong_region(&source.name, &missing)))?;
        let done = |took| RolledBack { revision, previous: live, file: source.name.clone(), took };
        if wanted.dry_run {
            return Ok(done(std::time::Duration::ZERO));
        }

        replace_whole(&self.path, text.as_bytes()).map_err(|error| self.unwritable(&error, revision))?;
        self.seen = Some(Signature::of(&self.path));
        // Kept until here, so that probes and discovery do not begin twice.
        drop(prepared);
        let insists = self.guard.refused().is_some_and(|refused| refused.revision == revision);
        let note = wanted.reason;
        let cause = Cause { origin: Some(EntryOrigin::Rollback), by: wanted.by, note, insists };
        if let Err(problems) = self.take_in(&source, revision, &cause) {
            // What it names has changed within these milliseconds.
            if let Some(before) = in_file {
                // The error that matters is the first one.
                let _ = replace_whole(&self.path, &before);
            }
            return Err(RollBackRefused::Problems(problems));
        }
        self.refused = None;
        Ok(done(clock::monotonic().duration_since(began)))
    }

    /// The text of a table that was live; that of the live one is here, whatever became of the disk.
    fn text_of(&self, history: &History, revision: Revision, live: Revision) -> Result<Arc<String>, RollBackRefused> {
        match &self.text {
            Some(text) if revision == live => Ok(Arc::clone(text)),
            _ => match history.text(revision) {
                Ok(Some(text)) => Ok(text.into()),
                Ok(None) => Err(RollBackRefused::Unknown(revision)),
                Err(error) => Err(RollBackRefused::History(error.to_string())),
            },
        }
    }

    fn unwritable(&self, error: &io::Error, revision: Revision) -> RollBackRefused {
        let file = self.path.display();
        let what_to_do = match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "make room on that disk, and try again",
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                "let the user that runs homeward write it and its directory, or write it yourself"
            }
            _ => "write it yourself",
        };
        RollBackRefused::Unwritable(format!(
            "the edge cannot write {file}: {error}; {what_to_do}: homeward history {revision} > {file}"
        ))
    }
}

fn before(history: &History, live: Revision) -> Result<Revision, RollBackRefused> {
    match history.before(live) {
        Ok(Some(revision)) => Ok(revision),
        Ok(None) => Err(RollBackRefused::NothingBefore),
        Err(error) => Err(RollBackRefused::History(error.to_string())),
    }
}
