//! `homeward drain`

use super::edge_arg::{EdgeArg, a_duration, a_share, whoever_asks};
use super::ending::{Ending, Failure};
use super::output;
use super::preview_page;
use super::style::{Style, plain};
use crate::admin::status::DrainStatus;
use crate::admin::{DrainAnswer, DrainOrder};
use crate::model::Timestamp;
use clap::{ArgGroup, Args, ValueEnum};
use serde_json::Value;

/// Send a region's visitors elsewhere, from now on and for a while
///
/// The drain is on disk and live when this returns, survives restarts and pushes of the routing table, and ends by itself. A
/// region without a healthy server is not returned to: then the drain is held until it has one again. Exits with 1 where it
/// would hurt; the message says how, and which flag does it all the same.
#[derive(Debug, Args)]
#[command(
    group = ArgGroup::new("end").required(true),
    after_help = "\
Examples:
  homeward drain us-west --reason 'INC-481 power loss' --for 4h --sessions move
  homeward drain us-west --reason 'INC-481 power loss' --for 4h --dry-run    # what would become of it?
  homeward drain us-west --reason 'new kernels' --for 2h --share 10% --ramp 15m --return 15m
  homeward drain us-west --reason 'slow disks' --for 1h --admin https://edge.us-west.internal:9901"
)]
pub(super) struct Drain {
    /// The region that should get less
    region: String,
    /// Why: whoever looks at it later reads this
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// How long it lasts, e.g. 90m or 4h
    #[arg(long = "for", value_name = "DURATION", group = "end", value_parser = a_duration)]
    length: Option<String>,
    /// When it ends, e.g. 2026-11-22T08:30:00Z
    #[arg(long, value_name = "TIME", group = "end")]
    until: Option<Timestamp>,
    /// What becomes of the sessions that are at home there
    #[arg(long, value_enum, default_value = "keep")]
    sessions: Sessions,
    /// The part of the visitors that it still gets
    #[arg(long, value_name = "SHARE", default_value = "0%", value_parser = a_share)]
    share: String,
    /// How long it takes to get there, e.g. 10m [default: at once]
    #[arg(long, value_name = "DURATION", value_parser = a_duration)]
    ramp: Option<String>,
    /// How long before the end people begin to come back, e.g. 10m [default: all at the end]
    #[arg(long = "return", value_name = "DURATION", value_parser = a_duration)]
    comeback: Option<String>,
    /// What becomes of open streams (WebSockets, server-sent events, long downloads): keep, or close_after=10m
    #[arg(long, value_name = "keep|close_after=DURATION", default_value = "keep")]
    streams: String,
    /// Who drains [default: the user who types]
    #[arg(long, value_name = "NAME", env = "HOMEWARD_BY", hide_env_values = true)]
    by: Option<String>,
    /// Say what would become of it, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Do it though it is the last healthy region, or another one would be over its capacity
    #[arg(long)]
    force: bool,
    /// Do it though another region is drained
    #[arg(long)]
    also: bool,
    /// Put it in place of the drain that an operator has put on this region
    #[arg(long)]
    replace: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    edge: EdgeArg,
}

/// What becomes of sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Sessions {
    /// They still go home; only new visitors go elsewhere
    Keep,
    /// They go to the substitute too, and have to log in there
    Move,
}

impl Drain {
    pub(super) fn run(self) -> Result<Ending, Failure> {
        let order = self.order()?;
        let answer: Value = self.edge.client()?.post("/api/v1/drains", &order)?;
        let told: DrainAnswer = serde_json::from_value(answer.clone())?;
        if self.json {
            output::json(&answer)?;
        } else {
            output::result(&render(&told, Style::new(output::results_are_coloured())))?;
        }
        let is_refused = |unless: Option<&str>| match unless {
            Some("force") => !order.force,
            Some("also") => !order.also,
            Some("replace") => !order.replace,
            _ => true,
        };
        let refused = !told.applied && told.warnings.iter().any(|warning| is_refused(warning.unless.as_deref()));
        Ok(if refused { Ending::NotWell } else { Ending::Well })
    }

    fn order(&self) -> Result<DrainOrder, Failure> {
        let streams = match self.streams.strip_prefix("close_after=") {
            Some(after) => {
                a_duration(after).map_err(|bad| Failure::Usage(format!("--streams close_after={after}: {bad}")))?
            }
            None if self.streams == "keep" => self.streams.clone(),
            None => {
                return Err(Failure::Usage("--streams is keep or close_after=DURATION, e.g. close_after=10m".into()));
            }
        };
        Ok(DrainOrder {
            region: self.region.clone(),
            reason: self.reason.clone(),
            by: self.by.clone().or_else(whoever_asks),
            length: self.length.clone(),
            until: self.until,
            sessions: Some(if self.sessions == Sessions::Move { "move" } else { "keep" }.to_owned()),
            share: Some(self.share.clone()),
            ramp: self.ramp.clone(),
            comeback: self.comeback.clone(),
            streams: Some(streams),
            practice: false,
            dry_run: self.dry_run,
            force: self.force,
            also: self.also,
            replace: self.replace,
        })
    }
}

/// What became of an order, or would.
pub(super) fn render(told: &DrainAnswer, style: Style) -> String {
    let mut text = String::new();
    if let Some(preview) = &told.preview {
        text.push_str(&format!("{}\n", preview_page::render(preview, style)));
    }
    for warning in &told.warnings {
        let flag = warning.unless.as_deref().map(|flag| format!(" (--{flag})")).unwrap_or_default();
        text.push_str(&format!("{}{flag}\n", style.odd(&plain(&warning.text))));
    }
    if let Some(drain) = &told.drain {
        let what = if told.applied { "is drained" } else { "would be drained" };
        text.push_str(&format!("{} {what} {}\n", style.strong(&plain(&drain.region)), terms(drain)));
    }
    match told.live_after_ms {
        Some(took) => text.push_str(&format!("{}, on disk and live after {took:.1} ms\n", style.good("done"))),
        None => text.push_str("nothing was changed\n"),
    }
    text
}

/// What is agreed on, in words.
fn terms(drain: &DrainStatus) -> String {
    let mut text = format!("to {} of its visitors", plain(&drain.share));
    if let Some(ramp) = &drain.ramp {
        text.push_str(&format!(" within {}", plain(ramp)));
    }
    text.push_str(match drain.sessions.as_str() {
        "move" => ", its sessions too",
        _ => ", its sessions stay",
    });
    if let Some(after) = &drain.close_streams_after {
        text.push_str(&format!(", open streams are closed after {}", plain(after)));
    }
    if let Some(until) = drain.until {
        text.push_str(&format!(", until {until}"));
    }
    if let Some(comeback) = &drain.comeback {
        text.push_str(&format!(" (people come back in the last {})", plain(comeback)));
    }
    text
}
