//! One cookie in many headers: what looks for it is made once.

use super::cookie::{CookieName, value_behind};
use memchr::memchr;
use memchr::memmem::Finder;

/// Finds the values of one cookie in `Cookie` headers, as [`cookie_values`] does, and the quicker the more other cookies
/// there are: it looks for the name in many bytes at once, wherever it may stand, and only then at what is around it.
///
/// [`cookie_values`]: super::cookie_values
#[derive(Debug, Clone)]
pub struct CookieFinder {
    name: Box<[u8]>,
    chunks: bool,
    finder: Finder<'static>,
}

impl CookieFinder {
    /// Looks for the cookie called `name`.
    #[must_use]
    pub fn new(name: CookieName<'_>) -> Self {
        Self { name: name.name.into(), chunks: name.chunks, finder: Finder::new(name.name).into_owned() }
    }

    /// The cookie that is looked for.
    #[must_use]
    pub fn name(&self) -> CookieName<'_> {
        CookieName { name: &self.name, chunks: self.chunks }
    }

    /// Its values in one `Cookie` header value, in the order of the header. Takes a time in proportion to the header's
    /// length, whatever stands in it.
    #[inline]
    pub fn values<'a>(&'a self, header: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
        // A cookie without a name is never the session's.
        let mut at = if self.name.is_empty() { header.len() + 1 } else { 0 };
        std::iter::from_fn(move || {
            loop {
                let rest = header.get(at..)?;
                // The first cookie is often the one, and needs no search.
                let start = if self.is_at_start(rest) { at } else { at + self.finder.find(rest)? };
                let behind = start + self.name.len();
                // A name holds neither ';' nor white space: where it stands within another, it is passed as a whole.
                at = behind;
                if begins_a_pair(&header[..start]) {
                    let rest = header.get(behind..).unwrap_or_default();
                    let end = memchr(b';', rest).map_or(header.len(), |length| behind + length);
                    at = end + 1;
                    if let Some(value) = value_behind(&header[behind..end], self.chunks) {
                        return Some(value);
                    }
                }
            }
        })
    }

    #[inline]
    fn is_at_start(&self, text: &[u8]) -> bool {
        // The first byte says of most others that they are others, without a call.
        text.first() == self.name.first() && text.starts_with(&self.name)
    }
}

/// Whether a pair begins behind this part of a header.
#[inline]
fn begins_a_pair(mut before: &[u8]) -> bool {
    while let [rest @ .., b' ' | b'\t'] = before {
        before = rest;
    }
    matches!(before, [] | [.., b';'])
}

#[cfg(test)]
mod tests {
    use super::super::cookie_values;
    use super::*;
    use proptest::prelude::*;

    fn assert_same(header: &[u8], name: CookieName<'_>) {
        let finder = CookieFinder::new(name);
        let found: Vec<_> = finder.values(header).collect();
        let expected: Vec<_> = cookie_values(header, name).collect();
        assert_eq!(found, expected, "{name:?} in {:?}", String::from_utf8_lossy(header));
    }

    #[test]
    fn a_name_within_another_is_none() {
        for header in [
            "sid=east-1",
            "a=1; sid=east-1; b=2",
            "  sid = east-1  ",
            "xsid=1; sid=2",
            "a=sid; sid=2",
            "a=sid=1;sid=2",
            "sidsid=1; sid=2",
            "sid",
            "sid;sid=1",
            "",
            ";;;",
            "sid;=;sid==",
            "sid.0=a; sid=b; sid.12=c; sid.x=e",
            "\tsid=1;\t sid=2",
            "a= sid=1; sid=2",
            "sid=sid=1; x; sid=\"2\"",
        ] {
            for chunks in [false, true] {
                assert_same(header.as_bytes(), CookieName { name: b"sid", chunks });
            }
        }
    }

    proptest! {
        #[test]
        fn it_finds_what_a_look_at_each_pair_finds(
            parts in prop::collection::vec(
                prop::sample::select(vec!["sid", "s", "id", "=", ";", "; ", " ", "\t", ".1", ".", "\"", "x"]), 0..40,
            ),
            name in prop::sample::select(vec!["sid", "s", "ss", "idid", "x=", ""]),
            chunks: bool,
        ) {
            assert_same(parts.concat().as_bytes(), CookieName { name: name.as_bytes(), chunks });
        }
    }
}
