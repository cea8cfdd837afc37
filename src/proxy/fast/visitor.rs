//! Who a request is of, and where its answer goes: a connection of HTTP/1.1, or a stream of HTTP/2.

use super::answer::{AnswerHead, Framing};
use super::edits::Edits;
use crate::proxy::connection::ConnectionState;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

/// The client of one request at a time.
pub(super) trait Visitor {
    /// The connection that it is on.
    fn state(&self) -> &Arc<ConnectionState>;

    /// Where that was taken.
    fn edge(&self) -> Option<SocketAddr>;

    /// Whether nothing else is on the connection meanwhile.
    const HAS_CONNECTION: bool;

    /// Where the body of an answer ends for it.
    fn framing(&self, head: &AnswerHead) -> Framing;

    /// Takes the head of an answer, which goes out with what is sent next: what is written `into`, or kept here.
    fn begin(&mut self, head: &AnswerHead, edits: &Edits<'_>, keeps: bool, into: &mut Vec<u8>);

    /// Takes the head of an answer that another one follows.
    fn inform(&mut self, head: &AnswerHead, edits: &Edits<'_>, into: &mut Vec<u8>);

    /// Sends it these bytes; `is_last`: whether the answer ends with them.
    ///
    /// # Errors
    /// Where it has gone, or takes them too slowly.
    async fn send(&mut self, bytes: &[u8], is_last: bool) -> io::Result<()>;

    /// Ready where it leaves, or its stream is told to end, while its request is served.
    fn poll_gone(&mut self, context: &mut Context<'_>) -> Poll<()>;

    /// Ready at a moment.
    fn poll_late(&mut self, until: Instant, context: &mut Context<'_>) -> Poll<()>;
}
