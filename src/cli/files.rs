//! The arguments that say which files and which region, and the settings that they lead to.

use super::ending::Failure;
use super::output;
use crate::config::{Problems, Settings, read_settings};
use crate::model::RegionName;
use crate::source::read_source;
use clap::Args;
use std::path::{Path, PathBuf};

/// Where the settings are, unless somebody says otherwise.
pub(super) const DEFAULT_CONFIG: &str = "conf/homeward.yaml";

#[derive(Debug, Args)]
pub(super) struct ConfigArg {
    /// The settings file
    #[arg(long, value_name = "FILE", env = "HOMEWARD_CONFIG", hide_env_values = true, default_value = DEFAULT_CONFIG)]
    pub(super) config: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct RegionArg {
    /// The region that the edge stands in; goes before the settings file's
    #[arg(long, value_name = "REGION", env = "HOMEWARD_REGION", hide_env_values = true)]
    pub(super) region: Option<RegionName>,
}

impl ConfigArg {
    /// The settings, with `region` in place of the file's where it is given.
    pub(super) fn settings(&self, region: Option<RegionName>) -> Result<Settings, Failure> {
        let mut settings = settings(&self.config).map_err(|problems| Failure::of_problems(&problems))?;
        settings.region = region.or(settings.region);
        Ok(settings)
    }
}

/// The settings in the file at `path`.
pub(super) fn settings(path: &Path) -> Result<Settings, Problems> {
    read_source(path).and_then(|source| read_settings(&source))
}

impl Failure {
    /// The problems as `homeward check` shows them.
    pub(super) fn of_problems(problems: &Problems) -> Self {
        Self::Shown(problems.render(output::messages_are_coloured()))
    }
}
