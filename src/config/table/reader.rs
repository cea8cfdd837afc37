//! Tables read one after the other: home rules that stand as they stood are not read again.
//!
//! Nearly all of a large table is its home rules, and nearly none of its changes are: who drains a region at 4:30 in the
//! morning waits for the few lines that say so. What is read in this way is what [`read_routing`](super::read_routing) would
//! read, and where that would find a problem, it is left to find it.

use super::{homes, make};
use crate::config::form;
use crate::config::problem::{Problems, Source};
use crate::config::yaml::{Document, MOST_NODES};
use crate::model::{Location, RegionName, Timestamp};
use crate::routing::{HomeRule, Region, TableParts};
use memchr::memchr_iter;
use std::ops::Range;
use std::sync::Arc;

/// What stands in a text for home rules that are known.
const STAND_IN: &str = "homes: [{otherwise: nearest}]";

/// A reader of routing tables that knows the last one it has read.
#[derive(Debug, Default)]
pub struct RoutingReader {
    last: Option<KnownHomes>,
}

impl RoutingReader {
    /// Reads a table, as [`read_routing`](super::read_routing) does.
    ///
    /// # Errors
    /// All problems of the file. What is known of the last good one stays.
    pub fn read(&mut self, source: &Source, now: Timestamp) -> Result<TableParts, Problems> {
        if let Some(parts) = self.last.as_mut().and_then(|last| last.read_around(source, now)) {
            return Ok(parts);
        }
        let mut lines = None;
        let parts = crate::config::read(source, &form::ROUTING, |document, findings| {
            lines = Lines::of_homes(document, &source.text);
            make(&document.root, now, homes::read, findings)
        })?;
        self.last = lines.map(|lines| KnownHomes {
            text: Arc::clone(&source.text),
            lines,
            regions: sites(&parts.regions).map(|(name, location)| (name.clone(), location)).collect(),
            homes: Arc::clone(&parts.homes),
        });
        Ok(parts)
    }
}

/// What the rules depend on: the regions in their order, and where they stand.
fn sites(regions: &[Region]) -> impl Iterator<Item = (&RegionName, Option<Location>)> {
    regions.iter().map(|region| (&region.name, region.location))
}

/// The home rules of a text that was good.
#[derive(Debug)]
struct KnownHomes {
    text: Arc<String>,
    lines: Lines,
    regions: Vec<(RegionName, Option<Location>)>,
    homes: Arc<[HomeRule]>,
}

/// Where the rules stand: lines of which they fill the first and the last, and that hold nothing else.
#[derive(Debug)]
struct Lines {
    range: Range<usize>,
    /// At least as many nodes as they have.
    nodes: usize,
}

impl Lines {
    /// Those of `document`, which is `text`; `None` where something else stands on them too.
    fn of_homes(document: &Document<'_>, text: &str) -> Option<Self> {
        let homes = document.root.entry("homes").filter(|_| is_block(document, text))?;
        let (from, end) = (homes.key_span.start as usize, homes.value.span.end as usize);
        let starts_a_line = from == 0 || text.as_bytes().get(from - 1) == Some(&b'\n');
        let until = text.get(end..)?.find('\n').map_or(text.len(), |behind| end + behind);
        let keys = document.root.entries().iter().map(|entry| entry.key_span.start as usize);
        let is_alone = keys.filter(|start| (from..until).contains(start)).count() == 1;
        (starts_a_line && is_alone).then_some(Self { range: from..until, nodes: document.nodes })
    }
}

/// Whether its keys stand on lines of their own, and not in braces.
fn is_block(document: &Document<'_>, text: &str) -> bool {
    text.as_bytes().get(document.root.span.start as usize).is_some_and(|first| *first != b'{')
}

impl KnownHomes {
    /// Reads a table that has the same home rules. `None` where it has not, where they could mean something else in it, or
    /// where anything is wrong with it.
    fn read_around(&mut self, source: &Source, now: Timestamp) -> Option<TableParts> {
        let lines = self.text.get(self.lines.range.clone())?;
        let at = starts_of_lines(&source.text).find(|at| source.text[*at..].starts_with(lines))?;
        let behind = source.text.get(at + lines.len()..).filter(|behind| is_another_key(behind))?;
        let text = [source.text.get(..at)?, STAND_IN, behind].concat();
        let around = Source::new(source.name.as_str(), text);
        let mut is_same = false;
        let parts = crate::config::read(&around, &form::ROUTING, |document, findings| {
            // That a key stands there says that nothing before it is open: a reader of the whole comes there in the state in
            // which the one of the last text came to it, goes on as that one did, and leaves as that one left.
            let stands = document.root.entry("homes").is_some_and(|homes| homes.key_span.start as usize == at);
            let fits = document.nodes + self.lines.nodes <= MOST_NODES;
            is_same = stands && fits && is_block(document, &around.text);
            make(&document.root, now, |_, _, _, _| Arc::clone(&self.homes), findings)
        });
        let parts = parts.ok().filter(|_| is_same)?;
        if !sites(&parts.regions).eq(self.regions.iter().map(|(name, location)| (name, *location))) {
            return None;
        }
        self.lines.range = at..at + lines.len();
        self.text = Arc::clone(&source.text);
        Some(parts)
    }
}

/// Where the lines of a text start.
fn starts_of_lines(text: &str) -> impl Iterator<Item = usize> {
    std::iter::once(0).chain(memchr_iter(b'\n', text.as_bytes()).map(|end| end + 1))
}

/// Whether what stands behind the lines of a key are, but for comments, the lines of another one, or nothing.
fn is_another_key(behind: &str) -> bool {
    let Some(behind) = behind.strip_prefix('\n') else { return behind.is_empty() };
    let mut lines = behind.split('\n').map(|line| (line, line.trim_matches([' ', '\r'])));
    let first = lines.find(|(_, words)| !words.is_empty() && !words.starts_with('#'));
    first.is_none_or(|(line, _)| line.starts_with(|first: char| first.is_ascii_lowercase()))
}
