//! One task for each thing that needs looking after, as the fleet's things come and go.

use super::stopped;
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};

/// Keeps a task of `look_after` for each of `targets`, asked again whenever `changed` changes, until `shutdown` says
/// `true` or its sender is gone. Then, and when a target is no longer there, tasks are ended where they wait.
pub(super) async fn tend<T, F>(
    targets: impl Fn() -> Vec<Arc<T>>,
    mut changed: watch::Receiver<u64>,
    look_after: impl Fn(Arc<T>) -> F,
    shutdown: watch::Receiver<bool>,
) where
    F: Future<Output = ()> + Send + 'static,
{
    let mut tasks = JoinSet::new(); // ends all of them when it goes
    let mut tended: HashMap<usize, AbortHandle> = HashMap::new();
    let stop = stopped(shutdown);
    tokio::pin!(stop);
    loop {
        changed.mark_unchanged();
        let mut before = std::mem::take(&mut tended);
        for target in targets() {
            // It stands for the same thing as before: the task holds what is at that address.
            let identity = Arc::as_ptr(&target).addr();
            let known = before.remove(&identity).filter(|task| !task.is_finished());
            tended.insert(identity, known.unwrap_or_else(|| tasks.spawn(look_after(target))));
        }
        before.into_values().for_each(|task| task.abort());
        while tasks.try_join_next().is_some() {} // lets go of those that ended
        tokio::select! {
            () = &mut stop => return,
            still_there = changed.changed() => if still_there.is_err() { return },
        }
    }
}
