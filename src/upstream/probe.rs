//! Probes: a connection to every server now and then, so that a dead one is seen, and a recovered one comes back,
//! without a request paying for it.

use super::Report;
use super::tend::tend;
use crate::live::{Fleet, Server, entropy};
use crate::resilience::Observation;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, watch};
use tokio::time;

/// How often servers are probed, and for how long one probe may take.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ProbePace {
    /// Between two probes of a server that is not known to be unhealthy.
    pub healthy: Duration,
    /// Between two probes of an unhealthy server.
    pub unhealthy: Duration,
    /// By how much of themselves both intervals are moved at random, so that edges do not probe in step.
    pub jitter: f64,
    /// How long a connection may take to be made.
    pub timeout: Duration,
    /// How many probes are under way at once, at most; above it they queue.
    pub at_once: usize,
}

impl Default for ProbePace {
    fn default() -> Self {
        Self {
            healthy: Duration::from_secs(2),
            unhealthy: Duration::from_secs(1),
            jitter: 0.2,
            timeout: Duration::from_secs(1),
            at_once: 64,
        }
    }
}

/// Probes the servers of a fleet by making a TCP connection and closing it.
#[derive(Debug, Clone, Default)]
pub struct Prober {
    pace: ProbePace,
}

impl Prober {
    /// A prober of this pace.
    #[must_use]
    pub fn new(pace: ProbePace) -> Self {
        Self { pace }
    }

    /// Probes every server of the fleet until `shutdown` says `true` or its sender is gone: a new one at once, one that
    /// a request found unhealthy soon after. Runs on a tokio runtime with time and I/O.
    pub async fn run(self, fleet: Arc<Fleet>, report: Report, shutdown: watch::Receiver<bool>) {
        let permits = Arc::new(Semaphore::new(self.pace.at_once.clamp(1, Semaphore::MAX_PERMITS)));
        let look_after = |server| watch_over(server, self.pace, fleet.clone(), report.clone(), permits.clone());
        tend(|| fleet.servers(), fleet.targets_changed(), look_after, shutdown).await;
    }
}

async fn watch_over(server: Arc<Server>, pace: ProbePace, fleet: Arc<Fleet>, report: Report, permits: Arc<Semaphore>) {
    loop {
        {
            let Ok(_permit) = permits.acquire().await else { return };
            if let Some(observation) = probe(server.address(), pace.timeout).await {
                fleet.observe(&server, observation).iter().for_each(|transition| report(transition));
            }
        }
        if server.is_healthy() {
            tokio::select! {
                () = time::sleep(entropy::jitter(pace.healthy, pace.jitter)) => {},
                () = server.fell() => time::sleep(entropy::jitter(pace.unhealthy, pace.jitter)).await,
            }
        } else {
            time::sleep(entropy::jitter(pace.unhealthy, pace.jitter)).await;
        }
    }
}

/// Connects and closes. `None` where the fault is this machine's own and says nothing of the server.
async fn probe(address: SocketAddr, timeout: Duration) -> Option<Observation> {
    match time::timeout(timeout, TcpStream::connect(address)).await {
        Ok(Ok(stream)) if connected_to_itself(&stream) => Some(Observation::Unreachable),
        Ok(Ok(_)) => Some(Observation::Reached),
        Ok(Err(error)) if is_our_own(&error) => {
            tracing::warn!("cannot probe {address}: {error}; its health stays as it is");
            None
        }
        Ok(Err(_)) | Err(_) => Some(Observation::Unreachable),
    }
}

/// On loopback, where nobody listens, the kernel may choose the very port as our own and connect us to ourselves.
fn connected_to_itself(stream: &TcpStream) -> bool {
    matches!((stream.local_addr(), stream.peer_addr()), (Ok(local), Ok(peer)) if local == peer)
}

/// No file handle or no memory left here: the server may be as well as ever, and losing all of them over it would turn a
/// shortage into an outage.
fn is_our_own(error: &io::Error) -> bool {
    const ENFILE: i32 = 23;
    const EMFILE: i32 = 24;
    const ENOBUFS: i32 = 105;
    error.kind() == io::ErrorKind::OutOfMemory || matches!(error.raw_os_error(), Some(ENFILE | EMFILE | ENOBUFS))
}
