//! `homeward run`

use super::core_dumps;
use super::edge::{RunningEdge, StartError};
use super::ending::{Ending, Failure};
use super::files::{ConfigArg, RegionArg};
use crate::config::Log;
use crate::telemetry::init_process_log;
use clap::Args;
use std::io;
use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

/// Serve: run an edge until SIGTERM or SIGINT
///
/// SIGTERM and SIGINT stop gracefully: no new connection is taken, and requests in flight get as long as the settings say
/// (stop.grace); a second one stops at once. SIGHUP reads the routing table, the place databases, keys and certificates anew
/// and opens the access log's file anew. None of them needs it: what is saved is live within a second or two.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  homeward run
  homeward run --config /etc/homeward/homeward.yaml --region us-east
  HOMEWARD_REGION=us-west homeward run")]
pub(super) struct Run {
    #[command(flatten)]
    config: ConfigArg,
    #[command(flatten)]
    region: RegionArg,
}

impl Run {
    pub(super) fn run(self) -> Result<Ending, Failure> {
        let settings = self.config.settings(self.region.region)?;
        init_log(settings.log)?;
        if settings.core_dumps {
            core_dumps::allow();
        }
        // The signals are listened to before there is anything to stop, so that none takes the process down half-way.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let mut signals = {
            let _inside = runtime.enter();
            Signals::new()?
        };
        let edge = RunningEdge::start(&settings).map_err(cannot_start)?;
        runtime.block_on(async {
            while signals.next().await == Asked::Reload {
                tracing::info!("reading table, places, keys and certificates anew, as SIGHUP asks");
                edge.reload();
            }
        });
        tracing::info!(
            "stopping: {} request(s) in flight get up to {:?}; ask again to stop at once",
            edge.edge().metrics().open_requests(),
            settings.stop.grace
        );
        stop(edge, &runtime, &mut signals)
    }
}

/// Stops the edge on a thread of its own, as that blocks; meanwhile another signal ends it at once.
fn stop(edge: RunningEdge, runtime: &Runtime, signals: &mut Signals) -> Result<Ending, Failure> {
    let (done, stopped) = oneshot::channel();
    std::thread::Builder::new().name("stop".to_owned()).spawn(move || {
        // Nobody waits any more where a second signal came.
        let _ = done.send(edge.stop());
    })?;
    let unfinished = runtime.block_on(async {
        let asked_again = async { while signals.next().await == Asked::Reload {} };
        tokio::select! {
            unfinished = stopped => unfinished.ok(),
            () = asked_again => None,
        }
    });
    match unfinished {
        Some(0) => tracing::info!("stopped; every request was finished"),
        Some(cut) => tracing::warn!("stopped; {cut} request(s) were cut off, as the grace was over"),
        None => {
            tracing::warn!("stopped at once, without waiting for requests in flight");
            return Ok(Ending::NotWell);
        }
    }
    Ok(Ending::Well)
}

fn cannot_start(error: StartError) -> Failure {
    match error {
        StartError::Table(problems) | StartError::Secrets(problems) | StartError::Certificates(problems) => {
            Failure::of_problems(&problems)
        }
        error => Failure::Said(format!("the edge cannot start: {error}")),
    }
}

/// Sets up what the process says of itself.
pub(super) fn init_log(log: Log) -> Result<(), Failure> {
    Ok(init_process_log(log.format, log.level, None)?)
}

/// What a signal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    Reload,
    Stop,
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Signals {
    /// Takes the signals over. Only inside a runtime.
    fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> Asked {
        tokio::select! {
            _ = self.terminate.recv() => Asked::Stop,
            _ = self.interrupt.recv() => Asked::Stop,
            _ = self.hang_up.recv() => Asked::Reload,
        }
    }
}
