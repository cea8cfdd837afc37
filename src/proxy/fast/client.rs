//! A client's connection, as the fast path reads from it.

use super::answer::{AnswerHead, Framing};
use super::edits::Edits;
use super::request::{self, Come, Request};
use super::visitor::Visitor;
use super::wire;
use crate::live::clock;
use crate::proxy::connection::{ConnectionState, Phase};
use crate::proxy::http1::RequestLines;
use crate::proxy::layer::Layered;
use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Sleep, sleep_until};

/// The most bytes of a request that takes the fast path, its body among them.
const MOST_OF_REQUEST: usize = 16 * 1024;

/// How large the buffers are that bytes are read into.
const BUFFER: usize = 16 * 1024;

/// How many of these a thread keeps for the next who needs one.
const MOST_BUFFERS: usize = 64;

thread_local! {
    static BUFFERS: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// An empty buffer; to be given back by [`give_buffer`].
pub(super) fn buffer() -> Vec<u8> {
    BUFFERS.with_borrow_mut(Vec::pop).unwrap_or_else(|| Vec::with_capacity(BUFFER))
}

/// Keeps a buffer for the next who needs one.
pub(super) fn give_buffer(mut buffer: Vec<u8>) {
    buffer.clear();
    BUFFERS.with_borrow_mut(|kept| {
        if kept.len() < MOST_BUFFERS && (BUFFER..=4 * BUFFER).contains(&buffer.capacity()) {
            kept.push(buffer);
        }
    });
}

/// A client's connection.
pub(super) struct Client {
    pub stream: Box<Layered<RequestLines>>,
    pub state: Arc<ConnectionState>,
    /// Where it was taken.
    pub edge: Option<SocketAddr>,
    timer: Timer,
    /// What has come and is not a request yet. It holds a buffer only while there is something in it.
    unread: Vec<u8>,
}

/// What comes next from a client.
pub(super) enum Next {
    /// A request.
    Request(Box<Request>),
    /// What the engine has to read.
    Other,
    /// Nothing: it has gone, or was idle for too long.
    Over,
}

impl Client {
    pub(super) fn new(
        stream: Box<Layered<RequestLines>>,
        state: Arc<ConnectionState>,
        edge: Option<SocketAddr>,
    ) -> Self {
        Self { stream, state, edge, timer: Timer::default(), unread: Vec::new() }
    }

    /// Waits for the next request until a moment.
    pub(super) async fn next(&mut self, until: Instant) -> Next {
        self.state.enter(Phase::Idle);
        // What is taken here has a request line as it has to be.
        self.stream.watch_mut().pause();
        loop {
            if !self.unread.is_empty() {
                match request::read(&self.unread) {
                    Come::Whole(request, length) => {
                        self.unread.drain(..length);
                        self.let_go();
                        return Next::Request(request);
                    }
                    Come::Part if self.unread.len() < MOST_OF_REQUEST => {}
                    Come::Part | Come::Other => return Next::Other,
                }
            }
            let more = poll_fn(|context| match self.poll_more(context) {
                Poll::Pending => self.timer.poll(until, context).map(|()| Ok(0)),
                ready @ Poll::Ready(_) => ready,
            });
            // One that leaves in the middle of a head, or takes too long for it, is not answered.
            if !more.await.is_ok_and(|bytes| bytes > 0) {
                return Next::Over;
            }
        }
    }

    /// Reads more of what comes. No buffer is held while nothing does.
    fn poll_more(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if self.unread.capacity() == 0 {
            self.unread = buffer();
        }
        let polled = pin!(self.stream.read_buf(&mut self.unread)).poll(context);
        if self.unread.is_empty() {
            self.let_go();
        }
        polled
    }

    fn let_go(&mut self) {
        if self.unread.is_empty() {
            give_buffer(std::mem::take(&mut self.unread));
        }
    }

    /// The stream, from which the engine reads once more what was `taken`, and what has come behind that.
    pub(super) fn into_stream(mut self, taken: &[u8]) -> Box<Layered<RequestLines>> {
        let again = [taken, &self.unread].concat();
        self.unread.clear();
        self.let_go();
        self.stream.watch_mut().restart(&again);
        self.stream.read_again(again);
        self.stream
    }
}

impl Visitor for Client {
    const HAS_CONNECTION: bool = true;

    fn state(&self) -> &Arc<ConnectionState> {
        &self.state
    }

    fn edge(&self) -> Option<SocketAddr> {
        self.edge
    }

    fn framing(&self, head: &AnswerHead) -> Framing {
        head.passed_on
    }

    fn begin(&mut self, head: &AnswerHead, edits: &Edits<'_>, keeps: bool, into: &mut Vec<u8>) {
        wire::answer(head, edits, keeps, into);
    }

    fn inform(&mut self, head: &AnswerHead, edits: &Edits<'_>, into: &mut Vec<u8>) {
        wire::informational(head, edits, into);
    }

    /// An answer ends where its head or its chunks say.
    async fn send(&mut self, bytes: &[u8], _is_last: bool) -> io::Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        self.stream.write_all(bytes).await?;
        self.stream.flush().await
    }

    /// What it sends meanwhile is its next request.
    fn poll_gone(&mut self, context: &mut Context<'_>) -> Poll<()> {
        while self.unread.len() < MOST_OF_REQUEST {
            match self.poll_more(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(bytes)) if bytes > 0 => {}
                Poll::Ready(_) => return Poll::Ready(()),
            }
        }
        Poll::Pending
    }

    fn poll_late(&mut self, until: Instant, context: &mut Context<'_>) -> Poll<()> {
        self.timer.poll(until, context)
    }
}

/// A timer that is set anew for every wait, and reaches the runtime's own only where one is long.
#[derive(Default)]
pub(super) struct Timer(Option<Pin<Box<Sleep>>>);

impl Timer {
    /// Ready at a moment.
    pub(super) fn poll(&mut self, until: Instant, context: &mut Context<'_>) -> Poll<()> {
        let until = tokio::time::Instant::from_std(until);
        let sleep = self.0.get_or_insert_with(|| Box::pin(sleep_until(until)));
        if sleep.deadline() > until {
            sleep.as_mut().reset(until);
        }
        // Where it goes off for a wait that is over, it is set for this one.
        while sleep.as_mut().poll(context).is_ready() {
            if clock::monotonic() >= until.into_std() {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(until);
        }
        Poll::Pending
    }
}
