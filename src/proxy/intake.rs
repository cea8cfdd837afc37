//! What a request head must be before anything is decided from it.

use super::refusal::Refusal;
use http::{Method, Version};
use pingora::http::RequestHeader;

/// The bounds of a request head.
#[derive(Debug, Clone, Copy)]
pub(super) struct HeadLimits {
    /// Bytes of the request line and all header lines.
    pub bytes: usize,
    /// Header lines.
    pub lines: usize,
}

/// The host that a request asks for, of a head that has one meaning only.
///
/// # Errors
/// The refusal for: `TRACE` and `CONNECT`; a head over its limits; a request target with white space or other bytes that
/// no URI has (the engine would rewrite them); no `Host`, several, or an empty one; a target in absolute form that names
/// another host than `Host` (RFC 9112, 3.2).
pub(super) fn checked_host(head: &RequestHeader, limits: HeadLimits) -> Result<&str, Refusal> {
    if head.method == Method::TRACE || head.method == Method::CONNECT {
        return Err(Refusal::Method);
    }
    if head.headers.len() > limits.lines || head_bytes(head) > limits.bytes {
        return Err(Refusal::HeadTooLarge);
    }
    if !head.raw_path().iter().all(u8::is_ascii_graphic) {
        return Err(Refusal::BadRequest("The request target has characters that must be percent-encoded."));
    }
    let authority = head.uri.authority().map(http::uri::Authority::as_str);
    let mut lines = head.headers.get_all(http::header::HOST).iter();
    let host = match (lines.next(), lines.next()) {
        (Some(only), None) => {
            only.to_str().map_err(|_| Refusal::BadRequest("The Host header has characters that no host has."))?
        }
        (None, None) if head.version == Version::HTTP_2 => {
            authority.ok_or(Refusal::BadRequest("The request names no host."))?
        }
        (None, None) => return Err(Refusal::BadRequest("The request names no host.")),
        _ => return Err(Refusal::BadRequest("The request has more than one Host header.")),
    };
    let is_host = |b: u8| b.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=:[]".contains(&b);
    if host.is_empty() || !host.bytes().all(is_host) {
        return Err(Refusal::BadRequest("The Host header has characters that no host has."));
    }
    if authority.is_some_and(|authority| !authority.eq_ignore_ascii_case(host)) {
        return Err(Refusal::BadRequest("The request target and the Host header name different hosts."));
    }
    Ok(host)
}

/// About as many bytes as the head had on the wire.
fn head_bytes(head: &RequestHeader) -> usize {
    let lines = head.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4);
    head.method.as_str().len() + head.raw_path().len() + 12 + lines.sum::<usize>()
}

/// The length that the head declares for its body, where it declares one.
pub(super) fn declared_length(head: &RequestHeader) -> Option<u64> {
    head.headers.get(http::header::CONTENT_LENGTH)?.to_str().ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: HeadLimits = HeadLimits { bytes: 1000, lines: 10 };

    fn head(method: &str, target: &str, headers: &[(&'static str, &str)]) -> RequestHeader {
        let mut head = RequestHeader::build(method, target.as_bytes(), None).unwrap();
        for (name, value) in headers {
            head.append_header(*name, *value).unwrap();
        }
        head
    }

    #[test]
    fn a_plain_request_has_a_host() {
        let head = head("GET", "/a?b=c", &[("Host", "portal.example.com:8080")]);
        assert_eq!(checked_host(&head, LIMITS), Ok("portal.example.com:8080"));
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
            (head("GET", "/", &[host, ("X-Long", &long)]), 431),
            (head("GET", "/", &[("X-A", "1"); 11]), 431),
        ] {
            assert_eq!(checked_host(&head, LIMITS).map_err(Refusal::status), Err(status), "{head:?}");
        }
    }

    #[test]
    fn a_declared_length_is_read() {
        assert_eq!(declared_length(&head("PUT", "/", &[("Content-Length", "12")])), Some(12));
        assert_eq!(declared_length(&head("PUT", "/", &[])), None);
    }
}
