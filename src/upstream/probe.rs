//! Probes: a look at every server now and then, so that one that is not well is seen, and a recovered one comes back,
//! without a request paying for it.

use super::Report;
use super::exchange::tls_of;
use super::tend::tend;
use super::visit::{NotMade, Visited};
use crate::live::{Fleet, ProbeKind, Server, clock, entropy};
use crate::resilience::{ProbeResult, Standing};
use crate::telemetry::{Metrics, Occasionally, ProbeOutcome, ProbeWord};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, watch};
use tokio::time;

/// The longest time between two probes of an unhealthy server.
const UNHEALTHY: Duration = Duration::from_secs(1);

/// How probes are spread. How often a server is probed is for its pool to say.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ProbeSpread {
    /// By how much of themselves intervals are moved at random, so that edges do not probe in step.
    pub jitter: f64,
    /// How many probes of a kind are under way at once, at most; above it they queue.
    pub at_once: usize,
}

impl Default for ProbeSpread {
    fn default() -> Self {
        Self { jitter: 0.2, at_once: 128 }
    }
}

/// Probes the servers of a fleet, as their pools say.
#[derive(Clone, Default)]
pub struct Prober {
    spread: ProbeSpread,
    metrics: Option<Arc<Metrics>>,
}

impl Prober {
    /// A prober that spreads its probes like this.
    #[must_use]
    pub fn new(spread: ProbeSpread) -> Self {
        Self { spread, metrics: None }
    }

    /// The same, which counts how its probes end.
    #[must_use]
    pub fn counting(self, metrics: Arc<Metrics>) -> Self {
        Self { metrics: Some(metrics), ..self }
    }

    /// Probes every server of the fleet until `shutdown` says `true` or its sender is gone: a new one at once, one that
    /// a request found unhealthy soon after. Runs on a tokio runtime with time and I/O.
    pub async fn run(self, fleet: Arc<Fleet>, report: Report, shutdown: watch::Receiver<bool>) {
        let permits = || Semaphore::new(self.spread.at_once.clamp(1, Semaphore::MAX_PERMITS));
        let shared = Arc::new(Shared {
            fleet: Arc::clone(&fleet),
            report,
            // Deep probes that hang do not keep others from being seen.
            permits: [permits(), permits()],
            jitter: self.spread.jitter,
            metrics: self.metrics,
        });
        let look_after = |server| watch_over(server, Arc::clone(&shared));
        tend(|| fleet.servers(), fleet.targets_changed(), look_after, shutdown).await;
    }
}

struct Shared {
    fleet: Arc<Fleet>,
    report: Report,
    /// By kind.
    permits: [Semaphore; 2],
    jitter: f64,
    metrics: Option<Arc<Metrics>>,
}

async fn watch_over(server: Arc<Server>, shared: Arc<Shared>) {
    let tls = tls_of(&server);
    let visited = Visited { server: &server, tls: tls.as_ref() };
    tokio::join!(shared.look_at(&server, visited), shared.walk_through(&server, visited));
}

impl Shared {
    /// Makes plain probes for ever.
    async fn look_at(&self, server: &Arc<Server>, visited: Visited<'_>) {
        loop {
            let care = server.care();
            let word = if care.health.http.is_some() { ProbeWord::Http } else { ProbeWord::Connection };
            {
                let Ok(_permit) = self.permits[0].acquire().await else { return };
                self.take(server, ProbeKind::Plain, word, visited.look(&care).await);
            }
            let interval = care.health.pace.interval;
            let soon = || time::sleep(entropy::jitter(interval.min(UNHEALTHY), self.jitter));
            if server.standing_by(ProbeKind::Plain) == Standing::Unhealthy {
                soon().await;
            } else {
                tokio::select! {
                    () = time::sleep(entropy::jitter(interval, self.jitter)) => {},
                    () = server.stirred(ProbeKind::Plain) => soon().await,
                }
            }
        }
    }

    /// Makes deep probes for ever, where there are any: at their interval, however the server is, so that an account that
    /// they log in with is asked for as often as its owner knows.
    async fn walk_through(&self, server: &Arc<Server>, visited: Visited<'_>) {
        loop {
            let care = server.care();
            let Some(deep) = &care.health.deep else {
                server.stirred(ProbeKind::Deep).await;
                continue;
            };
            {
                let Ok(_permit) = self.permits[1].acquire().await else { return };
                self.take(server, ProbeKind::Deep, ProbeWord::Deep, visited.walk(deep, &care).await);
            }
            let next = time::sleep(entropy::jitter(deep.pace.interval, self.jitter));
            tokio::pin!(next);
            loop {
                tokio::select! {
                    () = &mut next => break,
                    () = server.stirred(ProbeKind::Deep) => {
                        if !Arc::ptr_eq(&server.care(), &care) {
                            break;
                        }
                    }
                }
            }
        }
    }

    fn take(&self, server: &Arc<Server>, kind: ProbeKind, word: ProbeWord, result: Result<ProbeResult, NotMade>) {
        let (result, outcome) = match result {
            Ok(ProbeResult::Passed) => (Some(Ok(())), ProbeOutcome::Passed),
            Ok(ProbeResult::Failed(why)) => (Some(Err(why)), ProbeOutcome::Failed),
            Err(why) => {
                warn(server, &why);
                (None, ProbeOutcome::NotMade)
            }
        };
        if let Some(metrics) = &self.metrics {
            metrics.probe(&server.purpose().to_string(), server.region().as_str(), word, outcome);
        }
        if let Some(result) = result {
            self.fleet.probed(server, kind, result).iter().for_each(|transition| (self.report)(transition));
        }
    }
}

fn warn(server: &Server, why: &NotMade) {
    static WARNED: Occasionally = Occasionally::once_in(Duration::from_secs(10));
    if let Some(more) = WARNED.at(clock::now()) {
        let (address, purpose) = (server.address(), server.purpose());
        tracing::warn!(
            "cannot probe {address} of {purpose}: {why}; its health stays as it is ({more} more since the last warning)"
        );
    }
}
