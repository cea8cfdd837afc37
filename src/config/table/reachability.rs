//! Which visitors the rules above have taken already, as far as it can be proved.

use crate::config::problem::Findings;
use crate::config::yaml::Span;
use crate::geo;
use crate::model::{Continent, Country, Network, Subdivision};
use crate::routing::HomeCondition;
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
    /// Claims a network; reports where it lies in one that is claimed.
    pub(super) fn network(&mut self, network: Network, span: Span, findings: &mut Findings) {
        match self.networks.get_lpm(&network) {
            Some((outer, at)) if outer == network => same(&network, span, *at, findings),
            Some((outer, at)) => findings.push_with(
                span,
                format!("{network} can never match: it lies in {outer}, which stands above"),
                format!("move it above {outer}, as {FIRST_MATCH}, or take it away"),
                (*at, "takes it"),
            ),
            None => {
                self.networks.insert(network, span);
            }
        }
    }

    /// Claims a subdivision; reports where it is claimed, or its country or continent is.
    pub(super) fn subdivision(&mut self, subdivision: Subdivision, span: Span, findings: &mut Findings) {
        let country = subdivision.country();
        if let Some(at) = self.countries.get(&country) {
            part_of(&subdivision, &country, span, *at, findings);
        } else if let Some((continent, at)) = self.continent_of(country) {
            part_of(&subdivision, &continent, span, at, findings);
        } else {
            claim(&mut self.subdivisions, subdivision, span, findings);
        }
    }

    /// The continent of a country, where it is claimed.
    fn continent_of(&self, country: Country) -> Option<(Continent, Span)> {
        let continent = geo::continent_of(country)?;
        Some((continent, *self.continents.get(&continent)?))
    }

    /// Claims a country; reports where it is claimed, or its continent is.
    pub(super) fn country(&mut self, country: Country, span: Span, findings: &mut Findings) {
        match self.continent_of(country) {
            Some((continent, at)) => part_of(&country, &continent, span, at, findings),
            None => claim(&mut self.countries, country, span, findings),
        }
    }

    /// Claims a continent; reports where it is claimed.
    pub(super) fn continent(&mut self, continent: Continent, span: Span, findings: &mut Findings) {
        claim(&mut self.continents, continent, span, findings);
    }

    /// Claims the places that a rule takes which is known; whether all of them were free. Networks are left out.
    pub(super) fn places(&mut self, condition: &HomeCondition) -> bool {
        let (mut findings, span) = (Findings::default(), Span::default());
        match condition {
            HomeCondition::Subdivisions(all) => all.iter().for_each(|one| self.subdivision(*one, span, &mut findings)),
            HomeCondition::Countries(all) => all.iter().for_each(|one| self.country(*one, span, &mut findings)),
            HomeCondition::Continents(all) => all.iter().for_each(|one| self.continent(*one, span, &mut findings)),
            HomeCondition::Networks(_) | HomeCondition::Otherwise => {}
        }
        findings.is_empty()
    }
}

fn claim<T: Hash + Eq + Copy + Display>(claimed: &mut HashMap<T, Span>, what: T, span: Span, findings: &mut Findings) {
    match claimed.get(&what) {
        Some(at) => same(&what, span, *at, findings),
        None => {
            claimed.insert(what, span);
        }
    }
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
