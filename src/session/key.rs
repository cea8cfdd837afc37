//! From a session key to the region that its prefix names.

use super::format::{KeyFormat, Opened};
use super::octets::{any, has_octet};
use crate::model::{NameIndex, RegionId, SessionPrefix};

/// The longest session key, in bytes; a longer one is malformed. Browsers refuse cookies of more than 4,096 bytes.
pub const LONGEST_KEY: usize = 4096;

/// Why a value is not the key of a session whose home is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum KeyProblem {
    /// It is empty or too long, has bytes that no cookie may have, or has nothing after the separator.
    #[error("the value is no session key")]
    Malformed,
    /// It has the form of a key, and no region of the table has its prefix.
    #[error("no region has the prefix of the session key")]
    UnknownPrefix,
    /// It names a region, keys are signed, and it is not, or by nobody who may.
    #[error("the session key is not signed by a key of the service")]
    BadSignature,
}

/// Which region a prefix stands for.
///
/// Finding it takes the same time whatever the number of regions.
#[derive(Debug, Default)]
pub struct PrefixIndex {
    regions: NameIndex<RegionId>,
    /// A bit for each length that a prefix has: the places where one can end.
    lengths: u64,
}

impl<'a> FromIterator<(&'a str, RegionId)> for PrefixIndex {
    fn from_iter<I: IntoIterator<Item = (&'a str, RegionId)>>(prefixes: I) -> Self {
        let mut lengths = 0;
        let regions = prefixes.into_iter().inspect(|(prefix, _)| lengths |= length_bit(prefix.len())).collect();
        Self { regions, lengths }
    }
}

/// What is taken for the part of a key behind the prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Octets {
    /// What may stand in a cookie without quotes: of a key that an app mints.
    OfCookies,
    /// Anything: it is some app's own value, and none of the edge's business.
    Any,
}

impl PrefixIndex {
    /// The region that the key `value` names, and what is in the key.
    ///
    /// # Errors
    /// The [`KeyProblem`] of a value that names none. Never panics, whatever the bytes; allocates nothing.
    pub fn open<'k>(
        &self,
        value: &'k [u8],
        format: &KeyFormat,
        octets: Octets,
    ) -> Result<(RegionId, Opened<'k>), KeyProblem> {
        let separator = format.separator();
        let Some((first, others)) = separator.split_first() else { return Err(KeyProblem::Malformed) };
        let is_text = octets == Octets::Any || are_cookie_octets(value);
        if value.is_empty() || value.len() > LONGEST_KEY || !is_text {
            return Err(KeyProblem::Malformed);
        }
        let ends_at = |end: usize| {
            let has_id = value.len() > end + separator.len();
            has_id && value[end] == *first && (others.is_empty() || value[end + 1..].starts_with(others))
        };
        // A prefix may hold the separator (`us-east` and `-`) or run into it (`e.` and `..`), so it is looked for wherever
        // one of the table's prefixes could end.
        let mut lengths = self.lengths;
        while lengths != 0 {
            let end = lengths.trailing_zeros() as usize;
            lengths &= lengths - 1;
            if ends_at(end)
                && let Some(region) = self.regions.get(&value[..end])
            {
                let (prefix, rest) = value.split_at(end);
                return format.id_in(prefix, &rest[separator.len()..]).map(|opened| (*region, opened));
            }
        }
        let has_form = (1..=SessionPrefix::LONGEST).any(ends_at);
        Err(if has_form { KeyProblem::UnknownPrefix } else { KeyProblem::Malformed })
    }
}

/// The bit of a prefix of this length, which is at most [`SessionPrefix::LONGEST`] and so less than 64.
fn length_bit(length: usize) -> u64 {
    1 << (length % 64)
}

/// RFC 6265, 4.1.1: visible ASCII without `"`, `,`, `;` and `\`. Apps do put `,` into values, so it passes.
fn are_cookie_octets(value: &[u8]) -> bool {
    !has_octet(
        value,
        #[inline(always)]
        |block| {
            let is = |byte| any(block, |other| other == byte);
            any(block, |byte| !byte.is_ascii_graphic()) | is(b'"') | is(b';') | is(b'\\')
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn home_in(index: &PrefixIndex, value: &str, separator: &str) -> Result<usize, KeyProblem> {
        let format = KeyFormat::new(separator, None);
        index.open(value.as_bytes(), &format, Octets::OfCookies).map(|(region, _)| region.index())
    }

    fn home_of(value: &str) -> Result<usize, KeyProblem> {
        let names = ["east", "us-west", "us-west-2"];
        let index: PrefixIndex = names.iter().zip(0..).map(|(name, at)| (*name, RegionId::at(at).unwrap())).collect();
        home_in(&index, value, "-")
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
        assert_eq!(home_in(&index, "e...9f2c", ".."), Ok(7));
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
