//! The routing table: `conf/routing.yaml`, and files of drains alone.

mod drains;
mod failover;
mod health;
mod homes;
mod limits;
mod plain_rule;
mod reachability;
mod reader;
mod regions;
mod resilience;
mod retries;
mod rule_lines;
mod services;
mod tls;

pub use reader::RoutingReader;

use super::form;
use super::problem::{Findings, Problems, Source, quoted};
use super::suggestion::{did_you_mean, listed};
use super::yaml::{Entry, Node, Span, Value};
use crate::model::{Drain, DrainLayer, RegionId, RegionName, Timestamp};
use crate::routing::{Credentials, Homes, Keyrings, TableParts};
use regions::Site;
use std::collections::HashMap;
use std::sync::Arc;

/// Reads the routing table. `now` tells which drains are not over. The keyrings and certificates that it names are not
/// read: whoever opens files adds them.
///
/// # Errors
/// All problems of the file.
pub fn read_routing(source: &Source, now: Timestamp) -> Result<TableParts, Problems> {
    super::read(source, &form::ROUTING, |document, findings| make(&document.root, now, homes::read, findings))
}

/// Makes a table of what `root` says. `homes` reads its home rules.
fn make(
    root: &Node<'_>,
    now: Timestamp,
    homes: impl FnOnce(&Node<'_>, &RegionNames<'_>, &[Site], &mut Findings) -> Arc<Homes>,
    findings: &mut Findings,
) -> Option<TableParts> {
    let names = RegionNames::of_table(root);
    let (regions, places) = regions::read(root, &names, findings);
    let homes = homes(root, &names, &places, findings);
    let services = services::read(root, &names, findings);
    let drains = drains::read(root, |node, findings| names.find(node, findings), findings);
    if names.defined && drains.len() <= 1_000 {
        drains::leave_one_region(&drains, &names, now, findings);
    }
    let drains = drains.into_iter().map(|(drain, _)| drain).collect();
    Some(TableParts { regions, homes, services, drains, keyrings: Keyrings::new(), credentials: Credentials::new() })
}

/// Reads a file of drains alone, in the form of the table's `drains`: those of an operator, which are of whatever table is
/// live. That a table has no such region, or that they together leave none, is for whoever knows the table to tell.
///
/// # Errors
/// All problems of the file.
pub fn read_drains(source: &Source) -> Result<Vec<Drain<RegionName>>, Problems> {
    super::read(source, &form::DRAINS, |document, findings| {
        let named = |node: &Node<'_>, findings: &mut Findings| match node.text()?.parse::<RegionName>() {
            Ok(name) => Some(name),
            Err(bad) => {
                let message = format!("{} is not the name of a region", quoted(node.text()?));
                findings.push(node.span, message, bad.to_string());
                None
            }
        };
        let drains = drains::read(&document.root, named, findings);
        Some(drains.into_iter().map(|(drain, _)| Drain { layer: DrainLayer::Operator, ..drain }).collect())
    })
}

/// The names of the regions, to look up what refers to them.
struct RegionNames<'n> {
    ids: HashMap<&'n str, RegionId>,
    /// In the order of their ids.
    names: Vec<&'n str>,
    /// What the table says of them, in the same order.
    entries: Vec<&'n Entry<'n>>,
    /// Whether there is a list of regions at all: without one, nothing can be said of a name.
    defined: bool,
}

impl<'n> RegionNames<'n> {
    fn of_table(root: &'n Node<'_>) -> Self {
        let map = root.get("regions").filter(|regions| matches!(regions.value, Value::Map(_)));
        let entries = map.map(Node::entries).unwrap_or_default();
        let mut this = Self { ids: HashMap::new(), names: Vec::new(), entries: Vec::new(), defined: map.is_some() };
        for entry in entries {
            let Some(id) = RegionId::at(this.names.len()) else { break };
            this.ids.entry(&*entry.key).or_insert_with(|| {
                // Of a name that stands twice only the first entry counts.
                this.names.push(&*entry.key);
                this.entries.push(entry);
                id
            });
        }
        this
    }

    /// The region that `node` names; reports a name that is none.
    fn find(&self, node: &Node<'_>, findings: &mut Findings) -> Option<RegionId> {
        self.find_text(node.text()?, node.span, findings)
    }

    /// The same for a name that is a key.
    fn find_text(&self, name: &str, span: Span, findings: &mut Findings) -> Option<RegionId> {
        if let Some(id) = self.ids.get(name) {
            return Some(*id);
        }
        if self.defined {
            let near =
                if findings.is_flood() { None } else { did_you_mean(name, self.names.iter().copied().take(2_000)) };
            let help = match near {
                Some(near) => format!("did you mean '{near}'?"),
                None if self.names.is_empty() => "define it under 'regions'".into(),
                None => format!("define it under 'regions'; there are: {}", listed(self.names.iter().copied())),
            };
            findings.push(span, format!("there is no region {}", quoted(name)), help);
        }
        None
    }

    /// The regions that the items of `list` name; reports those that are none, and those that stand there twice.
    fn find_all(&self, list: &Node<'_>, findings: &mut Findings) -> Vec<RegionId> {
        let mut first: HashMap<RegionId, Span> = HashMap::new();
        let mut found = Vec::new();
        for node in list.items() {
            let Some(id) = self.find(node, findings) else { continue };
            if let Some(at) = first.get(&id) {
                let message = format!("{} stands twice in this list", quoted(self.name(id)));
                findings.push_with(node.span, message, "take one of the two away", (*at, "first here"));
            } else {
                first.insert(id, node.span);
                found.push(id);
            }
        }
        found
    }

    fn name(&self, id: RegionId) -> &'n str {
        self.names.get(id.index()).copied().unwrap_or("?")
    }

    fn ids(&self) -> impl Iterator<Item = RegionId> {
        (0..self.names.len()).filter_map(RegionId::at)
    }
}
