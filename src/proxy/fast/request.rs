//! The requests that the fast path serves: those of one plain form, which have come whole.

use crate::proxy::headers::joined;
use bytes::Bytes;
use http::header::{
    CONNECTION, CONTENT_LENGTH, COOKIE, EXPECT, HOST, PROXY_AUTHENTICATE, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, Version};
use httparse::{EMPTY_HEADER, Status};
use pingora::http::RequestHeader;
use smallvec::SmallVec;
use std::borrow::Cow;
use std::ops::Range;

/// The most header lines of a request that takes the fast path.
const MOST_LINES: usize = 64;

/// How many bytes the lines of a stream's head usually have at the most.
const USUAL_BYTES: usize = 1024;

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");

/// A request that has come whole.
pub(super) struct Request {
    /// Its head, as decisions are made from it. Names are as in HTTP/2.
    pub head: RequestHeader,
    /// The bytes of its head, and then of its body.
    pub wire: Bytes,
    /// Where its body begins.
    pub body: usize,
    /// Whether its client asks for no other answer on the connection.
    pub is_last: bool,
    lines: SmallVec<[Line; 24]>,
}

/// Where a header line is.
#[derive(Debug, Clone)]
struct Line {
    name: Range<u32>,
    value: Range<u32>,
}

/// What the bytes that came so far are.
pub(super) enum Come {
    /// A request, which is so many bytes long.
    Whole(Box<Request>, usize),
    /// The beginning of what may become one.
    Part,
    /// Something else: for the engine to read.
    Other,
}

/// Looks at what came so far.
pub(super) fn read(bytes: &[u8]) -> Come {
    let mut lines = [EMPTY_HEADER; MOST_LINES];
    let mut parsed = httparse::Request::new(&mut lines);
    let length = match parsed.parse(bytes) {
        Ok(Status::Complete(length)) => length,
        Ok(Status::Partial) => return Come::Part,
        Err(_) => return Come::Other,
    };
    let (Some(method), Some(target), Some(1)) = (parsed.method, parsed.path, parsed.version) else {
        return Come::Other;
    };
    // By which what came is a request line as RFC 9112 has it, and nothing that one reads in another way than the next.
    let behind_target = || {
        let rest = bytes.strip_prefix(method.as_bytes())?.strip_prefix(b" ")?;
        rest.strip_prefix(target.as_bytes())?.strip_prefix(b" HTTP/1.1\r\n")
    };
    if !target.starts_with('/') || !target.bytes().all(is_usual) || behind_target().is_none() {
        return Come::Other;
    }
    match of_parts(bytes, length, method, target, parsed.headers) {
        None => Come::Other,
        // Its server hears of it before its body is here.
        Some(Parts { body, .. }) if bytes.len() < length + body => Come::Other,
        Some(Parts { head, wire, lines, body, is_last }) => {
            let whole = length + body;
            // As a rule there is no body, and the bytes are those that the head is made of.
            let wire = if body == 0 { wire } else { Bytes::copy_from_slice(&bytes[..whole]) };
            Come::Whole(Box::new(Request { head, wire, body: length, is_last, lines }), whole)
        }
    }
}

/// What may stand in a target; `<` and `>` are for the engine to make something of.
fn is_usual(byte: u8) -> bool {
    byte.is_ascii_graphic() && byte != b'<' && byte != b'>'
}

struct Parts {
    head: RequestHeader,
    /// The bytes of the head.
    wire: Bytes,
    lines: SmallVec<[Line; 24]>,
    /// How long its body is.
    body: usize,
    is_last: bool,
}

fn of_parts(
    bytes: &[u8],
    length: usize,
    method: &str,
    target: &str,
    headers: &[httparse::Header<'_>],
) -> Option<Parts> {
    let method = Method::from_bytes(method.as_bytes()).ok().filter(|method| *method != Method::CONNECT)?;
    let head_bytes = Bytes::copy_from_slice(&bytes[..length]);
    let at = |part: &[u8]| {
        let from = part.as_ptr().addr().checked_sub(bytes.as_ptr().addr())?;
        Some(from..from + part.len()).filter(|range| range.end <= length)
    };
    let (mut parts, ()) = http::Request::new(()).into_parts();
    parts.method = method;
    parts.uri = Uri::from_maybe_shared(head_bytes.slice(at(target.as_bytes())?)).ok()?;
    parts.headers = HeaderMap::with_capacity(headers.len());
    let (mut lines, mut body, mut is_last) = (SmallVec::new(), None, false);
    for header in headers {
        let (name_at, value_at) = (at(header.name.as_bytes())?, at(header.value)?);
        let name = HeaderName::from_bytes(header.name.as_bytes()).ok()?;
        match name {
            CONNECTION if header.value.eq_ignore_ascii_case(b"close") => is_last = true,
            CONNECTION if header.value.eq_ignore_ascii_case(b"keep-alive") => {}
            // What is between two neighbours, and what has the engine do more than to pass on.
            CONNECTION | TE | TRAILER | TRANSFER_ENCODING | UPGRADE | EXPECT | PROXY_AUTHENTICATE => return None,
            _ if name == KEEP_ALIVE || name == PROXY_CONNECTION => return None,
            CONTENT_LENGTH if body.is_some() => return None,
            CONTENT_LENGTH => body = Some(digits(header.value)?),
            _ => {}
        }
        let value = HeaderValue::from_maybe_shared(head_bytes.slice(value_at.clone())).ok()?;
        let is_own = name == CONNECTION;
        parts.headers.append(name, value);
        if !is_own {
            lines.push(Line { name: narrow(&name_at)?, value: narrow(&value_at)? });
        }
    }
    Some(Parts { head: RequestHeader::from(parts), wire: head_bytes, lines, body: body.unwrap_or(0), is_last })
}

fn narrow(range: &Range<usize>) -> Option<Range<u32>> {
    Some(u32::try_from(range.start).ok()?..u32::try_from(range.end).ok()?)
}

/// A length that is no more than digits, and not many of them.
fn digits(value: &[u8]) -> Option<usize> {
    let is_short = (1..=7).contains(&value.len());
    std::str::from_utf8(value).ok().filter(|_| is_short && value.iter().all(u8::is_ascii_digit))?.parse().ok()
}

impl Request {
    /// Whether a stream of HTTP/2 with this head, and without a body, can be said in HTTP/1.1 as a request of the plain form.
    pub(super) fn is_plain_stream(head: &RequestHeader) -> bool {
        let is_other = |name: &HeaderName| matches!(*name, HOST | CONTENT_LENGTH | TE | TRAILER | EXPECT | UPGRADE);
        head.version == Version::HTTP_2
            && head.method != Method::CONNECT
            && head.uri.authority().is_some()
            && head.raw_path().starts_with(b"/")
            && head.raw_path().iter().all(|byte| is_usual(*byte))
            && head.headers.len() < MOST_LINES
            && !head.headers.keys().any(is_other)
    }

    /// The request of such a stream, as HTTP/1.1 says it.
    pub(super) fn of_stream(mut head: RequestHeader) -> Self {
        // In one line, as whoever does not speak HTTP/2 has to have them (RFC 9113, 8.2.3).
        if let Cow::Owned(cookies) = joined(&head.headers, &COOKIE)
            && let Ok(cookies) = HeaderValue::from_maybe_shared(Bytes::from(cookies))
        {
            // It fails for a head that has too many lines alone, and this one has fewer for it.
            let _ = head.insert_header(COOKIE, cookies);
        }
        let (mut wire, mut lines) = (Vec::with_capacity(USUAL_BYTES), SmallVec::new());
        let mut line = |name: &[u8], value: &[u8]| {
            // A head that is longer than that has been refused before.
            let at = |bytes: &[u8], wire: &mut Vec<u8>| {
                let from = u32::try_from(wire.len()).ok()?;
                wire.extend_from_slice(bytes);
                Some(from..u32::try_from(wire.len()).ok()?)
            };
            if let (Some(name), Some(value)) = (at(name, &mut wire), at(value, &mut wire)) {
                lines.push(Line { name, value });
            }
        };
        if let Some(authority) = head.uri.authority() {
            line(b"Host", authority.as_str().as_bytes());
        }
        for (name, value) in &head.headers {
            line(name.as_str().as_bytes(), value.as_bytes());
        }
        let body = wire.len();
        Self { head, wire: Bytes::from(wire), body, is_last: false, lines }
    }

    /// The header lines that are passed on, as they came: names and values.
    pub(super) fn lines(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let of = |range: &Range<u32>| &self.wire[range.start as usize..range.end as usize];
        self.lines.iter().map(move |line| (of(&line.name), of(&line.value)))
    }

    /// The bytes that its head came in; none where it came in frames.
    pub(super) fn head_bytes(&self) -> &[u8] {
        if self.head.version == Version::HTTP_2 { &[] } else { &self.wire[..self.body] }
    }

    /// The bytes of its body.
    pub(super) fn body_bytes(&self) -> &[u8] {
        &self.wire[self.body..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(text: &str) -> Option<Box<Request>> {
        match read(text.as_bytes()) {
            Come::Whole(request, length) => {
                assert!(length <= text.len());
                Some(request)
            }
            Come::Part | Come::Other => None,
        }
    }

    #[test]
    fn a_plain_request_is_read_as_it_came() {
        let text = "POST /a?b=%20 HTTP/1.1\r\nHost: a\r\nX-Own-CASE:  v \r\nConnection: Keep-Alive\r\nContent-Length: 3\r\n\r\nabcGET";
        let Come::Whole(request, length) = read(text.as_bytes()) else { panic!("it is whole") };
        assert_eq!(length, text.len() - 3, "what comes behind it is another's");
        assert_eq!(request.body_bytes(), b"abc");
        let lines: Vec<_> = request.lines().map(|(name, value)| (name.to_vec(), value.to_vec())).collect();
        let expected: [(&[u8], &[u8]); 3] = [(b"Host", b"a"), (b"X-Own-CASE", b"v"), (b"Content-Length", b"3")];
        assert_eq!(lines, expected.map(|(name, value)| (name.to_vec(), value.to_vec())));
        assert_eq!(request.head.headers["x-own-case"], "v");
        assert!(!request.is_last && request.head.raw_path() == b"/a?b=%20");
        assert!(whole("GET / HTTP/1.1\r\nConnection: close\r\n\r\n").is_some_and(|request| request.is_last));
    }

    #[test]
    fn what_has_not_come_whole_is_waited_for() {
        for text in ["", "GET", "GET / HTTP/1.1\r\nHost: a\r\n"] {
            assert!(matches!(read(text.as_bytes()), Come::Part), "{text:?}");
        }
    }

    #[test]
    fn what_is_not_plain_is_the_engines() {
        for text in [
            "GET / HTTP/1.0\r\n\r\n",
            "\r\nGET / HTTP/1.1\r\n\r\n",
            "GET  / HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.1\n\r\n",
            "GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n",
            "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
            "CONNECT /a HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /<a> HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /\u{e9} HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET / HTTP/1.1\r\nUpgrade: websocket\r\n\r\n",
            "GET / HTTP/1.1\r\nConnection: keep-alive, TE\r\n\r\n",
            "GET / HTTP/1.1\r\nTE: trailers\r\n\r\n",
            "PUT / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 0\r\n\r\n",
            "PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "PUT / HTTP/1.1\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n",
            "PUT / HTTP/1.1\r\nContent-Length: 2\r\n\r\na",
            "PUT / HTTP/1.1\r\nContent-Length: +1\r\n\r\na",
            "PUT / HTTP/1.1\r\nContent-Length: 12345678\r\n\r\na",
            "GET / HTTP/1.1\r\nHo st: a\r\n\r\n",
        ] {
            assert!(matches!(read(text.as_bytes()), Come::Other), "{text:?}");
        }
    }
}
