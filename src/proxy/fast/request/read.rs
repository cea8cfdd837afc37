//! A request of HTTP/1.1, read from what has come.

use super::{MOST_LINES, Request, is_plain_target, path_length};
use crate::proxy::fast::lines::HeaderLines;
use bytes::Bytes;
use http::{Method, Version};
use httparse::{EMPTY_HEADER, Status};

/// What the bytes that came so far are.
pub(in crate::proxy::fast) enum Come {
    /// A request, which is so many bytes long.
    Whole(Box<Request>, usize),
    /// The beginning of what may become one.
    Part,
    /// Something else: for the engine to read.
    Other,
}

/// Looks at what came so far.
pub(in crate::proxy::fast) fn read(bytes: &[u8]) -> Come {
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
                let closes = header.value.eq_ignore_ascii_case(b"close");
                if !closes && !header.value.eq_ignore_ascii_case(b"keep-alive") {
                    return None;
                }
                (is_last, goes_on) = (is_last || closes, false);
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

/// A length that is no more than digits, and not many of them.
fn digits(value: &[u8]) -> Option<usize> {
    let is_short = (1..=7).contains(&value.len());
    std::str::from_utf8(value).ok().filter(|_| is_short && value.iter().all(u8::is_ascii_digit))?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proxy::head::Head;
    use http::HeaderName;

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
    fn a_value_may_be_empty() {
        for text in ["GET / HTTP/1.1\r\nX-Own:\r\nHost: a\r\n\r\n", "GET / HTTP/1.1\r\nX-Own: \r\nHost: a\r\n\r\n"] {
            let request = whole(text).unwrap_or_else(|| panic!("{text:?}"));
            assert_eq!(request.first(&HeaderName::from_static("x-own")), Some(&b""[..]), "{text:?}");
            let mut written = Vec::new();
            request.lines().write(|_| false, &mut written);
            assert_eq!(String::from_utf8_lossy(&written), "X-Own: \r\nHost: a\r\n", "{text:?}");
        }
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
            "GET / HTTP/1.1\r\nConnection: close\r\nConnection: x-own\r\n\r\n",
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
