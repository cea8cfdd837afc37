//! Tables and journal together, bounded, for several processes at once.

use super::entry::Entry;
use super::{journal, tables};
use crate::model::{Revision, Timestamp};
use std::collections::{HashMap, HashSet};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

/// How many tables that went live are remembered; and as many other entries, so that a night of drains does not push out
/// the table of the day before.
const MOST_ENTRIES: usize = 200;

/// By how many lines the journal may grow beyond that before it is written anew.
const SLACK: usize = 100;

/// How many bytes of tables are kept.
const MOST_BYTES: u64 = 64 << 20;

/// Why something is not written down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// Since when.
    pub since: Timestamp,
    /// Where, why, and what to do.
    pub text: String,
}

/// Why something cannot be looked up. The message says where, why and what to do.
#[derive(Debug, thiserror::Error)]
#[error("the history in {} cannot be read: {error}; {}", .directory.display(), hint(.error))]
pub struct HistoryError {
    directory: PathBuf,
    error: io::Error,
}

fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::PermissionDenied => "let the user that asks read it",
        io::ErrorKind::InvalidData => "the revision is lost here; other edges may have it",
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "make room there",
        _ => "check the disk that it is on",
    }
}

/// What a word for a revision leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// This revision.
    One(Revision),
    /// The beginnings of several.
    Several(Vec<Revision>),
    /// Nothing; the revisions that there are, the newest first.
    Nothing(Vec<Revision>),
}

/// The history in a directory for state. Nothing of it is kept in memory, so that processes that hand over to each other see
/// the same.
#[derive(Debug)]
pub struct History {
    directory: PathBuf,
    most_bytes: u64,
    trouble: Mutex<Option<Trouble>>,
    warned_of_torn: AtomicBool,
}

impl History {
    /// The history in the directory `state`. Nothing is read or written yet.
    #[must_use]
    pub fn in_state(state: &Path) -> Self {
        Self {
            directory: state.join("history"),
            most_bytes: MOST_BYTES,
            trouble: Mutex::default(),
            warned_of_torn: AtomicBool::default(),
        }
    }

    #[cfg(test)]
    pub(super) fn with_room_for(self, most_bytes: u64) -> Self {
        Self { most_bytes, ..self }
    }

    /// Where it is.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Writes down what happened. When this returns, it outlives the process; where it could not be written, the log and
    /// [`Self::trouble`] say so, and nothing else comes of it.
    pub fn record(&self, entry: Entry) {
        self.try_to_record(entry, None);
    }

    /// Writes down that a table went live, and keeps its `text`. The table that was live before is the entry's `previous`,
    /// where it does not name one. Gives back the file that keeps it, which is replaced and forgotten but never changed;
    /// `None` where it was not written, or where the entry has no table.
    pub fn record_table(&self, entry: Entry, text: &str) -> Option<PathBuf> {
        let kept = entry.revision.map(|revision| tables::path(&self.directory, revision));
        self.try_to_record(entry, Some(text)).then_some(kept).flatten()
    }

    /// Whether it was written.
    fn try_to_record(&self, entry: Entry, text: Option<&str>) -> bool {
        let time = entry.time;
        let written = self.locked(|| self.write_down(entry.bounded(), text));
        let is_written = written.is_ok();
        let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        match written {
            Ok(()) => {
                if trouble.take().is_some() {
                    tracing::info!("the history in {} is written again", self.directory.display());
                }
            }
            Err(error) => {
                let text = format!(
                    "the history in {} cannot be written, so that what happens now is not remembered: {error}; {}",
                    self.directory.display(),
                    match error.kind() {
                        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "make room on that disk",
                        io::ErrorKind::PermissionDenied => "let the user that runs homeward write there",
                        _ => "check the disk that it is on",
                    }
                );
                tracing::error!("{text}");
                let since = trouble.take().map_or(time, |before| before.since);
                *trouble = Some(Trouble { since, text });
            }
        }
        is_written
    }

    /// Why the last entry was not written, where it was not.
    #[must_use]
    pub fn trouble(&self) -> Option<Trouble> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What happened, the newest first: at most 200 tables that went live, and 200 other entries.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn entries(&self) -> Result<Vec<Entry>, HistoryError> {
        let lines = journal::read(&self.journal()).map_err(|error| self.unreadable(error))?;
        self.warn_of_torn(lines.torn);
        let mut entries: Vec<_> = lines.good.into_iter().map(|(_, entry)| entry).collect();
        let kept = within_bounds(entries.iter());
        entries
            .drain(..)
            .rev()
            .zip(kept.into_iter().rev())
            .filter(|(_, kept)| *kept)
            .map(|(entry, _)| Ok(entry))
            .collect()
    }

    /// The text of a table, comments and all; `None` where it is not kept.
    ///
    /// # Errors
    /// Those of the file system, and that what is there is not what was kept.
    pub fn text(&self, revision: Revision) -> Result<Option<String>, HistoryError> {
        tables::read(&self.directory, revision).map_err(|error| self.unreadable(error))
    }

    /// The revisions whose texts are kept, in no order.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn kept(&self) -> Result<HashSet<Revision>, HistoryError> {
        match tables::kept(&self.directory) {
            Ok(kept) => Ok(kept.into_keys().collect()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(HashSet::new()),
            Err(error) => Err(self.unreadable(error)),
        }
    }

    /// The revision that begins with these digits, of those whose texts are kept.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn find(&self, word: &str) -> Result<Found, HistoryError> {
        let (entries, kept) = (self.entries()?, self.kept()?);
        let mut seen = HashSet::new();
        let named = entries.iter().flat_map(|entry| [entry.table(), entry.previous]).flatten();
        let known: Vec<_> = named.filter(|revision| kept.contains(revision) && seen.insert(*revision)).collect();
        let word = word.to_ascii_lowercase();
        let begin: Vec<_> = known
            .iter()
            .copied()
            .filter(|revision| !word.is_empty() && revision.to_string().starts_with(&word))
            .collect();
        Ok(match begin[..] {
            [] => Found::Nothing(known),
            [one] => Found::One(one),
            _ => Found::Several(begin),
        })
    }

    /// The table that was live before the one with this revision was, and is kept; by the newest entries.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn before(&self, revision: Revision) -> Result<Option<Revision>, HistoryError> {
        let kept = self.kept()?;
        let entries = self.entries()?;
        let tables = entries.iter().filter_map(Entry::table).skip_while(|table| *table != revision);
        Ok(tables.into_iter().find(|table| *table != revision && kept.contains(table)))
    }

    fn journal(&self) -> PathBuf {
        self.directory.join("journal.jsonl")
    }

    fn unreadable(&self, error: io::Error) -> HistoryError {
        HistoryError { directory: self.directory.clone(), error }
    }

    fn warn_of_torn(&self, torn: usize) {
        if torn > 0 && !self.warned_of_torn.swap(true, Ordering::Relaxed) {
            let journal = self.journal();
            tracing::warn!("{torn} line(s) of {} cannot be read, as after a crash, and are skipped", journal.display());
        }
    }

    /// Does `what` while no other process does.
    fn locked(&self, what: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        fs::create_dir_all(&self.directory)?;
        let lock = OpenOptions::new().write(true).create(true).truncate(false).open(self.directory.join("lock"))?;
        lock.lock()?;
        let done = what();
        // It is given back in any case, when the file is closed.
        let _ = File::unlock(&lock);
        done
    }

    fn write_down(&self, mut entry: Entry, text: Option<&str>) -> io::Result<()> {
        let path = self.journal();
        let lines = journal::read(&path)?;
        self.warn_of_torn(lines.torn);
        if entry.origin.is_table() && entry.previous.is_none() {
            entry.previous = lines.good.iter().rev().find_map(|(_, entry)| entry.table());
        }
        entry.previous = entry.previous.filter(|previous| Some(*previous) != entry.revision);
        if let (Some(revision), Some(text)) = (entry.revision, text) {
            tables::keep(&self.directory, revision, text)?;
        }
        journal::append(&path, &entry, lines.is_open)?;
        let is_table = entry.origin.is_table();
        let mut all = lines.good;
        all.push((String::new(), entry));
        if is_table || all.len() > 2 * MOST_ENTRIES + SLACK {
            self.forget_the_oldest(all)?;
        }
        Ok(())
    }

    /// Lets fall out what is more than the bounds allow: the oldest entries, and the tables that no entry names any more.
    fn forget_the_oldest(&self, all: Vec<(String, Entry)>) -> io::Result<()> {
        let kept = tables::kept(&self.directory)?;
        let within = within_bounds(all.iter().map(|(_, entry)| entry));
        let mut left: Vec<_> = all.iter().zip(&within).filter(|(_, within)| **within).map(|(line, _)| line).collect();
        // The table that is live and the one before it stay, whatever their size.
        let newest = left.iter().rposition(|(_, entry)| entry.table().is_some()).unwrap_or(left.len());
        let mut oldest = 0;
        while oldest < newest && self.bytes_of(&left[oldest..], &kept) > self.most_bytes {
            oldest += 1;
        }
        left.drain(..oldest);
        let named: HashSet<_> = left.iter().flat_map(|(_, entry)| named_by(entry)).collect();
        for revision in kept.keys().filter(|revision| !named.contains(revision)) {
            tables::forget(&self.directory, *revision)?;
        }
        if oldest > 0 || all.len() > 2 * MOST_ENTRIES + SLACK {
            // The last one has been added as an entry only.
            let lines: Vec<_> = left
                .iter()
                .map(|(line, entry)| if line.is_empty() { serde_json::to_string(entry) } else { Ok(line.clone()) })
                .collect::<Result<_, _>>()?;
            journal::rewrite(&self.journal(), lines.iter().map(String::as_str))?;
        }
        Ok(())
    }

    fn bytes_of(&self, lines: &[&(String, Entry)], kept: &HashMap<Revision, u64>) -> u64 {
        let named: HashSet<_> = lines.iter().flat_map(|(_, entry)| named_by(entry)).collect();
        named.iter().filter_map(|revision| kept.get(revision)).sum()
    }
}

fn named_by(entry: &Entry) -> impl Iterator<Item = Revision> {
    [entry.revision, entry.previous].into_iter().flatten()
}

/// Which of these entries, the newest last, are within the bounds on their number.
fn within_bounds<'a>(entries: impl DoubleEndedIterator<Item = &'a Entry>) -> Vec<bool> {
    let (mut tables, mut others) = (0, 0);
    let mut within: Vec<_> = entries
        .rev()
        .map(|entry| {
            let count = if entry.origin.is_table() { &mut tables } else { &mut others };
            *count += 1;
            *count <= MOST_ENTRIES
        })
        .collect();
    within.reverse();
    within
}
