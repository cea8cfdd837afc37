//! Where sessions are at home whose keys name no region, as far as their apps have said so.

use crate::model::{Learning, RegionName};
use quick_cache::sync::Cache;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

/// What is remembered of one service's sessions. Bounded in number and in time; the least used are forgotten first. Nothing
/// of a key can be read out of it: it holds hashes of them under a secret of this process.
#[derive(Debug)]
pub struct LearnedHomes {
    rules: Learning,
    secret: RandomState,
    homes: Cache<u64, Known>,
}

#[derive(Debug, Clone)]
struct Known {
    region: Arc<RegionName>,
    /// The second from which on it is forgotten.
    until: u64,
}

impl LearnedHomes {
    /// A memory without anything in it.
    #[must_use]
    pub fn new(rules: Learning) -> Self {
        let homes = Cache::new(usize::try_from(rules.entries).unwrap_or(usize::MAX));
        Self { rules, secret: RandomState::new(), homes }
    }

    /// By what it remembers and forgets.
    #[must_use]
    pub fn rules(&self) -> Learning {
        self.rules
    }

    /// Remembers in `second` that the session with this key is at home in `region`.
    pub fn remember(&self, key: &[u8], region: &RegionName, second: u64) {
        let until = second.saturating_add(self.rules.ttl.as_secs().max(1));
        self.homes.insert(self.secret.hash_one(key), Known { region: Arc::new(region.clone()), until });
    }

    /// Forgets the session with this key.
    pub fn forget(&self, key: &[u8]) {
        self.homes.remove(&self.secret.hash_one(key));
    }

    /// The region in which the session with this key is at home, as far as is known in `second`.
    #[must_use]
    pub fn home_of(&self, key: &[u8], second: u64) -> Option<Arc<RegionName>> {
        let known = self.homes.get(&self.secret.hash_one(key))?;
        (second < known.until).then_some(known.region)
    }

    /// How many sessions are remembered, those included whose time is over.
    #[must_use]
    pub fn count(&self) -> usize {
        self.homes.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn homes(entries: u32, seconds: u64) -> LearnedHomes {
        LearnedHomes::new(Learning { entries, ttl: Duration::from_secs(seconds) })
    }

    fn region(name: &str) -> RegionName {
        name.parse().unwrap()
    }

    #[test]
    fn a_home_is_remembered_for_its_time() {
        let homes = homes(10, 60);
        homes.remember(b"abc", &region("us-east"), 1000);
        let home = |key: &[u8], second| homes.home_of(key, second).map(|region| region.to_string());
        assert_eq!(home(b"abc", 1059).as_deref(), Some("us-east"));
        assert_eq!(home(b"abc", 1060), None);
        assert_eq!(home(b"abd", 1000), None);
        homes.remember(b"abc", &region("us-west"), 1059);
        assert_eq!(home(b"abc", 1060).as_deref(), Some("us-west"), "the newest counts");
        homes.forget(b"abc");
        assert_eq!(home(b"abc", 1060), None);
    }

    #[test]
    fn no_more_are_remembered_than_was_said() {
        let homes = homes(100, 60);
        for key in 0..10_000_u32 {
            homes.remember(&key.to_be_bytes(), &region("us-east"), 0);
        }
        assert!(homes.count() <= 100, "{}", homes.count());
    }
}
