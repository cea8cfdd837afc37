//! Writes the answers that the edge gives by itself.

use super::context::RequestContext;
use super::headers::{HOMEWARD_HOP_REFUSED, PROXY_STATUS, X_REQUEST_ID};
use super::refusal::{Refusal, UpstreamFailure};
use super::{Proxy, admission, grpc};
use crate::model::Https;
use bytes::Bytes;
use http::Method;
use http::header::{ACCEPT, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, LOCATION, RETRY_AFTER};
use pingora::http::ResponseHeader;
use pingora::protocols::http::HttpTask;
use pingora::proxy::{FailToProxy, Session};
use pingora::{Error, ErrorSource, ErrorType, Result};

impl Proxy {
    /// Answers the request with `refusal`.
    ///
    /// # Errors
    /// Where the client is gone.
    pub(super) async fn answer(
        &self,
        session: &mut Session,
        context: &mut RequestContext,
        refusal: Refusal,
    ) -> Result<()> {
        context.refusal = Some(refusal);
        if !refusal.keeps_connection() {
            session.set_keepalive(None);
        }
        let accept = session.req_header().headers.get(ACCEPT).map_or(&[][..], |accept| accept.as_bytes());
        let (kind, body) = refusal.body(accept, &context.request_id);
        let mut head = ResponseHeader::build(refusal.status(), Some(8))?;
        let is_call = session.is_http2() && grpc::is_call(session.req_header());
        if is_call {
            grpc::refuse(&mut head, refusal, context)?;
        } else {
            head.insert_header(CONTENT_TYPE, kind)?;
            head.insert_header(CONTENT_LENGTH, body.len())?;
        }
        head.insert_header(CACHE_CONTROL, "no-store")?;
        head.insert_header(X_REQUEST_ID, context.request_id.as_str())?;
        head.insert_header(PROXY_STATUS, format!("homeward; error={}", refusal.proxy_error()))?;
        if context.forwarded.is_some() && matches!(refusal, Refusal::NoRegion { .. } | Refusal::NoService) {
            // The edge that forwarded the request finds another region for it.
            head.insert_header(HOMEWARD_HOP_REFUSED, "cannot-serve")?;
        }
        if let Some(seconds) = refusal.retry_after() {
            head.insert_header(RETRY_AFTER, seconds)?;
        }
        admission::explain(&mut head, refusal, context)?;
        let bodiless = is_call || session.req_header().method == Method::HEAD;
        session.write_response_header(Box::new(head), bodiless).await?;
        if !bodiless {
            session.write_response_body(Some(Bytes::from(body)), true).await?;
        }
        // Closed with a part of the request unread, the connection would be reset, and the answer lost on its way. Where
        // the client sends for too long or is gone, it is closed all the same.
        let _ = session.drain_request_body().await;
        Ok(())
    }

    /// Sends a visitor to the same place by HTTPS.
    ///
    /// # Errors
    /// Where the client is gone.
    pub(super) async fn redirect(
        &self,
        session: &mut Session,
        context: &mut RequestContext,
        location: &str,
    ) -> Result<()> {
        if !session.as_mut().is_body_done() {
            session.set_keepalive(None); // its body is for the other address
        }
        let mut head = ResponseHeader::build(Https::REDIRECT_STATUS, Some(4))?;
        head.insert_header(LOCATION, location)?;
        head.insert_header(CONTENT_LENGTH, 0)?;
        head.insert_header(X_REQUEST_ID, context.request_id.as_str())?;
        session.write_response_header(Box::new(head), true).await
    }

    async fn end_stream(&self, session: &mut Session) -> Result<()> {
        if session.is_http2() && grpc::is_call(session.req_header()) {
            let trailers = grpc::ended_by_drain();
            return session
                .as_mut()
                .response_duplex_vec(vec![HttpTask::Trailer(Some(Box::new(trailers)))])
                .await
                .map(drop);
        }
        session.as_mut().finish_body().await
    }

    /// Answers a request that failed on the way to a server, as far as the client can still be answered.
    pub(super) async fn answer_failure(
        &self,
        session: &mut Session,
        context: &mut RequestContext,
        error: &Error,
    ) -> FailToProxy {
        if context.stream_ends() && session.response_written().is_some() {
            // In the terms of its protocol, as far as these let an answer end early. A client that is gone need not hear of it.
            let _ = self.end_stream(session).await;
            return FailToProxy { error_code: 0, can_reuse_downstream: false };
        }
        let refusal = context.refusal.or_else(|| refusal_of(error));
        let mut code = 0;
        if let Some(refusal) = refusal {
            code = refusal.status();
            if session.response_written().is_none() {
                // The engine closes the connection behind it, which the answer has to say: or else a client sends its next
                // request into a connection that is gone.
                session.set_keepalive(None);
                // A client that has left in the meantime is not answered.
                let _ = self.answer(session, context, refusal).await;
            } else {
                context.refusal = Some(refusal);
            }
        }
        FailToProxy { error_code: code, can_reuse_downstream: false }
    }
}

/// The answer for an error of the engine; `None` where the client itself is gone.
pub(super) fn refusal_of(error: &Error) -> Option<Refusal> {
    match (error.esource(), error.etype()) {
        (ErrorSource::Upstream, _) => Some(Refusal::Upstream(failure_of(error))),
        (
            ErrorSource::Downstream,
            ErrorType::ReadError
            | ErrorType::WriteError
            | ErrorType::ConnectionClosed
            | ErrorType::ReadTimedout
            | ErrorType::WriteTimedout,
        ) => None,
        (ErrorSource::Downstream, _) => Some(Refusal::BadRequest("The request breaks the rules of HTTP.")),
        (ErrorSource::Internal | ErrorSource::Unset, _) => Some(Refusal::Internal),
    }
}

/// What went wrong with a server.
pub(super) fn failure_of(error: &Error) -> UpstreamFailure {
    match error.etype() {
        ErrorType::ConnectRefused | ErrorType::ConnectNoRoute | ErrorType::ConnectError => {
            UpstreamFailure::ConnectionRefused
        }
        ErrorType::ConnectTimedout | ErrorType::TLSHandshakeTimedout => UpstreamFailure::ConnectionTimeout,
        ErrorType::InvalidCert => UpstreamFailure::Certificate,
        // The engine keeps the words of rustls' error, and not the error.
        ErrorType::TLSHandshakeFailure if error.to_string().contains("invalid peer certificate") => {
            UpstreamFailure::Certificate
        }
        ErrorType::TLSHandshakeFailure | ErrorType::HandshakeError => UpstreamFailure::Tls,
        ErrorType::ReadTimedout | ErrorType::WriteTimedout => UpstreamFailure::ResponseTimeout,
        ErrorType::InvalidHTTPHeader
        | ErrorType::H1Error
        | ErrorType::H2Error
        | ErrorType::H2Downgrade
        | ErrorType::InvalidH2 => UpstreamFailure::Protocol,
        _ => UpstreamFailure::Terminated,
    }
}
