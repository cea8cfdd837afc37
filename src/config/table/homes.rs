//! `homes:`

use super::RegionNames;
use super::reachability::Claims;
use super::regions::Site;
use crate::config::form::{self, Scalar};
use crate::config::problem::{Findings, quoted};
use crate::config::yaml::{Entry, Node, Span};
use crate::model::RegionId;
use crate::routing::{HomeCondition, HomeRule, HomeTarget, Homes};
use std::str::FromStr;
use std::sync::Arc;

/// Reads the home rules.
pub(super) fn read(root: &Node<'_>, names: &RegionNames<'_>, sites: &[Site], findings: &mut Findings) -> Arc<Homes> {
    let Some(list) = root.entry("homes") else { return Arc::default() };
    otherwise_is_last(list, findings);
    let mut claims = Claims::default();
    let rules = list.value.items().iter();
    let rules: Vec<_> = rules.filter_map(|rule| rule_of(rule, names, sites, &mut claims, findings)).collect();
    Arc::new(rules.into())
}

/// Reads a rule, and claims what it takes.
pub(super) fn rule_of(
    node: &Node<'_>,
    names: &RegionNames<'_>,
    sites: &[Site],
    claims: &mut Claims,
    findings: &mut Findings,
) -> Option<HomeRule> {
    if let Some(otherwise) = node.get("otherwise") {
        let target = otherwise_target(otherwise, names, sites, findings)?;
        return Some(HomeRule { condition: HomeCondition::Otherwise, target });
    }
    let condition = node.entries().iter().find_map(|entry| {
        let list = &entry.value;
        Some(match &*entry.key {
            "networks" => {
                let read = |item: &Node<'_>| Some((form::network(item.text()?).ok()?, item.span));
                let claim = |(network, span)| {
                    claims.network(network, span, findings);
                    network
                };
                HomeCondition::Networks(list.items().iter().filter_map(read).map(claim).collect())
            }
            "subdivisions" => HomeCondition::Subdivisions(claimed(list, Scalar::Subdivision, |subdivision, span| {
                claims.subdivision(subdivision, span, findings);
            })),
            "countries" => HomeCondition::Countries(claimed(list, Scalar::Country, |country, span| {
                claims.country(country, span, findings);
            })),
            "continents" => HomeCondition::Continents(claimed(list, Scalar::Continent, |continent, span| {
                claims.continent(continent, span, findings);
            })),
            _ => return None,
        })
    });
    let target = match (node.get("region"), node.get("nearest")) {
        (Some(region), _) => names.find(region, findings).map(HomeTarget::Region),
        (None, Some(nearest)) => Some(HomeTarget::Nearest(located(nearest, names, sites, findings))),
        (None, None) => None,
    };
    Some(HomeRule { condition: condition?, target: target? })
}

/// The items that are a `T`, each of them claimed; the others have been reported.
fn claimed<T: FromStr + Copy>(list: &Node<'_>, scalar: Scalar, mut claim: impl FnMut(T, Span)) -> Vec<T> {
    let good = |item: &&Node<'_>| item.text().is_some_and(|text| scalar.check(text, false).is_ok());
    let parsed = list.items().iter().filter(good).filter_map(|item| Some((item.parse()?, item.span)));
    parsed.inspect(|(one, span)| claim(*one, *span)).map(|(one, _)| one).collect()
}

/// The regions of a `nearest:`; reports those that have no location.
fn located(list: &Node<'_>, names: &RegionNames<'_>, sites: &[Site], findings: &mut Findings) -> Vec<RegionId> {
    for item in list.items() {
        let id = item.text().and_then(|name| names.ids.get(name));
        if id.and_then(|id| sites.get(id.index())) == Some(&Site::Unknown) {
            let name = quoted(item.text().unwrap_or_default());
            findings.push(
                item.span,
                format!("{name} has no location, so that nothing can be near it"),
                format!(
                    "give region {name} a location: {{latitude: 39.04, longitude: -77.49}}, or take it out of this list"
                ),
            );
        }
    }
    names.find_all(list, findings)
}

fn otherwise_target(
    node: &Node<'_>,
    names: &RegionNames<'_>,
    sites: &[Site],
    findings: &mut Findings,
) -> Option<HomeTarget> {
    if node.text()? != "nearest" {
        return names.find(node, findings).map(HomeTarget::Region);
    }
    let with_site = names.ids().zip(sites).filter(|(_, site)| matches!(site, Site::At(_)));
    let all: Vec<_> = with_site.map(|(id, _)| id).collect();
    if all.is_empty() && names.defined && !sites.contains(&Site::Broken) {
        findings.push(
            node.span,
            "no region has a location, so that none is nearest",
            "give the regions a location: {latitude: 39.04, longitude: -77.49}, or name a region here",
        );
    }
    Some(HomeTarget::Nearest(all))
}

/// Reports where `otherwise` is missing, stands twice, or has rules behind it.
fn otherwise_is_last(list: &Entry<'_>, findings: &mut Findings) {
    let rules = list.value.items();
    let mut those = rules.iter().enumerate().filter_map(|(at, rule)| Some((at, rule.entry("otherwise")?)));
    match (those.next(), those.next()) {
        (None, _) if rules.is_empty() => {} // an empty list has been reported, and anything else than a list too
        (None, _) => findings.push(
            list.key_span,
            "the home rules have no 'otherwise'",
            "add a last rule for everyone else: '- otherwise: nearest' or '- otherwise: us-east'",
        ),
        (Some((_, first)), Some((_, second))) => findings.push_with(
            second.key_span,
            "'otherwise' stands twice",
            "keep one, as the last rule",
            (first.key_span, "first here"),
        ),
        (Some((at, rule)), None) if at + 1 < rules.len() => findings.push_with(
            rule.key_span,
            "rules stand behind 'otherwise', and can never match",
            "move 'otherwise' to the end of the list",
            (rules.get(at + 1).map_or(rule.key_span, |next| next.span), "this rule never matches"),
        ),
        _ => {}
    }
}
