//! What a service asks of its visitors: to come by HTTPS, and to remember it.

use std::fmt::Write as _;
use std::time::Duration;

/// What a service asks of its visitors. By default nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Https {
    /// Whether a request that came without TLS is sent to the same URL with `https:`.
    pub redirect: bool,
    /// What browsers are to remember, where anything.
    pub hsts: Option<Hsts>,
}

impl Https {
    /// The status of the redirect: a browser sends the same request again, with its method and its body.
    pub const REDIRECT_STATUS: u16 = 308;

    /// The `Location` of the redirect of a request for `target`, a path with its query, on `host`. The port goes: HTTPS has
    /// one of its own. `None` where host or target is nothing that could stand in a header, or no place to go.
    ///
    /// Only for a request that came without TLS, to this edge or, as far as it is believed, to a proxy before it.
    #[must_use]
    pub fn redirect_location(host: &str, target: &str) -> Option<String> {
        let name = match host.rsplit_once(':') {
            // The colons inside of an IPv6 address are no port's.
            Some((name, port)) if !port.contains(']') => port.bytes().all(|b| b.is_ascii_digit()).then_some(name)?,
            _ => host,
        };
        let in_brackets = name.starts_with('[') && name.ends_with(']');
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
        let in_address = |b: u8| b.is_ascii_hexdigit() || matches!(b, b':' | b'.' | b'[' | b']');
        if name.is_empty() || !name.bytes().all(|b| if in_brackets { in_address(b) } else { allowed(b) }) {
            return None;
        }
        let whole = target.starts_with('/') && target.bytes().all(|b| b.is_ascii_graphic() || !b.is_ascii());
        whole.then(|| {
            let mut location = format!("https://{name}");
            for byte in target.bytes() {
                match byte.is_ascii() {
                    true => location.push(char::from(byte)),
                    // A URL is ASCII, whatever a client sends.
                    false => {
                        let _ = write!(location, "%{byte:02X}"); // writing to a String cannot fail
                    }
                }
            }
            location
        })
    }
}

/// What browsers are to remember of a service (RFC 6797).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hsts {
    /// For how long they come by HTTPS alone, in whole seconds. Zero makes them forget.
    pub max_age: Duration,
    /// Whether that holds for every host below as well.
    pub include_subdomains: bool,
    /// Whether the host may be put on the list that browsers bring along.
    pub preload: bool,
}

impl Hsts {
    /// The header.
    pub const HEADER: &'static str = "Strict-Transport-Security";

    /// The value of the header, for answers to requests that came by TLS: without it, browsers must not look at it.
    #[must_use]
    pub fn header_value(self) -> String {
        let mut value = format!("max-age={}", self.max_age.as_secs());
        if self.include_subdomains {
            value.push_str("; includeSubDomains");
        }
        if self.preload {
            value.push_str("; preload");
        }
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirect_goes_to_the_same_place_by_https() {
        for (host, target, location) in [
            ("portal.example.com", "/", "https://portal.example.com/"),
            ("portal.example.com:8080", "/a?b=c", "https://portal.example.com/a?b=c"),
            ("Portal.example.com", "/a/../b", "https://Portal.example.com/a/../b"),
            ("portal.example.com", "/é", "https://portal.example.com/%C3%A9"),
            ("[2001:db8::1]", "/", "https://[2001:db8::1]/"),
            ("[2001:db8::1]:80", "/", "https://[2001:db8::1]/"),
            ("192.0.2.1:80", "//evil.example.net/", "https://192.0.2.1//evil.example.net/"),
        ] {
            assert_eq!(Https::redirect_location(host, target).as_deref(), Some(location));
        }
        for (host, target) in [
            ("", "/"),
            (":80", "/"),
            ("a b", "/"),
            ("a\r\nx: y", "/"),
            ("user@example.com", "/"),
            ("example.com/path", "/"),
            ("example.com:http", "/"),
            ("2001:db8::1:x", "/"),
            ("[example.com]", "/"),
            ("example.com", ""),
            ("example.com", "*"),
            ("example.com", "@evil.example.net/"),
            ("example.com", "/a b"),
            ("example.com", "/a\r\nSet-Cookie: a=b"),
        ] {
            assert_eq!(Https::redirect_location(host, target), None, "{host:?} {target:?}");
        }
    }

    #[test]
    fn browsers_are_told_what_to_remember() {
        let hsts = Hsts { max_age: Duration::from_hours(365 * 24), include_subdomains: false, preload: false };
        assert_eq!(hsts.header_value(), "max-age=31536000");
        let all = Hsts { include_subdomains: true, preload: true, ..hsts };
        assert_eq!(all.header_value(), "max-age=31536000; includeSubDomains; preload");
        assert_eq!(Hsts { max_age: Duration::ZERO, ..hsts }.header_value(), "max-age=0");
    }
}
