//! The name of a table's content.

use sha2::{Digest, Sha256};
use std::fmt;

/// The revision of a file: the first 48 bits of the SHA-256 of its bytes, as 12 hexadecimal digits. The same text has the
/// same revision on every edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Revision([u8; 6]);

impl Revision {
    /// The revision of these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let [a, b, c, d, e, f, ..]: [u8; 32] = Sha256::digest(bytes).into();
        Self([a, b, c, d, e, f])
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_start_of_the_sha256_that_sha256sum_prints() {
        assert_eq!(Revision::of(b"").to_string(), "e3b0c44298fc");
        assert_eq!(Revision::of(b"abc").to_string(), "ba7816bf8f01");
    }
}
