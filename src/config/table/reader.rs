//! Tables read one after the other: home rules that stand as they stood are not read again, and the others in pieces.
//!
//! Nearly all of a large table is its home rules, and nearly none of its changes are: who drains a region at 4:30 in the
//! morning waits for the few lines that say so. What is read in this way is what [`read_routing`] would
//! read, and where that would find a problem, it is left to find it.

use super::reachability::Claims;
use super::regions::Site;
use super::rule_lines::RuleLines;
use super::{RegionNames, homes, make, plain_rule, read_routing};
use crate::config::form;
use crate::config::problem::{Findings, Problems, Source};
use crate::config::yaml::{self, Document, MOST_NODES};
use crate::model::{RegionId, Timestamp};
use crate::routing::{HomeCondition, HomeRule, HomeTarget, Homes, Networks, TableParts, in_pieces};
use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

/// What stands in a text for home rules.
const STAND_IN: &str = "homes: [{otherwise: nearest}]\n";

/// What stands before rules that are not the first ones.
const KEY: &str = "homes:\n";

/// How many rules are read as YAML, how many that are plain, and how many taken over, between two rests: what takes up to a few tenths of a millisecond.
const READ_AT_ONCE: usize = 128;
const PLAIN_AT_ONCE: usize = 512;
const TAKEN_AT_ONCE: usize = 1024;

/// A reader of routing tables that knows the last one it has read.
#[derive(Debug)]
pub struct RoutingReader {
    last: Option<Known>,
    rest: fn(),
}

impl Default for RoutingReader {
    fn default() -> Self {
        Self::resting(|| ())
    }
}

impl RoutingReader {
    /// A reader that does `rest` whenever it has worked for a few tenths of a millisecond, so that whoever shares its core
    /// with requests lets them go first. It does not rest where it finds a problem, and where the rules do not stand in lines
    /// of their own.
    #[must_use]
    pub fn resting(rest: fn()) -> Self {
        Self { last: None, rest }
    }

    /// Reads a table, as [`read_routing`] does.
    ///
    /// # Errors
    /// All problems of the file. What is known of the last good one stays.
    pub fn read(&mut self, source: &Source, now: Timestamp) -> Result<TableParts, Problems> {
        match self.read_in_pieces(source, now) {
            Some(parts) => Ok(parts),
            None => read_routing(source, now),
        }
    }

    /// The same, with the rules apart from what stands around them. `None` where they do not stand in lines of their own, or
    /// where anything is wrong.
    fn read_in_pieces(&mut self, source: &Source, now: Timestamp) -> Option<TableParts> {
        let text = Some(&source.text).filter(|text| text.len() <= Source::LARGEST)?;
        let again = self.last.as_ref().and_then(|last| last.lines.again(&last.text, text, self.rest));
        let lines = again.or_else(|| RuleLines::of(text, self.rest))?;
        let block = lines.block();
        let around = [text.get(..block.start)?, STAND_IN, text.get(block.end..)?].concat();
        let around = Source::new(source.name.as_str(), around);
        let (mut read, mut sites_read) = (None, Vec::new());
        let parts = crate::config::read(&around, &form::ROUTING, |document, findings| {
            // That a key stands there says that nothing before it is open: a reader of the whole comes there in the same
            // state, and leaves as it comes, as the next line is a key too.
            let stands = document.root.entry("homes").is_some_and(|homes| homes.key_span.start as usize == block.start);
            let stands = stands && is_block(document, &around.text);
            make(
                &document.root,
                now,
                |_, names, sites, _| {
                    sites_read = sites_of(names, sites);
                    let rules = Rules { text, lines: &lines, names, sites, rest: self.rest };
                    let known = self.last.as_ref().filter(|last| last.sites == sites_read);
                    let nodes = |rules: &[HomeRule]| in_pieces(rules, self.rest).flatten().map(nodes_of).sum::<usize>();
                    let fits = |rules: &Arc<Homes>| document.nodes + nodes(rules) <= MOST_NODES;
                    read = stands.then(|| rules.read(known)).flatten().filter(fits);
                    read.clone().unwrap_or_default()
                },
                findings,
            )
        });
        let (parts, homes) = (parts.ok()?, read?);
        self.last = Some(Known { text: Arc::clone(text), lines, sites: sites_read, homes });
        Some(parts)
    }
}

/// As many nodes as YAML makes of a rule, of which a file may have [`MOST_NODES`], whether they are read again or not.
fn nodes_of(rule: &HomeRule) -> usize {
    let items = match &rule.condition {
        HomeCondition::Networks(all) => all.len(),
        HomeCondition::Subdivisions(all) => all.len(),
        HomeCondition::Countries(all) => all.len(),
        HomeCondition::Continents(all) => all.len(),
        // A map and its end, a key, a word.
        HomeCondition::Otherwise => return 4,
    };
    match &rule.target {
        HomeTarget::Region(_) => plain_rule::nodes(items),
        // A list and its end in place of a word.
        HomeTarget::Nearest(regions) => plain_rule::nodes(items) + 1 + regions.len(),
    }
}

/// What the rules depend on: the regions in their order, and where they stand.
fn sites_of(names: &RegionNames<'_>, sites: &[Site]) -> Vec<(Box<str>, Site)> {
    names.names.iter().map(|name| Box::from(*name)).zip(sites.iter().copied()).collect()
}

/// Whether its keys stand on lines of their own, and not in braces.
fn is_block(document: &Document<'_>, text: &str) -> bool {
    text.as_bytes().get(document.root.span.start as usize).is_some_and(|first| *first != b'{')
}

/// The home rules of a text that was good.
#[derive(Debug)]
struct Known {
    text: Arc<String>,
    lines: RuleLines,
    sites: Vec<(Box<str>, Site)>,
    /// As many as there are in `lines`.
    homes: Arc<Homes>,
}

/// Rules that are to be read, and what there is of regions.
struct Rules<'a> {
    text: &'a str,
    lines: &'a RuleLines,
    names: &'a RegionNames<'a>,
    sites: &'a [Site],
    rest: fn(),
}

impl Rules<'_> {
    /// All of them; those that stand as they stood in `known` are not read. `None` where anything is wrong.
    fn read(&self, known: Option<&Known>) -> Option<Arc<Homes>> {
        let (before, behind) =
            known.map_or((0, 0), |known| self.lines.in_common(self.text, &known.lines, &known.text, self.rest));
        let all = known.map_or(&[][..], |known| &**known.homes);
        let count = self.lines.len();
        if let Some(known) = known.filter(|_| before == count && before == all.len()) {
            return Some(Arc::clone(&known.homes));
        }
        let mut reading = Reading { rules: Vec::with_capacity(count), claims: Claims::default() };
        self.take(all.get(..before)?, &mut reading)?;
        self.read_others(before..count - behind, &mut reading)?;
        self.take(all.get(all.len() - behind..)?, &mut reading)?;
        let rules = reading.rules;
        let is_otherwise = |rule: &HomeRule| rule.condition == HomeCondition::Otherwise;
        let otherwise = in_pieces(&rules, self.rest).flatten().position(is_otherwise)?;
        if otherwise + 1 != rules.len() {
            return None;
        }
        // Where comments alone are others, the rules are those that are known.
        let is_known = all.get(before..all.len() - behind)? == rules.get(before..count - behind)?;
        if let Some(known) = known.filter(|_| is_known) {
            return Some(Arc::clone(&known.homes));
        }
        // Whether each network can match, of all at once; where one cannot, the reader of the whole says which.
        let homes = Homes::after(known.map(|known| &*known.homes), rules, self.rest);
        homes.every_network_matches().then(|| Arc::new(homes))
    }

    /// Takes over rules that are known. `None` where a place of theirs cannot match any more.
    fn take(&self, known: &[HomeRule], reading: &mut Reading) -> Option<()> {
        for some in known.chunks(TAKEN_AT_ONCE) {
            (self.rest)();
            if !some.iter().all(|rule| reading.claims.places(&rule.condition)) {
                return None;
            }
            reading.rules.extend_from_slice(some);
        }
        Some(())
    }

    /// Reads those that are not known: one by one where they are plain, and as YAML where they are not.
    fn read_others(&self, others: Range<usize>, reading: &mut Reading) -> Option<()> {
        // From the first one on that is left to YAML, together with those behind it.
        let mut yaml = others.start..others.start;
        for next in others {
            let plain = self.plain(next).filter(|_| next > 0);
            if plain.is_none() {
                yaml.end = next + 1;
                if yaml.len() < READ_AT_ONCE {
                    continue;
                }
            }
            if !yaml.is_empty() {
                self.read_some(yaml, reading)?;
                (self.rest)();
            }
            yaml = next + 1..next + 1;
            if let Some((networks, region)) = plain {
                let condition = HomeCondition::Networks(networks);
                reading.rules.push(HomeRule { condition, target: HomeTarget::Region(region) });
                if next % PLAIN_AT_ONCE == 0 {
                    (self.rest)();
                }
            }
        }
        if yaml.is_empty() { Some(()) } else { self.read_some(yaml, reading) }
    }

    /// What a rule says that is written as nearly all are. Not that the lines of the key stand before the first one.
    fn plain(&self, nth: usize) -> Option<(Networks, RegionId)> {
        let (networks, region) = plain_rule::read(self.lines.lines(self.text, nth..nth + 1)?)?;
        Some((networks, *self.names.ids.get(region)?))
    }

    /// Reads some of the rules: as a file that has no others. `None` where anything is wrong, or where they are more or
    /// fewer than their lines say.
    fn read_some(&self, some: Range<usize>, reading: &mut Reading) -> Option<()> {
        let (is_first, count) = (some.start == 0, some.len());
        let lines = self.lines.lines(self.text, some)?;
        let text = if is_first { Cow::Borrowed(lines) } else { Cow::Owned([KEY, lines].concat()) };
        let mut findings = Findings::default();
        let document = yaml::parse(&text, &mut findings)?;
        form::check(&document.root, &form::HOMES, &mut findings);
        let items = document.root.get("homes")?.items();
        let read = |item| homes::rule_of(item, self.names, self.sites, &mut reading.claims, &mut findings);
        let before = reading.rules.len();
        reading.rules.extend(items.iter().filter_map(read));
        let is_all = reading.rules.len() == before + count && items.len() == count;
        (is_all && findings.is_empty()).then_some(())
    }
}

/// What has been read of the rules.
struct Reading {
    rules: Vec<HomeRule>,
    claims: Claims,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_that_are_taken_over_count_as_what_they_are_in_the_file() {
        let before = "version: 1\nregions:\n  a: {location: {latitude: 1, longitude: 2}}\n  b: {}\n";
        let behind =
            "  - otherwise: nearest\nservices: {s: {hosts: [a.b], pools: {a: [127.0.0.1:1], b: [127.0.0.1:2]}}}\n";
        for rule in [
            "",
            "  - networks: [10.0.0.0/8, 11.0.0.0/8]\n    region: b\n",
            "  - {networks: [10.0.0.0/8], nearest: [a]}\n",
            "  - subdivisions: [US-CA, US-OR]\n    region: a\n",
            "  - countries: [US, CA]\n    nearest: [a]\n",
            "  - continents: [EU]\n    region: a\n",
        ] {
            let text = |rule: &str| [before, KEY, rule, behind].concat();
            let source = Source::new("routing.yaml", text(rule));
            let parts = RoutingReader::default().read_in_pieces(&source, Timestamp::UNIX_EPOCH).unwrap();
            let nodes = |text: &str| yaml::parse(text, &mut Findings::default()).unwrap().nodes;
            let stand_in = nodes(&[before, STAND_IN, behind.split_once('\n').unwrap().1].concat());
            // The stand-in has a rule, too.
            let counted = stand_in - 4 + parts.homes.iter().map(nodes_of).sum::<usize>();
            assert_eq!(counted, nodes(&source.text), "{rule}");
        }
    }
}
