//! Hears of changes of files, whatever way they were written.

use crate::live::clock;
use notify::event::{AccessKind, AccessMode};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::time::Duration;

/// How often the files are looked at where no event came: events get lost on network file systems, and a watch on a
/// directory goes deaf when the directory itself is replaced.
const POLL: Duration = Duration::from_millis(250);

/// How long it is quiet where a burst of events is over.
const QUIET: Duration = Duration::from_millis(10);

/// How long a burst may go on before it is acted on: in a directory where something is written all the time there is no end
/// to wait for, and the files are not looked at more often than that.
const BURST: Duration = Duration::from_millis(40);

/// Why a wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wake {
    /// Something happened in a directory of the files, or it is time to look.
    Look,
    /// Somebody asked for the files to be read anew.
    Asked,
    /// Nobody needs the files any more.
    Stop,
}

/// Wakes whoever waits on a [`FileWatch`], from anywhere.
#[derive(Debug, Clone)]
pub struct Nudge(SyncSender<Wake>);

impl Nudge {
    /// Asks for the files to be read anew. Several requests may become one.
    pub fn ask(&self) {
        self.send(Wake::Asked);
    }

    /// Says that there may be something new.
    pub fn look(&self) {
        self.send(Wake::Look);
    }

    /// Says that nobody needs the files any more.
    pub fn stop(&self) {
        // The queue may be full of looks: stopping must not get lost, and whoever waits takes them out.
        let _ = self.0.send(Wake::Stop);
    }

    fn send(&self, wake: Wake) {
        match self.0.try_send(wake) {
            Ok(()) | Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {}
        }
    }
}

/// A watch over the directories of some files: their own and, where one is a symbolic link, its target's.
///
/// Directories are watched rather than files, because a rename and the swap of a link leave a watched file behind.
#[derive(Debug)]
pub struct FileWatch {
    wakes: Receiver<Wake>,
    nudge: Nudge,
    _watcher: Option<RecommendedWatcher>,
}

impl FileWatch {
    /// Begins to watch. Where the system gives no watch, the log says so, and the files are polled only.
    #[must_use]
    pub fn over(files: &[PathBuf]) -> Self {
        let (sender, wakes) = sync_channel(64);
        let nudge = Nudge(sender);
        let on_event = nudge.clone();
        let watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            if !event.is_ok_and(|event| is_read_only(event.kind)) {
                on_event.send(Wake::Look);
            }
        });
        let watcher = match watcher {
            Ok(mut watcher) => {
                for directory in directories(files) {
                    if let Err(error) = watcher.watch(&directory, RecursiveMode::NonRecursive) {
                        let directory = directory.display();
                        tracing::warn!("{directory} is polled every {POLL:?} instead of watched: {error}");
                    }
                }
                Some(watcher)
            }
            Err(error) => {
                tracing::warn!("files are polled every {POLL:?} instead of watched: {error}");
                None
            }
        };
        Self { wakes, nudge, _watcher: watcher }
    }

    /// What wakes this watch.
    #[must_use]
    pub fn nudge(&self) -> Nudge {
        self.nudge.clone()
    }

    /// Waits until there may be something new; at most a quarter of a second. A burst of events is one.
    #[must_use]
    pub fn wait(&self) -> Wake {
        let mut woken = match self.wakes.recv_timeout(POLL) {
            Ok(wake) => wake,
            Err(RecvTimeoutError::Timeout) => return Wake::Look,
            Err(RecvTimeoutError::Disconnected) => return Wake::Stop,
        };
        let began = clock::monotonic();
        while began.elapsed() < BURST {
            match self.wakes.recv_timeout(QUIET) {
                Ok(Wake::Stop) => return Wake::Stop,
                Ok(Wake::Asked) => woken = Wake::Asked,
                Ok(Wake::Look) => {}
                Err(_) => break,
            }
        }
        woken
    }
}

/// Whether somebody has only looked at a file, as the reader of this very file does.
fn is_read_only(kind: EventKind) -> bool {
    matches!(kind, EventKind::Access(how) if how != AccessKind::Close(AccessMode::Write))
}

fn directories(files: &[PathBuf]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for file in files {
        let target = file.canonicalize().ok();
        for path in [Some(file.clone()), target].into_iter().flatten() {
            let directory = match path.parent() {
                Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
                _ => PathBuf::from("."),
            };
            if !found.contains(&directory) {
                found.push(directory);
            }
        }
    }
    found
}

/// What a file looks like from outside. A change of its content by ordinary means changes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Signature(Option<[i128; 5]>);

impl Signature {
    /// Of the file that `path` leads to at the moment.
    pub(super) fn of(path: &Path) -> Self {
        let fields = |m: Metadata| {
            let nanoseconds = |seconds: i64, rest: i64| i128::from(seconds) * 1_000_000_000 + i128::from(rest);
            let changed = nanoseconds(m.ctime(), m.ctime_nsec());
            let modified = nanoseconds(m.mtime(), m.mtime_nsec());
            [m.dev().into(), m.ino().into(), m.size().into(), modified, changed]
        };
        Self(std::fs::metadata(path).ok().map(fields))
    }

    /// Whether there is a file with something in it. Whoever writes a file in its place empties it first.
    pub(super) fn holds_something(&self) -> bool {
        self.0.is_some_and(|[_, _, size, ..]| size > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_one_look() {
        let watch = FileWatch::over(&[]);
        for _ in 0..64 {
            watch.nudge().look();
        }
        assert_eq!(watch.wait(), Wake::Look);
        watch.nudge().ask();
        assert_eq!(watch.wait(), Wake::Asked, "nothing of the burst is left");
        watch.nudge().look();
        watch.nudge().ask();
        watch.nudge().look();
        assert_eq!(watch.wait(), Wake::Asked, "who asked is heard among others");
        watch.nudge().stop();
        assert_eq!(watch.wait(), Wake::Stop);
    }
}
