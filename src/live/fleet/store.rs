//! What the fleet remembers, by what it is.

use super::care::Care;
use super::name::{DnsName, Target};
use super::pool::PoolState;
use super::purpose::Purpose;
use super::server::{Server, ServerKey, ServerTls};
use super::servers::Servers;
use super::status::Transition;
use crate::live::clock;
use crate::live::memory::{Heritage, ServerMemory};
use crate::model::{FailoverRules, Pool, PoolServer, Presence, RegionName, ServerHost};
use crate::resilience::Flapping;
use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU16;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use tokio::sync::watch;

/// Everything by what it is. Nothing is kept alive here.
#[derive(Debug, Default)]
pub(super) struct Store {
    /// How many tables have come.
    pub(super) generation: u64,
    pub(super) servers: HashMap<ServerKey, Weak<Server>>,
    pub(super) names: HashMap<ServerHost, Weak<DnsName>>,
    /// More than one where a pool was edited and requests still use the older one.
    pub(super) pools: HashMap<(Purpose, RegionName), Vec<Weak<PoolState>>>,
    /// Whether a pool is held back that will be back without anything else.
    pub(super) has_flapping: bool,
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
        (definition, rules): (&Pool, FailoverRules),
        (tls, care): (Option<ServerTls>, Care),
        targets: &watch::Sender<u64>,
    ) -> Arc<PoolState> {
        let key = (purpose.clone(), region.clone());
        let known = self.pools.get(&key).into_iter().flatten().filter_map(Weak::upgrade);
        let (mut had_servers, mut entrance) = (false, None);
        let mut flapping = Flapping::default();
        for pool in known {
            if pool.definition == *definition && pool.tls == tls && *pool.care == care {
                pool.generation.store(self.generation, Ordering::Release);
                pool.set_rules(rules);
                self.has_flapping |= pool.presence() == Presence::Flapping;
                self.hand_care(&pool); // another table may have said otherwise in between
                return pool;
            }
            had_servers |= !pool.servers.load().is_empty();
            entrance.get_or_insert_with(|| Arc::clone(&pool.entrance));
            flapping = pool.flapping();
        }
        let mut names: Vec<Arc<DnsName>> = Vec::new();
        for server in &definition.servers {
            let host = &server.address.host;
            if !matches!(host, ServerHost::Address(_)) && !names.iter().any(|name| name.host() == host) {
                names.push(self.name(host));
            }
        }
        let (purpose, region) = key.clone();
        // An edited pool goes on where the older one is: what is new in it is new beside servers that are warm.
        let definition = definition.clone();
        let (said, targets) = ((definition, tls, Arc::new(care)), targets.clone());
        let pool = PoolState::new(purpose, region, said, names, entrance, (had_servers, self.generation), targets);
        let pool = Arc::new(pool);
        pool.go_on(flapping, rules);
        self.fill(&pool);
        pool.recount();
        self.has_flapping |= pool.presence() == Presence::Flapping;
        self.pools.entry(key).or_default().push(Arc::downgrade(&pool));
        pool
    }

    fn name(&mut self, host: &ServerHost) -> Arc<DnsName> {
        if let Some(known) = self.names.get(host).and_then(Weak::upgrade) {
            return known;
        }
        let name = Arc::new(DnsName::new(host.clone()));
        if let Some(addresses) = self.remembered.names.get(name.text()).filter(|_| !name.is_service()) {
            name.resolved(addresses.iter().copied().map(Target::from).collect());
        }
        self.names.insert(host.clone(), Arc::downgrade(&name));
        name
    }

    /// Gives the pool the servers that its definition and the answers for its names say.
    pub(super) fn fill(&mut self, pool: &PoolState) {
        let mut addresses = Vec::new();
        for server in &pool.definition.servers {
            let targets = match &server.address.host {
                ServerHost::Address(address) => vec![Target::from(*address)],
                host => {
                    let name = pool.names.iter().find(|name| name.host() == host);
                    name.map(|name| name.answer().targets.clone()).unwrap_or_default()
                }
            };
            let address = |target: &Target| {
                SocketAddr::new(target.address.to_canonical(), target.port.unwrap_or(server.address.port))
            };
            addresses
                .extend(targets.iter().map(|target| (address(target), weight_of(target, &targets, server.weight))));
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
    pub(super) fn recount(&mut self, pool: Arc<PoolState>) -> Vec<Transition> {
        let (before, stood) = (pool.any_healthy(), pool.presence());
        let stands = pool.recount();
        self.has_flapping |= stands == Presence::Flapping;
        let healthy = pool.any_healthy();
        let of_newest_table = pool.generation.load(Ordering::Acquire) == self.generation;
        let counts = (before != healthy).then(|| Transition::Pool { pool: Arc::clone(&pool), healthy });
        let told = counts.into_iter().chain(Transition::presence(pool, stood, stands));
        told.filter(|_| of_newest_table).collect()
    }

    /// Looks whose time it is to be back.
    pub(super) fn look(&mut self) -> Vec<Transition> {
        if !std::mem::take(&mut self.has_flapping) {
            return Vec::new();
        }
        let held: Vec<_> = self.live_pools().filter(|pool| pool.presence() == Presence::Flapping).collect();
        held.into_iter().flat_map(|pool| self.recount(pool)).collect()
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

/// The weight of one of the `targets` of a name that has `weight` in the table: as many times its own. Where one of them would be
/// heavier than a server may be, all are made lighter alike.
fn weight_of(target: &Target, targets: &[Target], weight: NonZeroU16) -> NonZeroU16 {
    let product = |of: &Target| u32::from(of.weight.get()) * u32::from(weight.get());
    let heaviest = targets.iter().map(product).max().unwrap_or(1).max(u32::from(PoolServer::HEAVIEST));
    let light = u64::from(product(target)) * u64::from(PoolServer::HEAVIEST) / u64::from(heaviest);
    u16::try_from(light).ok().and_then(NonZeroU16::new).unwrap_or(NonZeroU16::MIN)
}
