//! HTTP/2: a stream that is a request without a body is served as one of HTTP/1.1 is. The engine takes the streams off the
//! connection, and has those that are more than that.

use super::answer::{AnswerHead, Framing};
use super::client::Timer;
use super::edits::Edits;
use super::request::Request;
use super::visitor::Visitor;
use super::{After, Prepared, serve};
use crate::proxy::Proxy;
use crate::proxy::connection::ConnectionState;
use async_trait::async_trait;
use pingora::apps::{HttpServerApp, HttpServerOptions, ReusedHttpStream};
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::protocols::http::ServerSession;
use pingora::protocols::http::v2::server::{H2Options, HttpSession};
use pingora::proxy::HttpProxy;
use pingora::server::ShutdownWatch;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Instant;

/// What serves the streams of a connection.
pub(in crate::proxy) struct Http2 {
    pub policy: Arc<Proxy>,
    pub engine: Arc<HttpProxy<Proxy>>,
    pub state: Arc<ConnectionState>,
    /// Where the connection was taken.
    pub edge: Option<SocketAddr>,
}

#[async_trait]
impl HttpServerApp for Http2 {
    async fn process_new_http(
        self: &Arc<Self>,
        session: ServerSession,
        shutdown: &ShutdownWatch,
    ) -> Option<ReusedHttpStream> {
        let session = match session {
            ServerSession::H2(stream) => ServerSession::H2(self.serve(stream).await?),
            other => other,
        };
        self.engine.process_new_http(session, shutdown).await
    }

    fn h2_options(&self) -> Option<H2Options> {
        self.engine.h2_options()
    }

    fn server_options(&self) -> Option<&HttpServerOptions> {
        self.engine.server_options()
    }
}

impl Http2 {
    /// Serves a stream. Gives it back where it is for the engine.
    async fn serve(&self, mut session: HttpSession) -> Option<HttpSession> {
        if !session.is_body_done() || !Request::is_plain_stream(session.req_header()) {
            return Some(session);
        }
        let Ok(none) = RequestHeader::build_no_case("GET", b"/", None) else { return Some(session) };
        let head = Box::new(std::mem::replace(session.req_header_mut(), none));
        let request = match Request::of_stream(head) {
            Ok(request) => request,
            Err(head) => {
                *session.req_header_mut() = *head;
                return Some(session);
            }
        };
        session.set_write_timeout(Some(self.policy.body_pace.grace));
        let mut stream =
            Stream { session, state: Arc::clone(&self.state), edge: self.edge, timer: Timer::default(), head: None };
        let after = Box::pin(serve::serve(&self.policy, &mut stream, &request, true)).await;
        let mut session = stream.session;
        // Where its answer is not whole, dropping it resets it, behind what there is of that.
        let After::Engine { prepared, .. } = after else { return None };
        let mut head: http::request::Parts = (*request.into_stream()?).into();
        head.extensions.insert(PreparedStream(Arc::new(Mutex::new(prepared))));
        *session.req_header_mut() = head.into();
        Some(session)
    }
}

/// As what a stream was begun, with its head.
#[derive(Clone)]
struct PreparedStream(Arc<Mutex<Option<Box<Prepared>>>>);

/// As what the stream with this head was begun, where it was; once.
pub(in crate::proxy) fn take_prepared(head: &RequestHeader) -> Option<Box<Prepared>> {
    let PreparedStream(prepared) = head.extensions.get()?;
    prepared.lock().unwrap_or_else(PoisonError::into_inner).take()
}

/// A stream while it is answered.
struct Stream {
    session: HttpSession,
    state: Arc<ConnectionState>,
    edge: Option<SocketAddr>,
    timer: Timer,
    /// The head of its answer, until something is sent.
    head: Option<Box<ResponseHeader>>,
}

impl Visitor for Stream {
    const HAS_CONNECTION: bool = false;

    fn state(&self) -> &Arc<ConnectionState> {
        &self.state
    }

    fn edge(&self) -> Option<SocketAddr> {
        self.edge
    }

    /// It ends with its last frame.
    fn framing(&self, head: &AnswerHead) -> Framing {
        if head.framing == Framing::None { Framing::None } else { Framing::Close }
    }

    fn begin(&mut self, head: &AnswerHead, edits: &Edits<'_>, _keeps: bool, _into: &mut Vec<u8>) {
        self.head = head.for_stream(edits).map(Box::new);
    }

    /// The engine's own streams have one head.
    fn inform(&mut self, _head: &AnswerHead, _edits: &Edits<'_>, _into: &mut Vec<u8>) {}

    async fn send(&mut self, bytes: &[u8], is_last: bool) -> io::Result<()> {
        if let Some(head) = self.head.take() {
            self.session.write_response_header(head, is_last && bytes.is_empty()).map_err(io::Error::other)?;
        }
        if !bytes.is_empty() {
            let bytes = bytes::Bytes::copy_from_slice(bytes);
            return self.session.write_body(bytes, is_last).await.map_err(io::Error::other);
        }
        if is_last { self.session.finish().map_err(io::Error::other) } else { Ok(()) }
    }

    fn poll_gone(&mut self, context: &mut Context<'_>) -> Poll<()> {
        pin!(self.session.idle()).poll(context).map(drop)
    }

    fn poll_late(&mut self, until: Instant, context: &mut Context<'_>) -> Poll<()> {
        self.timer.poll(until, context)
    }
}
