//! The home rules of a table in their order.

use super::network_index::NetworkIndex;
use super::parts::HomeRule;
use super::pieces::in_pieces;
use std::ops::Deref;
use std::sync::Arc;

/// Home rules in the order of the file, with the networks among them by address: this takes most of the time that a large
/// table needs, and is shared by tables that have the same networks in the same rules, wherever these lead.
#[derive(Debug, Clone)]
pub struct Homes {
    rules: Vec<HomeRule>,
    networks: Arc<NetworkIndex>,
}

impl Homes {
    /// The rules that come after those of `before`, where there are any. It does `rest` whenever it has worked for a few
    /// tenths of a millisecond.
    #[must_use]
    pub fn after(before: Option<&Self>, rules: Vec<HomeRule>, rest: fn()) -> Self {
        let networks = before.filter(|before| are_for_the_same(&before.rules, &rules, rest));
        let networks = match networks {
            Some(before) => Arc::clone(&before.networks),
            None => Arc::new(NetworkIndex::new(&rules, rest)),
        };
        Self { rules, networks }
    }

    /// Whether it is certain that each network among them matches somebody: none lies in one that stands before it.
    #[must_use]
    pub fn every_network_matches(&self) -> bool {
        self.networks.is_each_first()
    }

    /// The networks among them.
    pub(super) fn networks(&self) -> &Arc<NetworkIndex> {
        &self.networks
    }
}

/// Whether rules are for the same visitors, each in its place.
fn are_for_the_same(before: &[HomeRule], after: &[HomeRule], rest: fn()) -> bool {
    let mut pieces = in_pieces(before, rest).zip(in_pieces(after, || ()));
    let is_same = |(before, after): (&HomeRule, &HomeRule)| before.condition == after.condition;
    before.len() == after.len() && pieces.all(|(before, after)| before.iter().zip(after).all(is_same))
}

impl From<Vec<HomeRule>> for Homes {
    fn from(rules: Vec<HomeRule>) -> Self {
        Self::after(None, rules, || ())
    }
}

impl Default for Homes {
    fn default() -> Self {
        Self::from(Vec::new())
    }
}

impl Deref for Homes {
    type Target = [HomeRule];

    fn deref(&self) -> &[HomeRule] {
        &self.rules
    }
}

impl PartialEq for Homes {
    fn eq(&self, other: &Self) -> bool {
        self.rules == other.rules
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Network, RegionId};
    use crate::routing::{HomeCondition, HomeTarget};

    fn rule(network: &str, region: usize) -> HomeRule {
        let network: Network = network.parse().unwrap();
        HomeRule {
            condition: HomeCondition::Networks([network].into_iter().collect()),
            target: HomeTarget::Region(RegionId::at(region).unwrap()),
        }
    }

    #[test]
    fn the_index_is_shared_by_rules_for_the_same_visitors_alone() {
        let before = Homes::from(vec![rule("10.0.0.0/8", 0), rule("192.0.2.0/24", 1)]);
        for (rules, is_shared) in [
            (vec![rule("10.0.0.0/8", 1), rule("192.0.2.0/24", 1)], true),
            (vec![rule("10.0.0.0/8", 0), rule("192.0.3.0/24", 1)], false),
            (vec![rule("192.0.2.0/24", 1), rule("10.0.0.0/8", 0)], false),
            (vec![rule("10.0.0.0/8", 0)], false),
            (vec![rule("10.0.0.0/8", 0), rule("192.0.2.0/24", 1), rule("192.0.3.0/24", 1)], false),
        ] {
            let after = Homes::after(Some(&before), rules, || ());
            assert_eq!(Arc::ptr_eq(&after.networks, &before.networks), is_shared, "{after:?}");
            for (at, rule) in after.iter().enumerate() {
                let HomeCondition::Networks(networks) = &rule.condition else { panic!() };
                assert_eq!(after.networks.first(networks[0].addr()), Some(at));
            }
        }
    }
}
