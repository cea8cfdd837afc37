//! Who may ask over TCP: a page of another site must not, by pointing its own name at this address (DNS rebinding).

use axum::http::{HeaderMap, header::HOST};
use std::net::IpAddr;

/// Whether a request with these headers names this machine the way operators do: by an address or as `localhost`.
///
/// A page that reads this API through its own name has that name in `Host`; an address or `localhost` cannot be
/// anybody's own name. A request without `Host` comes from no browser.
pub(super) fn is_allowed(headers: &HeaderMap) -> bool {
    headers.get_all(HOST).iter().all(|host| host.to_str().is_ok_and(is_address_or_localhost))
}

fn is_address_or_localhost(authority: &str) -> bool {
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    if port.is_some_and(|port| !port.bytes().all(|b| b.is_ascii_digit())) {
        return false;
    }
    match host.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')) {
        Some(inner) => inner.parse::<std::net::Ipv6Addr>().is_ok(),
        None => host.eq_ignore_ascii_case("localhost") || matches!(host.parse(), Ok(IpAddr::V4(_))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn a_name_of_somebody_else_is_refused() {
        for good in ["127.0.0.1", "127.0.0.1:9901", "localhost:9901", "LOCALHOST", "[::1]", "[::1]:9901", "10.0.0.7:1"]
        {
            assert!(is_address_or_localhost(good), "{good}");
        }
        let bad = [
            "evil.example",
            "evil.example:9901",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "127.0.0.1@evil.example",
            "::1",
            "[::1",
            "[x]:1",
            "127.0.0.1:80x",
            "",
            "2130706433",
        ];
        for bad in bad {
            assert!(!is_address_or_localhost(bad), "{bad}");
        }
    }

    #[test]
    fn each_host_line_counts() {
        let mut headers = HeaderMap::new();
        assert!(is_allowed(&headers));
        headers.append(HOST, HeaderValue::from_static("127.0.0.1"));
        assert!(is_allowed(&headers));
        headers.append(HOST, HeaderValue::from_static("evil.example"));
        assert!(!is_allowed(&headers));
    }
}
