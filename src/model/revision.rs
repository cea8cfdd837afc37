//! The name of a table's content.

use sha2::{Digest, Sha256};
use std::fmt;
use std::str::FromStr;

/// The revision of a file: the first 48 bits of the SHA-256 of its bytes, as 12 hexadecimal digits. The same text has the
/// same revision on every edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Revision([u8; 6]);

impl Revision {
    /// The revision of these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let mut all = Revising::default();
        all.take(bytes);
        all.revision()
    }
}

/// A revision of bytes that come piece by piece.
#[derive(Debug, Clone, Default)]
pub struct Revising(Sha256);

impl Revising {
    /// Takes the next piece.
    pub fn take(&mut self, piece: &[u8]) {
        self.0.update(piece);
    }

    /// The revision of all pieces together.
    #[must_use]
    pub fn revision(self) -> Revision {
        let [a, b, c, d, e, f, ..]: [u8; 32] = self.0.finalize().into();
        Revision([a, b, c, d, e, f])
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl serde::Serialize for Revision {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Why a text is no revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a revision has 12 hexadecimal digits")]
pub struct BadRevision;

impl FromStr for Revision {
    type Err = BadRevision;

    fn from_str(text: &str) -> Result<Self, BadRevision> {
        let digits = text.as_bytes();
        if digits.len() != 12 || !digits.iter().all(u8::is_ascii_hexdigit) {
            return Err(BadRevision);
        }
        let mut bytes = [0; 6];
        for (byte, pair) in bytes.iter_mut().zip(0..) {
            *byte = u8::from_str_radix(&text[2 * pair..2 * pair + 2], 16).map_err(|_| BadRevision)?;
        }
        Ok(Self(bytes))
    }
}

impl<'de> serde::Deserialize<'de> for Revision {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_start_of_the_sha256_that_sha256sum_prints() {
        assert_eq!(Revision::of(b"").to_string(), "e3b0c44298fc");
        assert_eq!(Revision::of(b"abc").to_string(), "ba7816bf8f01");
        let mut pieces = Revising::default();
        [&b"a"[..], b"", b"bc"].into_iter().for_each(|piece| pieces.take(piece));
        assert_eq!(pieces.revision(), Revision::of(b"abc"));
    }

    #[test]
    fn its_text_gives_it_back() {
        let revision = Revision::of(b"abc");
        assert_eq!(revision.to_string().parse(), Ok(revision));
        assert_eq!("BA7816BF8F01".parse(), Ok(revision));
        for bad in ["", "ba7816bf8f0", "ba7816bf8f011", "xa7816bf8f01", "ä7816bf8f01", "+a7816bf8f01"] {
            assert_eq!(bad.parse::<Revision>(), Err(BadRevision), "{bad}");
        }
        let json = serde_json::to_string(&revision).unwrap();
        assert_eq!(serde_json::from_str::<Revision>(&json).unwrap(), revision);
    }
}
