//! What the fleet remembers, by what it is.

use super::care::Care;
use super::name::DnsName;
use super::pool::PoolState;
use super::purpose::Purpose;
use super::server::{Server, ServerKey, ServerTls};
use super::servers::Servers;
use super::status::Transition;
use crate::live::clock;
use crate::live::memory::{Heritage, ServerMemory};
use crate::model::{Pool, RegionName, ServerHost};
use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use tokio::sync::watch;

/// Everything by what it is. Nothing is kept alive here.
#[derive(Debug, Default)]
pub(super) struct Store {
    /// How many tables have come.
    pub(super) generation: u64,
    pub(super) servers: HashMap<ServerKey, Weak<Server>>,
    pub(super) names: HashMap<Box<str>, Weak<DnsName>>,
    /// More than one where a pool was edited and requests still use the older one.
    pub(super) pools: HashMap<(Purpose, RegionName), Vec<Weak<PoolState>>>,
    /// What another process knew, until this one knows enough itself.
    pub(super) remembered: Remembered,
}

/// What another process knew, by what it is about.
#[derive(Debug, Default)]
pub(super) struct Remembered {
    servers: HashMap<SocketAddr, Vec<ServerMemory>>,
    names: HashMap<String, Vec<IpAddr>>,
}

impl Remembered {
    pub(super) fn new(heritage: Heritage) -> Self {
        let mut servers: HashMap<_, Vec<_>> = HashMap::new();
        for memory in heritage.servers {
            servers.entry(memory.address).or_default().push(memory);
        }
        Self { servers, names: heritage.names.into_iter().map(|memory| (memory.name, memory.addresses)).collect() }
    }

    fn server(&self, server: &Server) -> Option<&ServerMemory> {
        let purpose = server.purpose().to_string();
        let of_address = self.servers.get(&server.address())?;
        of_address.iter().find(|memory| memory.region == server.region().as_str() && memory.purpose == purpose)
    }
}

impl Store {
    /// The pool as it is known already, or a new one with what is known of its servers and names.
    pub(super) fn pool(
        &mut self,
        purpose: &Purpose,
        region: &RegionName,
        definition: &Pool,
        (tls, care): (Option<ServerTls>, Care),
        targets: &watch::Sender<u64>,
    ) -> Arc<PoolState> {
        let key = (purpose.clone(), region.clone());
        let known = self.pools.get(&key).into_iter().flatten().filter_map(Weak::upgrade);
        let mut had_servers = false;
        for pool in known {
            if pool.definition == *definition && pool.tls == tls && *pool.care == care {
                pool.generation.store(self.generation, Ordering::Release);
                self.hand_care(&pool); // another table may have said otherwise in between
                return pool;
            }
            had_servers |= !pool.servers.load().is_empty();
        }
        let mut names: Vec<Arc<DnsName>> = Vec::new();
        for server in &definition.servers {
            if let ServerHost::Name(text) = &server.address.host
                && !names.iter().any(|name| name.text() == &**text)
            {
                names.push(self.name(text));
            }
        }
        let (purpose, region) = key.clone();
        // An edited pool goes on where the older one is: what is new in it is new beside servers that are warm.
        let definition = definition.clone();
        let said = (definition, tls, Arc::new(care));
        let pool = PoolState::new(purpose, region, said, names, had_servers, self.generation, targets.clone());
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
        if let Some(addresses) = self.remembered.names.get(text) {
            name.resolved(addresses.clone());
        }
        self.names.insert(text.into(), Arc::downgrade(&name));
        name
    }

    /// Gives the pool the servers that its definition and the answers for its names say.
    pub(super) fn fill(&mut self, pool: &PoolState) {
        let mut addresses = Vec::new();
        for server in &pool.definition.servers {
            let hosts = match &server.address.host {
                ServerHost::Address(address) => vec![*address],
                ServerHost::Name(text) => {
                    let name = pool.names.iter().find(|name| name.text() == &**text);
                    name.map(|name| name.answer().addresses.clone()).unwrap_or_default()
                }
            };
            let address = |host: IpAddr| SocketAddr::new(host.to_canonical(), server.address.port);
            addresses.extend(hosts.into_iter().map(|host| (address(host), server.weight)));
        }
        let mut seen = HashSet::new();
        addresses.retain(|(address, _)| seen.insert(*address));
        let is_filled = pool.is_filled.load(Ordering::Relaxed);
        let servers = addresses.into_iter().map(|(address, weight)| {
            let key = ServerKey {
                purpose: pool.purpose.clone(),
                region: pool.region.clone(),
                address,
                tls: pool.tls.clone(),
                http2: pool.definition.http2,
                proxy_protocol: pool.definition.proxy_protocol,
            };
            (self.server(key, &pool.care, is_filled), weight)
        });
        let servers: Servers = servers.collect();
        if !servers.is_empty() && pool.names.iter().all(|name| name.answer().asked) {
            pool.is_filled.store(true, Ordering::Relaxed);
        }
        pool.servers.store(Arc::new(servers));
        if pool.generation.load(Ordering::Acquire) == self.generation {
            self.hand_care(pool);
        }
        pool.note_ejections();
    }

    /// Has the pool's servers looked after as the pool says: its table is the newest.
    fn hand_care(&self, pool: &PoolState) {
        let servers = pool.servers.load();
        let changed = servers.iter().filter(|server| server.take_care(&pool.care)).count() > 0;
        for pool in servers.first().filter(|_| changed).into_iter().flat_map(|server| self.pools_around(server)) {
            pool.recount();
        }
    }

    /// The server as it is known already, or a new one, which may have to warm up.
    fn server(&mut self, key: ServerKey, care: &Arc<Care>, is_cold: bool) -> Arc<Server> {
        if let Some(known) = self.servers.get(&key).and_then(Weak::upgrade) {
            return known;
        }
        let server = Arc::new(Server::new(key, Arc::clone(care)));
        match self.remembered.server(&server) {
            Some(memory) => server.recall(memory),
            None if is_cold => server.warm_up(clock::elapsed()),
            None => {}
        }
        self.servers.insert(server.key().clone(), Arc::downgrade(&server));
        server
    }

    /// The pools of all tables in use.
    pub(super) fn live_pools(&self) -> impl Iterator<Item = Arc<PoolState>> {
        self.pools.values().flatten().filter_map(Weak::upgrade)
    }

    /// The pools that the server may be in.
    pub(super) fn pools_around(&self, server: &Server) -> impl Iterator<Item = Arc<PoolState>> {
        let pools = self.pools.get(&(server.purpose().clone(), server.region().clone()));
        pools.into_iter().flatten().filter_map(Weak::upgrade)
    }

    /// The pools that need the name.
    pub(super) fn pools_with(&self, name: &Arc<DnsName>) -> Vec<Arc<PoolState>> {
        let pools = self.live_pools();
        pools.filter(|pool| pool.names.iter().any(|of_pool| Arc::ptr_eq(of_pool, name))).collect()
    }

    /// Counts the pool's healthy servers anew. Under the lock, so that the last count sees the last change.
    pub(super) fn recount(&self, pool: Arc<PoolState>) -> Option<Transition> {
        let (before, healthy) = pool.recount();
        let of_newest_table = pool.generation.load(Ordering::Acquire) == self.generation;
        (before != healthy && of_newest_table).then_some(Transition::Pool { pool, healthy })
    }

    /// Lets go of what nothing uses any more.
    pub(super) fn sweep(&mut self) {
        self.pools.retain(|_, pools| {
            pools.retain(|pool| pool.strong_count() > 0);
            !pools.is_empty()
        });
        self.names.retain(|_, name| name.strong_count() > 0);
        self.servers.retain(|_, server| server.strong_count() > 0);
    }
}
