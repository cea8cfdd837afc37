//! Which visitors the rules above have taken already, as far as it can be proved.

use crate::config::problem::Findings;
use crate::config::yaml::{Node, Span};
use crate::geo;
use crate::model::{Continent, Country, Network, Subdivision};
use prefix_trie::joint::JointPrefixMap;
use std::collections::HashMap;
use std::fmt::Display;
use std::hash::Hash;

/// What the rules so far take. Of everything only the first claim counts, as the first rule that matches decides.
#[derive(Default)]
pub(super) struct Claims {
    networks: JointPrefixMap<Network, Span>,
    subdivisions: HashMap<Subdivision, Span>,
    countries: HashMap<Country, Span>,
    continents: HashMap<Continent, Span>,
}

const FIRST_MATCH: &str = "the first rule that matches decides";

impl Claims {
    /// Claims networks; reports those that lie in one that is claimed.
    pub(super) fn networks<'n>(
        &mut self,
        networks: impl Iterator<Item = (Network, &'n Node<'n>)>,
        findings: &mut Findings,
    ) -> Vec<Network> {
        let mut all = Vec::new();
        for (network, node) in networks {
            all.push(network);
            match self.networks.get_lpm(&network) {
                Some((outer, at)) if outer == network => same(&network, node.span, *at, findings),
                Some((outer, at)) => findings.push_with(
                    node.span,
                    format!("{network} can never match: it lies in {outer}, which stands above"),
                    format!("move it above {outer}, as {FIRST_MATCH}, or take it away"),
                    (*at, "takes it"),
                ),
                None => {
                    self.networks.insert(network, node.span);
                }
            }
        }
        all
    }

    /// Claims subdivisions; reports those that are claimed, or whose country or continent is.
    pub(super) fn subdivisions<'n>(
        &mut self,
        subdivisions: impl Iterator<Item = (Subdivision, &'n Node<'n>)>,
        findings: &mut Findings,
    ) -> Vec<Subdivision> {
        let mut all = Vec::new();
        for (subdivision, node) in subdivisions {
            all.push(subdivision);
            let country = subdivision.country();
            if let Some(at) = self.countries.get(&country) {
                part_of(&subdivision, &country, node.span, *at, findings);
            } else if let Some((continent, at)) = self.continent_of(country) {
                part_of(&subdivision, &continent, node.span, at, findings);
            } else {
                claim(&mut self.subdivisions, subdivision, node, findings);
            }
        }
        all
    }

    /// The continent of a country, where it is claimed.
    fn continent_of(&self, country: Country) -> Option<(Continent, Span)> {
        let continent = geo::continent_of(country)?;
        Some((continent, *self.continents.get(&continent)?))
    }

    /// Claims countries; reports those that are claimed, or whose continent is.
    pub(super) fn countries<'n>(
        &mut self,
        countries: impl Iterator<Item = (Country, &'n Node<'n>)>,
        findings: &mut Findings,
    ) -> Vec<Country> {
        let mut all = Vec::new();
        for (country, node) in countries {
            all.push(country);
            match self.continent_of(country) {
                Some((continent, at)) => part_of(&country, &continent, node.span, at, findings),
                None => _ = claim(&mut self.countries, country, node, findings),
            }
        }
        all
    }

    /// Claims continents; reports those that are claimed.
    pub(super) fn continents<'n>(
        &mut self,
        continents: impl Iterator<Item = (Continent, &'n Node<'n>)>,
        findings: &mut Findings,
    ) -> Vec<Continent> {
        continents.map(|(continent, node)| claim(&mut self.continents, continent, node, findings)).collect()
    }
}

fn claim<T: Hash + Eq + Copy + Display>(
    claimed: &mut HashMap<T, Span>,
    what: T,
    node: &Node<'_>,
    findings: &mut Findings,
) -> T {
    match claimed.get(&what) {
        Some(at) => same(&what, node.span, *at, findings),
        None => {
            claimed.insert(what, node.span);
        }
    }
    what
}

fn part_of(part: &impl Display, whole: &impl Display, here: Span, above: Span, findings: &mut Findings) {
    findings.push_with(
        here,
        format!("{part} can never match: the whole of {whole} stands above"),
        format!("move this rule above the one for {whole}, as {FIRST_MATCH}"),
        (above, "takes it"),
    );
}

fn same(what: &impl Display, here: Span, above: Span, findings: &mut Findings) {
    findings.push_with(
        here,
        format!("{what} can never match here: it stands above already"),
        format!("take one of the two away; {FIRST_MATCH}"),
        (above, "takes it"),
    );
}
