//! `regions:`

use super::{RegionNames, tls};
use crate::config::form;
use crate::config::problem::{Findings, quoted};
use crate::config::suggestion::did_you_mean;
use crate::config::yaml::{Entry, Node, Span};
use crate::model::{Location, RegionEdge, RegionId, SessionPrefix};
use crate::routing::Region;
use std::collections::{BTreeSet, HashMap};

/// What is known of where a region stands.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Site {
    At(Location),
    Unknown,
    /// The file says something that is no location, which has been reported.
    Broken,
}

/// Reads the regions, and where they stand, both in the order of their ids.
pub(super) fn read(root: &Node<'_>, names: &RegionNames<'_>, findings: &mut Findings) -> (Vec<Region>, Vec<Site>) {
    let mut regions = Vec::new();
    let mut sites = Vec::new();
    let mut prefixes = Vec::new();
    for (id, entry) in names.ids().zip(&names.entries) {
        let node = &entry.value;
        sites.push(site(node));
        let failover = node.get("failover").map(|list| failover(list, id, names, findings));
        let prefix = prefix(entry);
        let retired = node.get("retired_prefixes").map(Node::items).unwrap_or_default();
        let retired: Vec<(SessionPrefix, Span)> =
            retired.iter().filter_map(|item| Some((item.parse()?, item.span))).collect();
        prefixes.extend(prefix.iter().chain(&retired).cloned());
        let (Ok(name), Some((session_prefix, _))) = (entry.key.parse(), prefix) else { continue };
        regions.push(Region {
            name,
            session_prefix,
            retired_prefixes: retired.into_iter().map(|(prefix, _)| prefix).collect(),
            location: match sites.last() {
                Some(Site::At(location)) => Some(*location),
                _ => None,
            },
            capacity: node.get("capacity").and_then(Node::parse),
            failover,
            edge: node.get("edge").and_then(|node| edge(node, findings)),
        });
    }
    prefixes_differ(&prefixes, &separators(root, findings), findings);
    (regions, sites)
}

fn site(region: &Node<'_>) -> Site {
    let Some(location) = region.get("location") else {
        let slipped = region.entries().iter().any(|entry| did_you_mean(&entry.key, ["location"]).is_some());
        return if slipped { Site::Broken } else { Site::Unknown };
    };
    let degrees = |key, most| form::degrees(location.get(key)?.text()?, most).ok();
    match (degrees("latitude", 90.0), degrees("longitude", 180.0)) {
        (Some(latitude), Some(longitude)) => Location::new(latitude, longitude).map_or(Site::Broken, Site::At),
        _ => Site::Broken,
    }
}

fn failover(list: &Node<'_>, id: RegionId, names: &RegionNames<'_>, findings: &mut Findings) -> Vec<RegionId> {
    if let Some(own) = list.items().iter().find(|item| item.text() == Some(names.name(id))) {
        let message = format!("{} cannot stand in for itself", quoted(names.name(id)));
        findings.push(own.span, message, "take it out of its own failover list");
    }
    names.find_all(list, findings)
}

fn edge(node: &Node<'_>, findings: &mut Findings) -> Option<RegionEdge> {
    if let Some(edge) = node.parse() {
        return Some(edge);
    }
    let mut edge: RegionEdge = node.get("url")?.parse()?;
    edge.direct = node.get("fallback").and_then(Node::text) == Some("direct");
    tls::of_edge(node, &mut edge.door, findings);
    edge.door.http2 = node.get("http2").and_then(Node::parse).unwrap_or(false);
    Some(edge)
}

/// The region's session prefix and where it is said: by a key of its own or, without one, by the region's name.
fn prefix(entry: &Entry<'_>) -> Option<(SessionPrefix, Span)> {
    match entry.value.get("session_prefix") {
        Some(node) => Some((node.parse()?, node.span)),
        None => Some((entry.key.parse().ok()?, entry.key_span)),
    }
}

/// The separators of all services that have sessions.
fn separators<'n>(root: &'n Node<'_>, findings: &mut Findings) -> BTreeSet<&'n str> {
    const MOST: usize = 64;
    let mut separators = BTreeSet::new();
    for service in root.get("services").map(Node::entries).unwrap_or_default() {
        let Some(session) = service.value.get("session") else { continue };
        let node = session.get("separator");
        let separator = match node {
            Some(node) => node.text().unwrap_or("-"),
            None => "-",
        };
        if separators.len() == MOST && !separators.contains(separator) {
            let span = node.map_or(service.key_span, |node| node.span);
            let message = format!("the services have more than {MOST} different separators");
            findings.push(span, message, "use one separator for all services, as for one app");
            break;
        }
        separators.insert(separator);
    }
    separators
}

/// Reports prefixes that are the same, and those where a key could belong to two regions.
fn prefixes_differ(prefixes: &[(SessionPrefix, Span)], separators: &BTreeSet<&str>, findings: &mut Findings) {
    let mut first: HashMap<&str, Span> = HashMap::new();
    for (prefix, span) in prefixes {
        if let Some(at) = first.get(prefix.as_str()) {
            findings.push_with(
                *span,
                format!("the session prefix {} is taken already", quoted(prefix.as_str())),
                "give each region prefixes of its own, as they name the home of a session",
                (*at, "first here"),
            );
        } else {
            first.insert(prefix.as_str(), *span);
        }
    }
    for (prefix, span) in prefixes {
        let long = prefix.as_str();
        // A key that starts with `long` and a separator starts with `short` and the separator as well.
        let ambiguous = separators.iter().find_map(|separator| {
            let whole = format!("{long}{separator}");
            let cut = |at: usize| first.get_key_value(whole.get(..at)?).map(|(short, at)| (*short, *at));
            whole
                .match_indices(separator)
                .map(|(at, _)| at)
                .filter(|at| *at < long.len())
                .find_map(cut)
                .map(|(short, at)| (*separator, short, at))
        });
        if let Some((separator, short, at)) = ambiguous {
            findings.push_with(
                *span,
                format!("a session key that starts with {} could belong to two regions", quoted(long)),
                format!(
                    "with the separator {}, {} starts like a key of {}: give one of the regions another session_prefix",
                    quoted(separator),
                    quoted(&format!("{long}{separator}1")),
                    quoted(short)
                ),
                (at, "the other prefix"),
            );
        }
    }
}
