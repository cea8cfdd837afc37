//! Floor 8: the verbs of the command line, one a file; and how they put an edge together.
//!
//! Every verb gives back an ending or a failure (`ending`). Results go to the standard output, messages to the standard
//! error.

mod capacity;
mod check;
mod client;
mod completions;
mod core_dumps;
mod demo;
mod diff;
mod drain;
mod drill;
mod edge;
mod edge_arg;
mod edit;
mod ending;
mod explain;
mod files;
mod healthcheck;
mod history;
mod key;
mod man;
mod output;
mod preview;
mod preview_page;
mod reference;
mod rollback;
mod run;
mod sample_app;
mod schema;
mod simulate;
mod status;
mod status_page;
mod style;
mod swap;
mod undrain;
mod watch;

pub use edge::{RunningEdge, StartError};
pub use reference::verbs_reference;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// An edge router that takes every request home
///
/// Homeward stands in front of the app servers of several regions, finds the one region that is home to each request, and
/// gets the request there. Regions are drained by an edit of one YAML table, live within a second.
#[derive(Debug, Parser)]
#[command(
    name = "homeward",
    version,
    propagate_version = false,
    arg_required_else_help = true,
    subcommand_required = true,
    disable_help_subcommand = true,
    after_help = "\
Examples:
  homeward check                            # are both files good?
  homeward run --region us-east             # serve
  homeward explain --ip 203.0.113.7         # where does this visitor go, and why?
  homeward status                           # how is it going?
  homeward drain us-west --reason 'power loss' --for 4h    # send its visitors elsewhere
  homeward edit                             # change the table, safely
  homeward rollback                         # take the last change back

Exit codes: 0 all is well; 1 what the verb says is not well; 2 wrong usage."
)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Run(run::Run),
    Demo(demo::Demo),
    Check(check::Check),
    Explain(explain::Explain),
    Status(status::StatusVerb),
    Healthcheck(healthcheck::Healthcheck),
    Preview(preview::PreviewVerb),
    Simulate(simulate::Simulate),
    Capacity(capacity::CapacityVerb),
    Diff(diff::Diff),
    Drain(drain::Drain),
    Undrain(undrain::Undrain),
    Drill(drill::Drill),
    Edit(edit::Edit),
    History(history::HistoryVerb),
    Rollback(rollback::Rollback),
    Key(key::KeyVerb),
    Schema(schema::Schema),
    Completions(completions::Completions),
    Man(man::Man),
    SampleApp(sample_app::SampleApp),
}

/// Reads the command line, does what it says, and gives back the exit code: 0 where all is well, 1 where the verb says
/// that something is not, 2 for wrong usage.
#[must_use]
pub fn main() -> ExitCode {
    let verb = Cli::parse().verb;
    // Before any of them reads a key.
    core_dumps::forbid();
    let done = match verb {
        Verb::Run(verb) => verb.run(),
        Verb::Demo(verb) => verb.run(),
        Verb::Check(verb) => verb.run(),
        Verb::Explain(verb) => verb.run(),
        Verb::Status(verb) => verb.run(),
        Verb::Healthcheck(verb) => verb.run(),
        Verb::Preview(verb) => verb.run(),
        Verb::Simulate(verb) => verb.run(),
        Verb::Capacity(verb) => verb.run(),
        Verb::Diff(verb) => verb.run(),
        Verb::Drain(verb) => verb.run(),
        Verb::Undrain(verb) => verb.run(),
        Verb::Drill(verb) => verb.run(),
        Verb::Edit(verb) => verb.run(),
        Verb::History(verb) => verb.run(),
        Verb::Rollback(verb) => verb.run(),
        Verb::Key(verb) => verb.run(),
        Verb::Schema(verb) => verb.run(),
        Verb::Completions(verb) => verb.run(),
        Verb::Man(verb) => verb.run(),
        Verb::SampleApp(verb) => verb.run(),
    };
    match done {
        Ok(ending) => ending.into(),
        Err(failure) => failure.report(),
    }
}
