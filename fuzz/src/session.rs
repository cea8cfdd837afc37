//! Cookies and session keys.

use homeward::model::RegionId;
use homeward::session::{KeyProblem, LONGEST_KEY, PrefixIndex, cookie_values};

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
        match index.home_of(data, separator.as_bytes()) {
            Ok(region) => assert!(well_formed && fits(prefixes[region.index()])),
            Err(KeyProblem::UnknownPrefix) => assert!(well_formed && !prefixes.iter().any(|prefix| fits(prefix))),
            Err(KeyProblem::Malformed) => assert!(!well_formed || !prefixes.iter().any(|prefix| fits(prefix))),
        }
    }
    assert_eq!(index.home_of(data, b""), Err(KeyProblem::Malformed));
}
