//! The home rules, compiled so that 100,000 of them cost what ten cost.

use super::decision::Matched;
use super::parts::{HomeCondition, HomeRule, HomeTarget};
use crate::geo::Direction;
use crate::model::{Continent, Country, Location, Network, Place, RegionId, Subdivision};
use foldhash::fast::FixedState;
use ipnet::{Ipv4Net, Ipv6Net};
use prefix_trie::PrefixMap;
use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;

type FirstRule<K> = HashMap<K, usize, FixedState>;

/// For each network, subdivision, country and continent the first rule that names it.
///
/// The first rule that matches wins. Among networks that is the longest match, because a table in which a wider network
/// stands before one inside it is refused: the inner one could never match.
#[derive(Debug, Default)]
pub(super) struct HomeRules {
    v4: PrefixMap<Ipv4Net, usize>,
    v6: PrefixMap<Ipv6Net, usize>,
    subdivisions: FirstRule<Subdivision>,
    countries: FirstRule<Country>,
    continents: FirstRule<Continent>,
    otherwise: Option<usize>,
    /// The first rule that looks at the place.
    first_by_place: usize,
    targets: Vec<Target>,
}

#[derive(Debug)]
enum Target {
    Region(RegionId),
    Nearest(Vec<(RegionId, Direction)>),
}

impl HomeRules {
    pub(super) fn new(rules: &[HomeRule], locations: &[Option<Location>]) -> Self {
        let mut compiled = Self { first_by_place: usize::MAX, ..Self::default() };
        for (at, rule) in rules.iter().enumerate() {
            match &rule.condition {
                HomeCondition::Networks(networks) => networks.iter().for_each(|network| compiled.network(*network, at)),
                HomeCondition::Subdivisions(keys) => first(&mut compiled.subdivisions, keys, at),
                HomeCondition::Countries(keys) => first(&mut compiled.countries, keys, at),
                HomeCondition::Continents(keys) => first(&mut compiled.continents, keys, at),
                HomeCondition::Otherwise => compiled.otherwise = compiled.otherwise.or(Some(at)),
            }
            let by_place = matches!(
                rule.condition,
                HomeCondition::Subdivisions(_) | HomeCondition::Countries(_) | HomeCondition::Continents(_)
            );
            if by_place {
                compiled.first_by_place = compiled.first_by_place.min(at);
            }
            compiled.targets.push(match &rule.target {
                HomeTarget::Region(region) => Target::Region(*region),
                HomeTarget::Nearest(regions) => {
                    let located = |id: &RegionId| Some((*id, Direction::from((*locations.get(id.index())?)?)));
                    Target::Nearest(regions.iter().filter_map(located).collect())
                }
            });
        }
        compiled
    }

    fn network(&mut self, network: Network, rule: usize) {
        match network {
            Network::V4(network) => _ = self.v4.entry(network).or_insert(rule),
            Network::V6(network) => _ = self.v6.entry(network).or_insert(rule),
        }
    }

    /// The first rule for the visitor at `client`. `place` is asked at most once, and only where no rule on networks
    /// decides before any rule on places could.
    pub(super) fn first_match(&self, client: IpAddr, place: impl FnOnce() -> Place) -> Option<(usize, Matched)> {
        let network = match client.to_canonical() {
            IpAddr::V4(address) => self.v4.get_lpm(&Ipv4Net::from(address)).map(|(_, rule)| *rule),
            IpAddr::V6(address) => self.v6.get_lpm(&Ipv6Net::from(address)).map(|(_, rule)| *rule),
        };
        let network = network.map(|rule| (rule, Matched::Network));
        if network.is_some_and(|(rule, _)| rule < self.first_by_place) || self.first_by_place == usize::MAX {
            return network.or(self.otherwise());
        }
        let place = place();
        let by = |rule: Option<&usize>, matched| rule.map(|rule| (*rule, matched));
        let found = [
            network,
            by(place.subdivision.and_then(|key| self.subdivisions.get(&key)), Matched::Subdivision),
            by(place.country.and_then(|key| self.countries.get(&key)), Matched::Country),
            by(place.continent.and_then(|key| self.continents.get(&key)), Matched::Continent),
        ];
        found.into_iter().flatten().min_by_key(|(rule, _)| *rule).or(self.otherwise())
    }

    fn otherwise(&self) -> Option<(usize, Matched)> {
        self.otherwise.map(|rule| (rule, Matched::Otherwise))
    }

    /// Whether the target of `rule` depends on where the visitor is.
    pub(super) fn is_nearest(&self, rule: usize) -> bool {
        matches!(self.targets.get(rule), Some(Target::Nearest(_)))
    }

    /// The region that `rule` gives a visitor at `location`; among equally near ones the first in the rule's order.
    /// Where the location is unknown, also the first.
    pub(super) fn target(&self, rule: usize, location: Option<Location>) -> Option<RegionId> {
        match self.targets.get(rule)? {
            Target::Region(region) => Some(*region),
            Target::Nearest(regions) => match location {
                None => regions.first().map(|(region, _)| *region),
                Some(here) => {
                    let here = Direction::from(here);
                    let ways = regions.iter().map(|(region, there)| (here.chord_squared(*there), *region));
                    ways.min_by(|(a, _), (b, _)| a.total_cmp(b)).map(|(_, region)| region)
                }
            },
        }
    }
}

fn first<K: Eq + Hash + Copy>(map: &mut FirstRule<K>, keys: &[K], rule: usize) {
    for key in keys {
        map.entry(*key).or_insert(rule);
    }
}
