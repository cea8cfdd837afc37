//! A DNS name that pools need, and its last answer.

use crate::live::clock;
use crate::model::{ServerHost, Timestamp};
use arc_swap::ArcSwap;
use std::fmt;
use std::net::IpAddr;
use std::num::NonZeroU16;
use std::sync::Arc;

/// The most addresses that one name may give; what is above is left out.
pub(super) const MOST_ADDRESSES: usize = 64;

/// One of the addresses that a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Target {
    /// The address.
    pub address: IpAddr,
    /// The port; missing where the table says it.
    pub port: Option<u16>,
    /// Its part beside the others that the name stands for.
    pub weight: NonZeroU16,
}

impl From<IpAddr> for Target {
    /// With the table's port, and a part like all others.
    fn from(address: IpAddr) -> Self {
        Self { address, port: None, weight: NonZeroU16::MIN }
    }
}

/// The longest error text that is kept, in bytes.
const LONGEST_ERROR: usize = 256;

/// What is known of a name.
#[derive(Debug, Clone, Default)]
pub(super) struct Answer {
    /// Whether it was ever asked for, with whatever result.
    pub(super) asked: bool,
    /// Sorted, without repetition; the last good answer, also while DNS fails.
    pub(super) targets: Vec<Target>,
    /// Why DNS fails at the moment, and since when.
    pub(super) failure: Option<(Box<str>, Timestamp)>,
}

/// A DNS name in the pools of some table, with its last answer. Whoever resolves it holds it, so that a table that
/// needs it again finds it, answer and all.
#[derive(Debug)]
pub struct DnsName {
    host: ServerHost,
    /// Changes under the fleet's lock only, and is read without.
    answer: ArcSwap<Answer>,
}

impl DnsName {
    pub(super) fn new(host: ServerHost) -> Self {
        Self { host, answer: ArcSwap::default() }
    }

    /// As the table has it: as a name or as that of a service.
    pub(super) fn host(&self) -> &ServerHost {
        &self.host
    }

    /// Whether it is the name of SRV records, and not of addresses.
    #[must_use]
    pub fn is_service(&self) -> bool {
        matches!(self.host, ServerHost::Service(_))
    }

    /// The name: in lower case, without a dot at its end.
    #[must_use]
    pub fn text(&self) -> &str {
        match &self.host {
            ServerHost::Name(text) | ServerHost::Service(text) => text,
            ServerHost::Address(_) => "",
        }
    }

    pub(super) fn answer(&self) -> Arc<Answer> {
        self.answer.load_full()
    }

    /// Takes in a good answer; whether the addresses are others now.
    pub(super) fn resolved(&self, mut targets: Vec<Target>) -> bool {
        targets.sort_unstable(); // DNS rotates its answers: the order says nothing
        targets.dedup();
        targets.truncate(MOST_ADDRESSES);
        let before = self.answer();
        let changed = before.targets != targets;
        if changed || !before.asked || before.failure.is_some() {
            self.answer.store(Arc::new(Answer { asked: true, targets, failure: None }));
        }
        changed
    }

    /// Takes in a failure. The last good answer stays.
    pub(super) fn failed(&self, why: &str) {
        let before = self.answer();
        let since = before.failure.as_ref().map_or_else(clock::now, |(_, since)| *since);
        let why = why.get(..why.floor_char_boundary(LONGEST_ERROR)).unwrap_or_default();
        let failure = Some((why.into(), since));
        self.answer.store(Arc::new(Answer { asked: true, targets: before.targets.clone(), failure }));
    }
}

impl fmt::Display for DnsName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}
