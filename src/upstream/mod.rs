//! Floor 6: what looks after the servers of the fleet: discovery by DNS and probes. Neither stands in a request's way.
//!
//! [`dns::Discovery::run`], [`probe::Prober::run`] and [`presence::look_after`] are started once and go on until the process stops. They follow
//! the fleet: what a new table brings is looked up and probed at once, what no table needs any more is let go.

pub mod dns;
mod exchange;
mod lookup;
mod memory;
pub mod outliers;
pub mod presence;
pub mod probe;
mod srv;
mod tend;
#[cfg(test)]
mod tests;
mod visit;

use crate::live::Transition;
use std::sync::Arc;
use tokio::sync::watch;

/// Who hears of the transitions that discovery and probes cause, e.g. [`crate::live::Edge::tell`].
pub type Report = Arc<dyn Fn(&Transition) + Send + Sync>;

/// Completes when the signal says `true`, or nobody is left who could say it.
async fn stopped(mut shutdown: watch::Receiver<bool>) {
    // An error is the sender's end: whoever started us is gone.
    let _ = shutdown.wait_for(|stop| *stop).await;
}
