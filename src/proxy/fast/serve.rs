//! One request, from its decision to its line in the access log.

use super::answer::{self, AnswerHead, Come, Framing, MOST_BYTES};
use super::chunks::Chunks;
use super::client::{Client, buffer, give_buffer};
use super::request::Request;
use super::servers::{self, ServerConnection};
use super::{After, Prepared, wire};
use crate::live::{Server, clock};
use crate::proxy::Proxy;
use crate::proxy::answer::{failure_of, refusal_of};
use crate::proxy::connection::Phase;
use crate::proxy::context::{Decided, Ends, RequestContext};
use crate::proxy::fields::Edits;
use crate::proxy::headers::{self, Received};
use crate::proxy::record::{Served, upstream_result};
use crate::proxy::refusal::{Refusal, UpstreamFailure};
use crate::proxy::retry::{is_repeatable, mishap_of};
use crate::proxy::route::begin_attempt;
use crate::proxy::{deadline, https};
use crate::resilience::Mishap;
use crate::routing::Way;
use crate::telemetry::UpstreamResult;
use http::{StatusCode, Version};
use pingora::{BError, Error, ErrorType};
use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Why a request is not answered here.
enum Stop {
    /// It goes on in the engine: it is forwarded, or answered with a refusal.
    Engine(Result<(), Refusal>),
    /// It is over: its client has gone, or its answer broke off when its head was out.
    Over(BError),
}

/// What has gone to the client.
#[derive(Default)]
struct Out {
    status: u16,
    body: u64,
}

/// Serves a request. `may_stay`: whether another one may come on its connection.
pub(super) async fn serve(proxy: &Proxy, client: &mut Client, request: Box<Request>, may_stay: bool) -> After {
    let mut context = RequestContext::new(&proxy.edge);
    context.connection = Some(Arc::clone(&client.state));
    context.has_connection = true;
    context.ends = Ends { client: Some(client.state.peer), edge: client.edge };
    context.whole_since = Some(context.began);
    context.enter(Phase::Any);
    let mut out = Out::default();
    let keeps = may_stay && !request.is_last;
    let stop = forward(proxy, client, &request, keeps, &mut context, &mut out).await;
    let (after, error) = match stop {
        Ok(true) => (After::Next, None),
        Ok(false) => (After::Close, None),
        Err(Stop::Over(error)) => (After::Close, Some(error)),
        Err(Stop::Engine(decided)) => {
            let prepared = Some(Box::new(Prepared { context, decided }));
            return After::Engine { taken: request.wire, prepared };
        }
    };
    let served = Served { request: &request.head, status: out.status, bytes_sent: out.body };
    proxy.record(&served, error.as_deref(), &mut context);
    context.stream = None;
    client.state.carries(None);
    after
}

/// Forwards a request and its answer. Gives back whether its connection stays.
async fn forward(
    proxy: &Proxy,
    client: &mut Client,
    request: &Request,
    keeps: bool,
    context: &mut RequestContext,
    out: &mut Out,
) -> Result<bool, Stop> {
    let server = choose(proxy, client, request, context).await?;
    let mut connection = connect(proxy, &server, request, context).await?;
    let mut heard = buffer();
    let answered = exchange(proxy, client, request, &mut connection, &mut heard, keeps, context, out).await;
    give_buffer(heard);
    let Ended { keeps, reuse } = answered?;
    if reuse && !context.attempts.is_worn {
        let idle = context.service().map_or(Duration::ZERO, |service| service.timeouts.idle);
        connection.keep(idle);
    }
    Ok(keeps)
}

/// Decides, and picks a server that the fast path can speak to.
async fn choose(
    proxy: &Proxy,
    client: &Client,
    request: &Request,
    context: &mut RequestContext,
) -> Result<Arc<Server>, Stop> {
    let decided = proxy.decide(&request.head, request.head_bytes(), client.state.peer.ip(), context);
    let is_plain = decided.is_ok()
        && proxy.challenge_of(&request.head, &decided).is_none()
        && https::redirect(&request.head, context).is_none()
        && context.decided.as_ref().is_some_and(leads_to_plain_servers);
    if !is_plain || !Proxy::takes_free_place(context) {
        return Err(Stop::Engine(decided));
    }
    let server = proxy.pick_server(&request.head, context).map_err(|refusal| Stop::Engine(Err(refusal)))?;
    let body = request.body_bytes().len();
    begin_attempt(&server, context);
    if let Err(refusal) = proxy.take_body(body, true, context) {
        return Err(Stop::Engine(Err(refusal)));
    }
    proxy.pass_gate(&request.head, context).await;
    Ok(server)
}

fn leads_to_plain_servers(Decided { live, decision }: &Decided) -> bool {
    let way = decision.way().filter(|(_, way)| *way != Way::Edge);
    way.and_then(|(region, _)| live.pools.get(decision.service, region)).is_some_and(|pool| pool.speaks_plain())
}

/// A connection to the server: a kept one, or a new one.
async fn connect(
    proxy: &Proxy,
    server: &Server,
    request: &Request,
    context: &mut RequestContext,
) -> Result<ServerConnection, Stop> {
    if let Some(kept) = servers::kept(server, is_repeatable(&request.head)) {
        proxy.took_connection(true, Some(kept.since), context);
        return Ok(kept);
    }
    let timeouts = context.service().ok_or(Stop::Engine(Err(Refusal::Internal)))?.timeouts;
    let time_left = context.time_left();
    let patience = time_left.map_or(timeouts.connect, |left| left.min(timeouts.connect));
    match servers::connect(server, patience, timeouts.unreachable).await {
        Ok(connection) => {
            proxy.took_connection(false, Some(connection.since), context);
            Ok(connection)
        }
        Err(error) => {
            let is_late = error.kind() == io::ErrorKind::TimedOut;
            if is_late && time_left.is_some_and(|left| left <= timeouts.connect) {
                // The server may have had less than its time for it, and is not to blame.
                context.attempts.server = None;
                return Err(fails(proxy, request, deadline::passed(), context));
            }
            let failure = if is_late { UpstreamFailure::ConnectionTimeout } else { UpstreamFailure::ConnectionRefused };
            proxy.end_without_connection(context, failure);
            let again = proxy.is_tried_again(&request.head, Mishap::NoConnection, true, context);
            Err(Stop::Engine(if again { Ok(()) } else { Err(Refusal::Upstream(failure)) }))
        }
    }
}

/// What becomes of a request whose attempt broke off before an answer had begun.
fn fails(proxy: &Proxy, request: &Request, error: BError, context: &mut RequestContext) -> Stop {
    let mishap = mishap_of(&error, context.attempts.is_reused);
    if let Some(mishap) = mishap.filter(|mishap| proxy.is_tried_again(&request.head, *mishap, true, context)) {
        proxy.end_broken(context, &error, mishap);
        return Stop::Engine(Ok(()));
    }
    let failure = failure_of(&error);
    context.hear_failure(failure);
    proxy.end_attempt(context, upstream_result(failure), Some(failure.as_str()));
    Stop::Engine(Err(refusal_of(&error).unwrap_or(Refusal::Internal)))
}

/// How a request was answered to its end.
struct Ended {
    /// Whether its client's connection stays.
    keeps: bool,
    /// Whether its server's does.
    reuse: bool,
}

/// Sends the request, and passes its answer on.
#[allow(clippy::too_many_arguments, reason = "it is where all of them meet")]
async fn exchange(
    proxy: &Proxy,
    client: &mut Client,
    request: &Request,
    connection: &mut ServerConnection,
    heard: &mut Vec<u8>,
    keeps: bool,
    context: &mut RequestContext,
    out: &mut Out,
) -> Result<Ended, Stop> {
    let timeouts = context.service().ok_or(Stop::Engine(Err(Refusal::Internal)))?.timeouts;
    let rules = context.retry_rules();
    let try_timeout = rules.and_then(|rules| rules.try_timeout);
    let limits = [Some(timeouts.read), try_timeout, context.time_left()];
    let until = clock::monotonic() + limits.into_iter().flatten().min().unwrap_or(timeouts.read);

    let mut told = buffer();
    let sent = match tell(proxy, request, context, &mut told) {
        Ok(head) => send(connection, &told, head, timeouts.write).await,
        Err(error) => Err(error),
    };
    give_buffer(told);
    if let Err(error) = sent {
        return Err(fails(proxy, request, error, context));
    }
    let head = loop {
        match answer::read(heard, &request.head.method) {
            Come::Whole(head, length) => {
                heard.drain(..length);
                let status = head.status;
                if status == StatusCode::SWITCHING_PROTOCOLS {
                    return Err(fails(proxy, request, malformed("another protocol, unasked"), context));
                }
                if !status.is_informational() {
                    break head;
                }
                pass_informational(proxy, client, request, &head, context).await?;
                continue;
            }
            Come::Malformed => return Err(fails(proxy, request, malformed("no answer of HTTP/1.1"), context)),
            Come::Part => {}
        }
        match hear(client, connection, heard, until).await {
            Heard::Bytes if heard.len() <= MOST_BYTES => {}
            Heard::Bytes => return Err(fails(proxy, request, malformed("a head without an end"), context)),
            Heard::End(error) => return Err(fails(proxy, request, error, context)),
            Heard::TooLate => return Err(fails(proxy, request, deadline::passed(), context)),
            Heard::ClientGone => return Err(Stop::Over(gone())),
        }
    };
    context.attempts.first_byte = context.attempts.began.map(|began| clock::monotonic().duration_since(began));
    let mut edits = Edits::of(&head.fields);
    let status = head.status;
    if let Err(error) = proxy.take(&request.head, (status, &mut edits), true, context) {
        if std::mem::take(&mut context.goes_again) {
            return Err(Stop::Engine(Ok(()))); // what is left behind is an answer, and why was decided with it
        }
        let refusal = context.refusal.take().or_else(|| refusal_of(&error)).unwrap_or(Refusal::Internal);
        proxy.end_attempt(context, UpstreamResult::Answered, None);
        return Err(Stop::Engine(Err(refusal)));
    }
    context.attempts.has_answered = true;
    context.answer_begins(&request.head, (status, &edits));
    let keeps = keeps && head.passed_on != Framing::Close && !proxy.edge.is_stopping();
    let mut written = buffer();
    wire::answer(&head, &edits, keeps, &mut written);
    out.status = status.as_u16();
    let body = Body::of(&head);
    let passed = pass_body(client, connection, heard, &mut written, body, timeouts.read, context, out).await;
    give_buffer(written);
    passed.map_err(Stop::Over).map(|reuse| Ended { keeps, reuse: reuse && head.keeps })
}

/// Writes what the server is told. Gives back how long its head is.
fn tell(proxy: &Proxy, request: &Request, context: &RequestContext, into: &mut Vec<u8>) -> Result<usize, BError> {
    let received = Received {
        peer: context.peer(),
        version: Version::HTTP_11,
        is_tls: context.connection.as_ref().is_some_and(|connection| connection.is_tls),
        writes_forwarded: proxy.writes_forwarded(),
    };
    let mut edits = Edits::of(&request.head.headers);
    Proxy::tell_app(&mut edits, headers::host(&request.head), &received, context)?;
    wire::request(request, &edits, context.attempts.is_worn, into);
    let head = into.len();
    into.extend_from_slice(request.body_bytes());
    Ok(head)
}

/// Sends a request, of which the first bytes are its `head`.
async fn send(connection: &mut ServerConnection, bytes: &[u8], head: usize, patience: Duration) -> Result<(), BError> {
    // As a rule the system takes it all at once, and no timer is set.
    let mut sent = match connection.tcp.try_write(bytes) {
        Ok(sent) => sent,
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
        Err(error) => return Err(not_sent(error, true)),
    };
    while sent < bytes.len() {
        match tokio::time::timeout(patience, connection.tcp.write(&bytes[sent..])).await {
            Ok(Ok(more)) if more > 0 => sent += more,
            Ok(Ok(_)) => return Err(not_sent(io::ErrorKind::WriteZero.into(), sent < head)),
            Ok(Err(error)) => return Err(not_sent(error, sent < head)),
            Err(_) => return Err(Error::explain(ErrorType::WriteTimedout, "a server takes no request").into_up()),
        }
    }
    Ok(())
}

/// The error of a request that could not be sent. Where its head was not, no server can have acted on it.
fn not_sent(error: io::Error, in_head: bool) -> BError {
    let what = if in_head { "while writing the request header" } else { "while writing the request" };
    Error::because(ErrorType::WriteError, what, error).into_up()
}

fn malformed(why: &'static str) -> BError {
    Error::explain(ErrorType::InvalidHTTPHeader, why).into_up()
}

fn gone() -> BError {
    Error::explain(ErrorType::ConnectionClosed, "the client has gone").into_down()
}

/// What came first while a server was listened to.
enum Heard {
    /// More of what it says.
    Bytes,
    /// It has ended the connection, or that broke.
    End(BError),
    /// The moment by which it had to.
    TooLate,
    /// The client is not there any more.
    ClientGone,
}

/// Waits for more of what a server says, until a moment.
async fn hear(client: &mut Client, connection: &mut ServerConnection, heard: &mut Vec<u8>, until: Instant) -> Heard {
    poll_fn(|context| {
        match pin!(connection.tcp.read_buf(heard)).poll(context) {
            Poll::Ready(Ok(0)) => {
                let error = Error::explain(ErrorType::ConnectionClosed, "a server has closed the connection");
                return Poll::Ready(Heard::End(error.into_up()));
            }
            Poll::Ready(Ok(_)) => return Poll::Ready(Heard::Bytes),
            Poll::Ready(Err(error)) => {
                let error = Error::because(ErrorType::ReadError, "while reading an answer", error);
                return Poll::Ready(Heard::End(error.into_up()));
            }
            Poll::Pending => {}
        }
        if client.poll_gone(context).is_ready() {
            return Poll::Ready(Heard::ClientGone);
        }
        client.timer.poll(until, context).map(|()| Heard::TooLate)
    })
    .await
}

/// Passes on the head of an answer that another one follows.
async fn pass_informational(
    proxy: &Proxy,
    client: &mut Client,
    request: &Request,
    head: &AnswerHead,
    context: &mut RequestContext,
) -> Result<(), Stop> {
    let mut edits = Edits::of(&head.fields);
    let mut written = buffer();
    let taken = proxy.take(&request.head, (head.status, &mut edits), true, context);
    wire::informational(head, &edits, &mut written);
    let sent = client.send(&written).await;
    give_buffer(written);
    match (taken, sent) {
        (Ok(()), Ok(())) => Ok(()),
        (Err(error), _) => Err(fails(proxy, request, error, context)),
        (_, Err(_)) => Err(Stop::Over(gone())),
    }
}

/// How much of a body is to come.
struct Body {
    framing: Framing,
    passed_on: Framing,
    left: u64,
    chunks: Chunks,
}

impl Body {
    fn of(head: &AnswerHead) -> Self {
        let left = if let Framing::Length(length) = head.framing { length } else { 0 };
        Self { framing: head.framing, passed_on: head.passed_on, left, chunks: Chunks::new() }
    }

    fn is_over(&self) -> bool {
        match self.framing {
            Framing::None => true,
            Framing::Length(_) => self.left == 0,
            Framing::Chunked => self.chunks.is_over(),
            Framing::Close => false,
        }
    }

    /// Takes what was heard, and writes it as its client gets it; `data` counts its bytes. Gives back whether anything was left
    /// over.
    fn take(&mut self, heard: &mut Vec<u8>, into: &mut Vec<u8>, data: &mut u64) -> Result<bool, BError> {
        let used = match self.framing {
            Framing::None => 0,
            Framing::Length(_) => {
                let piece = usize::try_from(self.left).map_or(heard.len(), |left| left.min(heard.len()));
                wire::piece(self.passed_on, &heard[..piece], into);
                self.left -= piece as u64;
                *data += piece as u64;
                piece
            }
            Framing::Close => {
                wire::piece(self.passed_on, heard, into);
                *data += heard.len() as u64;
                heard.len()
            }
            Framing::Chunked => {
                let used = self.chunks.read(heard, |piece| {
                    *data += piece.len() as u64;
                    wire::piece(self.passed_on, piece, into);
                });
                let used = used.map_err(|_| malformed("chunks that are none"))?;
                if self.chunks.is_over() {
                    into.extend_from_slice(wire::LAST_CHUNK);
                }
                used
            }
        };
        let is_more = used < heard.len();
        heard.clear();
        Ok(is_more)
    }
}

/// Passes on the body of an answer, whose head is `written` already. Gives back whether the connection of its server is good for
/// another request.
#[allow(clippy::too_many_arguments, reason = "it is where all of them meet")]
async fn pass_body(
    client: &mut Client,
    connection: &mut ServerConnection,
    heard: &mut Vec<u8>,
    written: &mut Vec<u8>,
    mut body: Body,
    patience: Duration,
    context: &mut RequestContext,
    out: &mut Out,
) -> Result<bool, BError> {
    loop {
        let mut data = 0;
        let is_more = match body.take(heard, written, &mut data) {
            Ok(is_more) => is_more,
            Err(error) => {
                out.body += data;
                return Err(cut(client, written, error, context).await);
            }
        };
        if !written.is_empty() {
            client.send(written).await.map_err(|_| gone())?;
            written.clear();
        }
        out.body += data;
        if body.is_over() {
            return Ok(!is_more);
        }
        if let Err(error) = context.body_runs() {
            return Err(end_stream(client, &body, error).await);
        }
        match hear(client, connection, heard, clock::monotonic() + patience).await {
            Heard::Bytes => {}
            Heard::End(error) if body.framing == Framing::Close && error.etype() == &ErrorType::ConnectionClosed => {
                if body.passed_on == Framing::Chunked {
                    client.send(wire::LAST_CHUNK).await.map_err(|_| gone())?;
                }
                return Ok(false);
            }
            Heard::End(error) => return Err(cut(client, written, error, context).await),
            Heard::TooLate => return Err(cut(client, written, deadline::passed(), context).await),
            Heard::ClientGone if context.stream_ends() => return Err(end_stream(client, &body, gone()).await),
            Heard::ClientGone => return Err(gone()),
        }
    }
}

/// An answer breaks off when its head is out: its client gets what there is, and sees by the end of the connection that it is
/// not whole.
async fn cut(client: &mut Client, written: &[u8], error: BError, context: &mut RequestContext) -> BError {
    // A client that is gone need not see it.
    let _ = client.send(written).await;
    context.refusal = refusal_of(&error);
    error
}

/// Ends a stream whose region is drained, in the terms of its protocol as far as these let an answer end early.
async fn end_stream(client: &mut Client, body: &Body, error: BError) -> BError {
    if body.passed_on == Framing::Chunked {
        // A client that is gone need not hear of it.
        let _ = client.send(wire::LAST_CHUNK).await;
    }
    error
}
