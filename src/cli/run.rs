//! `homeward run`

use super::core_dumps;
use super::edge::{RunningEdge, StartError};
use super::ending::{Ending, Failure};
use super::files::{ConfigArg, RegionArg};
use crate::config::{Log, Settings};
use crate::life::{Command, Giver, Heir, Offer, Sockets, Verdict, passed_sockets, service_manager};
use crate::live::Heritage;
use crate::proxy::Farewell;
use crate::telemetry::init_process_log;
use clap::Args;
use std::future::pending;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

/// Serve: run an edge until SIGTERM or SIGINT
///
/// SIGTERM and SIGINT stop gracefully: no new connection is taken, and requests in flight get as long as the settings say
/// (stop.grace); a second one stops at once. SIGHUP reads the routing table, the place databases, keys and certificates anew
/// and opens the access log's file anew. None of them needs it: what is saved is live within a second or two.
///
/// SIGQUIT starts the program anew, with the same arguments, and hands over to it: listening sockets and what is known of
/// servers and rates. This process goes on until that one is ready, and where it does not become so.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  homeward run
  homeward run --config /etc/homeward/homeward.yaml --region us-east
  HOMEWARD_REGION=us-west homeward run
  kill -QUIT 4711                 # process 4711 hands over to the program and the settings that are there now
  ./homeward-new run --upgrade    # the same, to another program")]
pub(super) struct Run {
    #[command(flatten)]
    config: ConfigArg,
    #[command(flatten)]
    region: RegionArg,
    /// Take over from the edge that runs with the same state directory; where none does, start as usual
    #[arg(long)]
    upgrade: bool,
}

impl Run {
    pub(super) fn run(self) -> Result<Ending, Failure> {
        let (passed, command) = (passed_sockets()?, Command::of_this_process());
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
        let (edge, offer) = start(&settings, self.upgrade, passed)?;
        let control = edge.control().clone();
        let (giver, mut successor) = match Giver::start(
            place(&settings),
            offer,
            Arc::clone(edge.edge()),
            settings.handover.ready_within,
            &control,
        ) {
            Ok((giver, successor)) => (Some(giver), Some(successor)),
            Err(error) => {
                tracing::warn!("{error}");
                (None, None)
            }
        };
        service_manager::ready();

        let ending = runtime.block_on(async {
            loop {
                let asked = tokio::select! {
                    asked = signals.next() => asked,
                    Ok(process) = handed_over(&mut successor) => return Some(process),
                };
                match asked {
                    Asked::Reload => {
                        tracing::info!("reading table, places, keys and certificates anew, as SIGHUP asks");
                        service_manager::reloading();
                        edge.reload();
                        service_manager::ready();
                    }
                    Asked::HandOver => match &giver {
                        Some(giver) => giver.begin(&command),
                        None => {
                            tracing::error!("no hand-over is possible, as was said at the start; this process goes on")
                        }
                    },
                    Asked::Stop => return None,
                }
            }
        });
        if let Some(giver) = giver {
            giver.close(ending.is_some());
        }
        let grace = settings.stop.grace;
        let open = edge.edge().metrics().open_requests();
        match ending {
            Some(process) => {
                let grace = settings.handover.grace;
                tracing::info!(
                    "process {process} has taken over: {open} request(s) in flight get up to {grace:?} here"
                );
                stop(edge, Farewell::to_successor(grace), Some(settings.stop.grace), &runtime, &mut signals)
            }
            None => {
                tracing::info!("stopping: {open} request(s) in flight get up to {grace:?}; ask again to stop at once");
                service_manager::stopping();
                stop(edge, Farewell::for_good(grace), None, &runtime, &mut signals)
            }
        }
    }
}

/// Where a process waits for the one that takes over from it.
fn place(settings: &Settings) -> PathBuf {
    settings.state.join("handover.sock")
}

async fn handed_over(successor: &mut Option<oneshot::Receiver<u32>>) -> Result<u32, oneshot::error::RecvError> {
    match successor {
        Some(successor) => successor.await,
        None => pending().await,
    }
}

/// Starts an edge: in the place of the one that runs, where it is to take over.
fn start(settings: &Settings, takes_over: bool, passed: Sockets) -> Result<(RunningEdge, Offer), Failure> {
    let place = place(settings);
    match if takes_over { Heir::find(&place)? } else { None } {
        Some((heir, sockets, heritage)) => take_over(settings, heir, sockets, heritage),
        None if takes_over => {
            tracing::warn!(
                "no edge runs with this state directory, so that there is nothing to take over: starting as usual"
            );
            begin(settings, passed)
        }
        None if Heir::is_somebody_at(&place) => Err(Failure::Said(format!(
            "an edge runs already with the state directory {}; take over from it with --upgrade, stop it, or give this one \
             another under state:",
            settings.state.display()
        ))),
        None => begin(settings, passed),
    }
}

fn begin(settings: &Settings, mut passed: Sockets) -> Result<(RunningEdge, Offer), Failure> {
    let prepared = RunningEdge::prepare(settings, &mut passed, Heritage::default()).map_err(cannot_start)?;
    let left = passed.left();
    if left.is_empty() { Ok(prepared.serve()) } else { Err(cannot_start(StartError::SocketsLeft(left.join(", ")))) }
}

fn take_over(
    settings: &Settings,
    mut heir: Heir,
    mut sockets: Sockets,
    heritage: Heritage,
) -> Result<(RunningEdge, Offer), Failure> {
    let prepared = match RunningEdge::prepare(settings, &mut sockets, heritage) {
        Ok(prepared) => prepared,
        Err(error) => {
            heir.failed(error.to_string().lines().next().unwrap_or_default());
            return Err(cannot_start(error));
        }
    };
    for address in sockets.left() {
        tracing::info!("the settings no longer name {address}: nobody takes connections there from now on");
    }
    drop(sockets);
    prepared.edge().recall(&heir.ready()?);
    let (edge, offer) = prepared.serve();
    match heir.serving() {
        Verdict::Serve => Ok((edge, offer)),
        Verdict::End(why) => {
            drop(offer);
            // The sockets are the other one's, and so is their queue.
            let unfinished = edge.leave(&Farewell::to_successor(settings.stop.grace));
            Err(Failure::Said(format!(
                "the running edge did not hand over: {why}; {unfinished} request(s) that had come here were cut off"
            )))
        }
    }
}

/// Stops the edge on a thread of its own, as that blocks; meanwhile another signal ends it at once, or, where it may take as
/// long as a hand-over, leaves it the grace of a stop.
fn stop(
    edge: RunningEdge,
    farewell: Farewell,
    mut grace: Option<Duration>,
    runtime: &Runtime,
    signals: &mut Signals,
) -> Result<Ending, Failure> {
    let (done, stopped) = oneshot::channel();
    let farewell = Arc::new(farewell);
    let within = Arc::clone(&farewell);
    std::thread::Builder::new().name("stop".to_owned()).spawn(move || {
        // Nobody waits any more where a second signal came.
        let _ = done.send(edge.leave(&within));
    })?;
    let unfinished = runtime.block_on(async {
        let asked_again = async {
            loop {
                if signals.next().await != Asked::Stop {
                    continue;
                }
                let Some(grace) = grace.take() else { return };
                tracing::info!("stopping: what is left gets up to {grace:?}; ask again to stop at once");
                farewell.hurry(grace);
            }
        };
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
    HandOver,
    Stop,
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
    quit: Signal,
}

impl Signals {
    /// Takes the signals over. Only inside a runtime.
    fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
            quit: signal(SignalKind::quit())?,
        })
    }

    async fn next(&mut self) -> Asked {
        tokio::select! {
            _ = self.terminate.recv() => Asked::Stop,
            _ = self.interrupt.recv() => Asked::Stop,
            _ = self.hang_up.recv() => Asked::Reload,
            _ = self.quit.recv() => Asked::HandOver,
        }
    }
}
