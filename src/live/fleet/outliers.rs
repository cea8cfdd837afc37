//! The fleet's part in ejections: whose neighbours a server is held against, and who hears of it.

use super::Fleet;
use super::pool::{PoolState, millis};
use super::server::Server;
use super::servers::Servers;
use super::status::Transition;
use super::store::Store;
use crate::live::clock;
use crate::resilience::{Member, Seen, eject_for_failures, judge};
use std::sync::Arc;
use std::sync::atomic::Ordering;

impl Fleet {
    /// Takes in how a request ended that a server had. In the usual case that is a few atomics and nothing else.
    #[must_use = "transitions are for the log and the metrics"]
    pub fn ended(&self, server: &Arc<Server>, seen: Seen) -> Option<Transition> {
        let rules = &server.outlier_rules()?;
        let now = clock::elapsed();
        if !server.outlier.record(seen, now, rules) {
            return None;
        }
        let store = self.store();
        let pool = newest_around(&store, server)?;
        let servers = pool.servers();
        let place = servers.iter().position(|other| Arc::ptr_eq(other, server))?;
        let ejection = eject_for_failures(&members(&servers), place, now, rules)?;
        server.warm_up(now.saturating_add(ejection.length));
        store.pools_around(server).for_each(|pool| pool.note_ejections());
        Some(Transition::Ejected { server: Arc::clone(server), ejection })
    }

    /// Holds the servers of each pool against each other whose interval has passed, and says who is ejected and who has
    /// come back since the last call. For a call every second or so; ejections end without it.
    #[must_use = "transitions are for the log and the metrics"]
    pub fn judge_outliers(&self) -> Vec<Transition> {
        let now = clock::elapsed();
        let mut transitions = Vec::new();
        let store = self.store();
        for pool in store.live_pools() {
            let servers = pool.servers();
            for server in servers.iter().filter(|server| server.outlier.has_returned(now)) {
                transitions.push(Transition::Returned { server: Arc::clone(server) });
            }
            let Some(rules) = pool.care.outliers.as_ref().filter(|_| is_newest(&store, &pool)) else { continue };
            let due = pool.judged_at.load(Ordering::Relaxed).saturating_add(millis(rules.interval));
            if due > millis(now) {
                continue;
            }
            pool.judged_at.store(millis(now), Ordering::Relaxed);
            for (place, ejection) in judge(&members(&servers), now, rules) {
                let Some(server) = servers.get(place) else { continue };
                server.warm_up(now.saturating_add(ejection.length));
                store.pools_around(server).for_each(|pool| pool.note_ejections());
                transitions.push(Transition::Ejected { server: Arc::clone(server), ejection });
            }
        }
        transitions
    }
}

fn members(servers: &Servers) -> Vec<Member<'_>> {
    servers.iter().map(|server| Member { track: &server.outlier, is_healthy: server.is_healthy() }).collect()
}

/// The pool of the newest table that has the server.
fn newest_around(store: &Store, server: &Arc<Server>) -> Option<Arc<PoolState>> {
    let has_it = |pool: &Arc<PoolState>| pool.servers().iter().any(|other| Arc::ptr_eq(other, server));
    store.pools_around(server).filter(has_it).max_by_key(|pool| pool.generation.load(Ordering::Acquire))
}

/// Whether no newer table has a pool in its place: each server is held against its neighbours once.
fn is_newest(store: &Store, pool: &Arc<PoolState>) -> bool {
    let generation = pool.generation.load(Ordering::Acquire);
    let same = store.pools.get(&(pool.purpose.clone(), pool.region.clone()));
    let mut same = same.into_iter().flatten().filter_map(std::sync::Weak::upgrade);
    !same.any(|other| other.generation.load(Ordering::Acquire) > generation)
}
