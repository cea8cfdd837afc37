//! What SRV records say (RFC 2782): which targets are to be used, and how much of the requests each of them gets. Pure.

use super::lookup::Said;
use crate::live::Target;
use crate::model::PoolServer;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::num::NonZeroU16;
use std::time::Duration;

/// The most records of a name that are looked at, the most important ones first.
pub(super) const MOST_RECORDS: usize = 64;

/// One record.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SrvRecord {
    /// The lower, the more important.
    pub(super) priority: u16,
    pub(super) target: Box<str>,
    pub(super) port: u16,
    pub(super) weight: u16,
}

/// The records that are looked at, in the order of their importance: no target `.` (which says that there is no such service),
/// no port 0, and not more than [`MOST_RECORDS`].
pub(super) fn sifted(mut records: Vec<SrvRecord>) -> Vec<SrvRecord> {
    records.retain(|record| record.port != 0 && !record.target.is_empty());
    records.sort_unstable();
    records.dedup_by(|a, b| (a.priority, &a.target, a.port) == (b.priority, &b.target, b.port));
    records.truncate(MOST_RECORDS);
    records
}

/// What was said of the targets before, so that one that DNS fails for stays where it was.
#[derive(Debug, Default)]
pub(super) struct KnownTargets(BTreeMap<Box<str>, Vec<IpAddr>>);

impl KnownTargets {
    /// What follows from the `records` and from what was said of each of their targets, in the same order: the targets of the
    /// lowest priority of which one has an address. `ttl` is that of the records.
    pub(super) fn judge(&mut self, records: &[SrvRecord], said: Vec<[Said; 2]>, ttl: Duration) -> Said<Target> {
        let mut ttl = ttl;
        let mut failure = None;
        let mut known = BTreeMap::new();
        for (record, said) in records.iter().zip(said) {
            let mut addresses = Vec::new();
            let mut no_answer = None;
            for said in said {
                match said {
                    Said::Addresses(found, of_target) => {
                        ttl = ttl.min(of_target);
                        addresses.extend(found);
                    }
                    Said::Nothing(_) => {}
                    Said::NoAnswer(why) => no_answer = Some(why),
                }
            }
            if let (true, Some(why)) = (addresses.is_empty(), no_answer) {
                addresses = self.0.get(&record.target).cloned().unwrap_or_default();
                failure = failure.or(Some(format!("{}: {why}", record.target)));
            }
            known.insert(record.target.clone(), addresses);
        }
        self.0 = known;
        let has_address = |record: &&SrvRecord| self.0.get(&record.target).is_some_and(|found| !found.is_empty());
        let Some(priority) = records.iter().filter(has_address).map(|record| record.priority).min() else {
            return failure.map_or(Said::Nothing("no target of its records has an address"), Said::NoAnswer);
        };
        let group: Vec<_> = records.iter().filter(|record| record.priority == priority).collect();
        let heaviest = group.iter().map(|record| record.weight).max().unwrap_or(0);
        let targets = group.iter().flat_map(|record| {
            let weight = weight_of(record.weight, heaviest);
            let addresses = self.0.get(&record.target).into_iter().flatten();
            addresses.map(move |address| Target { address: *address, port: Some(record.port), weight })
        });
        Said::Addresses(targets.collect(), ttl)
    }
}

/// The weight of a server for that of a record, where the heaviest has `heaviest`: the same up to what a server may have, and in
/// proportion above. A record with weight 0 gets little rather than nothing.
fn weight_of(weight: u16, heaviest: u16) -> NonZeroU16 {
    let most = u32::from(PoolServer::HEAVIEST);
    let light = if u32::from(heaviest) > most { u32::from(weight) * most / u32::from(heaviest) } else { weight.into() };
    u16::try_from(light).ok().and_then(NonZeroU16::new).unwrap_or(NonZeroU16::MIN)
}
