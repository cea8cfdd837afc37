//! `homeward demo`

use super::ending::{Ending, Failure};
use clap::Args;

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
        Err(Failure::Said("this build has no demo".to_owned()))
    }
}
