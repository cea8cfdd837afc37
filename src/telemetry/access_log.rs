//! The access log: one line a request, handed to a writer that never holds a request up.

use super::entry::Entry;
use super::metrics::Metrics;
use super::writer::{Outbox, Output, write_out};
use std::cell::RefCell;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// How a line of the access log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AccessLogFormat {
    /// One JSON object, with everything.
    #[default]
    Json,
    /// Apache's and nginx' combined format, for programs that read only that.
    Combined,
    /// Not at all.
    Off,
}

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
    static LINE: RefCell<String> = const { RefCell::new(String::new()) };
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

    /// Hands one line to the writer. Never waits for it.
    pub fn record(&self, entry: &Entry<'_>) {
        if self.format == AccessLogFormat::Off {
            return;
        }
        let is_written = LINE.with(|line| {
            let mut line = line.try_borrow_mut().ok()?;
            line.clear();
            entry.write(self.format, &mut line).ok()?;
            self.outbox.put(line.as_bytes(), entry.time);
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
