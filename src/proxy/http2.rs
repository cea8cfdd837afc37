//! An HTTP/2 connection of a client: its frames are counted, and may not take for ever.

use super::connection::Tempo;
use super::door::Door;
use crate::client::{FrameHead, FrameHeads, FrameKind, HTTP2_PREFACE};
use crate::live::clock;
use crate::resilience::{Flood, FloodGuard};
use crate::telemetry::{CutOff, Metrics};
use async_trait::async_trait;
use pingora::protocols::http::v2::server::{H2Options, default_h2_options};
use pingora::protocols::raw_connect::ProxyDigest;
use pingora::protocols::tls::{SslDigest, TlsRef};
use pingora::protocols::{
    ALPN, GetProxyDigest, GetSocketDigest, GetTimingDigest, Peek, Shutdown, SocketDigest, Ssl, Stream, TimingDigest,
    UniqueID, UniqueIDType,
};
use std::fmt;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
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

/// The connection. It errs with [`io::ErrorKind::TimedOut`] where the preface, a head or another frame takes too long, and
/// with [`io::ErrorKind::Other`] where frames that carry nothing are too many.
pub(super) struct Http2Connection {
    stream: Stream,
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

impl Http2Connection {
    /// A connection of `peer`.
    pub(super) fn new(stream: Stream, peer: SocketAddr, tempo: Tempo, door: Arc<Door>, metrics: Arc<Metrics>) -> Self {
        let now = clock::monotonic();
        Self {
            stream,
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

    /// No bytes came: until when they may.
    fn poll_end(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
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

    /// Bytes went.
    fn gave(&mut self, bytes: &[u8]) {
        for head in self.sent.read(bytes) {
            if head.kind == FrameKind::Data {
                self.guard.sent();
            } else if head.is_calling_for_calm() {
                self.door.flooded(self.peer); // the engine has limits of its own
            }
        }
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

impl AsyncRead for Http2Connection {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        match Pin::new(&mut self.stream).poll_read(context, into) {
            Poll::Ready(Ok(())) => {
                let taken = self.took(&into.filled()[before..]);
                Poll::Ready(taken.map_err(|flood| {
                    self.door.flooded(self.peer);
                    io::Error::other(flood)
                }))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => self.poll_end(context),
        }
    }
}

impl AsyncWrite for Http2Connection {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let count = ready!(Pin::new(&mut self.stream).poll_write(context, bytes))?;
        self.gave(&bytes[..count.min(bytes.len())]);
        Poll::Ready(Ok(count))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let count = ready!(Pin::new(&mut self.stream).poll_write_vectored(context, parts))?;
        let mut left = count;
        for part in parts {
            let written = left.min(part.len());
            self.gave(&part[..written]);
            left -= written;
        }
        Poll::Ready(Ok(count))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[async_trait]
impl Peek for Http2Connection {
    async fn try_peek(&mut self, into: &mut [u8]) -> io::Result<bool> {
        self.stream.try_peek(into).await
    }
}

#[async_trait]
impl Shutdown for Http2Connection {
    async fn shutdown(&mut self) {
        self.stream.shutdown().await;
    }
}

impl UniqueID for Http2Connection {
    fn id(&self) -> UniqueIDType {
        self.stream.id()
    }
}

impl Ssl for Http2Connection {
    fn get_ssl(&self) -> Option<&TlsRef> {
        self.stream.get_ssl()
    }

    fn get_ssl_digest(&self) -> Option<Arc<SslDigest>> {
        self.stream.get_ssl_digest()
    }

    fn selected_alpn_proto(&self) -> Option<ALPN> {
        self.stream.selected_alpn_proto()
    }
}

impl GetTimingDigest for Http2Connection {
    fn get_timing_digest(&self) -> Vec<Option<TimingDigest>> {
        self.stream.get_timing_digest()
    }
}

impl GetProxyDigest for Http2Connection {
    fn get_proxy_digest(&self) -> Option<Arc<ProxyDigest>> {
        self.stream.get_proxy_digest()
    }
}

impl GetSocketDigest for Http2Connection {
    fn get_socket_digest(&self) -> Option<Arc<SocketDigest>> {
        self.stream.get_socket_digest()
    }
}

impl fmt::Debug for Http2Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Http2Connection({:?})", self.stream)
    }
}
