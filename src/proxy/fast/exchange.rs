//! One request to one server, and its answer.

use super::answer::{self, AnswerHead, Come, Framing, MOST_BYTES};
use super::body::Body;
use super::client::{buffer, give_buffer};
use super::edits::Edits;
use super::request::Request;
use super::serve::{Out, Stop, fails};
use super::servers::ServerConnection;
use super::visitor::Visitor;
use super::wire;
use crate::live::clock;
use crate::proxy::answer::refusal_of;
use crate::proxy::context::RequestContext;
use crate::proxy::head::Head;
use crate::proxy::headers::Received;
use crate::proxy::hop::Asked;
use crate::proxy::refusal::Refusal;
use crate::proxy::{Proxy, deadline};
use crate::telemetry::UpstreamResult;
use http::StatusCode;
use pingora::{BError, Error, ErrorType};
use std::future::poll_fn;
use std::io;
use std::task::Poll;
use std::time::{Duration, Instant};

/// A request that is sent to a server, and where its answer goes.
pub(super) struct Exchange<'x, V> {
    pub proxy: &'x Proxy,
    pub client: &'x mut V,
    pub request: &'x Request,
    pub connection: &'x mut ServerConnection,
    /// What the server has said and was not taken yet.
    pub heard: Vec<u8>,
    pub context: &'x mut RequestContext,
    pub out: &'x mut Out,
}

/// How a request was answered to its end.
pub(super) struct Ended {
    /// Whether its client's connection stays.
    pub keeps: bool,
    /// Whether its server's does.
    pub reuse: bool,
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

impl<V: Visitor> Exchange<'_, V> {
    /// Sends the request, and passes its answer on. `keeps`: whether the client's connection may stay.
    pub(super) async fn run(&mut self, keeps: bool) -> Result<Ended, Stop> {
        let timeouts = self.context.service().ok_or(Stop::Engine(Err(Refusal::Internal)))?.timeouts;
        let try_timeout = self.context.retry_rules().and_then(|rules| rules.try_timeout);
        let limits = [Some(timeouts.read), try_timeout, self.context.time_left()];
        // A kept connection is there the moment that the attempt begins.
        let began = self.context.attempts.began.filter(|_| self.context.attempts.is_reused);
        let until =
            began.unwrap_or_else(clock::monotonic) + limits.into_iter().flatten().min().unwrap_or(timeouts.read);

        let mut told = buffer();
        let sent = match self.tell(&mut told) {
            Ok(head) => self.send(&told, head, timeouts.write).await,
            Err(error) => Err(error),
        };
        told.clear();
        self.heard = told; // it is as good for the answer
        sent.map_err(|error| self.fails(error))?;

        let head = self.hear_head(until).await?;
        self.context.attempts.first_byte =
            self.context.attempts.began.map(|began| clock::monotonic().duration_since(began));
        let keeps = keeps && head.passed_on != Framing::Close && !self.proxy.edge.is_stopping();
        let mut written = buffer();
        self.begin_answer(&head, keeps, &mut written)?;
        let passed = self.pass_body(Body::of(&head, self.client.framing(&head)), &mut written, timeouts.read).await;
        give_buffer(written);
        passed.map_err(Stop::Over).map(|reuse| Ended { keeps, reuse: reuse && head.keeps })
    }

    /// Takes in the head of the answer, and hands it to the client. `keeps`: whether its connection stays.
    fn begin_answer(&mut self, head: &AnswerHead, keeps: bool, written: &mut Vec<u8>) -> Result<(), Stop> {
        let mut edits = Edits::of(&head.lines);
        let status = head.status;
        if let Err(error) = self.proxy.take(self.request, (status, &mut edits), true, self.context) {
            if std::mem::take(&mut self.context.goes_again) {
                return Err(Stop::Engine(Ok(()))); // what is left behind is an answer, and why was decided with it
            }
            let refusal = self.context.refusal.take().or_else(|| refusal_of(&error)).unwrap_or(Refusal::Internal);
            self.proxy.end_attempt(self.context, UpstreamResult::Answered, None);
            return Err(Stop::Engine(Err(refusal)));
        }
        self.context.attempts.has_answered = true;
        self.context.answer_begins(self.request, (status, &edits));
        self.client.begin(head, &edits, keeps, written);
        self.out.status = status.as_u16();
        Ok(())
    }

    /// What becomes of the request, of whose answer nothing has gone out.
    fn fails(&mut self, error: BError) -> Stop {
        fails(self.proxy, self.request, error, self.context)
    }

    /// Writes what the server is told. Gives back how long its head is.
    fn tell(&self, into: &mut Vec<u8>) -> Result<usize, BError> {
        let Self { proxy, request, context, .. } = self;
        let received = Received {
            peer: context.peer(),
            version: request.version(),
            is_tls: context.connection.as_ref().is_some_and(|connection| connection.is_tls),
            writes_forwarded: proxy.writes_forwarded(),
        };
        let mut edits = Edits::of(request.lines());
        proxy.tell_of(&mut edits, &Asked::of(*request), &received, context)?;
        wire::request(request, &edits, context.attempts.is_worn, into);
        let head = into.len();
        into.extend_from_slice(request.body_bytes());
        Ok(head)
    }

    /// Sends a request, of which the first bytes are its `head`.
    async fn send(&mut self, bytes: &[u8], head: usize, patience: Duration) -> Result<(), BError> {
        let connection = &mut *self.connection;
        let late = || Error::explain(ErrorType::WriteTimedout, "a server takes no request").into_up();
        // As a rule the system takes it all at once, and no timer is set.
        let mut sent = match connection.try_write(bytes) {
            Ok(sent) => sent,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
            Err(error) => return Err(not_sent(error, true)),
        };
        while sent < bytes.len() {
            match tokio::time::timeout(patience, connection.write(&bytes[sent..])).await {
                Ok(Ok(more)) if more > 0 => sent += more,
                Ok(Ok(_)) => return Err(not_sent(io::ErrorKind::WriteZero.into(), sent < head)),
                Ok(Err(error)) => return Err(not_sent(error, sent < head)),
                Err(_) => return Err(late()),
            }
        }
        if !connection.holds_back() {
            return Ok(());
        }
        match tokio::time::timeout(patience, connection.flush()).await {
            Ok(flushed) => flushed.map_err(|error| not_sent(error, false)),
            Err(_) => Err(late()),
        }
    }

    /// Waits for the head of the answer until a moment; those that another one follows are passed on.
    async fn hear_head(&mut self, until: Instant) -> Result<Box<AnswerHead>, Stop> {
        loop {
            match answer::read(&self.heard, self.request.method()) {
                Come::Whole(head, length) => {
                    self.heard.drain(..length);
                    if head.status == StatusCode::SWITCHING_PROTOCOLS {
                        return Err(self.fails(malformed("another protocol, unasked")));
                    }
                    if !head.status.is_informational() {
                        return Ok(head);
                    }
                    self.pass_informational(&head).await?;
                    continue;
                }
                Come::Malformed => return Err(self.fails(malformed("no answer of HTTP/1.1"))),
                Come::Part => {}
            }
            match self.hear(until).await {
                Heard::Bytes if self.heard.len() <= MOST_BYTES => {}
                Heard::Bytes => return Err(self.fails(malformed("a head without an end"))),
                Heard::End(error) => return Err(self.fails(error)),
                Heard::TooLate => return Err(self.fails(deadline::passed())),
                Heard::ClientGone => return Err(Stop::Over(gone())),
            }
        }
    }

    /// Waits for more of what the server says, until a moment.
    async fn hear(&mut self, until: Instant) -> Heard {
        let Self { client, connection, heard, .. } = self;
        poll_fn(|context| {
            match connection.poll_hear(heard, context) {
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
            client.poll_late(until, context).map(|()| Heard::TooLate)
        })
        .await
    }

    /// Passes on the head of an answer that another one follows.
    async fn pass_informational(&mut self, head: &AnswerHead) -> Result<(), Stop> {
        let mut written = buffer();
        let taken = {
            let mut edits = Edits::of(&head.lines);
            let taken = self.proxy.take(self.request, (head.status, &mut edits), true, self.context);
            self.client.inform(head, &edits, &mut written);
            taken
        };
        let sent = self.client.send(&written, false).await;
        give_buffer(written);
        match (taken, sent) {
            (Ok(()), Ok(())) => Ok(()),
            (Err(error), _) => Err(self.fails(error)),
            (_, Err(_)) => Err(Stop::Over(gone())),
        }
    }

    /// Passes on the body of the answer, whose head is `written` already. Gives back whether the connection of its server is good
    /// for another request.
    async fn pass_body(&mut self, mut body: Body, written: &mut Vec<u8>, patience: Duration) -> Result<bool, BError> {
        loop {
            let mut data = 0;
            let taken = body.take(&mut self.heard, written, &mut data);
            let is_more = match taken {
                Ok(is_more) => is_more,
                Err(error) => {
                    self.out.body += data;
                    return Err(self.cut(written, error).await);
                }
            };
            self.client.send(written, body.is_over()).await.map_err(|_| gone())?;
            written.clear();
            self.out.body += data;
            if body.is_over() {
                return Ok(!is_more);
            }
            if let Err(error) = self.context.body_runs() {
                return Err(self.end_stream(&body, error).await);
            }
            match self.hear(clock::monotonic() + patience).await {
                Heard::Bytes => {}
                Heard::End(error)
                    if body.framing == Framing::Close && error.etype() == &ErrorType::ConnectionClosed =>
                {
                    self.client.send(body.last(), true).await.map_err(|_| gone())?;
                    return Ok(false);
                }
                Heard::End(error) => return Err(self.cut(written, error).await),
                Heard::TooLate => return Err(self.cut(written, deadline::passed()).await),
                Heard::ClientGone if self.context.stream_ends() => return Err(self.end_stream(&body, gone()).await),
                Heard::ClientGone => return Err(gone()),
            }
        }
    }

    /// An answer breaks off when its head is out: its client gets what there is, and sees by the end of the connection that it
    /// is not whole.
    async fn cut(&mut self, written: &[u8], error: BError) -> BError {
        // A client that is gone need not see it.
        let _ = self.client.send(written, false).await;
        self.context.refusal = refusal_of(&error);
        error
    }

    /// Ends a stream whose region is drained, in the terms of its protocol as far as these let an answer end early.
    async fn end_stream(&mut self, body: &Body, error: BError) -> BError {
        if !matches!(body.framing, Framing::Length(_)) {
            // A client that is gone need not hear of it.
            let _ = self.client.send(body.last(), true).await;
        }
        error
    }
}

/// The error of a request that could not be sent. Where its head was not, no server can have acted on it.
fn not_sent(error: io::Error, in_head: bool) -> BError {
    let what = if in_head { "while writing the request header" } else { "while writing the request" };
    Error::because(ErrorType::WriteError, what, error).into_up()
}

pub(super) fn malformed(why: &'static str) -> BError {
    Error::explain(ErrorType::InvalidHTTPHeader, why).into_up()
}

fn gone() -> BError {
    Error::explain(ErrorType::ConnectionClosed, "the client has gone").into_down()
}
