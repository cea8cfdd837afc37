//! What differs between two routing tables, in words.
//!
//! | file | what it holds |
//! |---|---|
//! | `health` | how servers are probed, and when they are ejected |
//! | `homes` | home rules, which have no names |
//! | `limits` | when requests are kept from what fails, and how many a pool has at once |
//! | `resilience` | what a service does where its servers fail |
//! | `retries` | what is tried again |
//! | `words` | how the parts of a table are said |

mod failover;
mod health;
mod homes;
mod limits;
mod resilience;
mod retries;
mod words;

use crate::model::{Drain, RegionId};
use crate::routing::{Region, TableParts};
use serde::{Deserialize, Serialize};
use words::{Names, Says};

/// The most items of a list that a text names; of the others it says how many they are.
const MOST_ITEMS: usize = 8;

/// One thing that differs. The form is stable: fields may come, none is renamed or goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The part of the table.
    pub section: Section,
    /// What it is about: the name of a region, or of a service; of a home rule its number, from 1.
    pub name: String,
    /// What became of it.
    pub kind: ChangeKind,
    /// All of it in words, e.g. `us-east: capacity is 1200/s, was 1000/s`.
    pub text: String,
}

/// A part of a routing table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Section {
    /// `regions:`
    Region,
    /// `homes:`
    Home,
    /// `services:`
    Service,
    /// `drains:`
    Drain,
}

/// What became of a thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChangeKind {
    /// The second table has it, the first one has not.
    Added,
    /// The first table has it, the second one has not.
    Removed,
    /// Both have it, and say different things of it.
    Changed,
}

/// What the table `b` says otherwise than `a`: regions, home rules, services and drains, in the order of `b`, with what is gone
/// behind. Empty where both say the same, whatever their text looks like. What is in the files of keys and certificates that
/// they name is not looked at.
#[must_use]
pub fn describe_changes(a: &TableParts, b: &TableParts) -> Vec<Change> {
    let (before, after) = (Names(&a.regions), Names(&b.regions));
    let mut changes = Changes { section: Section::Region, found: Vec::new() };
    let region = |names: Names<'_>, region: &Region| words::region(region, names);
    changes.named(&a.regions, &b.regions, |r| r.name.as_str(), |r| region(before, r), |r| region(after, r));
    changes.order("the regions", &a.regions, &b.regions, |region| region.name.as_str());

    changes.section = Section::Home;
    homes::compare((&a.homes, before), (&b.homes, after), &mut changes);

    changes.section = Section::Service;
    let (was, is) = (|s: &_| words::service(s, before), |s: &_| words::service(s, after));
    changes.named(&a.services, &b.services, |service| service.name.as_str(), was, is);

    changes.section = Section::Drain;
    drains((&a.drains, before), (&b.drains, after), &mut changes);
    changes.found
}

/// Changes as they are found.
struct Changes {
    section: Section,
    found: Vec<Change>,
}

impl Changes {
    fn push(&mut self, kind: ChangeKind, name: &str, text: String) {
        self.found.push(Change { section: self.section, name: name.to_owned(), kind, text });
    }

    /// Things that have a name.
    fn named<T>(
        &mut self,
        a: &[T],
        b: &[T],
        name: impl Fn(&T) -> &str,
        before: impl Fn(&T) -> Says,
        after: impl Fn(&T) -> Says,
    ) {
        let what = if self.section == Section::Region { "region" } else { "service" };
        let old: std::collections::HashMap<&str, &T> = a.iter().map(|one| (name(one), one)).collect();
        let new: std::collections::HashSet<&str> = b.iter().map(&name).collect();
        for one in b {
            match old.get(name(one)) {
                Some(old) => self.said(name(one), name(one), &before(old), &after(one)),
                None => {
                    self.push(ChangeKind::Added, name(one), format!("{what} {} is new{}", name(one), after(one).all()))
                }
            }
        }
        for one in a.iter().filter(|one| !new.contains(name(one))) {
            self.push(ChangeKind::Removed, name(one), format!("{what} {} is gone{}", name(one), before(one).all()));
        }
    }

    /// What is said of one thing, called `subject` in words.
    fn said(&mut self, name: &str, subject: &str, before: &Says, after: &Says) {
        for difference in before.differences(after) {
            self.push(ChangeKind::Changed, name, format!("{subject}: {difference}"));
        }
    }

    /// That those which both have stand in another order, which breaks ties.
    fn order<T>(&mut self, what: &str, a: &[T], b: &[T], name: impl Fn(&T) -> &str) {
        let both = |these: &[T], those: &[T]| -> Vec<String> {
            let others: std::collections::HashSet<&str> = those.iter().map(&name).collect();
            these.iter().map(&name).filter(|one| others.contains(one)).map(str::to_owned).collect()
        };
        let (before, after) = (both(a, b), both(b, a));
        if before != after {
            let text =
                format!("{what} stand in another order: {}; before: {}", words::list(&after), words::list(&before));
            self.push(ChangeKind::Changed, "", text);
        }
    }
}

/// Drains have no names: those that both tables have are taken away, and of each region the first left in one is held against
/// the first left in the other.
fn drains(a: (&[Drain], Names<'_>), b: (&[Drain], Names<'_>), changes: &mut Changes) {
    let said = |(drains, names): (&[Drain], Names<'_>)| -> Vec<(String, Says)> {
        let name = |region: RegionId| names.of(region).to_owned();
        drains.iter().map(|drain| (name(drain.region), words::drain(drain))).collect()
    };
    let (mut old, mut new) = (said(a), said(b));
    new.retain(|drain| match old.iter().position(|other| other == drain) {
        Some(at) => {
            old.remove(at);
            false
        }
        None => true,
    });
    for (region, says) in new {
        match old.iter().position(|(other, _)| *other == region) {
            Some(at) => {
                let (_, before) = old.remove(at);
                changes.said(&region, &format!("drain of {region}"), &before, &says);
            }
            None => changes.push(ChangeKind::Added, &region, format!("drain of {region} is new{}", says.all())),
        }
    }
    for (region, says) in old {
        changes.push(ChangeKind::Removed, &region, format!("drain of {region} is gone{}", says.all()));
    }
}
