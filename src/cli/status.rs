//! `homeward status`

use super::edge_arg::EdgeArg;
use super::ending::{Ending, Failure};
use super::output;
use super::status_page;
use super::style::Style;
use super::watch::watch;
use crate::admin::Status;
use clap::Args;
use serde_json::Value;

/// Show how the running edge sees regions, drains and its table
///
/// Exits with 1 where a region is away or the edge cannot be reached.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  homeward status
  homeward status --admin 127.0.0.1:9901
  homeward status --admin https://edge.us-west.internal:9901 --ca-file ca.pem --token-file admin.token
  homeward status --watch
  homeward status --until-empty us-west && echo 'us-west can be switched off'
  homeward status --json | jq '.regions[] | {name, share, away}'")]
pub(super) struct StatusVerb {
    /// Print JSON
    #[arg(long, conflicts_with_all = ["watch", "until_empty"])]
    json: bool,
    /// Show it again every second until Ctrl-C: on a terminal in place, otherwise a line for each change
    #[arg(long)]
    watch: bool,
    /// Watch until this region gets nothing any more and has no open stream; then exit with 0
    #[arg(long, value_name = "REGION")]
    until_empty: Option<String>,
    #[command(flatten)]
    edge: EdgeArg,
}

impl StatusVerb {
    pub(super) fn run(self) -> Result<Ending, Failure> {
        let client = self.edge.client()?;
        if self.watch || self.until_empty.is_some() {
            return watch(&client, self.until_empty.as_deref());
        }
        // What a newer edge says beyond what is known here is passed on as it is.
        let answer: Value = client.get("/api/v1/status")?;
        let status: Status = serde_json::from_value(answer.clone())?;
        if self.json {
            output::json(&answer)?;
        } else {
            output::result(&status_page::render(&status, Style::new(output::results_are_coloured())))?;
        }
        let away = status.regions.iter().any(|region| !region.away.is_empty());
        Ok(if away { Ending::NotWell } else { Ending::Well })
    }
}
