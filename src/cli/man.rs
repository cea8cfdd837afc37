//! `homeward man`

use super::Cli;
use super::ending::{Ending, Failure};
use super::output;
use clap::{Args, CommandFactory};
use std::fs;
use std::path::PathBuf;

/// Print the manual page, or write all pages into a directory
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  homeward man | man -l -
  homeward man /usr/local/share/man/man1")]
pub(super) struct Man {
    /// Where the pages of all verbs go; it is made where it is missing
    #[arg(value_name = "DIR")]
    directory: Option<PathBuf>,
}

impl Man {
    pub(super) fn run(self) -> Result<Ending, Failure> {
        let Some(directory) = self.directory else {
            let mut page = Vec::new();
            clap_mangen::Man::new(Cli::command()).render(&mut page)?;
            output::bytes(&page)?;
            return Ok(Ending::Well);
        };
        fs::create_dir_all(&directory).and_then(|()| clap_mangen::generate_to(Cli::command(), &directory)).map_err(
            |error| Failure::Said(format!("the manual pages cannot be written to {}: {error}", directory.display())),
        )?;
        Ok(Ending::Well)
    }
}
