//! The home rules, compiled so that 100,000 of them cost what ten cost.

use super::decision::Matched;
use super::nearest::Nearest;
use super::parts::{HomeCondition, HomeRule, HomeTarget};
use crate::geo::Direction;
use crate::model::{Continent, Country, Location, Network, Place, RegionId, Subdivision};
use foldhash::fast::FixedState;
use ipnet::{Ipv4Net, Ipv6Net};
use prefix_trie::PrefixMap;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

/// No rule has this position.
const NO_RULE: usize = usize::MAX;

/// How many different lists of regions get a map of the nearest ones, which takes time to make and memory; those of further
/// lists are looked at one by one.
const MOST_MAPS: usize = 32;

/// How many rules are compiled between two rests.
const COMPILED_AT_ONCE: usize = 1024;

/// For each network, subdivision, country and continent the first rule that names it.
///
/// The first rule that matches wins. Among networks that is the longest match, because a table in which a wider network
/// stands before one inside it is refused: the inner one could never match.
#[derive(Debug)]
pub(super) struct HomeRules {
    v4: PrefixMap<Ipv4Net, usize>,
    v6: PrefixMap<Ipv6Net, usize>,
    subdivisions: HashMap<Subdivision, usize, FixedState>,
    /// By the positions of countries and of continents.
    countries: [usize; Country::CODES],
    continents: [usize; Continent::ALL.len()],
    otherwise: Option<usize>,
    /// The first rule that looks at the place.
    first_by_place: usize,
    targets: Vec<Target>,
}

/// Where a rule sends its visitors.
#[derive(Debug, Clone)]
pub(super) enum Target {
    /// To this region.
    Region(RegionId),
    /// To the nearest of these.
    Nearest(Arc<Nearest>),
}

impl HomeRules {
    /// Compiles rules, and does `rest` whenever that has taken about a tenth of a millisecond.
    pub(super) fn new(rules: &[HomeRule], locations: &[Option<Location>], rest: fn()) -> Self {
        let mut compiled = Self {
            v4: PrefixMap::default(),
            v6: PrefixMap::default(),
            subdivisions: HashMap::default(),
            countries: [NO_RULE; Country::CODES],
            continents: [NO_RULE; Continent::ALL.len()],
            otherwise: None,
            first_by_place: NO_RULE,
            targets: Vec::with_capacity(rules.len()),
        };
        let mut lists: HashMap<&[RegionId], Arc<Nearest>, FixedState> = HashMap::default();
        for (at, rule) in rules.iter().enumerate() {
            if at % COMPILED_AT_ONCE == COMPILED_AT_ONCE - 1 {
                rest();
            }
            match &rule.condition {
                HomeCondition::Networks(networks) => networks.iter().for_each(|network| compiled.network(*network, at)),
                HomeCondition::Subdivisions(keys) => {
                    keys.iter().for_each(|key| _ = compiled.subdivisions.entry(*key).or_insert(at));
                }
                HomeCondition::Countries(keys) => {
                    keys.iter().for_each(|key| first(&mut compiled.countries, key.position(), at));
                }
                HomeCondition::Continents(keys) => {
                    keys.iter().for_each(|key| first(&mut compiled.continents, *key as usize, at));
                }
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
                    let has_map = lists.len() < MOST_MAPS;
                    let list = lists.entry(regions).or_insert_with(|| {
                        Arc::new(Nearest::new(regions.iter().filter_map(located).collect(), has_map))
                    });
                    Target::Nearest(Arc::clone(list))
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
        let mut first = (network.unwrap_or(NO_RULE), Matched::Network);
        if first.0 >= self.first_by_place && self.first_by_place != NO_RULE {
            let place = place();
            let mut or = |rule: Option<usize>, matched| match rule {
                Some(rule) if rule < first.0 => first = (rule, matched),
                _ => {}
            };
            or(place.subdivision.and_then(|key| self.subdivisions.get(&key).copied()), Matched::Subdivision);
            or(place.country.and_then(|key| self.countries.get(key.position()).copied()), Matched::Country);
            or(place.continent.and_then(|key| self.continents.get(key as usize).copied()), Matched::Continent);
        }
        match first {
            (NO_RULE, _) => self.otherwise.map(|rule| (rule, Matched::Otherwise)),
            found => Some(found),
        }
    }

    /// Where `rule` sends its visitors.
    pub(super) fn target(&self, rule: usize) -> Option<&Target> {
        self.targets.get(rule)
    }
}

/// Puts a rule at this position, unless there is an earlier one.
fn first(rules: &mut [usize], position: usize, rule: usize) {
    if let Some(first) = rules.get_mut(position) {
        *first = rule.min(*first);
    }
}
