//! Who may ask over TCP: a page of another site must not, by pointing its own name at this address (DNS rebinding).

use axum::http::{HeaderMap, header::HOST};
use std::net::IpAddr;

/// Whether a request with these headers names this machine the way operators do: by an address, as `localhost`, or by a name
/// that `is_ours`, in lower case.
///
/// A page that reads this API through its own name has that name in `Host`; an address or `localhost` cannot be
/// anybody's own name, nor can one for which this edge has a certificate. A request without `Host` comes from no browser.
pub(super) fn is_allowed(headers: &HeaderMap, is_ours: impl Fn(&str) -> bool) -> bool {
    headers.get_all(HOST).iter().all(|host| host.to_str().is_ok_and(|host| is_known(host, &is_ours)))
}

fn is_known(authority: &str, is_ours: impl Fn(&str) -> bool) -> bool {
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    if port.is_some_and(|port| !port.bytes().all(|b| b.is_ascii_digit())) {
        return false;
    }
    match host.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')) {
        Some(inner) => inner.parse::<std::net::Ipv6Addr>().is_ok(),
        None => {
            let is_address = matches!(host.parse(), Ok(IpAddr::V4(_)));
            is_address || host.eq_ignore_ascii_case("localhost") || is_ours(&host.to_ascii_lowercase())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn a_name_of_somebody_else_is_refused() {
        let is_address_or_localhost = |host: &str| is_known(host, |_| false);
        assert!(is_known("Admin.example.com:9901", |name| name == "admin.example.com"));
        assert!(!is_known("evil.example", |name| name == "admin.example.com"));
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
        assert!(is_allowed(&headers, |_| false));
        headers.append(HOST, HeaderValue::from_static("127.0.0.1"));
        assert!(is_allowed(&headers, |_| false));
        headers.append(HOST, HeaderValue::from_static("evil.example"));
        assert!(!is_allowed(&headers, |_| false));
    }
}
