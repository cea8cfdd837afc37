//! The access log: one line a request, handed to a writer that never holds a request up.

use super::entry::Entry;
use super::metrics::Metrics;
use super::writer::{Outbox, Output, write_out};
use crate::config::AccessLogFormat;
use std::cell::RefCell;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Where the access log goes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Destination {
    /// To standard output.
    #[default]
    Stdout,
    /// To the end of this file, which is made where it is missing.
    File(PathBuf),
}

/// Why the access log cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file cannot be opened.
    #[error("cannot open the access log {}: {problem}; its folder must be there and writable", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        problem: std::io::Error,
    },
    /// There is no thread to write it.
    #[error("cannot start the writer of the access log: {0}")]
    Thread(std::io::Error),
}

/// The access log of one edge.
///
/// A line is written down at once and reaches its destination within a tenth of a second. Up to 4 MiB of lines wait for
/// a slow destination; beyond that they are dropped and counted in `homeward_access_log_dropped_total`, as are those that a
/// full disk refuses. Dropped without [`AccessLog::close`], it may lose the last lines.
pub struct AccessLog {
    format: AccessLogFormat,
    outbox: Arc<Outbox>,
}

thread_local! {
    static LINE: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

impl AccessLog {
    /// Opens the destination and starts the thread that writes to it; neither where the format is `Off`.
    ///
    /// # Errors
    /// Where the file cannot be opened or the thread cannot be started.
    pub fn open(format: AccessLogFormat, destination: Destination, metrics: &Metrics) -> Result<Self, OpenError> {
        if format == AccessLogFormat::Off {
            return Ok(Self { format, outbox: Arc::new(Outbox::closed(metrics.access_log_dropped())) });
        }
        let output = Output::open(destination)?;
        Self::to(format, output, metrics)
    }

    pub(super) fn to(format: AccessLogFormat, output: Output, metrics: &Metrics) -> Result<Self, OpenError> {
        let outbox = Arc::new(Outbox::open(metrics.access_log_dropped()));
        let from = Arc::clone(&outbox);
        std::thread::Builder::new()
            .name("access-log".into())
            .spawn(move || write_out(&from, output))
            .map_err(OpenError::Thread)?;
        Ok(Self { format, outbox })
    }

    /// Whether no line is written at all.
    #[must_use]
    pub fn is_off(&self) -> bool {
        self.format == AccessLogFormat::Off
    }

    /// Hands one line to the writer. Never waits for it.
    pub fn record(&self, entry: &Entry<'_>) {
        if self.is_off() {
            return;
        }
        let is_written = LINE.with(|line| {
            let mut line = line.try_borrow_mut().ok()?;
            line.clear();
            entry.write(self.format, &mut line).ok()?;
            self.outbox.put(&line, entry.time);
            Some(())
        });
        if is_written.is_none() {
            self.outbox.drop_lines(1);
        }
    }

    /// Opens the file anew, after something else moved it away. Lines that were recorded before still go to the old file.
    /// Where the file cannot be opened, the old one is written further, and the process log says so.
    pub fn reopen(&self) {
        self.outbox.reopen();
    }

    /// Takes no more lines, and waits up to `patience` until those that were taken are written. Whether they are.
    pub fn close(&self, patience: Duration) -> bool {
        self.outbox.close(patience)
    }
}

impl Drop for AccessLog {
    fn drop(&mut self) {
        self.outbox.close(Duration::ZERO);
    }
}

#[cfg(test)]
mod tests {
    use super::super::entry::tests::usual;
    use super::*;
    use crate::model::Timestamp;
    use std::io;
    use std::path::Path;
    use std::sync::mpsc;

    const PATIENCE: Duration = Duration::from_secs(30);

    fn metrics() -> Metrics {
        Metrics::new("test", Timestamp::UNIX_EPOCH).unwrap()
    }

    fn record(log: &AccessLog, path: &str) {
        log.record(&Entry { path: path.as_bytes(), ..usual() });
    }

    fn paths(file: &Path) -> Vec<String> {
        let text = std::fs::read_to_string(file).unwrap();
        let path =
            |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap()["path"].as_str().unwrap().into();
        text.lines().map(path).collect()
    }

    #[test]
    fn closing_writes_every_line() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("access.log");
        let (metrics, wanted) = (metrics(), 5000);
        let log = AccessLog::open(AccessLogFormat::Json, Destination::File(file.clone()), &metrics).unwrap();
        std::thread::scope(|threads| {
            for thread in 0..4 {
                let log = &log;
                threads.spawn(move || (0..wanted / 4).for_each(|line| record(log, &format!("/{thread}/{line}"))));
            }
        });
        assert!(log.close(PATIENCE));
        let dropped = metrics.access_log_dropped().get() as usize;
        let mut written = paths(&file);
        assert_eq!(written.len() + dropped, wanted);
        written.sort();
        written.dedup();
        assert_eq!(written.len() + dropped, wanted, "no line twice");
        record(&log, "/late");
        assert_eq!(metrics.access_log_dropped().get() as usize, dropped + 1, "a line after the end is counted");
    }

    #[test]
    fn lines_before_a_rotation_go_to_the_old_file_and_those_after_to_the_new() {
        let folder = tempfile::tempdir().unwrap();
        let (file, old) = (folder.path().join("access.log"), folder.path().join("access.log.1"));
        let log = AccessLog::open(AccessLogFormat::Json, Destination::File(file.clone()), &metrics()).unwrap();
        record(&log, "/before");
        std::fs::rename(&file, &old).unwrap();
        log.reopen();
        record(&log, "/after");
        assert!(log.close(PATIENCE));
        assert_eq!(paths(&old), ["/before"]);
        assert_eq!(paths(&file), ["/after"]);
    }

    #[test]
    fn a_slow_destination_costs_lines_and_no_waiting() {
        /// Writes only when told to.
        struct Stuck(mpsc::Receiver<()>);
        impl io::Write for Stuck {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                _ = self.0.recv();
                Ok(bytes.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let (go, wait) = mpsc::channel();
        let metrics = metrics();
        let log = AccessLog::to(AccessLogFormat::Json, Output::to(Stuck(wait)), &metrics).unwrap();
        let long = "x".repeat(1000);
        for _ in 0..10_000 {
            record(&log, &long); // 14 MB, of which at most 8 MiB find room
        }
        assert!(metrics.access_log_dropped().get() > 3000);
        assert!(!log.close(Duration::ZERO), "the writer is still stuck");
        drop(go);
        assert!(log.close(PATIENCE));
    }

    #[test]
    fn a_full_disk_costs_lines_and_is_survived() {
        /// Takes so many bytes a time, then none, then all.
        struct Filling(mpsc::Sender<Vec<u8>>, Vec<Option<usize>>);
        impl io::Write for Filling {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                let room = match self.1.pop() {
                    Some(None) => return Err(io::ErrorKind::StorageFull.into()),
                    Some(Some(room)) => room.min(bytes.len()),
                    None => bytes.len(),
                };
                _ = self.0.send(bytes[..room].into());
                Ok(room)
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let (sender, written) = mpsc::channel();
        let metrics = metrics();
        let output = Output::to(Filling(sender, vec![None, Some(10)]));
        let log = AccessLog::to(AccessLogFormat::Json, output, &metrics).unwrap();
        record(&log, "/lost");
        assert_eq!(written.recv().unwrap().len(), 10);
        while metrics.access_log_dropped().get() == 0 {
            std::thread::yield_now();
        }
        record(&log, "/kept");
        assert!(log.close(PATIENCE));
        assert_eq!(metrics.access_log_dropped().get(), 1);
        let rest: Vec<u8> = written.iter().flatten().collect();
        assert!(rest.starts_with(b"\n{\"time\""), "the next line starts on a line of its own");
        assert_eq!(rest.iter().filter(|byte| **byte == b'\n').count(), 2);
    }

    #[test]
    fn a_device_without_room_stops_nothing() {
        let metrics = metrics();
        let Ok(log) = AccessLog::open(AccessLogFormat::Combined, Destination::File("/dev/full".into()), &metrics)
        else {
            return; // there is none here
        };
        record(&log, "/");
        assert!(log.close(PATIENCE));
        assert_eq!(metrics.access_log_dropped().get(), 1);
    }

    #[test]
    fn off_writes_and_drops_nothing() {
        let metrics = metrics();
        let log = AccessLog::open(AccessLogFormat::Off, Destination::File("/nowhere/at/all".into()), &metrics).unwrap();
        record(&log, "/");
        assert!(log.close(Duration::ZERO));
        assert_eq!(metrics.access_log_dropped().get(), 0);
    }

    #[test]
    fn a_file_that_cannot_be_opened_is_named() {
        let missing = Destination::File("/nowhere/at/all/access.log".into());
        let problem = AccessLog::open(AccessLogFormat::Json, missing, &metrics()).err().unwrap().to_string();
        assert!(problem.contains("/nowhere/at/all/access.log") && problem.contains("folder"), "{problem}");
    }
}
