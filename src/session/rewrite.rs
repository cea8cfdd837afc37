//! Cookies that the edge mints: the home's prefix goes in front of the value that an app sets, and is taken off again
//! before the app sees it. Every other byte stays as it was.

use super::cookie::{CookieName, cookie_values, range_in, set_cookie_value};
use super::format::{KeyFormat, Opened};
use super::key::LONGEST_KEY;

/// How many values of one request are looked at, at the most, for session keys: more than any app sets, and few enough that
/// verifying forged ones costs nothing to speak of.
pub const MOST_VALUES: usize = 32;

/// What becomes of a `Set-Cookie` line of an app on its way to the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Minted {
    /// It is passed on as it is: it sets another cookie, or no value (which deletes the cookie).
    Untouched,
    /// It is passed on as it is: with the prefix in front, name and value would be longer than browsers take (4,096 bytes).
    /// The session works as long as the visitor's place leads to its region.
    TooLong,
    /// This line is sent instead.
    Line(Vec<u8>),
}

/// The line with the home's prefix, and its tag where keys are signed, in front of the value of the session cookie.
/// Quotes stay around the whole, and attributes as they were.
///
/// `opens` says whether a value would be read as a key that the edge minted. A value of the app's that would is never
/// passed on as it is, or the app would get it back without its beginning.
#[must_use]
pub fn minted(
    line: &[u8],
    name: CookieName<'_>,
    format: &KeyFormat,
    prefix: &[u8],
    opens: impl Fn(&[u8]) -> bool,
) -> Minted {
    let Some(value) = set_cookie_value(line, name).filter(|value| !value.is_empty()) else {
        return Minted::Untouched;
    };
    let opening = format.opening(prefix, value);
    // Browsers count name and value, with quotes and without the '=' between them.
    let pair = line.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    if pair.len().saturating_sub(1) + opening.len() > LONGEST_KEY && !opens(value) {
        return Minted::TooLong;
    }
    let at = range_in(value, line).start;
    Minted::Line([&line[..at], &opening, &line[at..]].concat())
}

/// The value of a `Cookie` header without what the edge minted in front of the values of the session cookie; `None` where
/// there is nothing to take off. `open` reads a key that the edge minted.
///
/// Where a name stands there twice, each value is looked at by itself, up to [`MOST_VALUES`]. A value that is none of the edge's keys (tampered
/// with, or set before the edge was there) stays as it is.
#[must_use]
pub fn without_prefixes<'h>(
    header: &'h [u8],
    name: CookieName<'h>,
    open: impl Fn(&'h [u8]) -> Option<Opened<'h>>,
) -> Option<Vec<u8>> {
    let mut kept = Vec::new();
    let mut from = 0;
    for value in cookie_values(header, name).take(MOST_VALUES) {
        let Some(opened) = open(value) else { continue };
        kept.extend_from_slice(&header[from..range_in(value, header).start]);
        from = range_in(opened.id, header).start;
    }
    if from == 0 {
        return None;
    }
    kept.extend_from_slice(&header[from..]);
    Some(kept)
}

#[cfg(test)]
mod tests {
    use super::super::{Octets, PrefixIndex};
    use super::*;
    use crate::model::{Keyring, RegionId};
    use proptest::prelude::*;
    use std::sync::Arc;

    const SID: CookieName<'_> = CookieName { name: b"sid", chunks: true };

    struct Edge {
        format: KeyFormat,
        prefixes: PrefixIndex,
    }

    impl Edge {
        fn new(signs: bool) -> Self {
            let keyring: Keyring = "7".repeat(64).parse().unwrap();
            let prefixes = [("east", RegionId::at(0).unwrap()), ("west", RegionId::at(1).unwrap())];
            Self {
                format: KeyFormat::new("-", signs.then(|| Arc::new(keyring))),
                prefixes: prefixes.into_iter().collect(),
            }
        }

        fn open<'k>(&self, value: &'k [u8]) -> Option<Opened<'k>> {
            self.prefixes.open(value, &self.format, Octets::Any).ok().map(|(_, opened)| opened)
        }

        fn out(&self, line: &[u8]) -> Minted {
            minted(line, SID, &self.format, b"east", |value| self.open(value).is_some())
        }

        /// The line that the client gets.
        fn to_client(&self, line: &[u8]) -> Vec<u8> {
            match self.out(line) {
                Minted::Line(new) => new,
                Minted::Untouched | Minted::TooLong => line.to_vec(),
            }
        }

        fn to_app(&self, header: &[u8]) -> Vec<u8> {
            without_prefixes(header, SID, |value| self.open(value)).unwrap_or_else(|| header.to_vec())
        }
    }

    /// What a browser sends back of a cookie: name and value, without white space around them (RFC 6265, 5.2 and 5.4).
    fn sent_back(line: &[u8]) -> Vec<u8> {
        let pair = line.split(|byte| *byte == b';').next().unwrap();
        let at = pair.iter().position(|byte| *byte == b'=').unwrap();
        let trim = |part: &[u8]| {
            let is_space = |byte: &u8| matches!(byte, b' ' | b'\t');
            let start = part.iter().take_while(|byte| is_space(byte)).count();
            let end = part[start..].iter().rev().take_while(|byte| is_space(byte)).count();
            part[start..part.len() - end].to_vec()
        };
        [trim(&pair[..at]), b"=".to_vec(), trim(&pair[at + 1..])].concat()
    }

    fn text(bytes: Vec<u8>) -> String {
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn the_prefix_goes_in_front_of_the_value_and_nothing_else_changes() {
        let edge = Edge::new(false);
        for (line, expected) in [
            ("sid=abc; Path=/; HttpOnly; SameSite=Lax", "sid=east-abc; Path=/; HttpOnly; SameSite=Lax"),
            ("sid=s%3Aab.c%2F", "sid=east-s%3Aab.c%2F"),
            ("sid=\"a b\"; Secure", "sid=\"east-a b\"; Secure"),
            ("  sid =  abc ;Max-Age=3", "  sid =  east-abc ;Max-Age=3"),
            ("sid.0=abc; Path=/", "sid.0=east-abc; Path=/"),
            ("sid=east-abc", "sid=east-east-abc"),
            ("sid=\"", "sid=east-\""),
            ("sid=; Max-Age=0", "sid=; Max-Age=0"),
            ("sid=\"\"; expires=Thu, 01 Jan 1970 00:00:00 GMT", "sid=\"\"; expires=Thu, 01 Jan 1970 00:00:00 GMT"),
            ("other=sid; sid=1", "other=sid; sid=1"),
            ("sid", "sid"),
            ("", ""),
        ] {
            assert_eq!(text(edge.to_client(line.as_bytes())), expected, "{line}");
        }
    }

    #[test]
    fn the_app_gets_back_what_it_set() {
        for edge in [Edge::new(false), Edge::new(true)] {
            for value in ["abc", "east-abc", "west-", "\"a b\"", "\"", "a,b", "\u{e9}", "a=b", "-", "east-west-1"] {
                let line = format!("sid={value}; Path=/");
                let header = [b"a=1; ", &*sent_back(&edge.to_client(line.as_bytes())), b"; b=\"2\""].concat();
                assert_eq!(text(edge.to_app(&header)), format!("a=1; sid={value}; b=\"2\""));
            }
        }
    }

    #[test]
    fn each_of_several_is_looked_at_by_itself() {
        let edge = Edge::new(false);
        let header = b"sid=east-1; sid=other;sid.1=\"west-2\"; SID=east-3; sid=north-4; x=east-5";
        assert_eq!(text(edge.to_app(header)), "sid=1; sid=other;sid.1=\"2\"; SID=east-3; sid=north-4; x=east-5");
    }

    #[test]
    fn a_key_that_was_tampered_with_stays_as_it_is() {
        let edge = Edge::new(true);
        let good = sent_back(&edge.to_client(b"sid=abc"));
        assert_eq!(edge.to_app(&good), b"sid=abc");
        let other_region = text(good.clone()).replace("east", "west");
        assert_eq!(text(edge.to_app(other_region.as_bytes())), other_region);
        for at in 4..good.len() {
            let mut forged = good.clone();
            forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
            assert_eq!(edge.to_app(&forged), forged, "byte {at}");
        }
    }

    #[test]
    fn what_browsers_would_not_take_is_passed_on_without_a_prefix() {
        let edge = Edge::new(true);
        let line = |length: usize, start: &str| format!("sid={start}{}; Path=/", "x".repeat(length - start.len()));
        let fits = 4096 - "sid".len() - "east-".len() - 22 - "-".len();
        assert!(matches!(edge.out(line(fits, "").as_bytes()), Minted::Line(_)));
        assert_eq!(edge.out(line(fits + 1, "").as_bytes()), Minted::TooLong);
        let quoted = format!("sid.0=\"{}\"", "x".repeat(fits - ".0".len() - 2));
        assert!(matches!(edge.out(quoted.as_bytes()), Minted::Line(line) if line.len() == 4096 + 1));
        assert_eq!(edge.out(quoted.replace("xx", "xxx").as_bytes()), Minted::TooLong);
        let unsigned = Edge::new(false);
        assert!(matches!(unsigned.out(line(4093, "east-").as_bytes()), Minted::Line(_)), "it would lose its beginning");
    }

    fn any_value() -> impl Strategy<Value = Vec<u8>> {
        let usual = "(east-|west-|north-)?[a-zA-Z0-9\"=, .%-]{0,40}".prop_map(String::into_bytes);
        let any = prop::collection::vec(any::<u8>(), 0..60);
        prop_oneof![usual, any].prop_map(|mut value: Vec<u8>| {
            value.retain(|byte| !matches!(byte, b';' | b'\r' | b'\n' | 0));
            value
        })
    }

    proptest! {
        #[test]
        fn for_any_value_the_app_sees_what_it_would_without_the_edge(
            value in any_value(),
            before in "( ?[a-z]{1,3}=[a-z\"-]{0,6};){0,3}",
            after in "(; ?[a-z]{1,3}=[a-z\"-]{0,6}){0,3}",
            name in prop::sample::select(vec!["sid", "sid.0", "sid.11", "other"]),
            signs: bool,
        ) {
            let edge = Edge::new(signs);
            let line = [name.as_bytes(), b"=", &value, b"; Path=/; Secure"].concat();
            let without_edge = [before.as_bytes(), &sent_back(&line), after.as_bytes()].concat();
            let with_edge = [before.as_bytes(), &sent_back(&edge.to_client(&line)), after.as_bytes()].concat();
            prop_assert_eq!(edge.to_app(&with_edge), without_edge);
        }

        #[test]
        fn any_header_keeps_all_but_the_prefixes(header in prop::collection::vec(any::<u8>(), 0..200), signs: bool) {
            let edge = Edge::new(signs);
            let seen = edge.to_app(&header);
            prop_assert!(seen.len() <= header.len());
            if memchr::memmem::find(&header, b"east-").or(memchr::memmem::find(&header, b"west-")).is_none() {
                prop_assert_eq!(&seen, &header);
            }
            prop_assert!(edge.to_client(&header).len() >= header.len());
        }
    }
}
