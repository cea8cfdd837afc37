//! The table that is live, with everything that belongs to it.

use super::fleet::Pools;
use super::gate::SessionGate;
use super::learned::LearnedHomes;
use super::limits::RateLimiter;
use super::memory::{Counts, HomesMemory, LimitMemory, MOST_ENTRIES};
use super::traffic::{FlopMatrix, RateMeter, RegionTraffic};
use super::trial::Trial;
use crate::model::{Drain, Presence, RegionId, Revision, ServiceId, Share, Timestamp};
use crate::resilience::RetryBudget;
use crate::routing::{Away, FleetView, RoutingTable};
use crate::telemetry::RequestMeters;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A table that is or was live. A request holds one from beginning to end, whatever comes after it.
pub struct LiveTable {
    /// The table.
    pub table: RoutingTable,
    /// The name of its content.
    pub revision: Revision,
    /// When it went live.
    pub since: Timestamp,
    /// What brought it.
    pub origin: Origin,
    /// The region that this edge stands in.
    pub local: RegionId,
    /// Its pools.
    pub pools: Arc<Pools>,
    /// Its counters.
    pub meters: Arc<RequestMeters>,
    /// What belongs to it while it is watched; missing where it never was.
    pub trial: Option<Arc<Trial>>,
    /// Whether requests are handed to the edges of other regions.
    pub hops: bool,
    /// By service: what its apps have said of sessions whose keys name no region.
    pub(super) learned: Box<[Option<Arc<LearnedHomes>>]>,
    /// By service: what it was asked for, where it has a limit.
    pub(super) limiters: Box<[Option<Arc<RateLimiter>>]>,
    /// By service: what holds the requests of one session together, where something does.
    pub(super) gates: Box<[Option<Arc<SessionGate>>]>,
    /// By service and region: the second until which the region's edge is not asked again, as it has said that it cannot
    /// serve.
    pub(super) edge_refusals: Arc<[AtomicU64]>,
    /// By service and region: the requests under way, and the retries among them.
    pub(super) budgets: Box<[Arc<RetryBudget>]>,
    /// By region: what the region gets from this edge.
    pub(super) traffic: Box<[Arc<RegionTraffic>]>,
    /// Where sessions arrived against where they are at home.
    pub flop_matrix: Arc<FlopMatrix>,
    /// Requests that no region could serve.
    pub unserved: Arc<RateMeter>,
}

/// What brought a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// The file, as it was at the start or after a change.
    File,
    /// The last good table of an earlier run, because the file is broken.
    LastGood,
    /// The guard, which has put it back because errors rose under the one after it.
    Guard,
}

/// For how many seconds an edge that cannot serve a service is not asked for it again.
const REFUSED_FOR: u64 = 5;

impl LiveTable {
    /// The same, with these drains in place of all that are on it. It goes on with everything that this one has.
    pub(super) fn with_drains(&self, drains: Vec<Drain>) -> Self {
        Self {
            table: self.table.with_drains(drains),
            revision: self.revision,
            since: self.since,
            origin: self.origin,
            local: self.local,
            pools: Arc::clone(&self.pools),
            meters: Arc::clone(&self.meters),
            trial: self.trial.clone(),
            hops: self.hops,
            learned: self.learned.clone(),
            limiters: self.limiters.clone(),
            gates: self.gates.clone(),
            edge_refusals: Arc::clone(&self.edge_refusals),
            budgets: self.budgets.clone(),
            traffic: self.traffic.clone(),
            flop_matrix: Arc::clone(&self.flop_matrix),
            unserved: Arc::clone(&self.unserved),
        }
    }

    /// Whether `region` can serve `service`, as far as is known: through its edge or by its pool.
    #[must_use]
    pub fn can_serve(&self, service: ServiceId, region: RegionId) -> bool {
        self.pools.edge(region).is_some_and(|edge| edge.any_healthy())
            || self.pools.get(service, region).is_some_and(|pool| pool.is_open())
    }

    /// Whether `region` serves `service` now: it can, and is not away.
    #[must_use]
    pub fn is_present(&self, service: ServiceId, region: RegionId) -> bool {
        self.pools.edge(region).is_some_and(|edge| edge.any_healthy())
            || self.pools.get(service, region).is_some_and(|pool| pool.presence_now() == Presence::Present)
    }

    /// Why `region` cannot serve, with the service where that holds for one alone; nothing where it can.
    pub fn failures(&self, region: RegionId) -> impl Iterator<Item = (Away, Option<ServiceId>)> + '_ {
        let edge = self.pools.edge(region);
        let is_reached = edge.is_some_and(|edge| edge.any_healthy());
        let is_direct = self.table.edge_of(region).is_some_and(|edge| edge.direct);
        let edge_fails = edge.is_some() && !is_reached && !is_direct;
        // Where the edge is there, nobody needs to know of the pools behind it.
        let services = self.table.services_by_id().filter(move |_| !is_reached);
        let services = services.filter_map(move |(service, _)| {
            let why = match self.pools.get(service, region)?.presence_now() {
                Presence::Present => return None,
                Presence::NoneHealthy => Away::NoHealthyServer,
                Presence::TooFew => Away::TooFewHealthyServers,
                Presence::Flapping => Away::IsFlapping,
            };
            Some((why, Some(service)))
        });
        edge_fails.then_some((Away::NoHealthyEdge, None)).into_iter().chain(services)
    }

    /// Remembers in `second` that the edge of `region` cannot serve `service`.
    pub fn edge_refused(&self, service: ServiceId, region: RegionId, second: u64) {
        if let Some(until) = self.edge_refusals.get(self.pair(service, region)) {
            until.store(second.saturating_add(REFUSED_FOR), Ordering::Relaxed);
        }
    }

    /// What is remembered of sessions of `service`; `None` where nothing is learned.
    #[must_use]
    pub fn learned(&self, service: ServiceId) -> Option<&LearnedHomes> {
        self.learned.get(service.index())?.as_deref()
    }

    /// What `service` was asked for; `None` where it has no limit.
    #[must_use]
    pub fn rate_limiter(&self, service: ServiceId) -> Option<&RateLimiter> {
        self.limiters.get(service.index())?.as_deref()
    }

    /// What holds the requests of one session of `service` together; `None` where nothing does.
    #[must_use]
    pub fn gate(&self, service: ServiceId) -> Option<&Arc<SessionGate>> {
        self.gates.get(service.index())?.as_ref()
    }

    /// The requests of `service` that are under way in `region`, and the retries among them.
    #[must_use]
    pub fn retry_budget(&self, service: ServiceId, region: RegionId) -> Option<&Arc<RetryBudget>> {
        self.budgets.get(self.pair(service, region))
    }

    /// The budgets of a table that comes after this one: those that are counted in already, by the names of service and
    /// region.
    pub(super) fn budgets_for(before: Option<&Self>, table: &RoutingTable) -> Box<[Arc<RetryBudget>]> {
        let mut budgets = Vec::with_capacity(table.services().len() * table.regions().len());
        for service in table.services() {
            let known = before.and_then(|before| {
                let (id, _) = before.table.services_by_id().find(|(_, of_table)| of_table.name == service.name)?;
                Some((before, id))
            });
            budgets.extend(table.regions().iter().map(|region| {
                let held = known.and_then(|(before, service)| {
                    before.retry_budget(service, before.table.region_id(region.name.as_str())?).map(Arc::clone)
                });
                held.unwrap_or_default()
            }));
        }
        budgets.into()
    }

    fn pair(&self, service: ServiceId, region: RegionId) -> usize {
        service.index() * self.table.regions().len() + region.index()
    }

    /// What `region` gets from this edge.
    #[must_use]
    pub fn traffic(&self, region: RegionId) -> Option<&Arc<RegionTraffic>> {
        self.traffic.get(region.index())
    }

    /// Requests per second that `region` gets from this edge: the mean of the last five seconds.
    #[must_use]
    pub fn requests_per_second(&self, region: RegionId, second: u64) -> f64 {
        self.traffic(region).map_or(0.0, |traffic| traffic.requests_per_second(second))
    }

    pub(super) fn counts(&self, now: Duration) -> Counts {
        let (mut room, mut counts) = ([MOST_ENTRIES; 2], Counts::default());
        for (id, service) in self.table.services_by_id() {
            let name = || service.name.to_string();
            if let (Some(limiter), [room, _]) = (self.rate_limiter(id), &mut room) {
                let mut keys = limiter.debts(now);
                counts.left_behind += keys.len().saturating_sub(*room);
                keys.truncate(*room);
                *room -= keys.len();
                counts.limits.push(LimitMemory { service: name(), rule: format!("{:?}", limiter.rule()), keys });
            }
            if let (Some(learned), [_, room]) = (self.learned(id), &mut room) {
                let (homes, more) = learned.remembered(now.as_secs(), *room);
                counts.left_behind += more;
                *room -= homes.len();
                counts.homes.push(HomesMemory { service: name(), rules: format!("{:?}", learned.rules()), homes });
            }
        }
        for (region, traffic) in self.table.regions().iter().zip(&self.traffic) {
            counts.traffic.push(traffic.memory(region.name.to_string(), now.as_secs()));
        }
        counts
    }

    pub(super) fn recall(&self, counts: &Counts, now: Duration) {
        for (id, service) in self.table.services_by_id() {
            let name = service.name.as_str();
            if let Some(limiter) = self.rate_limiter(id) {
                let rule = format!("{:?}", limiter.rule());
                let of_service = counts.limits.iter().filter(|memory| memory.service == name && memory.rule == rule);
                of_service.for_each(|memory| limiter.recall(&memory.keys, now));
            }
            if let Some(learned) = self.learned(id) {
                let rules = format!("{:?}", learned.rules());
                let of_service = counts.homes.iter().filter(|memory| memory.service == name && memory.rules == rules);
                of_service.for_each(|memory| learned.recall(&memory.homes, now.as_secs()));
            }
        }
        for (region, traffic) in self.table.regions().iter().zip(&self.traffic) {
            for memory in counts.traffic.iter().filter(|memory| memory.region == region.name.as_str()) {
                traffic.recall(memory, now.as_secs());
            }
        }
    }

    /// The fleet as it is in `second`, for a decision.
    #[must_use]
    pub fn view(&self, second: u64) -> impl FleetView + '_ {
        View { live: self, second }
    }
}

struct View<'a> {
    live: &'a LiveTable,
    second: u64,
}

impl FleetView for View<'_> {
    fn local_region(&self) -> RegionId {
        self.live.local
    }

    fn is_healthy(&self, service: ServiceId, region: RegionId) -> bool {
        self.live.pools.get(service, region).is_some_and(|pool| pool.is_open())
    }

    fn presence(&self, service: ServiceId, region: RegionId) -> Presence {
        self.live.pools.get(service, region).map_or(Presence::NoneHealthy, |pool| pool.presence_now())
    }

    fn room_at_home(&self, region: RegionId) -> Share {
        self.live.room_at_home(region, self.second)
    }

    fn room_for_others(&self, region: RegionId) -> Share {
        self.live.room_for_others(region, self.second)
    }

    fn is_over_capacity(&self, region: RegionId) -> bool {
        let capacity = self.live.table.region(region).and_then(|region| region.capacity);
        capacity.is_some_and(|limit| self.live.requests_per_second(region, self.second) > limit.per_second())
    }

    fn is_edge_healthy(&self, service: ServiceId, region: RegionId) -> Option<bool> {
        if !self.live.hops {
            return None;
        }
        let refused = self.live.edge_refusals.get(self.live.pair(service, region));
        let is_open = refused.is_none_or(|until| until.load(Ordering::Relaxed) <= self.second);
        Some(is_open && self.live.pools.edge(region).is_some_and(|edge| edge.any_healthy()))
    }

    fn learned_home(&self, service: ServiceId, key: &[u8]) -> Option<RegionId> {
        let region = self.live.learned(service)?.home_of(key, self.second)?;
        self.live.table.region_id(region.as_str())
    }
}
