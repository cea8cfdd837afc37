//! What a request head must be before anything is decided from it: of one meaning, to everybody on its way.
//!
//! `docs/requests.md` has the cases, `tests/end_to_end/heads` says them to an edge, byte by byte.

mod fields;
mod target;
mod wire;

use super::head::Head;
use super::refusal::Refusal;
use http::header::HOST;
use http::{Method, Version};
use pingora::http::RequestHeader;

pub(super) use fields::declared_length;

/// The bounds of a request head.
#[derive(Debug, Clone, Copy)]
pub(super) struct HeadLimits {
    /// Bytes of the request line and all header lines.
    pub bytes: usize,
    /// Header lines.
    pub lines: usize,
}

/// The host that a request asks for, of a head that has one meaning only. `wire` are the bytes that the engine read it from;
/// none where it came in frames, or was read by somebody who drops nothing.
///
/// # Errors
/// The refusal for: `TRACE` and `CONNECT`; a head over its limits; what `wire`, the target or the header fields have that
/// somebody behind the edge could read in another way; and what [`host`] refuses.
pub(super) fn checked_host<'h>(head: &'h dyn Head, wire: &[u8], limits: HeadLimits) -> Result<&'h str, Refusal> {
    if matches!(*head.method(), Method::TRACE | Method::CONNECT) {
        return Err(Refusal::Method);
    }
    if head.line_count() > limits.lines || head.length() > limits.bytes {
        return Err(Refusal::HeadTooLarge);
    }
    wire::check(wire)?;
    target::check(head)?;
    fields::check(head)?;
    host(head)
}

/// The host that a request asks for.
///
/// # Errors
/// The refusal for: no `Host`, several, or one that is none; a target that names another host than `Host` (RFC 9112, 3.2).
pub(super) fn host(head: &dyn Head) -> Result<&str, Refusal> {
    let authority = head.authority();
    let host = match *head.all(&HOST) {
        [only] => std::str::from_utf8(only)
            .map_err(|_| Refusal::BadRequest("The Host header has characters that no host has."))?,
        [] if head.version() == Version::HTTP_2 => {
            authority.ok_or(Refusal::BadRequest("The request names no host."))?
        }
        [] => return Err(Refusal::BadRequest("The request names no host.")),
        _ => return Err(Refusal::BadRequest("The request has more than one Host header.")),
    };
    let is_in =
        |table: &[bool; 256]| !host.is_empty() && host.bytes().fold(true, |is, byte| is & table[usize::from(byte)]);
    if !is_in(&IN_NAME) {
        if !is_in(&IN_HOST) {
            return Err(Refusal::BadRequest("The Host header has characters that no host has."));
        }
        if !has_one_port_at_most(host) {
            return Err(Refusal::BadRequest("The Host header is not a host and a port."));
        }
    }
    if authority.is_some_and(|authority| !authority.eq_ignore_ascii_case(host)) {
        return Err(Refusal::BadRequest("The request target and the Host header name different hosts."));
    }
    Ok(host)
}

/// The bytes that a host and its port are made of (RFC 3986, 3.2.2).
const IN_HOST: [bool; 256] = letters_digits_and(b"-._~%!$&'()*+,;=:[]");

/// Those that a name in DNS or an IPv4 address is made of, as most hosts are. There is no port in it.
const IN_NAME: [bool; 256] = letters_digits_and(b"-._");

/// A table of bytes that has letters, digits and these.
pub(super) const fn letters_digits_and(others: &[u8]) -> [bool; 256] {
    let mut is_in = [false; 256];
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
}

/// Whether what stands behind the name, or behind an IPv6 address in brackets, is nothing or a port.
fn has_one_port_at_most(host: &str) -> bool {
    let (name, port) = match host.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((address, behind)) if address.parse::<std::net::Ipv6Addr>().is_ok() => {
                ("", behind.strip_prefix(':').or(Some("0").filter(|_| behind.is_empty())))
            }
            _ => return false,
        },
        None => host.split_once(':').map_or((host, Some("0")), |(name, port)| (name, Some(port))),
    };
    let is_port = |port: &str| port.len() <= 5 && port.bytes().all(|byte| byte.is_ascii_digit());
    (!name.is_empty() || host.starts_with('[')) && !name.contains(['[', ']']) && port.is_some_and(is_port)
}

/// A head that came, for the benchmark that keeps what [`checked_host`] costs from growing unseen.
#[doc(hidden)]
#[derive(Debug)]
pub struct ReceivedHead {
    head: RequestHeader,
    wire: Vec<u8>,
}

impl ReceivedHead {
    /// Takes a head as it is on the wire; `None` where it is none.
    #[must_use]
    pub fn new(wire: &[u8]) -> Option<Self> {
        let mut lines = std::str::from_utf8(wire).ok()?.split_terminator("\r\n");
        let mut first = lines.next()?.split(' ');
        let mut head = RequestHeader::build(first.next()?, first.next()?.as_bytes(), None).ok()?;
        for line in lines.filter(|line| !line.is_empty()) {
            let (name, value) = line.split_once(':')?;
            head.append_header(name.to_owned(), value.trim()).ok()?;
        }
        Some(Self { head, wire: wire.to_vec() })
    }

    /// Whether the edge would go on with it.
    #[must_use]
    pub fn is_taken(&self) -> bool {
        checked_host(&self.head, &self.wire, HeadLimits { bytes: 64 << 10, lines: 100 }).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: HeadLimits = HeadLimits { bytes: 1000, lines: 10 };

    pub(super) fn head(method: &str, target: &str, headers: &[(&'static str, &str)]) -> RequestHeader {
        let mut head = RequestHeader::build(method, target.as_bytes(), None).unwrap();
        for (name, value) in headers {
            head.append_header(*name, *value).unwrap();
        }
        head
    }

    #[test]
    fn a_plain_request_has_a_host() {
        for host in ["portal.example.com:8080", "portal.example.com", "[2001:db8::1]:80", "[::1]", "a:", "192.0.2.1"] {
            let head = head("GET", "/a?b=c", &[("Host", host)]);
            assert_eq!(checked_host(&head, b"", LIMITS), Ok(host));
        }
    }

    #[test]
    fn a_head_on_the_wire_is_looked_at_as_one_that_came() {
        let is_taken = |wire: &str| ReceivedHead::new(wire.as_bytes()).map(|head| head.is_taken());
        assert_eq!(is_taken("GET /a HTTP/1.1\r\nHost: a.example\r\nCookie: a=1\r\n\r\n"), Some(true));
        assert_eq!(is_taken("GET /a HTTP/1.1\r\nHost: a.example\r\nHost: b.example\r\n\r\n"), Some(false));
        assert_eq!(is_taken("GET"), None);
    }

    #[test]
    fn what_has_no_single_meaning_is_refused() {
        let host = ("Host", "a.example");
        let long = "x".repeat(1001);
        for (head, status) in [
            (head("TRACE", "/", &[host]), 405),
            (head("GET", "/", &[]), 400),
            (head("GET", "/", &[host, host]), 400),
            (head("GET", "/", &[("Host", "")]), 400),
            (head("GET", "/", &[("Host", "a b")]), 400),
            (head("GET", "/", &[("Host", "a/b")]), 400),
            (head("GET", "/", &[("Host", "user@a.example")]), 400),
            (head("GET", "/", &[("Host", "a.example:80:90")]), 400),
            (head("GET", "/", &[("Host", "a.example:http")]), 400),
            (head("GET", "/", &[("Host", "a.example:123456")]), 400),
            (head("GET", "/", &[("Host", ":80")]), 400),
            (head("GET", "/", &[("Host", "[::1")]), 400),
            (head("GET", "/", &[("Host", "[::1]x")]), 400),
            (head("GET", "/", &[("Host", "[a.example]")]), 400),
            (head("GET", "/", &[("Host", "a[::1]")]), 400),
            (head("GET", "/", &[host, ("X-Long", &long)]), 431),
            (head("GET", "/", &[("X-A", "1"); 11]), 431),
        ] {
            assert_eq!(checked_host(&head, b"", LIMITS).map_err(Refusal::status), Err(status), "{head:?}");
        }
    }
}
