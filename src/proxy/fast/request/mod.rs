//! The requests that the fast path serves: those of one plain form, which have come whole.

mod read;
mod stream;

use super::lines::HeaderLines;
use crate::proxy::fields::Lines;
use crate::proxy::head::Head;
use crate::proxy::intake::letters_digits_and;
use bytes::Bytes;
use http::{HeaderName, Method, Version};
use pingora::http::RequestHeader;

pub(super) use read::{Come, read};

/// The most header lines of a request that takes the fast path.
const MOST_LINES: usize = 64;

/// A request that has come whole.
pub(super) struct Request {
    method: Method,
    version: Version,
    /// Its target, and how much of that is its path.
    target: Box<str>,
    path_length: usize,
    /// Its host, where it is no header line.
    authority: Option<Box<str>>,
    /// Its header lines, over the bytes of its head and then of its body.
    lines: HeaderLines,
    /// Where its body begins.
    body: usize,
    /// Whether its client asks for no other answer on the connection.
    pub is_last: bool,
    /// The head of the stream that it is, as the engine has it.
    stream: Option<Box<RequestHeader>>,
}

/// Whether it is a path, maybe with a query, of which everybody makes the same: of the characters that these are made of
/// (RFC 3986, 3.3 and 3.4), or that browsers leave as they are.
fn is_plain_target(target: &[u8]) -> bool {
    target.first() == Some(&b'/') && target.iter().fold(true, |is_plain, byte| is_plain & IN_TARGET[usize::from(*byte)])
}

const IN_TARGET: [bool; 256] = letters_digits_and(b"-._~!$&'()*+,;=:@/?%[]|^");

/// How long the path of a target is.
fn path_length(target: &str) -> usize {
    memchr::memchr(b'?', target.as_bytes()).unwrap_or(target.len())
}

impl Request {
    /// The head of the stream that it is; `None` where it is none.
    pub(super) fn into_stream(self) -> Option<Box<RequestHeader>> {
        self.stream
    }

    /// Its header lines.
    pub(super) fn lines(&self) -> &HeaderLines {
        &self.lines
    }

    /// All bytes that it came in, where it is no stream.
    pub(super) fn wire(&self) -> &Bytes {
        self.lines.bytes()
    }

    /// The bytes of its body.
    pub(super) fn body_bytes(&self) -> &[u8] {
        &self.wire()[self.body..]
    }
}

impl Head for Request {
    fn method(&self) -> &Method {
        &self.method
    }

    fn version(&self) -> Version {
        self.version
    }

    fn target(&self) -> &[u8] {
        self.target.as_bytes()
    }

    fn path(&self) -> &str {
        &self.target[..self.path_length]
    }

    fn path_and_query(&self) -> Option<&str> {
        Some(&self.target)
    }

    fn authority(&self) -> Option<&str> {
        self.authority.as_deref()
    }

    fn named(&self, name: &str) -> Lines<'_> {
        self.lines.all(name.as_bytes())
    }

    fn all(&self, name: &HeaderName) -> Lines<'_> {
        self.lines.all(name.as_str().as_bytes())
    }

    fn first(&self, name: &HeaderName) -> Option<&[u8]> {
        self.lines.first(name.as_str().as_bytes())
    }

    fn has(&self, name: &HeaderName) -> bool {
        self.lines.has(name.as_str().as_bytes())
    }

    fn line_count(&self) -> usize {
        self.lines.len()
    }

    fn length(&self) -> usize {
        match self.stream {
            // Without the empty line behind it.
            None => self.body.saturating_sub(2),
            Some(_) => self.method.as_str().len() + self.target.len() + 12 + self.body,
        }
    }

    fn each_line(&self, see: &mut dyn FnMut(&[u8], &[u8])) {
        self.lines.iter().for_each(|(name, value)| see(name, value));
    }
}
