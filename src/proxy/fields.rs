//! The header fields of a message, as they are edited on its way.
//!
//! What is told on the way is written once, over [`Fields`], whatever holds the message: the engine's own heads, or the edits of
//! the fast path, which leave the head as it came and keep what is to be different.

use http::{HeaderMap, HeaderName, HeaderValue};
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::{ErrorType, OrErr, Result};
use smallvec::SmallVec;

/// All lines of one name.
pub(super) type Lines<'f> = SmallVec<[&'f [u8]; 4]>;

/// Header fields that can be edited.
pub(super) trait Fields {
    /// Whether there is a line of this name.
    fn has(&self, name: &HeaderName) -> bool;

    /// The lines of this name, in their order.
    fn lines(&self, name: &HeaderName) -> Lines<'_>;

    /// The lines of this name, which is in lower case, in their order.
    fn lines_named(&self, name: &str) -> Lines<'_>;

    /// The first of them.
    fn first(&self, name: &HeaderName) -> Option<&[u8]> {
        self.lines(name).first().copied()
    }

    /// Takes out all lines of this name.
    fn take_out(&mut self, name: &HeaderName);

    /// Takes out all lines whose names start so, but those of the name that is `kept`.
    fn take_out_starting(&mut self, start: &str, kept: Option<&HeaderName>);

    /// Adds a line.
    ///
    /// # Errors
    /// Where the value is no header value.
    fn add(&mut self, name: &HeaderName, value: &[u8]) -> Result<()>;

    /// Has one line of this name, and no other.
    ///
    /// # Errors
    /// Where the value is no header value.
    fn set(&mut self, name: &HeaderName, value: &[u8]) -> Result<()> {
        self.take_out(name);
        self.add(name, value)
    }
}

/// The names in `fields` that start so, but the one that is `kept`.
fn starting(fields: &HeaderMap, start: &str, kept: Option<&HeaderName>) -> SmallVec<[HeaderName; 8]> {
    fields.keys().filter(|name| name.as_str().starts_with(start) && Some(*name) != kept).cloned().collect()
}

macro_rules! engine_fields {
    ($head:ty) => {
        impl Fields for $head {
            fn has(&self, name: &HeaderName) -> bool {
                self.headers.contains_key(name)
            }

            fn lines(&self, name: &HeaderName) -> Lines<'_> {
                self.headers.get_all(name).iter().map(HeaderValue::as_bytes).collect()
            }

            fn lines_named(&self, name: &str) -> Lines<'_> {
                self.headers.get_all(name).iter().map(HeaderValue::as_bytes).collect()
            }

            fn take_out(&mut self, name: &HeaderName) {
                self.remove_header(name);
            }

            fn take_out_starting(&mut self, start: &str, kept: Option<&HeaderName>) {
                for name in starting(&self.headers, start, kept) {
                    self.remove_header(&name);
                }
            }

            fn add(&mut self, name: &HeaderName, value: &[u8]) -> Result<()> {
                let value =
                    HeaderValue::from_bytes(value).or_err(ErrorType::InvalidHTTPHeader, "a value for a field")?;
                self.append_header(name.clone(), value).map(drop)
            }

            fn set(&mut self, name: &HeaderName, value: &[u8]) -> Result<()> {
                let value =
                    HeaderValue::from_bytes(value).or_err(ErrorType::InvalidHTTPHeader, "a value for a field")?;
                self.insert_header(name.clone(), value)
            }
        }
    };
}

engine_fields!(RequestHeader);
engine_fields!(ResponseHeader);
