//! `homeward drill`

use super::client::Client;
use super::drain::render;
use super::edge_arg::{EdgeArg, whoever_asks};
use super::ending::{Ending, Failure};
use super::output;
use super::style::{Style, plain_lines};
use crate::admin::{DrainAnswer, DrainOrder, DrillsAnswer, UndrainOrder};
use crate::history::{DrillReport, DrillVerdict};
use crate::model::Timestamp;
use clap::{Args, ValueEnum};
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How often it is looked whether the drill is over.
const LOOK: Duration = Duration::from_millis(250);

/// How long after its end a report is waited for.
const REPORTED_WITHIN: Duration = Duration::from_secs(10);

/// Practise a drain: send a region's visitors elsewhere for a while, and see whether the others carry them
///
/// It ends after its time, with Ctrl-C, or by itself as soon as errors rise against the minute before; then its report is
/// printed, and kept in the state directory. Exits with 1 where errors rose, or where nothing was begun.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  homeward drill us-west --for 10m --reason 'quarterly drill'
  homeward drill us-west --for 10m --dry-run       # what would become of it?
  homeward drill us-west --for 30m --sessions move --no-wait
  homeward drill us-west --for 10m --json | jq .verdict")]
pub(super) struct Drill {
    /// The region that is drained
    region: String,
    /// How long it lasts, e.g. 10m
    #[arg(long = "for", value_name = "DURATION")]
    length: String,
    /// Why: whoever looks at it later reads this
    #[arg(long, value_name = "TEXT", default_value = "drill")]
    reason: String,
    /// What becomes of the sessions that are at home there
    #[arg(long, value_enum, default_value = "keep")]
    sessions: Sessions,
    /// Who drains [default: the user who types]
    #[arg(long, value_name = "NAME", env = "HOMEWARD_BY", hide_env_values = true)]
    by: Option<String>,
    /// Say what would become of it, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Do it though it is the last healthy region, or another one would be over its capacity
    #[arg(long)]
    force: bool,
    /// Return at once; `homeward status` shows the drill, the state directory has its report
    #[arg(long)]
    no_wait: bool,
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

impl Drill {
    pub(super) fn run(self) -> Result<Ending, Failure> {
        let client = self.edge.client()?;
        let interrupted = if self.dry_run || self.no_wait { Arc::default() } else { on_interrupt()? };
        let order = DrainOrder {
            region: self.region.clone(),
            reason: self.reason.clone(),
            by: self.by.clone().or_else(whoever_asks),
            length: Some(self.length.clone()),
            sessions: Some(if self.sessions == Sessions::Move { "move" } else { "keep" }.to_owned()),
            practice: true,
            dry_run: self.dry_run,
            force: self.force,
            ..DrainOrder::default()
        };
        let answer: Value = client.post("/api/v1/drains", &order)?;
        let told: DrainAnswer = serde_json::from_value(answer.clone())?;
        if self.dry_run || self.no_wait {
            if self.json {
                output::json(&answer)?;
            } else {
                output::result(&render(&told, Style::new(output::results_are_coloured())))?;
            }
            let refused = !told.applied && !told.warnings.is_empty() && !self.force;
            return Ok(if refused { Ending::NotWell } else { Ending::Well });
        }
        output::message(&plain_lines(&render(&told, Style::new(output::messages_are_coloured()))));
        let began = told.drain.and_then(|drain| drain.since).unwrap_or(Timestamp::MIN);
        let report = self.wait(&client, began, &interrupted)?;
        if self.json {
            output::json(&report)?;
        } else {
            output::result(&plain_lines(&report.markdown()))?;
        }
        Ok(if report.verdict == DrillVerdict::Failed { Ending::NotWell } else { Ending::Well })
    }

    /// Waits for the report.
    fn wait(&self, client: &Client, began: Timestamp, interrupted: &AtomicBool) -> Result<DrillReport, Failure> {
        let mut ended = None;
        loop {
            let answer: DrillsAnswer = client.get("/api/v1/drills")?;
            let is_ours = |report: &DrillReport| report.region == self.region && report.to >= began;
            if let Some(report) = answer.drills.into_iter().find(is_ours) {
                return Ok(report);
            }
            if !answer.running.contains(&self.region) || ended.is_some() {
                let since = *ended.get_or_insert_with(crate::live::clock::monotonic);
                if crate::live::clock::monotonic().duration_since(since) > REPORTED_WITHIN {
                    return Err(Failure::Said(
                        "the drill is over, and there is no report of it; the edge's log says why".to_owned(),
                    ));
                }
            } else if interrupted.swap(false, Ordering::Relaxed) {
                let order = UndrainOrder {
                    region: self.region.clone(),
                    by: self.by.clone().or_else(whoever_asks),
                    reason: Some("the drill was interrupted".to_owned()),
                    ..UndrainOrder::default()
                };
                let _: DrainAnswer = client.post("/api/v1/undrain", &order)?;
            }
            std::thread::sleep(LOOK);
        }
    }
}

/// What turns true when somebody presses Ctrl-C, or asks this program to end.
fn on_interrupt() -> Result<Arc<AtomicBool>, Failure> {
    let interrupted = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&interrupted);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut terminate = {
        let _inside = runtime.enter();
        tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?
    };
    std::thread::Builder::new().name("interrupt".to_owned()).spawn(move || {
        runtime.block_on(async {
            loop {
                tokio::select! {
                    _ = tokio::signal::ctrl_c() => {}
                    _ = terminate.recv() => {}
                }
                seen.store(true, Ordering::Relaxed);
            }
        })
    })?;
    Ok(interrupted)
}
