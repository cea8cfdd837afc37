//! Configurations as files that anybody can read: text with a few holes. Pure.
//!
//! `{{name}}` is a value. A line `%if name`, or `%if !name`, begins what is there only with (without) a flag, `%for name` what is there once
//! for each item of a list; `%else` and `%end` go with them.

use std::collections::{BTreeMap, BTreeSet};

/// What the holes are filled with.
#[derive(Debug, Clone, Default)]
pub struct Values {
    words: BTreeMap<String, String>,
    flags: BTreeSet<String>,
    lists: BTreeMap<String, Vec<BTreeMap<String, String>>>,
}

impl Values {
    /// Sets a value.
    pub fn word(&mut self, name: &str, value: impl ToString) -> &mut Self {
        self.words.insert(name.to_owned(), value.to_string());
        self
    }

    /// Sets a flag, or not.
    pub fn flag(&mut self, name: &str, is_set: bool) -> &mut Self {
        if is_set {
            self.flags.insert(name.to_owned());
        }
        self
    }

    /// Adds an item to a list; its values hide those outside.
    pub fn item(&mut self, list: &str, values: &[(&str, String)]) -> &mut Self {
        let values = values.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        self.lists.entry(list.to_owned()).or_default().push(values);
        self
    }

    /// Fills the holes of a text.
    ///
    /// # Errors
    /// A hole without a value, or blocks that do not fit.
    pub fn fill(&self, text: &str) -> Result<String, String> {
        let lines: Vec<&str> = text.lines().collect();
        let mut filled = String::new();
        let end = self.block(&lines, 0, &BTreeMap::new(), true, &mut filled)?;
        if end == lines.len() { Ok(filled) } else { Err(format!("line {}: {} begins nothing", end + 1, lines[end])) }
    }

    /// From a line to the one that ends its block; that one.
    fn block(
        &self,
        lines: &[&str],
        mut at: usize,
        item: &BTreeMap<String, String>,
        is_wanted: bool,
        filled: &mut String,
    ) -> Result<usize, String> {
        while let Some(line) = lines.get(at) {
            let words: Vec<&str> = line.split_whitespace().collect();
            match words[..] {
                ["%end" | "%else"] => return Ok(at),
                ["%if", name] => {
                    let (name, without) = name.strip_prefix('!').map_or((name, false), |name| (name, true));
                    let holds = self.flags.contains(name) != without;
                    let mut end = self.block(lines, at + 1, item, is_wanted && holds, filled)?;
                    if lines.get(end).is_some_and(|line| line.trim() == "%else") {
                        end = self.block(lines, end + 1, item, is_wanted && !holds, filled)?;
                    }
                    at = closed(lines, end, at)?;
                }
                ["%for", name] => {
                    let items = self.lists.get(name).map_or(&[][..], Vec::as_slice);
                    let mut end = self.block(lines, at + 1, item, false, filled)?;
                    for item in items.iter().filter(|_| is_wanted) {
                        end = self.block(lines, at + 1, item, true, filled)?;
                    }
                    at = closed(lines, end, at)?;
                }
                _ if is_wanted => {
                    self.line(line, item, filled).map_err(|why| format!("line {}: {why}", at + 1))?;
                }
                _ => {}
            }
            at += 1;
        }
        Ok(at)
    }

    fn line(&self, line: &str, item: &BTreeMap<String, String>, filled: &mut String) -> Result<(), String> {
        let mut rest = line;
        while let Some((before, hole)) = rest.split_once("{{") {
            let (name, behind) = hole.split_once("}}").ok_or("a {{ without its }}")?;
            let value = item.get(name).or_else(|| self.words.get(name)).ok_or_else(|| format!("nothing for {name}"))?;
            filled.push_str(before);
            filled.push_str(value);
            rest = behind;
        }
        filled.push_str(rest);
        filled.push('\n');
        Ok(())
    }
}

fn closed(lines: &[&str], end: usize, begin: usize) -> Result<usize, String> {
    let is_closed = lines.get(end).is_some_and(|line| line.trim() == "%end");
    if is_closed { Ok(end) } else { Err(format!("line {}: nothing ends it", begin + 1)) }
}
