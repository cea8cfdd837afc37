//! A question about one visitor, and its answer: what `explain` asks, of the files or of a running edge.

use crate::model::{HostPattern, Timestamp};
use crate::routing::{Arrival, Explanation, FleetView, PlaceFinder, RequestFacts, RoutingTable, decide};
use std::net::IpAddr;

/// The most header lines of a question.
const MOST_HEADERS: usize = 16;

/// A visitor that may not exist, and what it asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    client: IpAddr,
    host: Option<String>,
    path: String,
    cookie: Option<String>,
    /// Names in lower case, and values.
    headers: Vec<(String, String)>,
}

/// Why a question cannot be asked. The message names the field and says what it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadQuestion(String);

impl Question {
    /// What becomes of a request of the visitor at `ip` for `host` and `path` with the `Cookie` header `cookie`.
    ///
    /// Without a host it is for the table's first service; without a path it is `/`. A query behind the path counts for
    /// nothing.
    ///
    /// # Errors
    /// Where `ip` is no address, `host` has characters that no host has, `path` does not begin with `/`, or `cookie` is
    /// no header value.
    pub fn new(ip: &str, host: Option<&str>, path: Option<&str>, cookie: Option<&str>) -> Result<Self, BadQuestion> {
        let client = ip.trim().parse();
        let client = client.map_err(|_| bad("ip", ip, "an IPv4 or IPv6 address, e.g. 203.0.113.7"))?;
        let is_host = |b: u8| b.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=:[]".contains(&b);
        if let Some(host) = host.filter(|host| host.is_empty() || !host.bytes().all(is_host)) {
            return Err(bad("host", host, "a host without a scheme, e.g. portal.example.com"));
        }
        let whole = path.unwrap_or("/");
        let path = whole.split(['?', '#']).next().unwrap_or_default();
        if !path.starts_with('/') || !path.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(bad("path", whole, "a path that begins with '/', e.g. /account"));
        }
        if let Some(cookie) = cookie.filter(|cookie| cookie.bytes().any(|b| b.is_ascii_control())) {
            return Err(bad("cookie", cookie, "the value of a Cookie header, e.g. sid=east-9f2c"));
        }
        Ok(Self {
            client,
            host: host.map(str::to_owned),
            path: path.to_owned(),
            cookie: cookie.map(str::to_owned),
            headers: Vec::new(),
        })
    }

    /// The same with a header `name: value` more; it counts where the table reads session keys from it.
    ///
    /// # Errors
    /// Where `header` is no header line.
    pub fn with_header(mut self, header: &str) -> Result<Self, BadQuestion> {
        let wanted = "a header line, e.g. 'X-Session-Id: east-9f2c'";
        let (name, value) = header.split_once(':').ok_or_else(|| bad("header", header, wanted))?;
        let is_token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
        let is_value = !value.bytes().any(|b| b.is_ascii_control());
        if name.is_empty() || !name.bytes().all(is_token) || !is_value || self.headers.len() == MOST_HEADERS {
            return Err(bad("header", header, wanted));
        }
        self.headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        Ok(self)
    }

    /// What an edge decides that has `table`, sees the fleet as `view` and asks `places`; at `now`.
    #[must_use]
    pub fn ask(
        &self,
        table: &RoutingTable,
        view: &impl FleetView,
        places: &impl PlaceFinder,
        now: Timestamp,
    ) -> Explanation {
        let host = self.host.clone().unwrap_or_else(|| usual_host(table));
        let cookies: &[&[u8]] = &[self.cookie.as_deref().unwrap_or_default().as_bytes()];
        let cookies = if self.cookie.is_some() { cookies } else { &[] };
        let headers: Vec<_> = self.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        let facts = RequestFacts {
            host: &host,
            path: &self.path,
            client: self.client,
            cookies,
            headers: &headers,
            arrival: Arrival::Client,
            now,
        };
        let decision = decide(table, &facts, view, places);
        Explanation::new(table, &facts, view.local_region(), decision.as_ref())
    }
}

/// A host that leads to the table's first service.
fn usual_host(table: &RoutingTable) -> String {
    match table.services().first().and_then(|service| service.hosts.first()) {
        Some(HostPattern::Exact(host)) => host.to_string(),
        Some(HostPattern::Below(domain)) => format!("any.{domain}"),
        Some(HostPattern::Any) | None => "localhost".to_owned(),
    }
}

fn bad(field: &str, value: &str, wanted: &str) -> BadQuestion {
    let shown: String = value.chars().take(60).flat_map(char::escape_debug).collect();
    BadQuestion(format!("{field} '{shown}' is not {wanted}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_request_can_say_is_refused() {
        assert!(Question::new("::1", Some("a.example:80"), Some("/x?y#z"), Some("sid=east-1")).is_ok());
        for (ip, host, path, cookie, field) in [
            ("", None, None, None, "ip ''"),
            ("1.2.3", None, None, None, "ip '1.2.3'"),
            ("1.2.3.4", Some("http://a"), None, None, "host"),
            ("1.2.3.4", Some(""), None, None, "host"),
            ("1.2.3.4", None, Some("x"), None, "path"),
            ("1.2.3.4", None, Some("/a b"), None, "path"),
            ("1.2.3.4", None, None, Some("a\r\nb"), "cookie 'a\\r\\nb'"),
        ] {
            let error = Question::new(ip, host, path, cookie).unwrap_err().to_string();
            assert!(error.starts_with(field), "{error}");
        }
    }

    #[test]
    fn a_query_is_no_part_of_the_path() {
        let question = Question::new("1.2.3.4", None, Some("/a?b=/c"), None).unwrap();
        assert_eq!(question.path, "/a");
    }
}
