//! Whether all threads still turn.
//!
//! A task on each event loop says now and then that it was run; a thread of its own looks whether it does. A loop that a task
//! never gives back (a deadlock, an endless loop) serves nobody, and nothing on it can say so.

use super::service_manager;
use crate::live::{Edge, clock};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;
use std::{io, thread};
use tokio::runtime::Handle;

/// How often a loop says that it turns, where the limit leaves time for that.
const BEAT: Duration = Duration::from_secs(1);

/// Looks after event loops until it is dropped.
#[derive(Debug)]
pub struct Watchdog {
    stop: Option<Sender<()>>,
    looking: Option<JoinHandle<()>>,
}

struct Loop {
    name: String,
    /// When its task was run last, in milliseconds of [`clock::elapsed`].
    turned: Arc<AtomicU64>,
    beating: tokio::task::JoinHandle<()>,
    is_stuck: bool,
}

impl Watchdog {
    /// Looks after these event loops of `edge`, which may be stuck for `limit`. While one is, the edge is not ready, and the
    /// service manager is no longer told that all is well.
    ///
    /// # Errors
    /// Where the system gives no more threads.
    pub fn start(loops: Vec<(String, Handle)>, limit: Duration, edge: Arc<Edge>) -> io::Result<Self> {
        let beat = BEAT.min(limit / 4).max(Duration::from_millis(1));
        let loops = loops.into_iter().map(|(name, handle)| {
            let turned = Arc::new(AtomicU64::new(now()));
            edge.metrics().stalled(&name, false);
            let beating = handle.spawn(turn(Arc::clone(&turned), beat));
            Loop { name, turned, beating, is_stuck: false }
        });
        let mut loops: Vec<_> = loops.collect();
        let (stop, stopped) = channel();
        let looking = thread::Builder::new()
            .name("watchdog".to_owned())
            .spawn(move || look(&mut loops, limit, beat, &edge, &stopped))?;
        Ok(Self { stop: Some(stop), looking: Some(looking) })
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(looking) = self.looking.take() {
            // One that panicked has said so.
            let _ = looking.join();
        }
    }
}

async fn turn(turned: Arc<AtomicU64>, beat: Duration) {
    loop {
        turned.store(now(), Ordering::Relaxed);
        tokio::time::sleep(beat).await;
    }
}

fn look(loops: &mut [Loop], limit: Duration, beat: Duration, edge: &Edge, stopped: &Receiver<()>) {
    let interval = service_manager::watchdog_interval().map(|interval| interval / 2);
    let beat = interval.map_or(beat, |interval| beat.min(interval)).max(Duration::from_millis(1));
    let limit_ms = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
    let mut looked = now();
    while stopped.recv_timeout(beat) == Err(RecvTimeoutError::Timeout) {
        let now = now();
        // The whole process, or the machine, stood still: nobody could turn.
        let stood_still =
            now.saturating_sub(looked) > limit_ms / 2 + u64::try_from(beat.as_millis()).unwrap_or(u64::MAX);
        looked = now;
        if stood_still {
            loops.iter().for_each(|each| each.turned.store(now, Ordering::Relaxed));
            continue;
        }
        for each in loops.iter_mut() {
            let silent = now.saturating_sub(each.turned.load(Ordering::Relaxed));
            let is_stuck = silent > limit_ms;
            if is_stuck == each.is_stuck {
                continue;
            }
            each.is_stuck = is_stuck;
            edge.metrics().stalled(&each.name, is_stuck);
            if is_stuck {
                tracing::error!(
                    "the thread {} has been stuck for {silent} ms: what it serves waits, and this edge is not ready; where it \
                     stays so, restart the edge (systemd does, where WatchdogSec= is set)",
                    each.name
                );
            } else {
                tracing::warn!("the thread {} turns again", each.name);
            }
        }
        let any_is_stuck = loops.iter().any(|each| each.is_stuck);
        edge.set_stalled(any_is_stuck);
        if interval.is_some() && !any_is_stuck {
            service_manager::alive();
        }
    }
    loops.iter().for_each(|each| each.beating.abort());
}

/// The milliseconds of [`clock::elapsed`].
fn now() -> u64 {
    u64::try_from(clock::elapsed().as_millis()).unwrap_or(u64::MAX)
}
