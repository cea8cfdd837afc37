//! Home rules: they have no names, and their order counts.

use super::words::{self, Names};
use super::{ChangeKind, Changes};
use crate::routing::{HomeCondition, HomeRule, HomeTarget};
use std::collections::HashMap;

/// A rule in words.
struct Rule {
    /// Its position, from 0.
    at: usize,
    /// What it looks at, e.g. `countries`.
    kind: &'static str,
    /// Whom it is for, sorted.
    items: Vec<String>,
    target: String,
}

impl Rule {
    fn of(at: usize, rule: &HomeRule, names: Names<'_>) -> Self {
        fn texts(items: &[impl ToString]) -> Vec<String> {
            let mut texts: Vec<_> = items.iter().map(ToString::to_string).collect();
            texts.sort_unstable();
            texts
        }
        let (kind, items) = match &rule.condition {
            HomeCondition::Networks(all) => ("networks", texts(all)),
            HomeCondition::Subdivisions(all) => ("subdivisions", texts(all)),
            HomeCondition::Countries(all) => ("countries", texts(all)),
            HomeCondition::Continents(all) => ("continents", texts(all)),
            HomeCondition::Otherwise => ("otherwise", Vec::new()),
        };
        let target = match &rule.target {
            HomeTarget::Region(region) => names.of(*region).to_owned(),
            HomeTarget::Nearest(regions) => format!("the nearest of {}", words::list(&names.all(regions))),
        };
        Self { at, kind, items, target }
    }

    /// Whom it is for.
    fn whom(&self) -> String {
        if self.items.is_empty() { self.kind.to_owned() } else { format!("{} {}", self.kind, words::list(&self.items)) }
    }
}

pub(super) fn compare(a: (&[HomeRule], Names<'_>), b: (&[HomeRule], Names<'_>), changes: &mut Changes) {
    let rules = |(rules, names): (&[HomeRule], Names<'_>)| -> Vec<Rule> {
        rules.iter().enumerate().map(|(at, rule)| Rule::of(at, rule, names)).collect()
    };
    let (old, new) = (rules(a), rules(b));
    let partners = partners(&old, &new);
    let moved = moved(&partners);
    for ((rule, partner), moved) in new.iter().zip(&partners).zip(moved) {
        let (number, name) = (rule.at + 1, (rule.at + 1).to_string());
        let Some(before) = partner.and_then(|at| old.get(at)) else {
            let text = format!("home rule {number} is new: {} lead to {}", rule.whom(), rule.target);
            changes.push(ChangeKind::Added, &name, text);
            continue;
        };
        let changed = |changes: &mut Changes, what: String| {
            changes.push(ChangeKind::Changed, &name, format!("home rule {number} ({}): {what}", rule.whom()));
        };
        if before.items != rule.items {
            changed(changes, words::set_difference(&before.items, &rule.items));
        }
        if before.target != rule.target {
            changed(changes, format!("leads to {}, was {}", rule.target, before.target));
        }
        if moved {
            changed(changes, format!("was rule {}, and now stands elsewhere among the others", before.at + 1));
        }
    }
    let is_kept: std::collections::HashSet<usize> = partners.iter().flatten().copied().collect();
    for rule in old.iter().filter(|rule| !is_kept.contains(&rule.at)) {
        let text = format!("home rule {} is gone: {} lead to {}", rule.at + 1, rule.whom(), rule.target);
        changes.push(ChangeKind::Removed, &(rule.at + 1).to_string(), text);
    }
}

/// For each new rule the old one that it was: the one that says the same; else one for the same visitors; else one of its kind
/// that leads to the same region.
fn partners(old: &[Rule], new: &[Rule]) -> Vec<Option<usize>> {
    fn pass<'r, K: Eq + std::hash::Hash>(
        old: &'r [Rule],
        new: &'r [Rule],
        partners: &mut [Option<usize>],
        key: impl Fn(&'r Rule) -> K,
    ) {
        let taken: std::collections::HashSet<usize> = partners.iter().flatten().copied().collect();
        let mut free: HashMap<K, Vec<usize>> = HashMap::new();
        for rule in old.iter().filter(|rule| !taken.contains(&rule.at)).rev() {
            free.entry(key(rule)).or_default().push(rule.at);
        }
        for (rule, partner) in new.iter().zip(partners) {
            if partner.is_none() {
                *partner = free.get_mut(&key(rule)).and_then(Vec::pop);
            }
        }
    }
    let mut partners = vec![None; new.len()];
    pass(old, new, &mut partners, |rule| (rule.kind, &rule.items, &rule.target));
    pass(old, new, &mut partners, |rule| (rule.kind, &rule.items));
    pass(old, new, &mut partners, |rule| (rule.kind, &rule.target));
    partners
}

/// Which of the new rules stand elsewhere: the fewest that have to be lifted out so that the rest is in its old order.
fn moved(partners: &[Option<usize>]) -> Vec<bool> {
    // The longest rising run among the old positions (patience sorting).
    let mut ends: Vec<usize> = Vec::new();
    let mut previous = vec![None; partners.len()];
    for (at, partner) in partners.iter().enumerate() {
        let Some(position) = partner else { continue };
        let of_end = |end: &usize| partners.get(*end).copied().flatten();
        let pile = ends.partition_point(|end| of_end(end) < Some(*position));
        if let (Some(slot), Some(below)) = (previous.get_mut(at), pile.checked_sub(1)) {
            *slot = ends.get(below).copied();
        }
        match ends.get_mut(pile) {
            Some(end) => *end = at,
            None => ends.push(at),
        }
    }
    let mut moved: Vec<bool> = partners.iter().map(Option::is_some).collect();
    let mut next = ends.last().copied();
    while let Some(at) = next {
        if let Some(moved) = moved.get_mut(at) {
            *moved = false;
        }
        next = previous.get(at).copied().flatten();
    }
    moved
}
