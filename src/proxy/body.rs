//! The bodies of requests, as they come.

use super::connection::Phase;
use super::context::RequestContext;
use super::refusal::Refusal;
use super::{Proxy, grpc};
use crate::live::clock;
use crate::resilience::Patience;
use crate::telemetry::CutOff;
use pingora::proxy::Session;
use std::time::Duration;
use tokio::time::timeout;

/// Whether the body of a request of HTTP/2 that has no more bytes has ended, and not been given up: the engine holds a stream
/// that was reset for its malformed trailers to be one without a body.
///
/// # Errors
/// Where the stream was reset.
pub(super) async fn check_end(session: &mut Session) -> Result<(), Box<pingora::Error>> {
    if !session.as_mut().is_body_done() {
        return Ok(());
    }
    // Looked at once, not waited for: where the end is not there yet, nothing is.
    match timeout(Duration::ZERO, session.as_mut().read_request_body()).await {
        Ok(Err(error)) => Err(error),
        Ok(Ok(_)) | Err(_) => Ok(()),
    }
}

impl Proxy {
    /// Begins to wait for the body of a request of HTTP/2, and for its answer to be taken. There the bytes of many requests
    /// are on a connection, which cannot tell whose are missing.
    pub(super) fn expect_body(&self, session: &mut Session, context: &mut RequestContext) {
        // The engine cuts a piece of an answer, of 64 KiB at most, that is not taken within this.
        session.set_write_timeout(Some(self.body_pace.grace));
        // A call that streams may be silent for as long as both sides like, and its service.
        if !grpc::is_call(session.req_header()) && !session.as_mut().is_body_done() {
            let mut upload = Patience::default();
            upload.wait(clock::monotonic(), self.body_pace);
            context.upload = Some(upload);
        }
    }

    /// Takes note of the next bytes of a body.
    ///
    /// Silence, in which this is not called, ends with the service's time for the next bytes of an answer.
    ///
    /// # Errors
    /// Where they are too many, or took too long.
    pub(super) fn take_body(&self, bytes: usize, is_last: bool, context: &mut RequestContext) -> Result<(), Refusal> {
        if is_last {
            context.enter(Phase::Any);
        }
        context.body_received += bytes as u64;
        let decided = context.decided.as_ref();
        let service = decided.and_then(|decided| decided.live.table.service(decided.decision.service));
        if service.and_then(|service| service.largest_body).is_some_and(|largest| context.body_received > largest) {
            return Err(Refusal::BodyTooLarge);
        }
        if let Some(upload) = context.upload.as_mut().filter(|_| !is_last) {
            let now = clock::monotonic();
            if now > upload.wait(now, self.body_pace) {
                self.edge.metrics().cut_off(CutOff::SlowBody);
                return Err(Refusal::BodyTooSlow);
            }
            upload.moved(bytes, now);
            upload.wait(now, self.body_pace);
        }
        Ok(())
    }
}
