//! The arguments that say which running edge is meant.

use super::client::{Client, Credentials, Door};
use super::ending::Failure;
use super::files::ConfigArg;
use crate::config::{BadQuantity, duration};
use crate::model::{BadShare, Share};
use clap::Args;

/// A running edge.
#[derive(Debug, Args)]
pub(super) struct EdgeArg {
    /// Where the edge is: its Unix socket, its admin address, or the URL of that [default: as the settings say]
    #[arg(long, value_name = "SOCKET|ADDRESS|URL")]
    pub(super) admin: Option<Door>,
    #[command(flatten)]
    pub(super) credentials: Credentials,
    #[command(flatten)]
    pub(super) config: ConfigArg,
}

impl EdgeArg {
    /// Asks that edge.
    ///
    /// # Errors
    /// Where the settings or a file of the credentials cannot be read.
    pub(super) fn client(&self) -> Result<Client, Failure> {
        match &self.admin {
            Some(door) => Client::at(door.clone(), &self.credentials),
            None => Client::of(&self.config.settings(None)?.admin, &self.credentials),
        }
    }
}

/// A duration, as it was typed: what makes no sense is wrong usage, and no edge needs to be asked for that.
pub(super) fn a_duration(text: &str) -> Result<String, BadQuantity> {
    duration(text).map(|_| text.to_owned())
}

/// A share, as it was typed.
pub(super) fn a_share(text: &str) -> Result<String, BadShare> {
    text.parse::<Share>().map(|_| text.to_owned())
}

/// Who is at the keyboard, where nobody says otherwise: before `sudo`, if it is that.
pub(super) fn whoever_asks() -> Option<String> {
    let of = |name| std::env::var(name).ok().filter(|name| !name.trim().is_empty());
    of("SUDO_USER").or_else(|| of("USER")).or_else(|| of("LOGNAME"))
}
