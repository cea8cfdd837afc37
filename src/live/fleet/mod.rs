//! What the edge knows of the servers of its pools: where they are, whether they are healthy, how busy they are.
//!
//! Tables come and go; a [`Fleet`] stays. It remembers servers and DNS names by what they are, so that a new table finds
//! the health that an older one left, and forgets those that no table and no request uses any more. It does no I/O:
//! probes and requests tell it what they saw, discovery tells it what DNS said.

mod name;
mod pool;
mod server;
mod status;
#[cfg(test)]
pub(crate) mod tests;

pub use name::DnsName;
pub use pool::{PoolState, Pools};
pub use server::{ActiveRequest, Server};
pub use status::{NameStatus, PoolStatus, ServerStatus, Transition};

use crate::model::{Pool, RegionName, ServerHost, ServiceName};
use crate::resilience::{HealthLimits, Observation, Standing};
use crate::routing::RoutingTable;
use server::ServerKey;
use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use tokio::sync::watch;

/// The servers and names of all tables that are in use. One for the life of the process, shared by everyone.
#[derive(Debug)]
pub struct Fleet {
    limits: HealthLimits,
    store: Mutex<Store>,
    /// Counts the changes of what has to be resolved and probed.
    targets: watch::Sender<u64>,
    /// Counts the first answers of names and the first observations of servers.
    progress: watch::Sender<u64>,
}

/// Everything by what it is. Nothing is kept alive here.
#[derive(Debug, Default)]
struct Store {
    /// How many tables have come.
    generation: u64,
    servers: HashMap<ServerKey, Weak<Server>>,
    names: HashMap<Box<str>, Weak<DnsName>>,
    /// More than one where a pool was edited and requests still use the older one.
    pools: HashMap<(ServiceName, RegionName), Vec<Weak<PoolState>>>,
}

impl Default for Fleet {
    fn default() -> Self {
        Self::new(HealthLimits::default())
    }
}

impl Fleet {
    /// A fleet without a server, which judges by `limits`.
    #[must_use]
    pub fn new(limits: HealthLimits) -> Self {
        let (targets, progress) = (watch::Sender::new(0), watch::Sender::new(0));
        Self { limits, store: Mutex::default(), targets, progress }
    }

    /// The pools of a table that is about to go live. What is known already of a pool, a server or a name is found
    /// again; probes and discovery hear of what is new at once.
    ///
    /// From now on [`Transition::Pool`] speaks of this table's pools only. A pool begins silently, at whatever it has.
    /// Takes time in proportion to the table, and lets go of what nothing uses any more.
    #[must_use]
    pub fn pools_for(&self, table: &RoutingTable) -> Pools {
        let regions = table.regions().len();
        let mut pools = vec![None; regions * table.services().len()].into_boxed_slice();
        let mut store = self.store();
        store.generation += 1;
        for (service_id, service) in table.services_by_id() {
            for (region_id, definition) in &service.pools {
                let slot = pools.get_mut(service_id.index() * regions + region_id.index());
                if let (Some(slot), Some(region)) = (slot, table.region(*region_id)) {
                    *slot = Some(store.pool(&service.name, &region.name, definition, &self.targets));
                }
            }
        }
        store.sweep();
        drop(store);
        count_up(&self.targets);
        Pools::new(pools, regions, self.progress.subscribe())
    }

    /// Takes in what was seen of a server, and says what that changed: usually nothing, which takes no lock and writes
    /// nothing.
    #[must_use = "transitions are for the log and the metrics"]
    pub fn observe(&self, server: &Arc<Server>, observation: Observation) -> Vec<Transition> {
        let (before, after) = server.observe(observation, self.limits);
        let mut transitions = Vec::new();
        if (before == Standing::Unhealthy) != (after == Standing::Unhealthy) {
            let store = self.store();
            if let Some(healthy) = server.take_change() {
                transitions.push(Transition::Server { server: Arc::clone(server), healthy });
            }
            let key = (server.service().clone(), server.region().clone());
            for pool in store.pools.get(&key).into_iter().flatten().filter_map(Weak::upgrade) {
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
        let mut transitions = Vec::new();
        let mut store = self.store();
        let first = !name.answer().asked;
        let changed = name.resolved(addresses);
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

    /// Takes in that DNS has no answer for a name, and why. The addresses of its last answer stay.
    pub fn unresolved(&self, name: &DnsName, why: &str) {
        let store = self.store();
        name.failed(why);
        drop(store);
        count_up(&self.progress);
    }

    /// The store is whole between any two statements that change it, so that a panic elsewhere leaves it usable.
    fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store {
    /// The pool as it is known already, or a new one with what is known of its servers and names.
    fn pool(
        &mut self,
        service: &ServiceName,
        region: &RegionName,
        definition: &Pool,
        targets: &watch::Sender<u64>,
    ) -> Arc<PoolState> {
        let key = (service.clone(), region.clone());
        let known = self.pools.get(&key).into_iter().flatten().filter_map(Weak::upgrade);
        if let Some(pool) = known.into_iter().find(|pool| pool.definition == *definition) {
            pool.generation.store(self.generation, Ordering::Release);
            return pool;
        }
        let mut names: Vec<Arc<DnsName>> = Vec::new();
        for server in &definition.servers {
            if let ServerHost::Name(text) = &server.host
                && !names.iter().any(|name| name.text() == &**text)
            {
                names.push(self.name(text));
            }
        }
        let (service, region) = key.clone();
        let pool = PoolState::new(service, region, definition.clone(), names, self.generation, targets.clone());
        let pool = Arc::new(pool);
        self.fill(&pool);
        pool.recount();
        self.pools.entry(key).or_default().push(Arc::downgrade(&pool));
        pool
    }

    fn name(&mut self, text: &str) -> Arc<DnsName> {
        if let Some(known) = self.names.get(text).and_then(Weak::upgrade) {
            return known;
        }
        let name = Arc::new(DnsName::new(text));
        self.names.insert(text.into(), Arc::downgrade(&name));
        name
    }

    /// Gives the pool the servers that its definition and the answers for its names say.
    fn fill(&mut self, pool: &PoolState) {
        let mut addresses = Vec::new();
        for server in &pool.definition.servers {
            let hosts = match &server.host {
                ServerHost::Address(address) => vec![*address],
                ServerHost::Name(text) => {
                    let name = pool.names.iter().find(|name| name.text() == &**text);
                    name.map(|name| name.answer().addresses.clone()).unwrap_or_default()
                }
            };
            addresses.extend(hosts.into_iter().map(|host| SocketAddr::new(host.to_canonical(), server.port)));
        }
        let mut seen = HashSet::new();
        addresses.retain(|address| seen.insert(*address));
        let sni = pool.definition.tls.as_ref().map(|tls| tls.sni.clone());
        let servers = addresses.into_iter().map(|address| {
            self.server(ServerKey {
                service: pool.service.clone(),
                region: pool.region.clone(),
                address,
                sni: sni.clone(),
                http2: pool.definition.http2,
            })
        });
        let servers: Box<[_]> = servers.collect();
        pool.servers.store(Arc::new(servers));
    }

    fn server(&mut self, key: ServerKey) -> Arc<Server> {
        if let Some(known) = self.servers.get(&key).and_then(Weak::upgrade) {
            return known;
        }
        let server = Arc::new(Server::new(key));
        self.servers.insert(server.key().clone(), Arc::downgrade(&server));
        server
    }

    fn live_pools(&self) -> impl Iterator<Item = Arc<PoolState>> {
        self.pools.values().flatten().filter_map(Weak::upgrade)
    }

    fn pools_with(&self, name: &Arc<DnsName>) -> Vec<Arc<PoolState>> {
        let pools = self.live_pools();
        pools.filter(|pool| pool.names.iter().any(|of_pool| Arc::ptr_eq(of_pool, name))).collect()
    }

    /// Counts the pool's healthy servers anew. Under the lock, so that the last count sees the last change.
    fn recount(&self, pool: Arc<PoolState>) -> Option<Transition> {
        let (before, healthy) = pool.recount();
        let of_newest_table = pool.generation.load(Ordering::Acquire) == self.generation;
        (before != healthy && of_newest_table).then_some(Transition::Pool { pool, healthy })
    }

    /// Lets go of what nothing uses any more.
    fn sweep(&mut self) {
        self.pools.retain(|_, pools| {
            pools.retain(|pool| pool.strong_count() > 0);
            !pools.is_empty()
        });
        self.names.retain(|_, name| name.strong_count() > 0);
        self.servers.retain(|_, server| server.strong_count() > 0);
    }
}

fn count_up(counter: &watch::Sender<u64>) {
    counter.send_modify(|count| *count = count.wrapping_add(1));
}
