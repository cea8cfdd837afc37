//! The head of a server's answer, and where the answer ends (RFC 9112, 6.3).

use super::edits::Edits;
use super::lines::{HeaderLines, MOST_LINES};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, StatusCode};
use httparse::{EMPTY_HEADER, ParserConfig, Status};
use pingora::http::ResponseHeader;
use std::ops::Range;

/// How many lines an answer usually has at the most.
const USUAL_LINES: usize = 32;

/// The most bytes of a head.
pub(super) const MOST_BYTES: usize = 1 << 20;

/// The head of an answer.
pub(super) struct AnswerHead {
    /// Its status.
    pub status: StatusCode,
    /// Its header lines, over the bytes that it came in.
    pub lines: HeaderLines,
    /// Where its body ends.
    pub framing: Framing,
    /// Where it ends for its client. What ends with the connection to the server is passed on in chunks, by which its client sees
    /// whether it is whole.
    pub passed_on: Framing,
    /// Whether its server keeps the connection.
    pub keeps: bool,
    reason: Range<usize>,
}

/// Where a body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// There is none, whatever the head says of its length.
    None,
    /// After so many bytes.
    Length(u64),
    /// With its last chunk.
    Chunked,
    /// With the connection.
    Close,
}

/// What the bytes that came so far are.
pub(super) enum Come {
    /// A head of so many bytes.
    Whole(Box<AnswerHead>, usize),
    /// The beginning of one.
    Part,
    /// No answer.
    Malformed,
}

/// Reads the head of an answer to a request by `method`.
pub(super) fn read(bytes: &[u8], method: &Method) -> Come {
    // Most have few lines, and a table of them that is soon laid out.
    match parse::<USUAL_LINES>(bytes, method) {
        Some(come) => come,
        None => parse::<MOST_LINES>(bytes, method).unwrap_or(Come::Malformed),
    }
}

/// `None` where there are more lines than that.
fn parse<const LINES: usize>(bytes: &[u8], method: &Method) -> Option<Come> {
    let mut lines = [EMPTY_HEADER; LINES];
    let mut parsed = httparse::Response::new(&mut lines);
    // As lenient as the engine is.
    let mut config = ParserConfig::default();
    config.allow_spaces_after_header_name_in_responses(true);
    config.allow_obsolete_multiline_headers_in_responses(true);
    let length = match config.parse_response(&mut parsed, bytes) {
        Ok(Status::Complete(length)) => length,
        Ok(Status::Partial) if bytes.len() > MOST_BYTES => return Some(Come::Malformed),
        Ok(Status::Partial) => return Some(Come::Part),
        Err(httparse::Error::TooManyHeaders) => return None,
        Err(_) => return Some(Come::Malformed),
    };
    let head = of_parts(&bytes[..length], &parsed, method);
    Some(head.map_or(Come::Malformed, |head| Come::Whole(Box::new(head), length)))
}

fn of_parts(bytes: &[u8], parsed: &httparse::Response<'_, '_>, method: &Method) -> Option<AnswerHead> {
    let at = |part: &[u8]| {
        let from = part.as_ptr().addr().checked_sub(bytes.as_ptr().addr())?;
        Some(from..from + part.len()).filter(|range| range.end <= bytes.len())
    };
    let (code, is_11) = (parsed.code?, parsed.version? == 1);
    let mut whole = bytes.to_vec();
    for value in parsed.headers.iter().filter_map(|header| at(header.value)) {
        // A value over several lines is one with blanks in their place (RFC 9112, 5.2).
        whole[value].iter_mut().filter(|byte| matches!(byte, b'\r' | b'\n')).for_each(|byte| *byte = b' ');
    }
    let status = StatusCode::from_u16(code).ok()?;
    let (mut lines, mut length, mut encoding) = (HeaderLines::default(), None, None);
    let mut said = Said::default();
    for header in parsed.headers.iter() {
        let name = header.name.as_bytes();
        let is = |what: &str| name.eq_ignore_ascii_case(what.as_bytes());
        let mut goes_on = true;
        match name.len() {
            10 if is(CONNECTION) => {
                said = said.and(header.value);
                goes_on = false;
            }
            10 if is(KEEP_ALIVE) => goes_on = false,
            14 if is(CONTENT_LENGTH) => {
                let more = lengths(header.value)?;
                if length.is_some_and(|length| length != more) {
                    return None; // two lengths are none
                }
                length = Some(more);
            }
            17 if is(TRANSFER_ENCODING) => encoding = Some(header.value),
            _ => {}
        }
        lines.push(name, at(name)?.start, at(header.value)?, goes_on)?;
    }
    lines.lay_over(Bytes::from(whole));
    let framing = framing(status, method, encoding, length);
    let keeps = (if is_11 { !said.close } else { said.keep_alive && encoding.is_none() }) && framing != Framing::Close;
    let passed_on = if framing == Framing::Close && encoding.is_none() { Framing::Chunked } else { framing };
    if encoding.is_some() {
        lines.remove(CONTENT_LENGTH.as_bytes());
    }
    let reason = at(parsed.reason.unwrap_or_default().as_bytes()).unwrap_or(0..0);
    Some(AnswerHead { status, lines, framing, passed_on, keeps, reason })
}

const CONNECTION: &str = "connection";
const KEEP_ALIVE: &str = "keep-alive";
const CONTENT_LENGTH: &str = "content-length";
const TRANSFER_ENCODING: &str = "transfer-encoding";

/// What a server says of the connection.
#[derive(Debug, Clone, Copy, Default)]
struct Said {
    close: bool,
    keep_alive: bool,
}

impl Said {
    fn and(mut self, value: &[u8]) -> Self {
        for option in value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
            self.close |= option.eq_ignore_ascii_case(b"close");
            self.keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
        }
        self
    }
}

fn framing(status: StatusCode, method: &Method, encoding: Option<&[u8]>, length: Option<u64>) -> Framing {
    let has_none = status.is_informational()
        || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
        || *method == Method::HEAD;
    match (encoding, length) {
        _ if has_none => Framing::None,
        (Some(encoding), _) => {
            let last = encoding.rsplit(|byte| *byte == b',').next().unwrap_or_default();
            if last.trim_ascii().eq_ignore_ascii_case(b"chunked") { Framing::Chunked } else { Framing::Close }
        }
        (None, Some(length)) => Framing::Length(length),
        (None, None) => Framing::Close,
    }
}

/// A length in digits, or the same one several times over, as some servers write it.
fn lengths(value: &[u8]) -> Option<u64> {
    let mut all = value.split(|byte| *byte == b',').map(|one| {
        let one = one.trim_ascii();
        std::str::from_utf8(one).ok().filter(|_| !one.is_empty() && one.iter().all(u8::is_ascii_digit))?.parse().ok()
    });
    let first: u64 = all.next()??;
    all.all(|another| another == Some(first)).then_some(first)
}

impl AnswerHead {
    /// It as a stream of HTTP/2 gets it; `None` where it cannot be said so, which by its fields it can.
    pub(super) fn for_stream(&self, edits: &Edits<'_>) -> Option<ResponseHeader> {
        let mut head = ResponseHeader::build(self.status, Some(self.lines.len() + 1)).ok()?;
        for (name, value, came) in edits.outgoing() {
            if name.eq_ignore_ascii_case(TRANSFER_ENCODING.as_bytes()) {
                continue;
            }
            let value = match came {
                Some(nth) => HeaderValue::from_maybe_shared(self.lines.shared_value(nth)),
                None => HeaderValue::from_bytes(value),
            };
            head.append_header(HeaderName::from_bytes(name).ok()?, value.ok()?).ok()?;
        }
        Some(head)
    }

    /// What it calls its status.
    pub(super) fn reason(&self) -> &[u8] {
        self.lines.bytes().get(self.reason.clone()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(text: &str, method: &Method) -> Option<Box<AnswerHead>> {
        match read(text.as_bytes(), method) {
            Come::Whole(head, length) => {
                assert_eq!(length, text.len(), "{text:?}");
                Some(head)
            }
            Come::Part | Come::Malformed => None,
        }
    }

    #[test]
    fn an_answer_ends_where_its_head_says() {
        for (text, framing, keeps) in [
            ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", Framing::Length(3), true),
            ("HTTP/1.1 200 OK\r\nContent-Length: 3, 3\r\nContent-Length: 3\r\n\r\n", Framing::Length(3), true),
            ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: x, Close\r\n\r\n", Framing::Length(3), false),
            ("HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\n", Framing::Length(3), false),
            ("HTTP/1.0 200 OK\r\nContent-Length: 3\r\nConnection: keep-alive\r\n\r\n", Framing::Length(3), true),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, Chunked\r\n\r\n", Framing::Chunked, true),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n", Framing::Chunked, true),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, gzip\r\n\r\n", Framing::Close, false),
            ("HTTP/1.1 200\r\n\r\n", Framing::Close, false),
            ("HTTP/1.1 204 No\r\nContent-Length: 3\r\n\r\n", Framing::None, true),
            ("HTTP/1.1 304 So\r\nContent-Length: 3\r\n\r\n", Framing::None, true),
            ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nA: b\r\n c\r\n\r\n", Framing::Length(3), true),
            ("HTTP/1.1 103 Early\r\nLink: a\r\n\r\n", Framing::None, true),
            ("HTTP/1.1 200 OK\r\nX-Empty:\r\nX-Blank: \r\nContent-Length: 3\r\n\r\n", Framing::Length(3), true),
        ] {
            let head = head(text, &Method::GET).unwrap_or_else(|| panic!("{text:?}"));
            assert_eq!((head.framing, head.keeps), (framing, keeps), "{text:?}");
            let has_both = head.lines.has(CONTENT_LENGTH.as_bytes()) && text.contains("Encoding");
            assert!(!head.lines.iter().any(|(_, value)| value.contains(&b'\n')), "{text:?}");
            let mut written = Vec::new();
            head.lines.write(|_| false, &mut written);
            assert!(!has_both && !String::from_utf8_lossy(&written).contains("Connection"), "{text:?}");
        }
        let to_head = head("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", &Method::HEAD).expect("it is one");
        assert_eq!(to_head.framing, Framing::None);
        assert_eq!(to_head.lines.len(), 1, "how long it would have been is said all the same");
    }

    #[test]
    fn what_is_no_answer_is_malformed() {
        for text in [
            "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: -3\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 3,\r\n\r\n",
            "HTTP/1.1 20 OK\r\n\r\n",
            "ICY 200 OK\r\n\r\n",
            "HTTP/1.1 200 OK\r\nA b: c\r\n\r\n",
        ] {
            assert!(matches!(read(text.as_bytes(), &Method::GET), Come::Malformed), "{text:?}");
        }
    }

    #[test]
    fn many_lines_are_taken_and_more_are_not() {
        let of = |lines: usize| format!("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n{}\r\n", "A: b\r\n".repeat(lines - 1));
        for lines in [USUAL_LINES, USUAL_LINES + 1, MOST_LINES] {
            assert_eq!(head(&of(lines), &Method::GET).map(|head| head.lines.len()), Some(lines));
        }
        assert!(matches!(read(of(MOST_LINES + 1).as_bytes(), &Method::GET), Come::Malformed));
    }

    #[test]
    fn a_head_that_is_not_whole_is_waited_for() {
        assert!(matches!(read(b"HTTP/1.1 200 OK\r\nA: b\r\n", &Method::GET), Come::Part));
        assert!(matches!(read(b"", &Method::GET), Come::Part));
    }
}
