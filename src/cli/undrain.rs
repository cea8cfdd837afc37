//! `homeward undrain`

use super::edge_arg::{EdgeArg, a_duration, whoever_asks};
use super::ending::{Ending, Failure};
use super::output;
use super::style::{Style, plain};
use crate::admin::{DrainAnswer, UndrainOrder};
use clap::Args;
use serde_json::Value;

/// End a drain that an operator has put on a region, gradually if asked
///
/// Sessions that were given a new home meanwhile stay there. A drain in the routing table is taken out there: homeward edit.
/// Exits with 1 where the region has no healthy server; --force ends the drain all the same.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  homeward undrain us-west
  homeward undrain us-west --ramp 10m      # people come back little by little
  homeward undrain us-west --dry-run")]
pub(super) struct Undrain {
    /// The region that should get everything again
    region: String,
    /// How long it takes until it gets everything, e.g. 10m [default: at once]
    #[arg(long, value_name = "DURATION", value_parser = a_duration)]
    ramp: Option<String>,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Who ends it [default: the user who types]
    #[arg(long, value_name = "NAME", env = "HOMEWARD_BY", hide_env_values = true)]
    by: Option<String>,
    /// Say what would become of it, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Do it though the region has no healthy server
    #[arg(long)]
    force: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    edge: EdgeArg,
}

impl Undrain {
    pub(super) fn run(self) -> Result<Ending, Failure> {
        let order = UndrainOrder {
            region: self.region.clone(),
            by: self.by.clone().or_else(whoever_asks),
            reason: self.reason.clone(),
            ramp: self.ramp.clone(),
            dry_run: self.dry_run,
            force: self.force,
        };
        let answer: Value = self.edge.client()?.post("/api/v1/undrain", &order)?;
        let told: DrainAnswer = serde_json::from_value(answer.clone())?;
        if self.json {
            output::json(&answer)?;
        } else {
            output::result(&self.render(&told, Style::new(output::results_are_coloured())))?;
        }
        Ok(if !told.applied && !told.warnings.is_empty() && !self.force { Ending::NotWell } else { Ending::Well })
    }

    fn render(&self, told: &DrainAnswer, style: Style) -> String {
        let mut text = String::new();
        for warning in &told.warnings {
            text.push_str(&format!("{} (--force)\n", style.odd(&plain(&warning.text))));
        }
        let region = style.strong(&plain(&self.region));
        let verb = if told.applied { "gets" } else { "would get" };
        text.push_str(&match &told.drain {
            Some(drain) => {
                let end = drain.until.map(|until| until.to_string()).unwrap_or_default();
                format!("{region} {verb} its visitors back from {} on, all of them by {end}\n", plain(&drain.share_now))
            }
            None => format!("{region} {verb} its visitors back, all at once\n"),
        });
        match told.live_after_ms {
            Some(took) => text.push_str(&format!("{}, on disk and live after {took:.1} ms\n", style.good("done"))),
            None => text.push_str("nothing was changed\n"),
        }
        text
    }
}
