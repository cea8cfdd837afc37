//! The bytes of a head as they came.
//!
//! The engine is milder than this edge: it takes a bare LF for the end of a line, drops a fragment of the target, and
//! drops `Content-Length` beside `Transfer-Encoding`. Other programs on the way of a request do not, and whoever finds
//! two that differ can make one request look like two. What the engine has dropped can be seen here only.

use crate::proxy::refusal::Refusal;
use memchr::{memchr, memchr_iter, memchr2, memrchr};

/// Whether every line of `wire` ends as RFC 9112 says, and nothing of it was dropped. Nothing where there is no `wire`.
pub(super) fn check(wire: &[u8]) -> Result<(), Refusal> {
    let mut start = 0;
    let (mut length, mut encoding, mut is_first, mut lines) = (false, false, true, 0);
    for end in memchr_iter(b'\n', wire) {
        let line = wire.get(start..end).unwrap_or_default();
        let Some(line) = line.strip_suffix(b"\r") else {
            return Err(Refusal::BadRequest("A line of the head does not end with CR and LF."));
        };
        start = end + 1;
        lines += 1;
        if line.is_empty() {
            continue; // before the request line, or the end
        }
        if is_first {
            is_first = false;
            check_request_line(line)?;
        } else if matches!(line.first(), Some(b' ' | b'\t')) {
            return Err(Refusal::BadRequest("A header field goes on in a second line."));
        }
        length |= is_field(line, b"content-length");
        encoding |= is_field(line, b"transfer-encoding");
    }
    // Each line has one at its end.
    if memchr(b'\0', wire).is_some() || memchr_iter(b'\r', wire).count() != lines {
        return Err(Refusal::BadRequest("The head has control characters."));
    }
    if length && encoding {
        return Err(Refusal::BadRequest("The request has both Content-Length and Transfer-Encoding."));
    }
    Ok(())
}

fn check_request_line(line: &[u8]) -> Result<(), Refusal> {
    const NOT_A_LINE: Refusal = Refusal::BadRequest("The request line is not a method, a target and a version.");
    let (Some(first), Some(last)) = (memchr(b' ', line), memrchr(b' ', line)) else { return Err(NOT_A_LINE) };
    let target = line.get(first + 1..last).filter(|target| !target.is_empty()).ok_or(NOT_A_LINE)?;
    if memchr2(b' ', b'\t', target).is_some() {
        return Err(NOT_A_LINE);
    }
    if memchr(b'#', target).is_some() {
        return Err(Refusal::BadRequest("The request target has a fragment."));
    }
    Ok(())
}

fn is_field(line: &[u8], name: &[u8]) -> bool {
    // The colon first: nearly every other line has none there, and is not compared any further.
    line.get(name.len()) == Some(&b':') && line.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_of_one_meaning_pass() {
        for wire in [
            "",
            "GET / HTTP/1.1\r\n\r\n",
            "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
            "POST /a?b HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nX-Content-Length: 1\r\n\r\n",
        ] {
            assert_eq!(check(wire.as_bytes()), Ok(()), "{wire:?}");
        }
    }

    #[test]
    fn other_heads_do_not() {
        for wire in [
            "GET / HTTP/1.1\n\n",
            "GET / HTTP/1.1\r\nHost: a\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\n\n",
            "GET / HTTP/1.1\r\nX: a\rb\r\n\r\n",
            "GET / HTTP/1.1\r\nX: a\0b\r\n\r\n",
            "GET / HTTP/1.1\r\nX: a\r\n b\r\n\r\n",
            "GET / HTTP/1.1\r\nX: a\r\n\tb\r\n\r\n",
            "GET /#a HTTP/1.1\r\n\r\n",
            "GET /a b HTTP/1.1\r\n\r\n",
            "GET  HTTP/1.1\r\n\r\n",
            "GET /\r\n\r\n",
            "POST / HTTP/1.1\r\ncontent-length: 1\r\nTRANSFER-ENCODING: chunked\r\n\r\n",
        ] {
            assert_eq!(check(wire.as_bytes()).map_err(Refusal::status), Err(400), "{wire:?}");
        }
    }
}
