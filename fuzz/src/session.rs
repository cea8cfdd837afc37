//! Cookies and session keys.

use homeward::model::RegionId;
use homeward::session::{
    CookieName, KeyFormat, KeyProblem, LONGEST_KEY, Minted, Octets, Opened, PrefixIndex, cookie_values, minted,
    without_prefixes,
};
use std::sync::Arc;

fn trim(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}

/// A `Cookie` header: the values are those that a plain reading of the header finds.
pub fn cookie_header(data: &[u8]) {
    for name in [&b"sid"[..], b"__Host-session"] {
        let plain: Vec<_> = data
            .split(|byte| *byte == b';')
            .filter_map(|pair| {
                let equals = pair.iter().position(|byte| *byte == b'=')?;
                let value = trim(&pair[equals + 1..]);
                let quoted = value.len() > 1 && value.starts_with(b"\"") && value.ends_with(b"\"");
                let value = if quoted { &value[1..value.len() - 1] } else { value };
                (trim(&pair[..equals]) == name).then_some(value)
            })
            .collect();
        let name = CookieName { name, chunks: false };
        assert_eq!(cookie_values(data, name).collect::<Vec<_>>(), plain);
    }
}

/// A session key: it names a region exactly where it is one of the region's.
pub fn session_key(data: &[u8]) {
    let prefixes = ["east", "us-west", "ap.", "a~"];
    let index: PrefixIndex = prefixes.iter().zip(0..).map(|(p, at)| (*p, RegionId::at(at).expect("few"))).collect();
    for separator in ["-", "..", "~~~", "."] {
        let fits = |prefix: &str| {
            let id = data.strip_prefix(prefix.as_bytes()).and_then(|rest| rest.strip_prefix(separator.as_bytes()));
            id.is_some_and(|id| !id.is_empty())
        };
        let visible = |byte: &u8| byte.is_ascii_graphic() && !b"\"\\;".contains(byte);
        let well_formed = !data.is_empty() && data.len() <= LONGEST_KEY && data.iter().all(visible);
        match index.open(data, &KeyFormat::new(separator, None), Octets::OfCookies) {
            Ok((region, _)) => assert!(well_formed && fits(prefixes[region.index()])),
            Err(KeyProblem::UnknownPrefix) => assert!(well_formed && !prefixes.iter().any(|prefix| fits(prefix))),
            Err(KeyProblem::BadSignature) => panic!("nothing is signed"),
            Err(KeyProblem::Malformed) => assert!(!well_formed || !prefixes.iter().any(|prefix| fits(prefix))),
        }
    }
    let none = KeyFormat::new("", None);
    assert_eq!(index.open(data, &none, Octets::Any).map(drop), Err(KeyProblem::Malformed));
}

/// Cookies that the edge mints: the first line is an app's `Set-Cookie`, the second a client's `Cookie`. What the app gets
/// back of the first is byte for byte what it set, and of the second nothing is missing but prefixes.
pub fn minted_cookie(data: &[u8]) {
    let mut lines = data.splitn(2, |byte| *byte == b'\n');
    let (set_cookie, cookie) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    let prefixes: PrefixIndex =
        [("east", RegionId::at(0).expect("few")), ("w.", RegionId::at(1).expect("few"))].into_iter().collect();
    let keyring = Arc::new("7".repeat(64).parse().expect("a keyring"));
    let name = CookieName { name: b"sid", chunks: true };
    for (separator, keyring) in [("-", None), ("-", Some(&keyring)), (".~", None), (".~", Some(&keyring))] {
        let format = KeyFormat::new(separator, keyring.cloned());
        let to_app = |header: &[u8]| {
            let seen = without_prefixes(header, name, |value| open(&prefixes, &format, value));
            seen.unwrap_or_else(|| header.to_vec())
        };

        let seen = to_app(cookie);
        assert!(is_subsequence(&seen, cookie));
        if keyring.is_some() && seen != cookie {
            // A signature that a fuzzer finds is worth a look.
            panic!("a forged signature was taken: {cookie:?}");
        }

        // A browser keeps name and value (RFC 6265, 5.2), and sends them back.
        let pair = |line: &[u8]| {
            let pair = line.split(|byte| *byte == b';').next().unwrap_or_default().to_vec();
            let equals = pair.iter().position(|byte| *byte == b'=')?;
            Some([trim(&pair[..equals]), b"=", trim(&pair[equals + 1..])].concat())
        };
        if let (Minted::Line(line), Some(plain)) = (
            minted(set_cookie, name, &format, b"east", |value| open(&prefixes, &format, value).is_some()),
            pair(set_cookie),
        ) {
            assert!(is_subsequence(set_cookie, &line));
            assert_eq!(to_app(&pair(&line).expect("it has a value")), plain);
        }
    }
}

fn open<'k>(prefixes: &PrefixIndex, format: &KeyFormat, value: &'k [u8]) -> Option<Opened<'k>> {
    prefixes.open(value, format, Octets::Any).ok().map(|(_, opened)| opened)
}

fn is_subsequence(short: &[u8], long: &[u8]) -> bool {
    let mut rest = long.iter();
    short.iter().all(|byte| rest.any(|other| other == byte))
}
