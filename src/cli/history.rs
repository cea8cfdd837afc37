//! `homeward history`

use super::client::encoded;
use super::diff;
use super::edge_arg::EdgeArg;
use super::ending::{Ending, Failure};
use super::output;
use super::style::{Cell, Columns, Style, plain, plain_lines};
use crate::admin::{DiffAnswer, HistoryAnswer, HistoryLine, TableAnswer, Untold};
use crate::config::Change;
use crate::history::History;
use clap::Args;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Show every table that was live: when, by whom, and what it changed
///
/// Drains are among them. With a REVISION, or the beginning of one, the table of then is printed as it was, comments and all.
/// Where no edge answers, what its state directory holds is shown.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  homeward history
  homeward history --diff                       # what did the last change do?
  homeward history 3f9a --diff                  # and that one?
  homeward history 3f9a --diff --against 77c0   # between these two?
  homeward history 3f9a > old-routing.yaml
  homeward history --json | jq '.entries[] | select(.origin == \"guard\")'")]
pub(super) struct HistoryVerb {
    /// The table to print, by its revision
    revision: Option<String>,
    /// Show what it changed, in place of all of it [default REVISION: the newest]
    #[arg(long)]
    diff: bool,
    /// The table to compare it with [default: the one that was live before it]
    #[arg(long, value_name = "REVISION", requires = "diff")]
    against: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    edge: EdgeArg,
}

impl HistoryVerb {
    pub(super) fn run(self) -> Result<Ending, Failure> {
        let style = Style::new(output::results_are_coloured());
        match (&self.revision, self.diff) {
            (None, false) => {
                let answer: HistoryAnswer =
                    self.ask("/api/v1/history", |history| HistoryAnswer::of(history, None, None))?;
                self.show(&answer, |answer| render(answer, style))?;
            }
            (Some(word), false) => {
                let target = format!("/api/v1/history/{}", encoded(word));
                let table: TableAnswer = self.ask(&target, |history| TableAnswer::of(history, word))?;
                // As it was, also on a terminal: it goes into files.
                self.show(&table, |table| table.text.clone())?;
            }
            (word, true) => {
                let word = match word {
                    Some(word) => word.clone(),
                    None => self.newest()?,
                };
                let against = self.against.as_deref();
                let query = against.map(|against| format!("?against={}", encoded(against))).unwrap_or_default();
                let target = format!("/api/v1/history/{}/diff{query}", encoded(&word));
                let diff: DiffAnswer = self.ask(&target, |history| DiffAnswer::of(history, &word, against))?;
                self.show(&diff, |diff| both_ways(diff.changes.as_deref(), &diff.lines, style))?;
            }
        }
        Ok(Ending::Well)
    }

    fn show<T: Serialize>(&self, answer: &T, text: impl FnOnce(&T) -> String) -> Result<(), Failure> {
        if self.json { output::json(answer) } else { output::result(&text(answer)) }
    }

    /// The table that went live last.
    fn newest(&self) -> Result<String, Failure> {
        let answer: HistoryAnswer = self.ask("/api/v1/history", |history| HistoryAnswer::of(history, None, None))?;
        let newest = answer.live.or_else(|| answer.entries.iter().find_map(HistoryLine::table));
        let newest = newest.ok_or_else(|| Failure::Said("no table has been live here yet".to_owned()))?;
        Ok(newest.to_string())
    }

    /// Asks the edge or, where none answers, its state directory.
    fn ask<T: DeserializeOwned>(
        &self,
        target: &str,
        look: impl FnOnce(&History) -> Result<T, Untold>,
    ) -> Result<T, Failure> {
        match self.edge.client()?.get(target) {
            Err(Failure::NoEdge(why)) if self.edge.admin.is_none() => {
                let state = self.edge.config.settings(None)?.state;
                let history = History::in_state(&state);
                if !history.directory().exists() {
                    return Err(Failure::Said(format!("{why}; and {} holds no history", state.display())));
                }
                output::message(&format!("homeward: no edge answers: this is what {} holds\n", state.display()));
                look(&history).map_err(|untold| Failure::Said(untold.to_string()))
            }
            answered => answered,
        }
    }
}

impl HistoryLine {
    /// The table that it says was live from then on.
    pub(super) fn table(&self) -> Option<crate::model::Revision> {
        self.revision.filter(|_| is_of_table(&self.origin))
    }
}

fn is_of_table(origin: &str) -> bool {
    matches!(origin, "start" | "file" | "sighup" | "rollback" | "edit" | "guard" | "last_good")
}

/// What differs: in words where that can be said, and in lines.
pub(super) fn both_ways(changes: Option<&[Change]>, lines: &str, style: Style) -> String {
    let lines = painted(lines, style);
    match changes {
        Some(changes) if changes.is_empty() && lines.is_empty() => diff::render(changes, style),
        Some(changes) => format!("{}\n{lines}", diff::render(changes, style)),
        None => lines,
    }
}

/// The lines as people read them, the newest first.
fn render(answer: &HistoryAnswer, style: Style) -> String {
    if answer.entries.is_empty() {
        return "nothing yet: the first table that goes live is the first to stand here\n".to_owned();
    }
    let mut columns = Columns::default();
    let heading = |text: &str| Cell::text(text).painted(Style::faint);
    columns.row([heading("WHEN"), heading("WHAT"), heading("REVISION"), heading("BY"), heading("WHY")]);
    let mut is_live_shown = false;
    for entry in &answer.entries {
        let revision = entry.revision.map(|revision| revision.to_string()).unwrap_or_default();
        let is_live = !is_live_shown && entry.table().is_some() && entry.table() == answer.live;
        is_live_shown |= is_live;
        let is_refused = entry.table().is_some() && entry.table() == answer.refused;
        let mark = match (is_live, is_refused, entry.kept || entry.revision.is_none()) {
            (true, ..) => " live",
            (_, true, _) => " refused",
            (_, _, false) => " (not kept)",
            _ => "",
        };
        let cell = Cell::text(revision + mark);
        let what = Cell::text(plain(&entry.origin));
        columns.row([
            Cell::text(format!("{:.0}", entry.time)),
            if matches!(entry.origin.as_str(), "guard" | "last_good" | "lease_held") {
                what.painted(Style::bad)
            } else {
                what
            },
            if is_live {
                cell.painted(Style::good)
            } else if is_refused {
                cell.painted(Style::bad)
            } else {
                cell
            },
            Cell::text(entry.by.as_deref().map(plain).unwrap_or_default()),
            Cell::text(entry.note.as_deref().map(plain).unwrap_or_default()),
        ]);
    }
    columns.render(style)
}

/// A difference in lines, painted.
pub(super) fn painted(lines: &str, style: Style) -> String {
    if lines.is_empty() {
        return "no line differs\n".to_owned();
    }
    let paint = |line: &str| {
        let line = plain_lines(line);
        match line.as_bytes().first() {
            _ if line.starts_with("---") || line.starts_with("+++") => style.strong(&line),
            Some(b'+') => style.good(&line),
            Some(b'-') => style.bad(&line),
            Some(b'@') => style.faint(&line),
            _ => line,
        }
    };
    lines.lines().map(|line| paint(line) + "\n").collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_stand_in_columns_and_obey_nothing() {
        let line = |origin: &str, revision: &str, by: Option<&str>, note: Option<&str>| HistoryLine {
            time: "2026-11-22T04:30:00.25Z".parse().unwrap(),
            origin: origin.to_owned(),
            revision: revision.parse().ok(),
            previous: None,
            by: by.map(str::to_owned),
            note: note.map(str::to_owned),
            kept: true,
        };
        let answer = HistoryAnswer {
            live: "aaaaaaaaaaaa".parse().ok(),
            refused: "bbbbbbbbbbbb".parse().ok(),
            entries: vec![
                line("guard", "aaaaaaaaaaaa", None, Some("12.00 % of 900 requests failed")),
                line("drain", "", Some("on\x1b[2Jcall"), Some("INC-1")),
                line("edit", "bbbbbbbbbbbb", Some("ann"), None),
                HistoryLine { kept: false, ..line("start", "aaaaaaaaaaaa", None, None) },
            ],
        };
        assert_eq!(
            render(&answer, Style::new(false)),
            "WHEN                  WHAT   REVISION                 BY          WHY\n\
             2026-11-22T04:30:00Z  guard  aaaaaaaaaaaa live                    12.00 % of 900 requests failed\n\
             2026-11-22T04:30:00Z  drain                           on\u{fffd}[2Jcall  INC-1\n\
             2026-11-22T04:30:00Z  edit   bbbbbbbbbbbb refused     ann\n\
             2026-11-22T04:30:00Z  start  aaaaaaaaaaaa (not kept)\n"
        );
    }
}
