//! An HTTP/2 connection of a client: its frames are counted, and may not take for ever.

use super::connection::Tempo;
use super::door::Door;
use super::layer::Watch;
use crate::client::{FrameHead, FrameHeads, FrameKind, HTTP2_PREFACE};
use crate::live::clock;
use crate::resilience::{Flood, FloodGuard};
use crate::telemetry::{CutOff, Metrics};
use pingora::protocols::http::v2::server::{H2Options, default_h2_options};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};
use tokio::time::{Sleep, sleep_until};

/// How many bytes of one request's body a client may send ahead of the app server. It bounds an upload's rate over long
/// distances: to 5 MiB/s where there and back takes 50 ms.
const STREAM_WINDOW: u32 = 256 << 10;

/// The same, of all requests on a connection.
const CONNECTION_WINDOW: u32 = 512 << 10;

/// How many requests may have been reset by the client before the engine came to them.
const RESET_UNSEEN: usize = 20;

/// For how many of its own faults a client may have streams reset, until its connection is closed (CVE-2025-8671).
const RESET_FOR_FAULTS: usize = 100;

/// What the engine is told of HTTP/2: at most `streams` requests at once, and heads of `head` bytes at most.
pub(super) fn options(streams: u32, head: usize) -> H2Options {
    let mut options = default_h2_options();
    options
        .enable_connect_protocol()
        .max_concurrent_streams(streams)
        .max_header_list_size(u32::try_from(head).unwrap_or(u32::MAX))
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_pending_accept_reset_streams(RESET_UNSEEN)
        .max_local_error_reset_streams(Some(RESET_FOR_FAULTS));
    options
}

/// Counts and times the frames of a connection. It errs with [`io::ErrorKind::TimedOut`] where the preface, a head or another
/// frame takes too long, and with [`io::ErrorKind::Other`] where frames that carry nothing are too many.
pub(super) struct Frames {
    tempo: Tempo,
    metrics: Arc<Metrics>,
    door: Arc<Door>,
    peer: SocketAddr,
    received: FrameHeads,
    sent: FrameHeads,
    guard: FloodGuard,
    /// What is in the midst of being received, or behind the last bytes that came.
    unfinished: Option<Unfinished>,
    is_head_open: bool,
    timer: Option<Pin<Box<Sleep>>>,
}

/// Something that began and has an end.
#[derive(Debug, Clone, Copy)]
struct Unfinished {
    began: Instant,
    may_take: Duration,
    why: CutOff,
}

impl Frames {
    /// Those of a connection of `peer`.
    pub(super) fn of(peer: SocketAddr, tempo: Tempo, door: Arc<Door>, metrics: Arc<Metrics>) -> Self {
        let now = clock::monotonic();
        Self {
            tempo,
            metrics,
            door,
            peer,
            received: FrameHeads::after(u32::try_from(HTTP2_PREFACE.len()).unwrap_or_default()),
            sent: FrameHeads::default(),
            guard: FloodGuard::new(now),
            unfinished: Some(Unfinished { began: now, may_take: tempo.head, why: CutOff::SlowHead }),
            is_head_open: false,
            timer: None,
        }
    }

    /// Bytes came.
    fn took(&mut self, bytes: &[u8]) -> Result<(), Flood> {
        let mut last = None;
        for head in self.received.read(bytes) {
            last = Some(head);
            match head.kind {
                FrameKind::Headers | FrameKind::Continuation => self.is_head_open = !head.ends_head(),
                _ => {}
            }
            count(&mut self.guard, head)?;
        }
        if self.received.is_between() && !self.is_head_open {
            self.unfinished = None;
        } else if last.is_some() || self.unfinished.is_none() {
            // A head has one time for all of its frames.
            let began = self.unfinished.filter(|unfinished| self.is_head_open && unfinished.why == CutOff::SlowHead);
            let (may_take, why) = match last.map(|head| (head.kind, head.length)) {
                Some((FrameKind::Data, length)) => {
                    let by_rate = Duration::from_secs(u64::from(length) / self.tempo.body.rate.max(1));
                    (self.tempo.body.grace.saturating_add(by_rate), CutOff::SlowBody)
                }
                _ => (self.tempo.head, CutOff::SlowHead),
            };
            self.unfinished = began.or_else(|| Some(Unfinished { began: clock::monotonic(), may_take, why }));
        }
        Ok(())
    }
}

fn count(guard: &mut FloodGuard, head: FrameHead) -> Result<(), Flood> {
    match head.kind {
        FrameKind::Headers => {
            guard.requested();
            Ok(())
        }
        FrameKind::Reset => guard.reset(clock::monotonic),
        FrameKind::WindowUpdate => guard.window(clock::monotonic),
        FrameKind::Control | FrameKind::GoAway => guard.control(clock::monotonic),
        FrameKind::Data | FrameKind::Continuation if head.is_idle() => guard.control(clock::monotonic),
        FrameKind::Data | FrameKind::Continuation => Ok(()),
    }
}

impl Watch for Frames {
    fn received(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.took(bytes).map_err(|flood| {
            self.door.flooded(self.peer);
            io::Error::other(flood)
        })
    }

    fn waiting(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(Unfinished { began, may_take, why }) = self.unfinished else { return Poll::Pending };
        let end = tokio::time::Instant::from_std(began + may_take);
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(end)));
        if timer.deadline() != end {
            timer.as_mut().reset(end);
        }
        ready!(timer.as_mut().poll(context));
        self.timer = None;
        self.metrics.cut_off(why);
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, why.as_str())))
    }

    fn sent(&mut self, bytes: &[u8]) {
        for head in self.sent.read(bytes) {
            if head.kind == FrameKind::Data {
                self.guard.sent();
            } else if head.is_calling_for_calm() {
                self.door.flooded(self.peer); // the engine has limits of its own
            }
        }
    }
}
