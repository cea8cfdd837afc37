//! Pools that were held back are back in time, though nothing happens to their servers.

use super::{Report, stopped};
use crate::live::Fleet;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// How often it is looked.
const LOOK: Duration = Duration::from_millis(100);

/// Looks until `shutdown` says `true` or its sender is gone.
pub async fn look_after(fleet: Arc<Fleet>, report: Report, shutdown: watch::Receiver<bool>) {
    let mut ticks = tokio::time::interval(LOOK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    let stop = stopped(shutdown);
    tokio::pin!(stop);
    loop {
        tokio::select! {
            _ = ticks.tick() => fleet.look().iter().for_each(|transition| report(transition)),
            () = &mut stop => return,
        }
    }
}
