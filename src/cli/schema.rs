//! `homeward schema`

use super::ending::{Ending, Failure};
use super::output;
use crate::config::{routing_schema, settings_schema};
use clap::{Args, ValueEnum};

/// Print the JSON schema of a file, for editors
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  homeward schema routing > routing.schema.json
  # and as the first line of the file, for editors with the YAML language server:
  # yaml-language-server: $schema=routing.schema.json")]
pub(super) struct Schema {
    /// Which file
    file: File,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum File {
    /// conf/homeward.yaml
    Settings,
    /// conf/routing.yaml
    Routing,
}

impl Schema {
    pub(super) fn run(self) -> Result<Ending, Failure> {
        output::json(&match self.file {
            File::Settings => settings_schema(),
            File::Routing => routing_schema(),
        })?;
        Ok(Ending::Well)
    }
}
