//! The home rules, compiled so that 100,000 of them cost what ten cost.

use super::decision::Matched;
use super::home_list::Homes;
use super::nearest::Nearest;
use super::network_index::NetworkIndex;
use super::parts::{HomeCondition, HomeTarget};
use super::pieces::in_pieces;
use crate::geo::Direction;
use crate::model::{Continent, Country, Location, Place, RegionId, Subdivision};
use foldhash::fast::FixedState;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

/// No rule has this position.
const NO_RULE: usize = usize::MAX;

/// How many different lists of regions get a map of the nearest ones, which takes time to make and memory; those of further
/// lists are looked at one by one.
const MOST_MAPS: usize = 32;

/// For each network, subdivision, country and continent the first rule that names it.
#[derive(Debug)]
pub(super) struct HomeRules {
    networks: Arc<NetworkIndex>,
    subdivisions: HashMap<Subdivision, usize, FixedState>,
    /// By the positions of countries and of continents.
    countries: [usize; Country::CODES],
    continents: [usize; Continent::ALL.len()],
    otherwise: Option<usize>,
    /// The first rule that looks at the place.
    first_by_place: usize,
    rules: Arc<Homes>,
    /// By the positions of the rules that lead to the nearest of some regions, in their order.
    nearest: Vec<(usize, Arc<Nearest>)>,
}

/// Where a rule sends its visitors.
#[derive(Debug)]
pub(super) enum Target<'a> {
    /// To this region.
    Region(RegionId),
    /// To the nearest of these.
    Nearest(&'a Nearest),
}

impl HomeRules {
    /// Compiles rules, and does `rest` whenever that has taken about a tenth of a millisecond.
    pub(super) fn new(rules: &Arc<Homes>, locations: &[Option<Location>], rest: fn()) -> Self {
        let mut compiled = Self {
            networks: Arc::clone(rules.networks()),
            subdivisions: HashMap::default(),
            countries: [NO_RULE; Country::CODES],
            continents: [NO_RULE; Continent::ALL.len()],
            otherwise: None,
            first_by_place: NO_RULE,
            rules: Arc::clone(rules),
            nearest: Vec::new(),
        };
        let mut lists: HashMap<&[RegionId], Arc<Nearest>, FixedState> = HashMap::default();
        for (at, rule) in in_pieces(rules, rest).flatten().enumerate() {
            match &rule.condition {
                HomeCondition::Networks(_) => {}
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
            if let HomeTarget::Nearest(regions) = &rule.target {
                let located = |id: &RegionId| Some((*id, Direction::from((*locations.get(id.index())?)?)));
                let has_map = lists.len() < MOST_MAPS;
                let list = lists
                    .entry(regions)
                    .or_insert_with(|| Arc::new(Nearest::new(regions.iter().filter_map(located).collect(), has_map)));
                compiled.nearest.push((at, Arc::clone(list)));
            }
        }
        compiled
    }

    /// The first rule for the visitor at `client`. `place` is asked at most once, and only where no rule on networks
    /// decides before any rule on places could.
    pub(super) fn first_match(&self, client: IpAddr, place: impl FnOnce() -> Place) -> Option<(usize, Matched)> {
        let mut first = (self.networks.first(client).unwrap_or(NO_RULE), Matched::Network);
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
    pub(super) fn target(&self, rule: usize) -> Option<Target<'_>> {
        match &self.rules.get(rule)?.target {
            HomeTarget::Region(region) => Some(Target::Region(*region)),
            HomeTarget::Nearest(_) => {
                let at = self.nearest.binary_search_by_key(&rule, |(rule, _)| *rule).ok()?;
                Some(Target::Nearest(&self.nearest.get(at)?.1))
            }
        }
    }
}

/// Puts a rule at this position, unless there is an earlier one.
fn first(rules: &mut [usize], position: usize, rule: usize) {
    if let Some(first) = rules.get_mut(position) {
        *first = rule.min(*first);
    }
}
