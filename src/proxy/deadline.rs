//! How long a server has for the head of its answer.
//!
//! The engine's own timeouts hold for each read, of the body too. A deadline that spares slow bodies is therefore kept beside
//! it: a task that ends the connection, unless the head has come before.

use super::context::{Decided, RequestContext};
use crate::live::clock;
use crate::model::RetryRules;
use crate::routing::Way;
use pingora::protocols::Digest;
use pingora::{BError, Error, ErrorType};
use std::io;
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

/// A second hold on a connection to a server, by which it can be ended while the engine reads from it.
#[derive(Debug, Clone)]
pub(super) struct Cutter(Arc<std::net::TcpStream>);

impl Cutter {
    /// # Errors
    /// Where the process may open no more files.
    pub(super) fn of(stream: &TcpStream) -> io::Result<Self> {
        Ok(Self(Arc::new(std::net::TcpStream::from(stream.as_fd().try_clone_to_owned()?))))
    }

    /// The one that was kept with a connection, if one was.
    fn kept_with(digest: &Digest) -> Option<Self> {
        digest.proxy_digest.as_ref()?.user_data.as_ref()?.downcast_ref::<Self>().cloned()
    }
}

/// A connection that ends at a time, unless this goes before.
pub(super) struct Deadline {
    task: JoinHandle<()>,
    has_passed: Arc<AtomicBool>,
}

impl Deadline {
    fn new(cutter: Cutter, at: Instant) -> Self {
        let has_passed = Arc::new(AtomicBool::new(false));
        let passes = Arc::clone(&has_passed);
        let task = tokio::spawn(async move {
            tokio::time::sleep_until(at.into()).await;
            passes.store(true, Ordering::Release);
            // One that is gone already needs no end.
            let _ = cutter.0.shutdown(Shutdown::Both);
        });
        Self { task, has_passed }
    }

    fn has_passed(&self) -> bool {
        self.has_passed.load(Ordering::Acquire)
    }
}

impl Drop for Deadline {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The error of a server that has not answered in time.
pub(super) fn passed() -> BError {
    Error::explain(ErrorType::ReadTimedout, "no answer in time").into_up()
}

impl RequestContext {
    /// Takes in that the request has come whole: from now on its server has its time.
    pub(super) fn has_come_whole(&mut self, now: Instant) {
        self.whole_since.get_or_insert(now);
        if let Some(cutter) = self.attempts.cutter.take() {
            self.expect_answer(cutter, now);
        }
    }

    /// Takes in that a try is made on a connection. Its server has its time from when it can have the whole request.
    pub(super) fn begin_to_wait(&mut self, digest: Option<&Digest>) {
        self.attempts.deadline = None;
        self.attempts.cutter = digest.and_then(Cutter::kept_with);
        if self.whole_since.is_some()
            && let Some(cutter) = self.attempts.cutter.take()
        {
            self.expect_answer(cutter, clock::monotonic());
        }
    }

    fn expect_answer(&mut self, cutter: Cutter, now: Instant) {
        let Some(rules) = self.retry_rules() else { return };
        // Another edge tries for itself: to ask it again meanwhile would multiply what servers get.
        let of_try = rules.try_timeout.filter(|_| self.attempts.way != Some(Way::Edge));
        let time = [of_try, self.time_left()].into_iter().flatten().min();
        self.attempts.deadline = time.map(|time| Deadline::new(cutter, now + time));
    }

    /// How long the request may still take until its answer begins; for ever where missing.
    pub(super) fn time_left(&self) -> Option<Duration> {
        let end = self.whole_since? + self.retry_rules()?.timeout?;
        Some(end.saturating_duration_since(clock::monotonic()))
    }

    /// Whether the time of the try was over; otherwise it has no end any more.
    pub(super) fn is_too_late(&mut self) -> bool {
        self.attempts.cutter = None;
        self.attempts.deadline.take().is_some_and(|deadline| deadline.has_passed())
    }

    /// What its service says of retries.
    pub(super) fn retry_rules(&self) -> Option<&RetryRules> {
        let Decided { live, decision } = self.decided.as_ref()?;
        Some(&live.table.service(decision.service)?.resilience.retries)
    }
}
