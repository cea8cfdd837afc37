//! `homeward rollback`

use super::client::encoded;
use super::edge_arg::{EdgeArg, whoever_asks};
use super::ending::{Ending, Failure};
use super::output;
use super::style::Style;
use super::swap::{self, Swap, Swapped};
use crate::admin::{RollbackAnswer, RollbackOrder, TableAnswer};
use crate::model::Revision;
use clap::Args;
use serde_json::Value;

/// Go back to a table that was live
///
/// Its text is written into the routing file as it was, comments and all, and is live when this returns. Without a REVISION
/// it is the table before the live one; where the file is refused, it is the live one itself. Exits with 1 where nothing was
/// done; the message says why.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  homeward rollback --dry-run                    # to which?
  homeward rollback --reason 'INC-481: checkout fails'
  homeward rollback 3f9a                         # homeward history has them all
  homeward rollback 3f9a --expect 77c0b1d2e3f4   # only if that one is still live")]
pub(super) struct Rollback {
    /// The table to go back to, by its revision or the beginning of one
    revision: Option<String>,
    /// Why: whoever looks at it later reads this
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Do it only where this table is live: somebody else may be at it too
    #[arg(long, value_name = "REVISION")]
    expect: Option<Revision>,
    /// Who goes back [default: the user who types]
    #[arg(long, value_name = "NAME", env = "HOMEWARD_BY", hide_env_values = true)]
    by: Option<String>,
    /// Say what would be done, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    edge: EdgeArg,
}

impl Rollback {
    pub(super) fn run(self) -> Result<Ending, Failure> {
        let order = RollbackOrder {
            revision: self.revision.clone(),
            expect: self.expect,
            by: self.by.clone().or_else(whoever_asks),
            reason: self.reason.clone(),
            dry_run: self.dry_run,
        };
        let client = self.edge.client()?;
        let refused = match client.post_or_refusal::<Value>("/api/v1/rollback", &order)? {
            Ok(answer) => {
                if self.json {
                    output::json(&answer)?;
                } else {
                    let told: RollbackAnswer = serde_json::from_value(answer)?;
                    output::result(&render(&told, Style::new(output::results_are_coloured())))?;
                }
                return Ok(Ending::Well);
            }
            Err(refused) => refused,
        };
        if let Some(Value::String(problems)) = refused.problem.more.get("problems") {
            output::message(&super::style::plain_lines(problems));
        }
        // The edge may not write the file; whoever types may be somebody who does.
        let may_write = refused.problem.more.get("unwritable") == Some(&Value::Bool(true))
            && self.edge.admin.is_none()
            && client.is_local();
        if !may_write {
            return Err(refused.into());
        }
        output::message(&format!("homeward: {}; trying it from here\n", Failure::from(refused).into_text()));
        self.write_here(&order)
    }

    /// Writes the file by itself.
    fn write_here(&self, order: &RollbackOrder) -> Result<Ending, Failure> {
        let client = self.edge.client()?;
        let asked = RollbackOrder { dry_run: true, ..order.clone() };
        let told: RollbackAnswer = client.post("/api/v1/rollback", &asked)?;
        let target = format!("/api/v1/history/{}", encoded(&told.revision.to_string()));
        let table: TableAnswer = client.get(&target)?;
        let path = self.edge.config.settings(None)?.routing;
        let before = swap::read(&path)?;
        let swap = Swap {
            path: &path,
            before: &before.text,
            after: &table.text,
            origin: "rollback",
            by: order.by.clone(),
            reason: order.reason.clone(),
        };
        let took = match swap.carry_out(&client)? {
            Swapped::Live(took) => took,
            Swapped::Refused(why) => return Err(Failure::Shown(super::style::plain_lines(&why))),
            Swapped::NoEdge | Swapped::NotLive => {
                return Err(Failure::Said(format!(
                    "{} is written, and the edge does not say that it is live; look with 'homeward status'",
                    path.display()
                )));
            }
        };
        let told = RollbackAnswer {
            applied: true,
            file: path.display().to_string(),
            live_after_ms: Some(took.as_secs_f64() * 1e3),
            ..told
        };
        if self.json {
            output::json(&told)?;
        } else {
            output::result(&render(&told, Style::new(output::results_are_coloured())))?;
        }
        Ok(Ending::Well)
    }
}

fn render(told: &RollbackAnswer, style: Style) -> String {
    let RollbackAnswer { revision, previous, .. } = told;
    let file = super::style::plain(&told.file);
    let table = style.strong(&revision.to_string());
    match told.live_after_ms {
        Some(took) if revision == previous => format!(
            "{file} says table {table} again, which was live all the time\n{}, after {took:.1} ms\n",
            style.good("done")
        ),
        Some(took) => format!(
            "{file} says table {table} again, in place of {previous}\n{}, live after {took:.1} ms\n",
            style.good("done")
        ),
        None => format!(
            "table {table} would be written into {file}, in place of {previous}; homeward history {revision} --diff --against \
             {previous} shows the difference\nnothing was changed\n"
        ),
    }
}
