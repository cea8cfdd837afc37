//! A request that is a stream of HTTP/2.

use super::{MOST_LINES, Request, is_plain_target, path_length};
use crate::proxy::fast::lines::HeaderLines;
use crate::proxy::head::Head;
use crate::proxy::headers::joined;
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, COOKIE, EXPECT, HOST, TE, TRAILER, UPGRADE};
use http::{HeaderName, HeaderValue, Method, Version};
use pingora::http::RequestHeader;
use std::borrow::Cow;

/// How many bytes the head of a stream usually has at the most.
const USUAL_BYTES: usize = 1024;

impl Request {
    /// Whether a stream of HTTP/2 with this head, and without a body, can be said in HTTP/1.1 as a request of the plain form.
    pub(in crate::proxy::fast) fn is_plain_stream(head: &RequestHeader) -> bool {
        let is_other = |name: &HeaderName| matches!(*name, HOST | CONTENT_LENGTH | TE | TRAILER | EXPECT | UPGRADE);
        head.version == Version::HTTP_2
            && head.method != Method::CONNECT
            && head.uri.authority().is_some()
            && is_plain_target(head.raw_path())
            && head.headers.len() < MOST_LINES
            && !head.headers.keys().any(is_other)
    }

    /// The request of such a stream, as HTTP/1.1 says it. `None` where its head is too long for that; one is refused before.
    pub(in crate::proxy::fast) fn of_stream(mut head: Box<RequestHeader>) -> Result<Self, Box<RequestHeader>> {
        // In one line, as whoever does not speak HTTP/2 has to have them (RFC 9113, 8.2.3).
        if let Cow::Owned(cookies) = joined(Head::all(&*head, &COOKIE), &COOKIE)
            && let Ok(cookies) = HeaderValue::from_maybe_shared(Bytes::from(cookies))
        {
            // It fails for a head that has too many lines alone, and this one has fewer for it.
            let _ = head.insert_header(COOKIE, cookies);
        }
        let mut wire = Vec::with_capacity(USUAL_BYTES);
        let mut write = |bytes: &[u8]| {
            let from = wire.len();
            wire.extend_from_slice(bytes);
            from..wire.len()
        };
        // It was looked at as what it is, and is ASCII.
        let Ok(target) = std::str::from_utf8(head.raw_path()).map(Box::<str>::from) else { return Err(head) };
        let authority = head.uri.authority().map(|authority| authority.as_str().into());
        let mut lines = HeaderLines::default();
        for (name, value) in &head.headers {
            let name = name.as_str().as_bytes();
            let name_at = write(name).start;
            write(b": ");
            let value = write(value.as_bytes());
            write(b"\r\n");
            if lines.push(name, name_at, value, true).is_none() {
                return Err(head);
            }
        }
        let body = wire.len();
        lines.lay_over(Bytes::from(wire));
        Ok(Self {
            method: head.method.clone(),
            version: head.version,
            path_length: path_length(&target),
            target,
            authority,
            lines,
            body,
            is_last: false,
            stream: Some(head),
        })
    }
}
