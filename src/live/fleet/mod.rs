//! What the edge knows of the servers of its pools: where they are, whether they are healthy, how busy they are.
//!
//! Tables come and go; a [`Fleet`] stays. It remembers servers and DNS names by what they are, so that a new table finds
//! the health that an older one left, and forgets those that no table and no request uses any more. It does no I/O:
//! probes and requests tell it what they saw, discovery tells it what DNS said.

mod care;
mod entrance;
mod judged;
mod name;
mod outliers;
mod pool;
mod purpose;
mod server;
mod servers;
mod status;
mod store;
#[cfg(test)]
pub(crate) mod tests;

pub use care::Care;
pub use entrance::{Entered, Entrance, Place, Waiter};
pub use judged::{Heard, Judged};
pub use name::{DnsName, Target};
pub use pool::{PoolState, Pools};
pub use purpose::Purpose;
pub use server::{ActiveRequest, ProbeKind, Server, ServerTls};
pub use servers::Servers;
pub use status::{NameStatus, PoolStatus, ServerStatus, Transition};

use super::memory::{Heritage, NameMemory};
use crate::model::{FailoverRules, Pool, RegionId};
use crate::resilience::{Observation, ProbeFailure, Standing};
use crate::routing::RoutingTable;
use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use store::{Remembered, Store};
use tokio::sync::watch;

/// The servers and names of all tables that are in use. One for the life of the process, shared by everyone.
#[derive(Debug)]
pub struct Fleet {
    store: Mutex<Store>,
    /// Counts the changes of what has to be resolved and probed.
    targets: watch::Sender<u64>,
    /// Counts the first answers of names and the first observations of servers.
    progress: watch::Sender<u64>,
}

impl Default for Fleet {
    fn default() -> Self {
        let (targets, progress) = (watch::Sender::new(0), watch::Sender::new(0));
        Self { store: Mutex::default(), targets, progress }
    }
}

impl Fleet {
    /// The pools of a table that is about to go live. What is known already of a pool, a server or a name is found
    /// again; probes and discovery hear of what is new at once.
    ///
    /// `hops_from` is the local region where hops are on: then other regions that have an edge are reached through it, and
    /// have pools here only where the table allows to reach these directly.
    ///
    /// From now on [`Transition::Pool`] speaks of this table's pools only. A pool begins silently, at whatever it has.
    /// Takes time in proportion to the table, and lets go of what nothing uses any more.
    #[must_use]
    pub fn pools_for(&self, table: &RoutingTable, hops_from: Option<RegionId>) -> Pools {
        let regions = table.regions().len();
        let edge_of = |region| {
            let away = hops_from.is_some_and(|local| local != region);
            table.edge_of(region).filter(|_| away)
        };
        let mut pools = vec![None; regions * table.services().len()].into_boxed_slice();
        let tls = |pool: &Pool| pool.tls.as_ref().map(|tls| ServerTls::new(tls, &table.parts().credentials));
        let mut store = self.store();
        store.generation += 1;
        let edges = table.regions_by_id().map(|(id, region)| {
            let edge = edge_of(id)?;
            let (door, said) = ((&edge.door, FailoverRules::default()), (tls(&edge.door), Care::default()));
            Some(store.pool(&Purpose::Edge, &region.name, door, said, &self.targets))
        });
        let edges = edges.collect();
        for (service_id, service) in table.services_by_id() {
            let purpose = Purpose::Service(service.name.clone());
            for (region_id, definition) in &service.pools {
                if edge_of(*region_id).is_some_and(|edge| !edge.direct) {
                    continue;
                }
                let slot = pools.get_mut(service_id.index() * regions + region_id.index());
                if let (Some(slot), Some(region)) = (slot, table.region(*region_id)) {
                    let rules = service.resilience.failover;
                    let said = (tls(definition), Care::of(service, definition));
                    let pool = store.pool(&purpose, &region.name, (definition, rules), said, &self.targets);
                    pool.follow(&service.resilience);
                    *slot = Some(pool);
                }
            }
        }
        store.sweep();
        drop(store);
        count_up(&self.targets);
        Pools::new(pools, edges, self.progress.subscribe())
    }

    /// Takes in what a request saw of a server, and says what that changed: usually nothing, which takes no lock and
    /// writes nothing.
    #[must_use = "transitions are for the log and the metrics"]
    pub fn observe(&self, server: &Arc<Server>, observation: Observation) -> Vec<Transition> {
        self.changed(server, server.observe(observation))
    }

    /// Takes in how a probe of a server ended, and says what that changed.
    #[must_use = "transitions are for the log and the metrics"]
    pub fn probed(&self, server: &Arc<Server>, kind: ProbeKind, result: Result<(), ProbeFailure>) -> Vec<Transition> {
        self.changed(server, server.probed(kind, result))
    }

    fn changed(&self, server: &Arc<Server>, (before, after): (Standing, Standing)) -> Vec<Transition> {
        let mut transitions = Vec::new();
        if (before == Standing::Unhealthy) != (after == Standing::Unhealthy) {
            let mut store = self.store();
            if let Some(healthy) = server.take_change() {
                transitions.push(Transition::Server { server: Arc::clone(server), healthy });
            }
            for pool in store.pools_around(server).collect::<Vec<_>>() {
                transitions.extend(store.recount(pool));
            }
        }
        if before == Standing::Untried && after != Standing::Untried {
            count_up(&self.progress);
        }
        transitions
    }

    /// The DNS names that have to be resolved, each once.
    #[must_use]
    pub fn names(&self) -> Vec<Arc<DnsName>> {
        let mut seen = HashSet::new();
        let mut names = Vec::new();
        for pool in self.store().live_pools() {
            names.extend(pool.names.iter().filter(|name| seen.insert(Arc::as_ptr(name))).cloned());
        }
        names
    }

    /// The servers that have to be probed, each once.
    #[must_use]
    pub fn servers(&self) -> Vec<Arc<Server>> {
        let mut seen = HashSet::new();
        let mut servers = Vec::new();
        for pool in self.store().live_pools() {
            servers.extend(pool.servers.load().iter().filter(|server| seen.insert(Arc::as_ptr(server))).cloned());
        }
        servers
    }

    /// Changes whenever [`Fleet::names`] or [`Fleet::servers`] may give something else than before.
    #[must_use]
    pub fn targets_changed(&self) -> watch::Receiver<u64> {
        self.targets.subscribe()
    }

    /// Takes in DNS's answer for a name, without repetition and 64 addresses at most, and says what that changed.
    ///
    /// Servers that are gone from it get no new request; those that they serve go on.
    #[must_use = "transitions are for the log and the metrics"]
    pub fn resolved(&self, name: &Arc<DnsName>, addresses: Vec<IpAddr>) -> Vec<Transition> {
        self.resolved_to(name, addresses.into_iter().map(Target::from).collect())
    }

    /// The same where the answer says ports and weights too.
    #[must_use = "transitions are for the log and the metrics"]
    pub fn resolved_to(&self, name: &Arc<DnsName>, targets: Vec<Target>) -> Vec<Transition> {
        let mut transitions = Vec::new();
        let mut store = self.store();
        let first = !name.answer().asked;
        let changed = name.resolved(targets);
        if changed {
            for pool in store.pools_with(name) {
                store.fill(&pool);
                transitions.extend(store.recount(pool));
            }
            store.sweep();
        }
        drop(store);
        if changed {
            count_up(&self.targets);
        }
        if first {
            count_up(&self.progress);
        }
        transitions
    }

    /// Looks at the clock: pools that were held back long enough are back. To be called several times a second; it costs
    /// nothing where none is.
    #[must_use = "transitions are for the log and the metrics"]
    pub fn look(&self) -> Vec<Transition> {
        self.store().look()
    }

    /// Takes in that DNS has no answer for a name, and why. The addresses of its last answer stay.
    pub fn unresolved(&self, name: &DnsName, why: &str) {
        let store = self.store();
        name.failed(why);
        drop(store);
        count_up(&self.progress);
    }

    /// What is known of servers and names, for another process.
    #[must_use]
    pub fn memory(&self) -> Heritage {
        let names = self.names().into_iter().filter_map(|name| {
            let answer = name.answer();
            let addresses = || answer.targets.iter().map(|target| target.address).collect();
            // What SRV records say has ports too; they are asked for again at once.
            let is_kept = answer.asked && !name.is_service();
            is_kept.then(|| NameMemory { name: name.text().to_owned(), addresses: addresses() })
        });
        let servers = self.servers().into_iter().filter_map(|server| server.memory());
        Heritage { hash_key: None, servers: servers.collect(), names: names.collect() }
    }

    /// Takes in what another process knew of servers and names, for those that come until [`Self::forget`].
    pub fn recall(&self, heritage: Heritage) {
        self.store().remembered = Remembered::new(heritage);
    }

    /// Forgets what another process knew of what has not come.
    pub fn forget(&self) {
        self.store().remembered = Remembered::default();
    }

    /// The store is whole between any two statements that change it, so that a panic elsewhere leaves it usable.
    fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn count_up(counter: &watch::Sender<u64>) {
    counter.send_modify(|count| *count = count.wrapping_add(1));
}
