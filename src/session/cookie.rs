//! The values of one cookie in a request's `Cookie` header, and where they stand.

use memchr::memchr;
use std::ops::Range;

/// Which cookies hold a session key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CookieName<'a> {
    /// The name (a token), compared byte for byte.
    pub name: &'a [u8],
    /// Whether `name.0`, `name.1` and so on count as well: large sessions are cut into such chunks.
    pub chunks: bool,
}

/// The values of the cookies that are called `name` in one `Cookie` header value, in the order of the header.
///
/// It reads as servers do rather than as RFC 6265, 4.2.1 tells clients to write: pairs end at `;`, white space around
/// names and values is dropped, and one pair of double quotes around a value is taken off. Any bytes are taken; nothing is
/// allocated.
pub fn cookie_values<'a>(header: &'a [u8], name: CookieName<'a>) -> impl Iterator<Item = &'a [u8]> {
    let mut rest = Some(header);
    std::iter::from_fn(move || {
        loop {
            let text = rest?;
            let (pair, after) = match memchr(b';', text) {
                Some(end) => (&text[..end], Some(&text[end + 1..])),
                None => (text, None),
            };
            rest = after;
            if let Some(value) = value_in(pair, name) {
                return Some(value);
            }
        }
    })
}

/// The value that a `Set-Cookie` line gives to the cookie called `name`, as RFC 6265, 5.2 reads it and without quotes
/// around it; `None` where it sets another one.
#[must_use]
pub fn set_cookie_value<'a>(line: &'a [u8], name: CookieName<'a>) -> Option<&'a [u8]> {
    let end = memchr(b';', line).unwrap_or(line.len());
    value_in(&line[..end], name)
}

/// Where `part`, which was cut out of `whole`, stands in it.
pub(super) fn range_in(part: &[u8], whole: &[u8]) -> Range<usize> {
    let start = part.as_ptr().addr().saturating_sub(whole.as_ptr().addr()).min(whole.len());
    start..(start + part.len()).min(whole.len())
}

/// The value in one pair, where it is called `name`.
fn value_in<'a>(pair: &'a [u8], name: CookieName<'_>) -> Option<&'a [u8]> {
    // A token holds neither '=' nor white space, so what follows it decides whether it is the whole name.
    let pair = trim_start(pair);
    if pair.first() != name.name.first() {
        return None; // most cookies are others: no call for them
    }
    let (start, after_name) = pair.split_at_checked(name.name.len())?;
    // Names are short: a look at each byte is quicker than a call.
    start.iter().eq(name.name).then(|| value_behind(after_name, name.chunks))?
}

/// The value in one pair, of which this is what stands behind the name.
#[inline]
pub(super) fn value_behind(mut after_name: &[u8], chunks: bool) -> Option<&[u8]> {
    if chunks && let [b'.', number @ ..] = after_name {
        let digits = number.iter().take_while(|byte| byte.is_ascii_digit()).count();
        after_name = &number[digits..];
        if !(1..=3).contains(&digits) {
            return None;
        }
    }
    match trim_start(after_name) {
        [b'=', value @ ..] => Some(unquote(trim(value))),
        _ => None,
    }
}

fn trim_start(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = bytes {
        bytes = rest;
    }
    bytes
}

fn trim(mut bytes: &[u8]) -> &[u8] {
    while let [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    trim_start(bytes)
}

fn unquote(bytes: &[u8]) -> &[u8] {
    match bytes {
        [b'"', inner @ .., b'"'] => inner,
        _ => bytes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SID: CookieName<'_> = CookieName { name: b"sid", chunks: false };
    const CHUNKS: CookieName<'_> = CookieName { name: b"sid", chunks: true };

    fn values(header: &str) -> Vec<&str> {
        cookie_values(header.as_bytes(), SID).map(|v| std::str::from_utf8(v).unwrap()).collect()
    }

    #[test]
    fn the_value_is_found_wherever_it_stands() {
        assert_eq!(values("sid=east-1"), ["east-1"]);
        assert_eq!(values("a=1; sid=east-1; b=2"), ["east-1"]);
        assert_eq!(values("a=1;sid=east-1"), ["east-1"]);
        assert_eq!(values("  sid = east-1  "), ["east-1"]);
        assert_eq!(values("sid=\"east-1\""), ["east-1"]);
        assert_eq!(values("sid=a=b"), ["a=b"], "a value may hold '='");
    }

    #[test]
    fn several_come_in_order() {
        assert_eq!(values("sid=1; x=2; sid=3"), ["1", "3"]);
    }

    #[test]
    fn other_names_are_not_taken_for_it() {
        for header in ["xsid=1", "sid2=1", "SID=1", "a=sid=1", "sid", "", ";;;", "=", "\"sid\"=1", "sid.0=1"] {
            assert_eq!(values(header), [""; 0], "{header}");
        }
        assert_eq!(values("sid="), [""]);
        assert_eq!(values("sid=\""), ["\""], "half a pair of quotes is no pair");
    }

    #[test]
    fn chunks_are_numbered() {
        let header = b"sid.0=a; sid=b; sid.12=c; sid.=d; sid.x=e; sid.1234=f; sid.1x=g; sid. 1=h";
        let values: Vec<_> = cookie_values(header, CHUNKS).collect();
        assert_eq!(values, [b"a", b"b", b"c"]);
    }

    #[test]
    fn a_set_cookie_line_has_one_value() {
        let of =
            |line: &'static str| set_cookie_value(line.as_bytes(), CHUNKS).map(|v| std::str::from_utf8(v).unwrap());
        assert_eq!(of("sid=east-1; Path=/; HttpOnly"), Some("east-1"));
        assert_eq!(of("sid=\"a b\""), Some("a b"));
        assert_eq!(of("sid=; Max-Age=0"), Some(""));
        assert_eq!(of(" sid.0 = a;sid=b"), Some("a"));
        assert_eq!(of("other=1; sid=2"), None, "an attribute is no cookie");
        assert_eq!(of("sid"), None);
    }

    #[test]
    fn a_part_is_found_again_in_its_whole() {
        let whole = b"a=1; sid=\"xy\"; b";
        let value = cookie_values(whole, SID).next().unwrap();
        assert_eq!(&whole[range_in(value, whole)], b"xy");
    }
}
