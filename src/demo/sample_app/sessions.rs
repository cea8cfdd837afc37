//! The session store of one region: what the servers of a region share, and no other region has.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The most sessions that one region holds; beyond it the oldest goes.
pub(crate) const MOST_SESSIONS: usize = 10_000;

/// The sessions of one region, at most as many as it was made for.
#[derive(Debug)]
pub(crate) struct Sessions {
    prefix: String,
    most: usize,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    next: u64,
    by_key: HashMap<String, Session>,
    /// The same keys in the order in which they were made, so that the oldest is found at once.
    by_age: BTreeMap<u64, String>,
}

#[derive(Debug)]
struct Session {
    number: u64,
    requests: u64,
}

impl Sessions {
    /// An empty store whose keys begin with `prefix` and a dash, for at most `most` sessions.
    pub(crate) fn new(prefix: &str, most: usize) -> Self {
        Self { prefix: prefix.to_owned(), most, held: Mutex::default() }
    }

    /// Makes a session out of 128 random bits and gives its key, `<prefix>-<32 hexadecimal digits>`. Where the store is
    /// full the oldest session is dropped.
    pub(crate) fn create(&self, random: u128) -> String {
        let key = format!("{}-{random:032x}", self.prefix);
        let mut held = self.lock();
        while held.by_key.len() >= self.most.max(1) {
            let Some((_, oldest)) = held.by_age.pop_first() else { break };
            held.by_key.remove(&oldest);
        }
        let number = held.next;
        held.next += 1;
        held.by_age.insert(number, key.clone());
        if let Some(same) = held.by_key.insert(key.clone(), Session { number, requests: 0 }) {
            held.by_age.remove(&same.number);
        }
        key
    }

    /// Counts one request of the session `key` and gives how many it has made; `None` where this region does not hold
    /// such a session.
    pub(crate) fn visit(&self, key: &str) -> Option<u64> {
        let mut held = self.lock();
        let session = held.by_key.get_mut(key)?;
        session.requests += 1;
        Some(session.requests)
    }

    /// Forgets the session `key`; says whether there was one.
    pub(crate) fn end(&self, key: &str) -> bool {
        let mut held = self.lock();
        let Some(session) = held.by_key.remove(key) else { return false };
        held.by_age.remove(&session.number);
        true
    }

    /// How many sessions the region holds.
    pub(crate) fn count(&self) -> usize {
        self.lock().by_key.len()
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        // Nothing panics while it holds the lock, and a half-made session would do no harm.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_lives_from_login_to_logout() {
        let sessions = Sessions::new("east", 10);
        let key = sessions.create(0x9f2c);
        assert_eq!(key, "east-00000000000000000000000000009f2c");
        assert_eq!(sessions.visit(&key), Some(1));
        assert_eq!(sessions.visit(&key), Some(2));
        assert!(sessions.end(&key));
        assert!(!sessions.end(&key));
        assert_eq!(sessions.visit(&key), None);
        assert_eq!(sessions.count(), 0);
    }

    #[test]
    fn a_full_store_drops_its_oldest_session() {
        let sessions = Sessions::new("east", 3);
        let keys: Vec<String> = (0..5).map(|n| sessions.create(n)).collect();
        assert_eq!(sessions.count(), 3);
        assert_eq!(sessions.visit(&keys[1]), None);
        assert_eq!(sessions.visit(&keys[2]), Some(1));
        sessions.end(&keys[3]);
        sessions.create(9);
        assert_eq!(sessions.visit(&keys[2]), Some(2), "what was ended makes room");
    }

    #[test]
    fn the_same_random_number_twice_is_one_session() {
        let sessions = Sessions::new("east", 2);
        assert_eq!(sessions.create(1), sessions.create(1));
        assert_eq!(sessions.count(), 1);
        assert_eq!(sessions.held.lock().unwrap().by_age.len(), 1);
    }
}
