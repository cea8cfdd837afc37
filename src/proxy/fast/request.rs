//! The requests that the fast path serves: those of one plain form, which have come whole.

use super::lines::HeaderLines;
use crate::proxy::fields::Lines;
use crate::proxy::head::Head;
use crate::proxy::headers::joined;
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, COOKIE, EXPECT, HOST, TE, TRAILER, UPGRADE};
use http::{HeaderName, HeaderValue, Method, Version};
use httparse::{EMPTY_HEADER, Status};
use pingora::http::RequestHeader;
use std::borrow::Cow;

/// The most header lines of a request that takes the fast path.
const MOST_LINES: usize = 64;

/// How many bytes the head of a stream usually has at the most.
const USUAL_BYTES: usize = 1024;

/// A request that has come whole.
pub(super) struct Request {
    method: Method,
    version: Version,
    /// Its target, and how much of that is its path.
    target: Box<str>,
    path_length: usize,
    /// Its host, where it is no header line.
    authority: Option<Box<str>>,
    /// Its header lines, over the bytes of its head and then of its body.
    lines: HeaderLines,
    /// Where its body begins.
    body: usize,
    /// Whether its client asks for no other answer on the connection.
    pub is_last: bool,
    /// The head of the stream that it is, as the engine has it.
    stream: Option<Box<RequestHeader>>,
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
        rest.strip_prefix(target.as_bytes())?.strip_prefix(BETWEEN)
    };
    if !is_plain_target(target.as_bytes()) || behind_target().is_none() {
        return Come::Other;
    }
    match of_parts(bytes, length, method, target, parsed.headers) {
        None => Come::Other,
        // Its server hears of it before its body is here.
        Some((_, whole)) if bytes.len() < whole => Come::Other,
        Some((mut request, whole)) => {
            request.lines.lay_over(Bytes::copy_from_slice(&bytes[..whole]));
            Come::Whole(request, whole)
        }
    }
}

/// What is between the target and the first header line.
const BETWEEN: &[u8] = b" HTTP/1.1\r\n";

/// Whether it is a path, maybe with a query, of which everybody makes the same: of the characters that these are made of
/// (RFC 3986, 3.3 and 3.4), or that browsers leave as they are.
fn is_plain_target(target: &[u8]) -> bool {
    target.first() == Some(&b'/') && target.iter().fold(true, |is_plain, byte| is_plain & IN_TARGET[usize::from(*byte)])
}

const IN_TARGET: [bool; 256] = {
    let mut is_in = [false; 256];
    let others = b"-._~!$&'()*+,;=:@/?%[]|^";
    let mut nth = 0;
    while nth < others.len() {
        is_in[others[nth] as usize] = true;
        nth += 1;
    }
    let mut byte = 0_u8;
    while byte < 128 {
        is_in[byte as usize] |= byte.is_ascii_alphanumeric();
        byte += 1;
    }
    is_in
};

/// What a header line is to the connection that it came on.
enum Kind {
    Connection,
    Length,
    /// What is between two neighbours, and what has the engine do more than to pass on.
    Other,
    Any,
}

fn kind(name: &[u8]) -> Kind {
    let is = |what: &str| name.eq_ignore_ascii_case(what.as_bytes());
    match name.len() {
        10 if is("connection") => Kind::Connection,
        14 if is("content-length") => Kind::Length,
        2 if is("te") => Kind::Other,
        6 if is("expect") => Kind::Other,
        7 if is("trailer") || is("upgrade") => Kind::Other,
        10 if is("keep-alive") => Kind::Other,
        16 if is("proxy-connection") => Kind::Other,
        17 if is("transfer-encoding") => Kind::Other,
        18 if is("proxy-authenticate") => Kind::Other,
        _ => Kind::Any,
    }
}

/// The request with these parts, and how long it is with its body. Its lines are not laid over its bytes yet.
fn of_parts(
    bytes: &[u8],
    length: usize,
    method: &str,
    target: &str,
    headers: &[httparse::Header<'_>],
) -> Option<(Box<Request>, usize)> {
    let method = Method::from_bytes(method.as_bytes()).ok().filter(|method| *method != Method::CONNECT)?;
    let at = |part: &[u8]| {
        let from = part.as_ptr().addr().checked_sub(bytes.as_ptr().addr())?;
        Some(from..from + part.len()).filter(|range| range.end <= length)
    };
    let (mut lines, mut body, mut is_last) = (HeaderLines::default(), None, false);
    let mut line_at = method.as_str().len() + 1 + target.len() + BETWEEN.len();
    for header in headers {
        let name = header.name.as_bytes();
        let (kind, mut goes_on) = (kind(name), true);
        match kind {
            Kind::Any => {}
            Kind::Connection => {
                is_last |= header.value.eq_ignore_ascii_case(b"close");
                if !is_last && !header.value.eq_ignore_ascii_case(b"keep-alive") {
                    return None;
                }
                goes_on = false;
            }
            Kind::Length if body.is_some() => return None,
            Kind::Length => body = Some(digits(header.value)?),
            Kind::Other => return None,
        }
        let (name_at, value) = (at(name)?.start, at(header.value)?);
        // Nothing is between two lines but what ends the one.
        if name_at != line_at || bytes.get(value.end..value.end + 2) != Some(b"\r\n") {
            return None;
        }
        line_at = value.end + 2;
        lines.push(name, name_at, value, goes_on)?;
    }
    if bytes.get(line_at..length) != Some(b"\r\n") {
        return None;
    }
    let request = Request {
        method,
        version: Version::HTTP_11,
        path_length: path_length(target),
        target: target.into(),
        authority: None,
        lines,
        body: length,
        is_last,
        stream: None,
    };
    Some((Box::new(request), length + body.unwrap_or(0)))
}

/// How long the path of a target is.
fn path_length(target: &str) -> usize {
    memchr::memchr(b'?', target.as_bytes()).unwrap_or(target.len())
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
            && is_plain_target(head.raw_path())
            && head.headers.len() < MOST_LINES
            && !head.headers.keys().any(is_other)
    }

    /// The request of such a stream, as HTTP/1.1 says it. `None` where its head is too long for that; one is refused before.
    pub(super) fn of_stream(mut head: Box<RequestHeader>) -> Result<Self, Box<RequestHeader>> {
        // In one line, as whoever does not speak HTTP/2 has to have them (RFC 9113, 8.2.3).
        if let Cow::Owned(cookies) = joined(&*head, &COOKIE)
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

    /// The head of the stream that it is; `None` where it is none.
    pub(super) fn into_stream(self) -> Option<Box<RequestHeader>> {
        self.stream
    }

    /// Its header lines.
    pub(super) fn lines(&self) -> &HeaderLines {
        &self.lines
    }

    /// All bytes that it came in, where it is no stream.
    pub(super) fn wire(&self) -> &Bytes {
        self.lines.bytes()
    }

    /// The bytes of its body.
    pub(super) fn body_bytes(&self) -> &[u8] {
        &self.wire()[self.body..]
    }
}

impl Head for Request {
    fn method(&self) -> &Method {
        &self.method
    }

    fn version(&self) -> Version {
        self.version
    }

    fn target(&self) -> &[u8] {
        self.target.as_bytes()
    }

    fn path(&self) -> &str {
        &self.target[..self.path_length]
    }

    fn path_and_query(&self) -> Option<&str> {
        Some(&self.target)
    }

    fn authority(&self) -> Option<&str> {
        self.authority.as_deref()
    }

    fn named(&self, name: &str) -> Lines<'_> {
        self.lines.all(name.as_bytes())
    }

    fn all(&self, name: &HeaderName) -> Lines<'_> {
        self.lines.all(name.as_str().as_bytes())
    }

    fn first(&self, name: &HeaderName) -> Option<&[u8]> {
        self.lines.first(name.as_str().as_bytes())
    }

    fn has(&self, name: &HeaderName) -> bool {
        self.lines.has(name.as_str().as_bytes())
    }

    fn line_count(&self) -> usize {
        self.lines.len()
    }

    fn length(&self) -> usize {
        match self.stream {
            // Without the empty line behind it.
            None => self.body.saturating_sub(2),
            Some(_) => self.method.as_str().len() + self.target.len() + 12 + self.body,
        }
    }

    fn each_line(&self, see: &mut dyn FnMut(&[u8], &[u8])) {
        self.lines.iter().for_each(|(name, value)| see(name, value));
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
        let text = "POST /a?b=%20 HTTP/1.1\r\nHost: a\r\nX-Own-CASE:  v\r\nConnection: Keep-Alive\r\nContent-Length: 3\r\n\r\nabcGET";
        let Come::Whole(request, length) = read(text.as_bytes()) else { panic!("it is whole") };
        assert_eq!(length, text.len() - 3, "what comes behind it is another's");
        assert_eq!(request.body_bytes(), b"abc");
        let mut written = Vec::new();
        request.lines().write(|_| false, &mut written);
        assert_eq!(String::from_utf8_lossy(&written), "Host: a\r\nX-Own-CASE: v\r\nContent-Length: 3\r\n");
        assert_eq!(request.first(&HeaderName::from_static("x-own-case")), Some(&b"v"[..]));
        assert!(!request.is_last && request.target() == b"/a?b=%20" && request.path() == "/a");
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
            "GET / HTTP/1.1\r\nHost: a\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\n\n",
            "GET / HTTP/1.1\r\nHost: a \r\n\r\n",
            "GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n",
            "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
            "CONNECT /a HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /<a> HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n",
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
