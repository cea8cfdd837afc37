//! The secret under which keys of sessions and clients are hashed, so that nobody outside can choose two alike.

use serde::{Deserialize, Serialize};
use siphasher::sip::SipHasher13;
use std::fmt;
use std::hash::{BuildHasher, Hash, Hasher, RandomState};

/// A secret of this edge. It outlives the process only where the next one takes over: what was kept under it would be of no
/// use otherwise.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct HashKey(u64, u64);

impl HashKey {
    /// One that was never used.
    #[must_use]
    pub fn fresh() -> Self {
        // Made of what the system gives for such secrets.
        let secret = RandomState::new();
        Self(secret.hash_one(0_u8), secret.hash_one(1_u8))
    }

    /// The hash of `value`.
    #[must_use]
    pub fn hash(&self, value: impl Hash) -> u64 {
        let mut hasher = SipHasher13::new_with_keys(self.0, self.1);
        value.hash(&mut hasher);
        hasher.finish()
    }
}

impl fmt::Debug for HashKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HashKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_another_and_none_is_shown() {
        let (one, other) = (HashKey::fresh(), HashKey::fresh());
        assert_ne!(one.hash("a"), other.hash("a"));
        assert_eq!(one.hash("a"), one.hash("a"));
        assert_eq!(format!("{one:?}"), "HashKey(…)");
        let carried: HashKey = serde_json::from_str(&serde_json::to_string(&one).unwrap()).unwrap();
        assert_eq!(carried.hash(("a", 1)), one.hash(("a", 1)));
    }
}
