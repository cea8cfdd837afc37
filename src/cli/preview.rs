//! `homeward preview`

use super::client::{Client, encoded};
use super::edge_arg::EdgeArg;
use super::ending::{Ending, Failure};
use super::output;
use super::preview_page;
use super::style::Style;
use crate::config::{Source, read_routing};
use crate::live::clock;
use crate::model::Timestamp;
use crate::routing::preview::Preview;
use crate::source::read_source;
use clap::Args;
use serde_json::Value;
use std::path::PathBuf;

/// Tell what a routing table would do to the requests of the last minute
///
/// The running edge takes the requests that it got lately through the table and says who would go where, and what each region
/// would get. Nothing is changed. Exits with 1 where a region would get more than its capacity, or the table has a problem.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  homeward preview --routing new.yaml
  homeward preview --routing new.yaml --json | jq '.regions[] | select(.over_capacity)'
  homeward preview --routing new.yaml --at 2026-11-22T04:30:00Z")]
pub(super) struct PreviewVerb {
    /// The new routing table's file [default: as the settings say]
    #[arg(long, value_name = "FILE")]
    routing: Option<PathBuf>,
    /// The moment to look at [default: when all ramps are over]
    #[arg(long, value_name = "TIME")]
    at: Option<Timestamp>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    edge: EdgeArg,
}

impl PreviewVerb {
    pub(super) fn run(self) -> Result<Ending, Failure> {
        let file = match &self.routing {
            Some(file) => file.clone(),
            None => self.edge.config.settings(None)?.routing,
        };
        let source = read_source(&file).map_err(|problems| Failure::of_problems(&problems))?;
        let (preview, answer) = of_edge(&self.edge.client()?, &source, self.at)?;
        if self.json {
            output::json(&answer)?;
        } else {
            output::result(&preview_page::render(&preview, Style::new(output::results_are_coloured())))?;
        }
        Ok(if preview.is_over_capacity() { Ending::NotWell } else { Ending::Well })
    }
}

/// What the edge says of the table in `source`, read and as it came.
///
/// # Errors
/// The problems of the table, as `homeward check` shows them; or that no edge can be asked.
pub(super) fn of_edge(client: &Client, source: &Source, at: Option<Timestamp>) -> Result<(Preview, Value), Failure> {
    // Here they have the file's name, and colours.
    read_routing(source, clock::now()).map_err(|problems| Failure::of_problems(&problems))?;
    let at = at.map(|at| format!("?at={}", encoded(&at.to_string()))).unwrap_or_default();
    let answer: Value = client.ask_about(&format!("/api/v1/preview{at}"), "application/yaml", &source.text)?;
    Ok((serde_json::from_value(answer.clone())?, answer))
}
