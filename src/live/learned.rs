//! Where sessions are at home whose keys name no region, as far as their apps have said so.

use super::hash_key::HashKey;
use crate::model::{Learning, RegionName};
use quick_cache::sync::Cache;
use std::sync::Arc;

/// What is remembered of one service's sessions. Bounded in number and in time; the least used are forgotten first. Nothing
/// of a key can be read out of it: it holds hashes of them under a secret of this process.
#[derive(Debug)]
pub struct LearnedHomes {
    rules: Learning,
    secret: HashKey,
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
    pub fn new(rules: Learning, secret: HashKey) -> Self {
        let homes = Cache::new(usize::try_from(rules.entries).unwrap_or(usize::MAX));
        Self { rules, secret, homes }
    }

    /// By what it remembers and forgets.
    #[must_use]
    pub fn rules(&self) -> Learning {
        self.rules
    }

    /// Remembers in `second` that the session with this key is at home in `region`.
    pub fn remember(&self, key: &[u8], region: &RegionName, second: u64) {
        let until = second.saturating_add(self.rules.ttl.as_secs().max(1));
        self.homes.insert(self.secret.hash(key), Known { region: Arc::new(region.clone()), until });
    }

    /// Forgets the session with this key.
    pub fn forget(&self, key: &[u8]) {
        self.homes.remove(&self.secret.hash(key));
    }

    /// The region in which the session with this key is at home, as far as is known in `second`.
    #[must_use]
    pub fn home_of(&self, key: &[u8], second: u64) -> Option<Arc<RegionName>> {
        let known = self.homes.get(&self.secret.hash(key))?;
        (second < known.until).then_some(known.region)
    }

    /// What is remembered in `second`, for another process: hashes, regions, and for how many seconds more. At most `most`
    /// of them; and how many more there are.
    #[must_use]
    pub fn remembered(&self, second: u64, most: usize) -> (Vec<(u64, String, u64)>, usize) {
        let living = self.homes.iter().filter(|(_, known)| second < known.until);
        let mut found: Vec<_> =
            living.map(|(hash, known)| (hash, known.region.to_string(), known.until - second)).collect();
        let more = found.len().saturating_sub(most);
        found.truncate(most);
        (found, more)
    }

    /// Takes in what is remembered in `second`. The hashes must be of the same secret.
    pub fn recall(&self, homes: &[(u64, String, u64)], second: u64) {
        for (hash, region, rest) in homes {
            let Ok(region) = region.parse::<RegionName>() else { continue };
            let until = second.saturating_add((*rest).min(self.rules.ttl.as_secs().max(1)));
            self.homes.insert(*hash, Known { region: Arc::new(region), until });
        }
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
        LearnedHomes::new(Learning { entries, ttl: Duration::from_secs(seconds) }, HashKey::fresh())
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

    #[test]
    fn another_process_remembers_for_the_rest_of_the_time() {
        let secret = HashKey::fresh();
        let rules = Learning { entries: 10, ttl: Duration::from_secs(60) };
        let (before, after) = (LearnedHomes::new(rules, secret), LearnedHomes::new(rules, secret));
        before.remember(b"abc", &region("us-east"), 1000);
        before.remember(b"old", &region("us-west"), 900);
        let (homes, more) = before.remembered(1050, 10);
        assert_eq!((homes.len(), more), (1, 0), "what is over is not carried");
        after.recall(&homes, 70);
        assert_eq!(after.home_of(b"abc", 79).unwrap().as_str(), "us-east");
        assert!(after.home_of(b"abc", 80).is_none());
        before.remember(b"def", &region("us-west"), 1050);
        assert_eq!(before.remembered(1050, 1).1, 1, "what does not fit is counted");
    }
}
