//! `homeward demo`

use super::edge::RunningEdge;
use super::ending::{Ending, Failure};
use crate::config::read_settings;
use crate::demo::{self, EdgeHandle, EdgeStart, EdgeStatus};
use crate::source::read_source;
use crate::telemetry::init_process_log;
use clap::Args;
use std::fs::File;

/// Show it at work: an edge, three regions of sample app servers and live traffic in one process
///
/// Everything is on loopback, with nothing to set up. It prints URLs and what to try, and ends with Ctrl-C.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  homeward demo")]
pub(super) struct Demo {}

impl Demo {
    pub(super) fn run(self) -> Result<Ending, Failure> {
        demo::run(start).map_err(|problem| Failure::Said(problem.to_string()))?;
        Ok(Ending::Well)
    }
}

/// The edge of the demo is the one that `homeward run` starts.
struct Handle(RunningEdge);

impl EdgeHandle for Handle {
    fn status(&self) -> EdgeStatus {
        EdgeStatus::of(self.0.edge())
    }

    fn stop(self: Box<Self>) {
        // The visitors have gone before; whatever else is open is of no interest.
        let _ = self.0.stop();
    }
}

fn start(asked: &EdgeStart<'_>) -> Result<Box<dyn EdgeHandle>, String> {
    let source = read_source(asked.settings).map_err(|problems| problems.render(false))?;
    let settings = read_settings(&source).map_err(|problems| problems.render(false))?;
    let log = asked.log.map(File::create).transpose().map_err(|problem| format!("no file for the log: {problem}"))?;
    init_process_log(settings.log.format, settings.log.level, log).map_err(|problem| problem.to_string())?;
    let edge = RunningEdge::start(&settings).map_err(|problem| problem.to_string())?;
    Ok(Box::new(Handle(edge)))
}
