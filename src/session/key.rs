//! The session key: `<prefix><separator><opaque id>`, whose prefix names the session's home.

use crate::model::{RegionId, SessionPrefix};
use foldhash::fast::FixedState;
use memchr::memchr_iter;
use std::collections::HashMap;

/// The longest session key, in bytes; a longer one is malformed. Browsers refuse cookies of more than 4,096 bytes.
pub const LONGEST_KEY: usize = 4096;

/// Why a value is not the key of a session whose home is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyProblem {
    /// It is empty or too long, has bytes that no cookie may have, or has nothing after the separator.
    Malformed,
    /// It has the form of a key, and no region of the table has its prefix.
    UnknownPrefix,
}

/// Which region a prefix stands for.
///
/// Finding it takes the same time whatever the number of regions. The prefixes are the table's, so that nobody outside
/// chooses what is hashed into the index.
#[derive(Debug, Default)]
pub struct PrefixIndex {
    regions: HashMap<Box<[u8]>, RegionId, FixedState>,
}

impl<'a> FromIterator<(&'a str, RegionId)> for PrefixIndex {
    fn from_iter<I: IntoIterator<Item = (&'a str, RegionId)>>(prefixes: I) -> Self {
        Self { regions: prefixes.into_iter().map(|(prefix, id)| (prefix.as_bytes().into(), id)).collect() }
    }
}

impl PrefixIndex {
    /// The region that the key `value` names, where `separator` stands behind the prefix.
    ///
    /// # Errors
    /// The [`KeyProblem`] of a value that names none. Never panics, whatever the bytes; allocates nothing.
    pub fn home_of(&self, value: &[u8], separator: &[u8]) -> Result<RegionId, KeyProblem> {
        let Some((first, others)) = separator.split_first() else { return Err(KeyProblem::Malformed) };
        if value.is_empty() || value.len() > LONGEST_KEY || !are_cookie_octets(value) {
            return Err(KeyProblem::Malformed);
        }
        // A prefix may hold the separator (`us-east` and `-`), so each of the first places where one stands may end it,
        // also where two of them overlap (`e.` and `..` in `e...9f2c`).
        let reach = value.len().min(SessionPrefix::LONGEST + separator.len());
        let mut problem = KeyProblem::Malformed;
        for end in memchr_iter(*first, &value[..reach]).filter(|at| value[at + 1..].starts_with(others)) {
            let has_id = value.len() > end + separator.len();
            match self.regions.get(&value[..end]) {
                Some(region) if has_id => return Ok(*region),
                _ if has_id && end > 0 => problem = KeyProblem::UnknownPrefix,
                _ => {}
            }
        }
        Err(problem)
    }
}

/// RFC 6265, 4.1.1: visible ASCII without `"`, `,`, `;` and `\`. Apps do put `,` into values, so it passes.
fn are_cookie_octets(value: &[u8]) -> bool {
    // Without an early end the compiler looks at many bytes at once.
    value.iter().fold(true, |all, byte| all & (byte.is_ascii_graphic() & !matches!(byte, b'"' | b';' | b'\\')))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn home_of(value: &str) -> Result<usize, KeyProblem> {
        let names = ["east", "us-west", "us-west-2"];
        let index: PrefixIndex = names.iter().zip(0..).map(|(name, at)| (*name, RegionId::at(at).unwrap())).collect();
        index.home_of(value.as_bytes(), b"-").map(RegionId::index)
    }

    #[test]
    fn the_prefix_names_the_region() {
        assert_eq!(home_of("east-9f2c"), Ok(0));
        assert_eq!(home_of("us-west-9f2c"), Ok(1));
        assert_eq!(home_of("east--"), Ok(0), "the opaque id may hold anything");
    }

    #[test]
    fn a_prefix_may_run_into_its_separator() {
        let index: PrefixIndex = [("e.", RegionId::at(7).unwrap())].into_iter().collect();
        assert_eq!(index.home_of(b"e...9f2c", b"..").map(RegionId::index), Ok(7));
    }

    #[test]
    fn what_names_no_region_says_why() {
        assert_eq!(home_of(""), Err(KeyProblem::Malformed));
        assert_eq!(home_of("east"), Err(KeyProblem::Malformed));
        assert_eq!(home_of("east-"), Err(KeyProblem::Malformed), "an id must follow");
        assert_eq!(home_of("-east"), Err(KeyProblem::Malformed));
        assert_eq!(home_of("ea st-1"), Err(KeyProblem::Malformed));
        assert_eq!(home_of(&format!("east-{}", "x".repeat(LONGEST_KEY))), Err(KeyProblem::Malformed));
        assert_eq!(home_of("north-1"), Err(KeyProblem::UnknownPrefix));
        assert_eq!(home_of("EAST-1"), Err(KeyProblem::UnknownPrefix), "prefixes are compared byte for byte");
        let long = "x".repeat(SessionPrefix::LONGEST + 1);
        assert_eq!(home_of(&format!("{long}-1")), Err(KeyProblem::Malformed), "no prefix is that long");
    }
}
