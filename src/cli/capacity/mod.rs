//! `homeward capacity`

mod answer;
mod figures;
mod options;
mod place;
mod report;
mod told;

use super::ending::{Ending, Failure};
use super::output;
use super::style::Style;
use crate::capacity::Costs;
use crate::config::did_you_mean;
use clap::Args;
use options::{EdgeOptions, FailureOptions, FleetOptions, LoadOptions};
use std::path::{Path, PathBuf};
use told::Answer;

/// Tell how many cores and edges a load takes, and what the loss of a region does to the others
///
/// A calculation and a simulation from measured costs: nothing is asked of a running edge. With --routing it takes the regions
/// of your table, with their capacities and their order of failover, and tells whether those that are left carry each one's loss.
/// Without it the regions are as large as --share says. Exits with 1 where the load is not carried: by --edges, by a region's
/// capacity, by cores that never catch up after the loss, or where tables do not reach all edges in time. docs/capacity.md tells
/// what is assumed.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  homeward capacity --requests 1000000/s --connections 10000000
  homeward capacity --requests 8000/s --routing conf/routing.yaml --share us-east=60% --share us-west=40%
  homeward capacity --requests 8000/s --edges 2 --cores 4 --lose us-east
  homeward capacity --requests 8000/s --ramp 10m --json | jq .loss.course.peak_utilisation")]
pub(super) struct CapacityVerb {
    #[command(flatten)]
    load: LoadOptions,
    #[command(flatten)]
    edge: EdgeOptions,
    #[command(flatten)]
    place: place::PlaceOptions,
    #[command(flatten)]
    failure: FailureOptions,
    #[command(flatten)]
    fleet: FleetOptions,
    /// A file of costs that were measured on your machines, in JSON; what it does not say is as in the built-in ones
    #[arg(long, value_name = "FILE", help_heading = "Costs")]
    costs: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl CapacityVerb {
    pub(super) fn run(self) -> Result<Ending, Failure> {
        let costs = match &self.costs {
            Some(file) => read_costs(file)?,
            None => Costs::default_costs()?,
        };
        let place = self.place.place()?;
        let lost = self.failure.lost(&place)?;
        let answer = Answer::of(&costs, &self, &place, lost);
        if self.json {
            output::json(&answer)?;
        } else {
            output::result(&report::render(&answer, Style::new(output::results_are_coloured())))?;
        }
        Ok(if answer.carried { Ending::Well } else { Ending::NotWell })
    }
}

fn read_costs(file: &Path) -> Result<Costs, Failure> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| Failure::Said(format!("{} cannot be read: {error}; correct --costs", file.display())))?;
    Costs::read(&text).map_err(|bad| {
        let hint = match &bad {
            crate::capacity::BadCosts::Unknown { name } => did_you_mean(&name.replace('_', "-"), hyphened())
                .map_or_else(String::new, |meant| format!("; did you mean '{}'?", meant.replace('-', "_"))),
            _ => String::new(),
        };
        Failure::Said(format!("{}: {bad}{hint}", file.display()))
    })
}

/// The names of costs as [`did_you_mean`] compares words.
fn hyphened() -> impl Iterator<Item = &'static str> {
    use std::sync::LazyLock;
    static NAMES: LazyLock<Vec<String>> =
        LazyLock::new(|| Costs::NAMES.iter().map(|name| name.replace('_', "-")).collect());
    NAMES.iter().map(String::as_str)
}
