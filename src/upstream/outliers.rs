//! The rounds in which servers are held against their neighbours.

use super::{Report, stopped};
use crate::live::Fleet;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time;

/// How often it is looked whose interval has passed, and who is back.
const ROUND: Duration = Duration::from_secs(1);

/// Judges the servers of a fleet until `shutdown` says `true` or its sender is gone. Runs on a tokio runtime with time.
pub async fn judge_outliers(fleet: Arc<Fleet>, report: Report, shutdown: watch::Receiver<bool>) {
    let stop = stopped(shutdown);
    tokio::pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => return,
            () = time::sleep(ROUND) => fleet.judge_outliers().iter().for_each(|transition| report(transition)),
        }
    }
}
