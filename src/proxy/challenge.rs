//! Requests by which an authority sees that a host leads here (HTTP-01, RFC 8555, 8.3).

use super::Proxy;
use super::context::RequestContext;
use super::head::Head;
use super::headers::X_REQUEST_ID;
use super::refusal::Refusal;
use bytes::Bytes;
use http::Method;
use http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE};
use pingora::Result;
use pingora::http::ResponseHeader;
use pingora::proxy::Session;
use std::sync::Arc;

impl Proxy {
    /// What is answered, where the request asks for a challenge that is pending. It goes before everything that services say
    /// of their visitors, and behind what makes a request one.
    pub(super) fn challenge_of(&self, head: &dyn Head, decided: &std::result::Result<(), Refusal>) -> Option<Arc<str>> {
        let is_none = matches!(decided, Err(Refusal::BadRequest(_) | Refusal::Method | Refusal::HeadTooLarge));
        let reads = matches!(*head.method(), Method::GET | Method::HEAD);
        if is_none || !reads {
            return None;
        }
        self.edge.challenges().answer(head.path())
    }

    /// Answers a challenge.
    ///
    /// # Errors
    /// Where the authority is gone.
    pub(super) async fn answer_challenge(
        &self,
        session: &mut Session,
        context: &mut RequestContext,
        text: &Arc<str>,
    ) -> Result<()> {
        if !session.as_mut().is_body_done() {
            session.set_keepalive(None); // nobody reads it
        }
        let mut head = ResponseHeader::build(200, Some(4))?;
        head.insert_header(CONTENT_TYPE, "application/octet-stream")?;
        head.insert_header(CONTENT_LENGTH, text.len())?;
        head.insert_header(CACHE_CONTROL, "no-store")?;
        head.insert_header(X_REQUEST_ID, context.request_id.as_str())?;
        let bodiless = session.req_header().method == Method::HEAD;
        session.write_response_header(Box::new(head), bodiless).await?;
        if !bodiless {
            session.write_response_body(Some(Bytes::copy_from_slice(text.as_bytes())), true).await?;
        }
        Ok(())
    }
}
