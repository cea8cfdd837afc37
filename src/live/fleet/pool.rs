//! The servers of one service in one region, or of a region's edge, as they are at the moment; and the index of all pools
//! of a table.

use super::care::Care;
use super::entrance::Entrance;
use super::name::DnsName;
use super::purpose::Purpose;
use super::server::{Server, ServerTls};
use super::servers::Servers;
use super::status::PoolStatus;
use crate::balance::{Candidate, KeyHash, Rule, Weight, choose};
use crate::live::clock;
use crate::model::{Balancing, FailoverRules, Pool, Presence, RegionId, RegionName, Resilience, ServiceId};
use crate::resilience::{BreakerState, Flapping, panics};
use arc_swap::ArcSwap;
use std::net::SocketAddr;
use std::num::NonZeroU16;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// A pool: the servers that the table names and those that DNS gave for its names. Reading it takes no lock and
/// allocates nothing.
#[derive(Debug)]
pub struct PoolState {
    pub(super) purpose: Purpose,
    pub(super) region: RegionName,
    pub(super) definition: Pool,
    /// What the definition says of TLS, with what was in the files that it names.
    pub(super) tls: Option<ServerTls>,
    /// How its table wants its servers to be looked after.
    pub(super) care: Arc<Care>,
    /// Held so that the fleet goes on resolving them.
    pub(super) names: Vec<Arc<DnsName>>,
    pub(super) servers: ArcSwap<Servers>,
    /// Whether its first servers are known, so that one that comes from now on is a new one beside them. Changes under the
    /// fleet's lock only.
    pub(super) is_filled: AtomicBool,
    pub(super) healthy: AtomicUsize,
    /// The millisecond of [`clock::elapsed`] from which on none of its servers is ejected, as far as is known now.
    ejected_until: AtomicU64,
    /// The millisecond at which its servers were last held against each other.
    pub(super) judged_at: AtomicU64,
    /// How it stands, as [`Presence::to_bits`] says it.
    presence: AtomicU8,
    /// Whether it comes and goes. Locked under the fleet's lock only, so that nobody waits.
    flapping: Mutex<(Flapping, FailoverRules)>,
    /// The newest table that has this pool, as a count of tables.
    pub(super) generation: AtomicU64,
    /// Shared with the pools that were here before it was edited.
    pub(super) entrance: Arc<Entrance>,
    turn: AtomicUsize,
    targets: watch::Sender<u64>,
}

impl PoolState {
    pub(super) fn new(
        purpose: Purpose,
        region: RegionName,
        (definition, tls, care): (Pool, Option<ServerTls>, Arc<Care>),
        names: Vec<Arc<DnsName>>,
        entrance: Option<Arc<Entrance>>,
        (is_filled, generation): (bool, u64),
        targets: watch::Sender<u64>,
    ) -> Self {
        let entrance = entrance.unwrap_or_else(|| Arc::new(Entrance::new(purpose.clone(), region.clone())));
        Self {
            purpose,
            region,
            definition,
            tls,
            care,
            names,
            servers: ArcSwap::default(),
            is_filled: AtomicBool::new(is_filled),
            healthy: AtomicUsize::new(0),
            ejected_until: AtomicU64::new(0),
            judged_at: AtomicU64::new(millis(clock::elapsed())),
            presence: AtomicU8::new(Presence::NoneHealthy.to_bits()),
            flapping: Mutex::default(),
            generation: AtomicU64::new(generation),
            entrance,
            turn: AtomicUsize::new(0),
            targets,
        }
    }

    /// Goes on where a pool was that came and went, by these rules.
    pub(super) fn go_on(&self, flapping: Flapping, rules: FailoverRules) {
        *self.lock() = (flapping, rules);
    }

    /// What its servers are there for.
    #[must_use]
    pub fn purpose(&self) -> &Purpose {
        &self.purpose
    }

    /// The region that its servers stand in.
    #[must_use]
    pub fn region(&self) -> &RegionName {
        &self.region
    }

    /// Whether a server is there that is not known to be unhealthy. One atomic load.
    #[must_use]
    pub fn any_healthy(&self) -> bool {
        self.healthy.load(Ordering::Acquire) > 0
    }

    /// Whether its servers are spoken to in HTTP/1.1 by TCP or TLS, and nothing else.
    #[must_use]
    pub fn speaks_http1(&self) -> bool {
        !self.definition.http2 && self.definition.proxy_protocol.is_none()
    }

    /// Whether requests may go there: a server is there that is not known to be unhealthy, and the pool's breaker lets one
    /// pass. Usually two atomic loads.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.any_healthy() && !self.entrance.is_cut()
    }

    /// Where requests get their places, and whether any may go there.
    #[must_use]
    pub fn entrance(&self) -> &Arc<Entrance> {
        &self.entrance
    }

    /// Does from now on what the service says of faults.
    pub(super) fn follow(&self, resilience: &Resilience) {
        self.entrance.follow(resilience);
        if !resilience.breaker.servers {
            self.servers.load().iter().for_each(|server| server.breaker.reset());
        }
    }

    /// How many of its servers have a breaker that is not closed.
    #[must_use]
    pub fn cut_servers(&self) -> usize {
        let servers = self.servers.load();
        servers.iter().filter(|server| server.breaker_state() != BreakerState::Closed).count()
    }

    /// Whether every server that may be asked has as many requests as it may have.
    #[must_use]
    pub fn is_full(&self) -> bool {
        let most = self.entrance.most_of_server();
        let servers = self.servers.load();
        !servers.is_empty() && servers.iter().all(|server| server.active() >= most)
    }

    /// How many servers are there that are not known to be unhealthy. One atomic load.
    #[must_use]
    pub fn healthy(&self) -> usize {
        self.healthy.load(Ordering::Acquire)
    }

    /// How it stands. One atomic load.
    #[must_use]
    pub fn presence(&self) -> Presence {
        Presence::from_bits(self.presence.load(Ordering::Acquire))
    }

    /// How it stands to a decision: as without a healthy server too where its breaker lets nothing pass.
    #[must_use]
    pub fn presence_now(&self) -> Presence {
        if self.entrance.is_cut() { Presence::NoneHealthy } else { self.presence() }
    }

    /// For how long it is still held back, if nothing changes; zero where it is not.
    #[must_use]
    pub fn held_for(&self) -> Duration {
        let (flapping, rules) = &*self.lock();
        flapping.back_at(rules).map_or(Duration::ZERO, |back| back.saturating_sub(clock::elapsed()))
    }

    /// Its servers at this moment. Each address stands there once.
    #[must_use]
    pub fn servers(&self) -> Arc<Servers> {
        self.servers.load_full()
    }

    /// The server for the next attempt of a request that has this `key`: an open one without those in `tried`, as
    /// `balancing` says. Where too few are open, ejections are ignored.
    ///
    /// Where no open one is left it is a healthy one that is ejected, and at the last an unhealthy one: a request comes here
    /// because the pool had a healthy server a moment ago ([`PoolState::any_healthy`]), and then an attempt is better than an
    /// error. `None` only where every
    /// server was tried or has as many requests as it may have, or none is there. Of attempts that are made at the same
    /// moment none sees the others: together they may exceed a bound on load by one for each thread.
    #[must_use]
    pub fn pick(&self, balancing: &Balancing, key: Option<KeyHash>, tried: &[SocketAddr]) -> Option<Arc<Server>> {
        let servers = self.servers.load();
        // A further try takes nobody's turn: or else, of two servers, the one that fails would come first each time.
        let turn = if tried.is_empty() {
            self.turn.fetch_add(1, Ordering::Relaxed)
        } else {
            self.turn.load(Ordering::Relaxed)
        };
        let rule = Rule::new(balancing, key);
        let (slow_start, now) = (balancing.slow_start, clock::elapsed());
        let most = self.entrance.most_of_server();
        let may = |server: &Server| !tried.contains(&server.address()) && server.active() < most;
        let untried = servers.weighted().enumerate().filter(|(_, (server, _))| may(server));
        let candidate = |(place, (server, weight)): (usize, (&Arc<Server>, NonZeroU16))| Candidate {
            place,
            hash: server.hash(),
            weight: server.weight(weight, now, slow_start),
            active: server.active(),
        };
        // Only those that may get it are counted, which keeps turns even: going on from an unhealthy server would double
        // its neighbour's load.
        let healthy = untried.clone().filter(|(_, (server, _))| server.is_healthy());
        // Breakers cut off all of them but the last: whether that goes on is for the pool's own to say.
        let passing = healthy.clone().filter(|(_, (server, _))| !server.is_cut());
        let open = passing.clone().filter(|(_, (server, _))| server.is_open(now));
        let open = if self.ignores_ejections(&servers, now) { None } else { choose(rule, turn, open.map(candidate)) };
        let place = open
            .or_else(|| choose(rule, turn, passing.map(candidate)))
            .or_else(|| choose(rule, turn, healthy.map(candidate)))
            .or_else(|| choose(rule, turn, untried.map(candidate)))?;
        servers.get(place).map(Arc::clone)
    }

    /// Whether so few of its servers are open that ejections do not count. One atomic load, where none is ejected.
    fn ignores_ejections(&self, servers: &Servers, now: Duration) -> bool {
        let Some(rules) =
            self.care.outliers.as_ref().filter(|_| self.ejected_until.load(Ordering::Relaxed) > millis(now))
        else {
            return false;
        };
        panics(servers.len(), servers.iter().filter(|server| server.is_open(now)).count(), rules)
    }

    /// Takes in until when its servers are ejected.
    pub(super) fn note_ejections(&self) {
        let now = clock::elapsed();
        let servers = self.servers.load();
        let last = servers.iter().filter_map(|server| server.outlier.ejection(now)).map(|(until, _)| until);
        self.ejected_until.store(last.max().map_or(0, millis), Ordering::Relaxed);
    }

    /// How many of its servers are ejected at the moment.
    #[must_use]
    pub fn ejected(&self) -> usize {
        let now = clock::elapsed();
        self.servers.load().iter().filter(|server| server.outlier.is_ejected(now)).count()
    }

    /// Whether a request with this key is at a server that is not the first in the key's order only because no request goes to
    /// the first: it is not healthy, ejected, or cut off by its breaker.
    #[must_use]
    pub fn is_displaced(&self, balancing: &Balancing, key: KeyHash, at: SocketAddr) -> bool {
        let (servers, now) = (self.servers.load(), clock::elapsed());
        let is_passed_over = |server: &Server| !server.is_open(now) || server.is_cut();
        if !servers.iter().any(|server| is_passed_over(server)) {
            return false;
        }
        let all = servers.weighted().enumerate().map(|(place, (server, weight))| Candidate {
            place,
            hash: server.hash(),
            weight: Weight::whole(weight),
            active: 0,
        });
        let first = choose(Rule::new(balancing, Some(key)), 0, all).and_then(|place| servers.get(place));
        first.is_some_and(|first| first.address() != at && is_passed_over(first))
    }

    /// The weights of its servers at this moment.
    #[cfg(test)]
    pub(crate) fn weights(&self) -> Vec<NonZeroU16> {
        self.servers.load().weighted().map(|(_, weight)| weight).collect()
    }

    /// How it stands, for people.
    #[must_use]
    pub fn status(&self) -> PoolStatus {
        PoolStatus::of(self)
    }

    /// Counts the healthy servers anew, and says how the pool stands with them at this moment.
    pub(super) fn recount(&self) -> Presence {
        let servers = self.servers.load();
        let healthy = servers.iter().filter(|server| server.is_healthy()).count();
        let (flapping, rules) = &mut *self.lock();
        let stands = flapping.observe(healthy, servers.len(), rules, clock::elapsed());
        self.healthy.store(healthy, Ordering::Release);
        self.presence.store(stands.to_bits(), Ordering::Release);
        stands
    }

    /// From now on it is away and back by these rules.
    pub(super) fn set_rules(&self, rules: FailoverRules) {
        let before = std::mem::replace(&mut self.lock().1, rules);
        if before != rules {
            self.recount();
        }
    }

    pub(super) fn flapping(&self) -> Flapping {
        self.lock().0
    }

    fn lock(&self) -> MutexGuard<'_, (Flapping, FailoverRules)> {
        self.flapping.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether each name was asked for and each server was tried, at least once.
    fn is_settled(&self) -> bool {
        self.names.iter().all(|name| name.answer().asked) && self.servers.load().iter().all(|server| server.is_tried())
    }
}

pub(super) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

impl Drop for PoolState {
    /// With the last user of a pool its servers and names may go: those who look after them should look again.
    fn drop(&mut self) {
        self.targets.send_modify(|count| *count = count.wrapping_add(1));
    }
}

/// The pools of one table. It never changes; what it leads to does.
#[derive(Debug)]
pub struct Pools {
    /// By service, then region.
    pools: Box<[Option<Arc<PoolState>>]>,
    /// By region.
    edges: Box<[Option<Arc<PoolState>>]>,
    regions: usize,
    progress: watch::Receiver<u64>,
}

impl Pools {
    pub(super) fn new(
        pools: Box<[Option<Arc<PoolState>>]>,
        edges: Box<[Option<Arc<PoolState>>]>,
        progress: watch::Receiver<u64>,
    ) -> Self {
        let regions = edges.len();
        Self { pools, edges, regions, progress }
    }

    /// The edge of this region, where requests are handed to it.
    #[must_use]
    pub fn edge(&self, region: RegionId) -> Option<&Arc<PoolState>> {
        self.edges.get(region.index())?.as_ref()
    }

    /// The pool of this service in this region, by ids of the table that this was made for; `None` also where the region is
    /// reached through its edge only. One look into an array.
    #[must_use]
    pub fn get(&self, service: ServiceId, region: RegionId) -> Option<&Arc<PoolState>> {
        if region.index() >= self.regions {
            return None;
        }
        self.pools.get(service.index() * self.regions + region.index())?.as_ref()
    }

    /// All pools, by service and then region, and behind them the edges.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<PoolState>> {
        self.pools.iter().chain(&self.edges).flatten()
    }

    /// What is known of every pool, by service and then region, in the order of the table, and behind them of the edges.
    #[must_use]
    pub fn status(&self) -> Vec<PoolStatus> {
        self.iter().map(|pool| PoolStatus::of(pool)).collect()
    }

    /// Whether each name was asked for and each server was tried, at least once.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.iter().all(|pool| pool.is_settled())
    }

    /// Completes once [`Pools::is_settled`]: a table that goes live then does so without a moment in which its names
    /// have no address yet or a dead server passes for a healthy one. With servers that never answer this takes as long
    /// as a probe does: give it a limit.
    pub async fn settled(&self) {
        let mut progress = self.progress.clone();
        loop {
            progress.mark_unchanged();
            if self.is_settled() || progress.changed().await.is_err() {
                return;
            }
        }
    }
}
