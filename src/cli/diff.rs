//! `homeward diff`

use super::ending::{Ending, Failure};
use super::output;
use super::style::{Style, plain};
use crate::config::{Change, ChangeKind, Problems, describe_changes, read_routing};
use crate::live::clock;
use crate::routing::TableParts;
use crate::source::read_source;
use clap::Args;
use std::path::{Path, PathBuf};

/// Tell in words what differs between two routing tables
///
/// What the tables say is compared, not their text: comments, order of keys and ways of writing count for nothing. Exits as
/// diff(1) does: with 0 where both say the same, with 1 where they differ, with 2 where one of them cannot be read or has a
/// problem.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  homeward diff conf/routing.yaml new.yaml
  homeward diff old.yaml new.yaml --json | jq '.changes[] | select(.section == \"drain\")'")]
pub(super) struct Diff {
    /// The first routing table's file
    #[arg(value_name = "A")]
    a: PathBuf,
    /// The second one's
    #[arg(value_name = "B")]
    b: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Diff {
    pub(super) fn run(self) -> Result<Ending, Failure> {
        let (a, b) = match (table(&self.a), table(&self.b)) {
            (Ok(a), Ok(b)) => (a, b),
            (a, b) => {
                let shown = |problems: Problems| problems.render(output::messages_are_coloured());
                let all = [a.err(), b.err()].into_iter().flatten().map(shown).collect();
                return Err(Failure::Unreadable(all));
            }
        };
        let changes = describe_changes(&a, &b);
        if self.json {
            output::json(&serde_json::json!({ "changes": changes }))?;
        } else {
            output::result(&render(&changes, Style::new(output::results_are_coloured())))?;
        }
        Ok(if changes.is_empty() { Ending::Well } else { Ending::NotWell })
    }
}

fn table(path: &Path) -> Result<TableParts, Problems> {
    read_source(path).and_then(|source| read_routing(&source, clock::now()))
}

/// One line for each change, or one that there is none.
pub(super) fn render(changes: &[Change], style: Style) -> String {
    if changes.is_empty() {
        return "both say the same\n".to_owned();
    }
    let line = |change: &Change| {
        let text = plain(&change.text);
        match change.kind {
            ChangeKind::Added => style.good(&format!("+ {text}")),
            ChangeKind::Removed => style.bad(&format!("- {text}")),
            ChangeKind::Changed => style.odd(&format!("~ {text}")),
        }
    };
    changes.iter().map(|change| line(change) + "\n").collect()
}
