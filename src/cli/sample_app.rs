//! `homeward sample-app`

use super::ending::{Ending, Failure};
use crate::demo;
use clap::Args;
use std::net::SocketAddr;

/// Serve the sample app of the demo: the servers of one region
#[derive(Debug, Args)]
#[command(
    hide = true,
    after_help = "\
Example:
  homeward sample-app --region us-east --session-prefix east --listen 127.0.0.1:9101 --listen 127.0.0.1:9102"
)]
pub(super) struct SampleApp {
    /// The region that the servers stand in
    #[arg(long)]
    region: String,
    /// What the session keys begin with [default: the region]
    #[arg(long, value_name = "PREFIX")]
    session_prefix: Option<String>,
    /// An address for each server
    #[arg(long, value_name = "ADDRESS", required = true)]
    listen: Vec<SocketAddr>,
}

impl SampleApp {
    pub(super) fn run(self) -> Result<Ending, Failure> {
        let session_prefix = self.session_prefix.unwrap_or_else(|| self.region.clone());
        let app = demo::SampleApp { region: self.region, session_prefix, listen: self.listen };
        demo::serve_alone(&app).map_err(Failure::Said)?;
        Ok(Ending::Well)
    }
}
