//! `homeward status`

use super::edge_arg::EdgeArg;
use super::ending::{Ending, Failure};
use super::output;
use super::status_page;
use super::style::Style;
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
  homeward status --json | jq '.regions[] | {name, share, away}'")]
pub(super) struct StatusVerb {
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    edge: EdgeArg,
}

impl StatusVerb {
    pub(super) fn run(self) -> Result<Ending, Failure> {
        let client = self.edge.client()?;
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
