//! A DNS name that pools need, and its last answer.

use crate::live::clock;
use crate::model::Timestamp;
use arc_swap::ArcSwap;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

/// The most addresses that one name may give; what is above is left out.
pub(super) const MOST_ADDRESSES: usize = 64;

/// The longest error text that is kept, in bytes.
const LONGEST_ERROR: usize = 256;

/// What is known of a name.
#[derive(Debug, Clone, Default)]
pub(super) struct Answer {
    /// Whether it was ever asked for, with whatever result.
    pub(super) asked: bool,
    /// Sorted, without repetition; the last good answer, also while DNS fails.
    pub(super) addresses: Vec<IpAddr>,
    /// Why DNS fails at the moment, and since when.
    pub(super) failure: Option<(Box<str>, Timestamp)>,
}

/// A DNS name in the pools of some table, with its last answer. Whoever resolves it holds it, so that a table that
/// needs it again finds it, answer and all.
#[derive(Debug)]
pub struct DnsName {
    text: Box<str>,
    /// Changes under the fleet's lock only, and is read without.
    answer: ArcSwap<Answer>,
}

impl DnsName {
    pub(super) fn new(text: &str) -> Self {
        Self { text: text.into(), answer: ArcSwap::default() }
    }

    /// The name: in lower case, without a dot at its end.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn answer(&self) -> Arc<Answer> {
        self.answer.load_full()
    }

    /// Takes in a good answer; whether the addresses are others now.
    pub(super) fn resolved(&self, mut addresses: Vec<IpAddr>) -> bool {
        addresses.sort_unstable(); // DNS rotates its answers: the order says nothing
        addresses.dedup();
        addresses.truncate(MOST_ADDRESSES);
        let before = self.answer();
        let changed = before.addresses != addresses;
        if changed || !before.asked || before.failure.is_some() {
            self.answer.store(Arc::new(Answer { asked: true, addresses, failure: None }));
        }
        changed
    }

    /// Takes in a failure. The last good answer stays.
    pub(super) fn failed(&self, why: &str) {
        let before = self.answer();
        let since = before.failure.as_ref().map_or_else(clock::now, |(_, since)| *since);
        let why = why.get(..why.floor_char_boundary(LONGEST_ERROR)).unwrap_or_default();
        let failure = Some((why.into(), since));
        self.answer.store(Arc::new(Answer { asked: true, addresses: before.addresses.clone(), failure }));
    }
}

impl fmt::Display for DnsName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
