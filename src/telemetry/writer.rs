//! The thread that writes the access log, and what stands between it and the requests.

use super::access_log::{Destination, OpenError};
use super::occasionally::Occasionally;
use crate::model::Timestamp;
use prometheus::IntCounter;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The most bytes that wait to be written.
const LARGEST: usize = 4 << 20;
/// How many bytes make the writer hurry.
const MUCH: usize = 256 << 10;
/// How long the writer gathers lines, so that a busy edge does not wake it for each.
const GATHERING: Duration = Duration::from_millis(50);

/// The lines that wait to be written. Requests put lines in; the writer takes all of them out at once, and gives an empty
/// buffer in exchange, so that the lock is held for a copy of one line and nothing is allocated.
pub(super) struct Outbox {
    state: Mutex<State>,
    /// There is something for the writer to do.
    work: Condvar,
    /// The writer has ended.
    end: Condvar,
    dropped: IntCounter,
}

struct State {
    lines: Vec<u8>,
    /// Where in `lines` the file is to be opened anew.
    reopen_at: Option<usize>,
    /// When the newest line was recorded.
    newest: Timestamp,
    is_closed: bool,
    has_ended: bool,
}

impl Outbox {
    pub(super) fn open(dropped: IntCounter) -> Self {
        let state =
            State { lines: Vec::new(), reopen_at: None, newest: Timestamp::MIN, is_closed: false, has_ended: false };
        Self { state: Mutex::new(state), work: Condvar::new(), end: Condvar::new(), dropped }
    }

    /// One that takes nothing and needs no writer.
    pub(super) fn closed(dropped: IntCounter) -> Self {
        let outbox = Self::open(dropped);
        let mut state = outbox.lock();
        state.is_closed = true;
        state.has_ended = true;
        drop(state);
        outbox
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes one line, with its end, or drops and counts it.
    pub(super) fn put(&self, line: &[u8], time: Timestamp) {
        let mut state = self.lock();
        let (before, after) = (state.lines.len(), state.lines.len() + line.len());
        if state.is_closed || after > LARGEST {
            drop(state);
            return self.drop_lines(1);
        }
        state.lines.extend_from_slice(line);
        state.newest = time;
        drop(state);
        if before == 0 || (before < MUCH && after >= MUCH) {
            self.work.notify_one();
        }
    }

    pub(super) fn drop_lines(&self, count: usize) {
        self.dropped.inc_by(count as u64);
    }

    pub(super) fn reopen(&self) {
        let mut state = self.lock();
        state.reopen_at = Some(state.lines.len());
        drop(state);
        self.work.notify_one();
    }

    pub(super) fn close(&self, patience: Duration) -> bool {
        let mut state = self.lock();
        state.is_closed = true;
        self.work.notify_one();
        let waited = self.end.wait_timeout_while(state, patience, |state| !state.has_ended);
        waited.unwrap_or_else(PoisonError::into_inner).0.has_ended
    }

    /// Waits until there is work, and takes it: the lines go into `batch`, which is empty. `None` after the last.
    fn take(&self, batch: &mut Vec<u8>) -> Option<Taken> {
        let idle = |state: &mut State| state.lines.is_empty() && state.reopen_at.is_none() && !state.is_closed;
        let mut state = self.work.wait_while(self.lock(), idle).unwrap_or_else(PoisonError::into_inner);
        let gathers = |state: &mut State| state.lines.len() < MUCH && state.reopen_at.is_none() && !state.is_closed;
        let waited = self.work.wait_timeout_while(state, GATHERING, gathers);
        state = waited.unwrap_or_else(PoisonError::into_inner).0;
        if state.lines.is_empty() && state.reopen_at.is_none() {
            return None;
        }
        std::mem::swap(&mut state.lines, batch);
        Some(Taken { reopen_at: state.reopen_at.take(), newest: state.newest })
    }

    fn end(&self) {
        let mut state = self.lock();
        state.has_ended = true;
        state.is_closed = true;
        drop(state);
        self.end.notify_all();
    }
}

struct Taken {
    reopen_at: Option<usize>,
    newest: Timestamp,
}

/// Where lines go.
pub(super) struct Output {
    to: Box<dyn Write + Send>,
    /// The file, where it is one.
    path: Option<PathBuf>,
    /// A line was written in part: the next one must start on a line of its own.
    is_torn: bool,
}

impl Output {
    pub(super) fn open(destination: Destination) -> Result<Self, OpenError> {
        match destination {
            Destination::Stdout => Ok(Self::to(io::stdout())),
            Destination::File(path) => match append_to(&path) {
                Ok(file) => Ok(Self { path: Some(path), ..Self::to(file) }),
                Err(problem) => Err(OpenError::File { path, problem }),
            },
        }
    }

    pub(super) fn to(to: impl Write + Send + 'static) -> Self {
        Self { to: Box::new(to), path: None, is_torn: false }
    }

    fn reopen(&mut self) -> io::Result<()> {
        if let Some(path) = &self.path {
            self.to = Box::new(append_to(path)?);
            self.is_torn = false;
        }
        Ok(())
    }

    /// Writes whole lines.
    ///
    /// # Errors
    /// How many lines were not written, or not wholly, and why.
    fn write(&mut self, lines: &[u8]) -> Result<(), (usize, io::Error)> {
        let mut rest = lines;
        while !rest.is_empty() || self.is_torn {
            let next = if self.is_torn { b"\n" } else { rest };
            match self.to.write(next) {
                Ok(0) => return Err((count_lines(rest), io::ErrorKind::WriteZero.into())),
                Ok(_) if self.is_torn => self.is_torn = false,
                Ok(written) => rest = rest.get(written..).unwrap_or_default(),
                Err(problem) if problem.kind() == io::ErrorKind::Interrupted => {}
                Err(problem) => {
                    let written = &lines[..lines.len() - rest.len()];
                    self.is_torn |= written.last().is_some_and(|last| *last != b'\n');
                    return Err((count_lines(rest), problem));
                }
            }
        }
        self.to.flush().map_err(|problem| (0, problem))
    }
}

fn append_to(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).open(path)
}

fn count_lines(bytes: &[u8]) -> usize {
    memchr::memchr_iter(b'\n', bytes).count()
}

/// Writes what is put into `outbox` until it is closed and empty.
pub(super) fn write_out(outbox: &Outbox, mut output: Output) {
    /// Says so even where writing panics, so that nobody waits for it.
    struct End<'a>(&'a Outbox);
    impl Drop for End<'_> {
        fn drop(&mut self) {
            self.0.end();
        }
    }
    let _end = End(outbox);
    let unwritten = Occasionally::once_in(Duration::from_mins(1));
    let mut batch = Vec::new();
    while let Some(Taken { reopen_at, newest }) = outbox.take(&mut batch) {
        let (before, after) = batch.split_at(reopen_at.unwrap_or(batch.len()));
        let write = |output: &mut Output, lines: &[u8]| {
            if let Err((lost, problem)) = output.write(lines) {
                outbox.drop_lines(lost);
                if unwritten.at(newest).is_some() {
                    let dropped = outbox.dropped.get();
                    tracing::error!(%problem, dropped, "the access log cannot be written; its lines are dropped until it can");
                }
            }
        };
        write(&mut output, before);
        if reopen_at.is_some()
            && let Err(problem) = output.reopen()
        {
            tracing::error!(%problem, "the access log cannot be opened anew; the old file is written further");
        }
        write(&mut output, after);
        batch.clear();
    }
}
