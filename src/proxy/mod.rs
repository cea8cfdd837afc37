//! Floor 6: the only place that names the proxy engine. One thin hook a phase; what a phase does stands in a file of its
//! own and knows as little of the engine as can be.

mod admission;
mod admit_upstream;
mod answer;
mod attempt;
mod body;
mod challenge;
mod connect;
mod connection;
mod context;
mod deadline;
mod door;
mod farewell;
mod fast;
mod fields;
mod gate;
mod grpc;
mod head;
mod headers;
mod hop;
mod http1;
mod http2;
mod https;
mod intake;
mod judge;
mod layer;
mod listener;
mod outcome;
mod peer;
mod record;
mod refusal;
mod replay;
mod request_id;
mod retry;
mod route;
mod server;
mod streams;
mod trace;
mod traffic;
mod transit;
mod websocket;

use crate::config::ForwardedHeader;
use crate::live::{Edge, clock};
use crate::model::Network;
use crate::resilience::{Mishap, Pace};
use crate::telemetry::{AccessLog, Tracer};
use async_trait::async_trait;
use bytes::Bytes;
use connection::{ConnectionState, Phase};
use context::{Ends, RequestContext};
use headers::Received;
use http::header::{CONNECTION, UPGRADE};
use http1::LineSeen;
use intake::HeadLimits;
use peer::EngineCredentials;
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::protocols::Digest;
use pingora::proxy::{FailToProxy, ProxyHttp, Session};
use pingora::upstreams::peer::HttpPeer;
use pingora::{Error, ErrorType, Result};
use record::Served;
use refusal::{Refusal, UpstreamFailure};
use std::sync::Arc;
use std::time::Duration;

pub use farewell::Farewell;
#[doc(hidden)]
pub use intake::ReceivedHead;
pub use server::{BindError, ListeningSocket, ProxyServer};

/// How long an idle connection of a client is kept.
const CLIENT_KEEPALIVE: Duration = Duration::from_secs(75);

/// How long a client may take for the next bytes of a request, and for taking the next bytes of an answer.
const CLIENT_STALL: Duration = Duration::from_mins(1);

/// How long what is left of a refused request is read, so that the client gets to see the answer.
const CLIENT_DRAIN: Duration = Duration::from_secs(2);

/// The proxy: an edge's policy, hooked into the engine.
pub(crate) struct Proxy {
    edge: Arc<Edge>,
    access_log: Arc<AccessLog>,
    tracer: Option<Arc<Tracer>>,
    trusted_proxies: Vec<Network>,
    forwarded_header: ForwardedHeader,
    head_limits: HeadLimits,
    body_pace: Pace,
    credentials: EngineCredentials,
}

impl Proxy {
    /// Whether the other side is told in `Forwarded` who the visitor is.
    fn writes_forwarded(&self) -> bool {
        self.forwarded_header != ForwardedHeader::XForwardedFor
    }
}

#[async_trait]
impl ProxyHttp for Proxy {
    type CTX = RequestContext;

    fn new_ctx(&self) -> RequestContext {
        RequestContext::new(&self.edge)
    }

    async fn request_filter(&self, session: &mut Session, context: &mut RequestContext) -> Result<bool> {
        if session.get_keepalive().is_some() {
            session.set_keepalive(Some(CLIENT_KEEPALIVE.as_secs())); // the engine's own default is for ever
        }
        session.set_read_timeout(Some(CLIENT_STALL));
        session.set_write_timeout(Some(CLIENT_STALL));
        session.set_total_drain_timeout(Some(CLIENT_DRAIN));
        context.connection = connection_of(session);
        context.has_connection = !session.is_http2();
        context.ends = Ends {
            client: context.connection.as_ref().map(|connection| connection.peer),
            edge: session.server_addr().and_then(|address| address.as_inet()).copied(),
        };
        if websocket::is_asked_for(session.req_header()) {
            self.websocket(session, context).await?;
            return Ok(true);
        }
        // On a connection of HTTP/2 there are other requests.
        let has_body = session.req_header().version != http::Version::HTTP_2
            && !session.is_upgrade_req()
            && !session.as_mut().is_body_done();
        context.enter(if has_body { Phase::Body } else { Phase::Any });
        if session.as_mut().is_body_done() {
            context.whole_since = Some(context.began);
        }
        if session.is_http2() {
            body::check_end(session).await?;
            self.expect_body(session, context);
        }
        let of_connection = || context.connection.as_ref()?.take_prepared();
        let decided = match fast::take_prepared(session.req_header()).or_else(of_connection) {
            Some(prepared) => {
                *context = prepared.context;
                prepared.decided
            }
            None => {
                let wire = if session.is_http2() { Bytes::new() } else { session.to_h1_raw() };
                self.decide(session.req_header(), &wire, context.peer(), context)
            }
        };
        if let Some(text) = self.challenge_of(session.req_header(), &decided) {
            self.answer_challenge(session, context, &text).await?;
            return Ok(true);
        }
        if let Some(location) = https::redirect(session.req_header(), context) {
            self.redirect(session, context, &location).await?;
            return Ok(true);
        }
        match decided {
            Ok(()) => Ok(false),
            Err(refusal) => {
                self.answer(session, context, refusal).await?;
                Ok(true)
            }
        }
    }

    async fn upstream_peer(&self, session: &mut Session, context: &mut RequestContext) -> Result<Box<HttpPeer>> {
        if let Err(refusal) = self.wait_for_retry(context).await {
            return give_up(context, refusal);
        }
        self.keep_way(session.req_header(), context).or_else(|refusal| give_up(context, refusal))?;
        self.take_place(session, context).await?;
        match self.next_server(session.req_header(), context) {
            Ok(peer) => {
                self.pass_gate(session.req_header(), context).await;
                Ok(Box::new(peer))
            }
            Err(refusal) => give_up(context, refusal),
        }
    }

    fn fail_to_connect(
        &self,
        session: &mut Session,
        _peer: &HttpPeer,
        context: &mut RequestContext,
        mut error: Box<Error>,
    ) -> Box<Error> {
        let failure = answer::failure_of(&error);
        if failure == UpstreamFailure::Certificate {
            peer::warn_of_certificate(context, &error);
        }
        if failure == UpstreamFailure::ConnectionTimeout && context.time_left().is_some_and(|left| left.is_zero()) {
            // The server may have had less than its time for it, and is not to blame.
            context.attempts.server = None;
            return deadline::passed();
        }
        self.end_without_connection(context, failure);
        let again = self.goes_again(session, Mishap::NoConnection, context);
        error.set_retry(again);
        error
    }

    async fn connected_to_upstream(
        &self,
        _session: &mut Session,
        reused: bool,
        _peer: &HttpPeer,
        _fd: std::os::unix::io::RawFd,
        digest: Option<&Digest>,
        context: &mut RequestContext,
    ) -> Result<()> {
        self.connected(reused, digest, context);
        Ok(())
    }

    async fn upstream_request_filter(
        &self,
        session: &mut Session,
        head: &mut RequestHeader,
        context: &mut RequestContext,
    ) -> Result<()> {
        let is_tls = context.connection.as_ref().is_some_and(|connection| connection.is_tls);
        let writes_forwarded = self.writes_forwarded();
        let version = session.req_header().version;
        let received = Received { peer: context.peer(), version, is_tls, writes_forwarded };
        self.tell(head, &received, context)?;
        if context.attempts.is_worn && head.version == http::Version::HTTP_11 && !head.headers.contains_key(UPGRADE) {
            head.insert_header(CONNECTION, "close")?; // it serves this request, and no other
        }
        Ok(())
    }

    async fn request_body_filter(
        &self,
        _session: &mut Session,
        body: &mut Option<Bytes>,
        end_of_stream: bool,
        context: &mut RequestContext,
    ) -> Result<()> {
        context.body_runs()?;
        if end_of_stream {
            context.has_come_whole(clock::monotonic());
        }
        let bytes = body.as_ref().map_or(0, Bytes::len);
        self.take_body(bytes, end_of_stream, context).or_else(|refusal| {
            context.refusal = Some(refusal);
            Error::e_explain(ErrorType::HTTPStatus(refusal.status()), "the body is not taken")
        })
    }

    async fn upstream_response_filter(
        &self,
        session: &mut Session,
        head: &mut ResponseHeader,
        context: &mut RequestContext,
    ) -> Result<()> {
        let is_final = !head.status.is_informational() || head.status == http::StatusCode::SWITCHING_PROTOCOLS;
        if is_final && context.is_too_late() {
            return Err(deadline::passed());
        }
        context.attempts.first_byte = context.attempts.began.map(|began| clock::monotonic().duration_since(began));
        if head.status == http::StatusCode::SWITCHING_PROTOCOLS {
            context.enter(Phase::Any);
        }
        if self.edge.is_stopping() && !head.status.is_informational() {
            session.set_keepalive(None); // and the client hears so: the next request is another process's
        }
        let is_held = !session.as_ref().retry_buffer_truncated();
        self.take(session.req_header(), (head.status, &mut *head), is_held, context)?;
        if is_final {
            context.attempts.has_answered = true;
            context.answer_begins(session.req_header(), (head.status, head));
        }
        Ok(())
    }

    fn response_body_filter(
        &self,
        _session: &mut Session,
        _body: &mut Option<Bytes>,
        end_of_stream: bool,
        context: &mut RequestContext,
    ) -> Result<Option<Duration>> {
        if !end_of_stream {
            context.body_runs()?;
        }
        Ok(None)
    }

    fn upstream_response_trailer_filter(
        &self,
        _session: &mut Session,
        trailers: &mut http::HeaderMap,
        context: &mut RequestContext,
    ) -> Result<()> {
        grpc::take_trailers(trailers, context);
        headers::strip_own(trailers);
        Ok(())
    }

    fn error_while_proxy(
        &self,
        _peer: &HttpPeer,
        session: &mut Session,
        mut error: Box<Error>,
        context: &mut RequestContext,
        reused: bool,
    ) -> Box<Error> {
        if std::mem::take(&mut context.goes_again) {
            error.set_retry(true); // what is left behind is an answer, and why was decided with it
            return error;
        }
        self.broke_off(session, error, reused, context)
    }

    async fn fail_to_proxy(&self, session: &mut Session, error: &Error, context: &mut RequestContext) -> FailToProxy {
        self.answer_failure(session, context, error).await
    }

    async fn logging(&self, session: &mut Session, error: Option<&Error>, context: &mut RequestContext) {
        if !context.is_carried {
            let served = Served {
                request: session.req_header(),
                status: session.response_written().map_or(0, |head| head.status.as_u16()),
                bytes_sent: session.body_bytes_sent() as u64,
            };
            self.record(&served, error, context);
        }
        context.stream = None;
        if session.req_header().version != http::Version::HTTP_2 {
            if let Some(connection) = &context.connection {
                connection.carries(None);
            }
            context.enter(Phase::Idle);
            // What is left of a body comes before the next line.
            let next = if session.as_mut().is_body_done() { LineSeen::Awaited } else { LineSeen::Unknown };
            if let Some(connection) = &context.connection {
                connection.saw_line(next);
            }
        }
    }

    fn suppress_error_log(&self, _session: &Session, _context: &RequestContext, _error: &Error) -> bool {
        true // the access log and the metrics have it; a line of log for each bad request would be an attacker's to write
    }

    fn suppress_proxy_warn_log(
        &self,
        _session: &Session,
        _context: &RequestContext,
        _error: &Error,
        _when: pingora::proxy::ProxyWarnLogContext,
    ) -> bool {
        true // the attempts are in the access log and the metrics
    }
}

/// No server is asked, and the edge answers.
fn give_up<T>(context: &mut RequestContext, refusal: Refusal) -> Result<T> {
    context.refusal = Some(refusal);
    Error::e_explain(ErrorType::HTTPStatus(refusal.status()), "no server to try")
}

/// The connection that a request came on.
fn connection_of(session: &Session) -> Option<Arc<ConnectionState>> {
    let digest = session.digest()?.proxy_digest.as_ref()?;
    digest.user_data.as_ref()?.downcast_ref::<Arc<ConnectionState>>().cloned()
}
