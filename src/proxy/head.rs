//! The head of a request, as everything reads it that decides or tells: the engine's own, or one of the fast path.

use super::fields::Lines;
use http::uri::{Authority, PathAndQuery};
use http::{HeaderName, HeaderValue, Method, Version};
use pingora::http::RequestHeader;

/// A head that can be read.
pub(super) trait Head: Sync {
    /// How it asks.
    fn method(&self) -> &Method;

    /// By which version of HTTP it came.
    fn version(&self) -> Version;

    /// Its target, byte for byte as it came.
    fn target(&self) -> &[u8];

    /// The path of its target, without a query.
    fn path(&self) -> &str;

    /// The same with its query; `None` where there is none of both.
    fn path_and_query(&self) -> Option<&str>;

    /// The host that its target names.
    fn authority(&self) -> Option<&str>;

    /// The lines of this name, in their order. The name is in lower case.
    fn named(&self, name: &str) -> Lines<'_>;

    /// The lines of this name, in their order.
    fn all(&self, name: &HeaderName) -> Lines<'_>;

    /// The first of them.
    fn first(&self, name: &HeaderName) -> Option<&[u8]>;

    /// The value of a header that is there once.
    fn only(&self, name: &HeaderName) -> Option<&[u8]> {
        match *self.all(name) {
            [only] => Some(only),
            _ => None,
        }
    }

    /// Whether there is a line of this name.
    fn has(&self, name: &HeaderName) -> bool;

    /// How many lines there are.
    fn line_count(&self) -> usize;

    /// About as many bytes as it had on the wire of HTTP/1.1.
    fn length(&self) -> usize;

    /// Shows every line: its name, in any case, and its value.
    fn each_line(&self, see: &mut dyn FnMut(&[u8], &[u8]));
}

impl Head for RequestHeader {
    fn method(&self) -> &Method {
        &self.method
    }

    fn version(&self) -> Version {
        self.version
    }

    fn target(&self) -> &[u8] {
        self.raw_path()
    }

    fn path(&self) -> &str {
        self.uri.path()
    }

    fn path_and_query(&self) -> Option<&str> {
        self.uri.path_and_query().map(PathAndQuery::as_str)
    }

    fn authority(&self) -> Option<&str> {
        self.uri.authority().map(Authority::as_str)
    }

    fn named(&self, name: &str) -> Lines<'_> {
        self.headers.get_all(name).iter().map(HeaderValue::as_bytes).collect()
    }

    fn all(&self, name: &HeaderName) -> Lines<'_> {
        self.headers.get_all(name).iter().map(HeaderValue::as_bytes).collect()
    }

    fn first(&self, name: &HeaderName) -> Option<&[u8]> {
        self.headers.get(name).map(HeaderValue::as_bytes)
    }

    fn has(&self, name: &HeaderName) -> bool {
        self.headers.contains_key(name)
    }

    fn line_count(&self) -> usize {
        self.headers.len()
    }

    fn length(&self) -> usize {
        let lines = self.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4);
        self.method.as_str().len() + self.raw_path().len() + 12 + lines.sum::<usize>()
    }

    fn each_line(&self, see: &mut dyn FnMut(&[u8], &[u8])) {
        for (name, value) in &self.headers {
            see(name.as_str().as_bytes(), value.as_bytes());
        }
    }
}
