//! The routing table, compiled for deciding: one immutable value that a request holds from beginning to end.

use super::access::{Access, Denied};
use super::facts::RequestFacts;
use super::homes::HomeRules;
use super::hosts::HostIndex;
use super::parts::{HomeRule, Region, TableParts};
use super::sessions::{ServiceSessions, key_headers};
use super::visitor;
use crate::geo;
use crate::model::{Drain, Location, RegionEdge, RegionId, Service, ServiceId, ServiceName, SessionPrefix};
use crate::session::PrefixIndex;
use foldhash::fast::FixedState;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

/// The routing table, with the drains that are on it.
///
/// All but the drains is compiled once and shared, so that a table with other drains is made in a time that depends on the
/// number of regions alone.
#[derive(Debug)]
pub struct RoutingTable {
    compiled: Arc<Compiled>,
    drains: Vec<Drain>,
    /// By region: the positions of its drains.
    drains_of: Vec<Vec<usize>>,
}

/// What drains change nothing of.
#[derive(Debug)]
struct Compiled {
    parts: TableParts,
    region_ids: HashMap<Box<str>, RegionId, FixedState>,
    /// By service.
    sessions: Vec<Option<ServiceSessions>>,
    key_headers: Vec<Box<str>>,
    hosts: HostIndex,
    homes: Arc<HomeRules>,
    /// By region: its substitutes in order.
    failover: Vec<Vec<RegionId>>,
    /// By service: from where it may be asked, where it says so.
    access: Vec<Option<Access>>,
    /// By service and region: whether there is a pool.
    pools: Vec<Vec<bool>>,
}

impl Compiled {
    /// The compiled home rules of `parts`, where they are those of this table.
    fn homes_of(&self, parts: &TableParts) -> Option<Arc<HomeRules>> {
        let is_same =
            Arc::ptr_eq(&self.parts.homes, &parts.homes) && locations(&self.parts.regions) == locations(&parts.regions);
        is_same.then(|| Arc::clone(&self.homes))
    }
}

fn locations(regions: &[Region]) -> Vec<Option<Location>> {
    regions.iter().map(|region| region.location).collect()
}

impl RoutingTable {
    /// Compiles `parts`. It takes time and memory in proportion to their size; afterwards deciding takes the same time
    /// whatever the size.
    #[must_use]
    pub fn new(parts: TableParts) -> Self {
        Self::compile(parts, None, || ())
    }

    /// The same, of a table that comes after `before`, where there is one. Home rules that both share are not compiled again;
    /// many others are in pieces of about a tenth of a millisecond with a `rest` between them.
    #[must_use]
    pub fn after(before: Option<&Self>, parts: TableParts, rest: fn()) -> Self {
        Self::compile(parts, before.map(|before| &*before.compiled), rest)
    }

    fn compile(parts: TableParts, before: Option<&Compiled>, rest: fn()) -> Self {
        let ids = || (0..parts.regions.len()).filter_map(RegionId::at);
        let prefixes = parts.regions.iter().zip(ids()).flat_map(|(region, id)| {
            let all = std::iter::once(&region.session_prefix).chain(&region.retired_prefixes);
            all.map(move |prefix| (prefix.as_str(), id))
        });
        let prefixes: Arc<PrefixIndex> = Arc::new(prefixes.collect());
        let sessions = parts.services.iter().map(|service| ServiceSessions::new(service, &parts, &prefixes)).collect();
        let mut region_ids = HashMap::default();
        for (region, id) in parts.regions.iter().zip(ids()) {
            region_ids.entry(region.name.as_str().into()).or_insert(id);
        }
        let failover = parts.regions.iter().zip(ids()).map(|(r, id)| substitutes(&parts.regions, r, id)).collect();
        let in_every_region = |service: &Service| ids().map(|region| service.pool(region).is_some()).collect();
        let pools = parts.services.iter().map(in_every_region).collect();
        let homes = before.and_then(|before| before.homes_of(&parts));
        let drains = parts.drains.clone();
        let compiled = Compiled {
            region_ids,
            sessions,
            key_headers: key_headers(&parts),
            hosts: HostIndex::new(&parts.services),
            homes: homes.unwrap_or_else(|| Arc::new(HomeRules::new(&parts.homes, &locations(&parts.regions), rest))),
            failover,
            access: parts.services.iter().map(|service| service.clients.as_ref().map(Access::new)).collect(),
            pools,
            parts,
        };
        Self::of(Arc::new(compiled), drains)
    }

    /// The same table with these drains in place of all that are on it.
    #[must_use]
    pub fn with_drains(&self, drains: Vec<Drain>) -> Self {
        Self::of(Arc::clone(&self.compiled), drains)
    }

    fn of(compiled: Arc<Compiled>, drains: Vec<Drain>) -> Self {
        let mut drains_of = vec![Vec::new(); compiled.parts.regions.len()];
        for (position, drain) in drains.iter().enumerate() {
            if let Some(of_region) = drains_of.get_mut(drain.region.index()) {
                of_region.push(position);
            }
        }
        Self { compiled, drains, drains_of }
    }

    /// The regions, in the order of their ids.
    #[must_use]
    pub fn regions(&self) -> &[Region] {
        &self.compiled.parts.regions
    }

    /// The regions with their ids.
    pub fn regions_by_id(&self) -> impl Iterator<Item = (RegionId, &Region)> {
        self.compiled.parts.regions.iter().enumerate().filter_map(|(at, region)| Some((RegionId::at(at)?, region)))
    }

    /// The region with this id, where the id came from this table.
    #[must_use]
    pub fn region(&self, id: RegionId) -> Option<&Region> {
        self.compiled.parts.regions.get(id.index())
    }

    /// The id of the region with this name.
    #[must_use]
    pub fn region_id(&self, name: &str) -> Option<RegionId> {
        self.compiled.region_ids.get(name).copied()
    }

    /// The region that session keys with this prefix are at home in: the one whose prefix it is, or once was.
    #[must_use]
    pub fn region_of_prefix(&self, prefix: &SessionPrefix) -> Option<RegionId> {
        let has = |region: &Region| region.session_prefix == *prefix || region.retired_prefixes.contains(prefix);
        self.regions_by_id().find(|(_, region)| has(region)).map(|(id, _)| id)
    }

    /// The name of the region with this id; `?` where the id is of another table.
    #[must_use]
    pub fn region_name(&self, id: RegionId) -> &str {
        self.region(id).map_or("?", |region| region.name.as_str())
    }

    /// The services, in the order of their ids.
    #[must_use]
    pub fn services(&self) -> &[Service] {
        &self.compiled.parts.services
    }

    /// The services with their ids.
    pub fn services_by_id(&self) -> impl Iterator<Item = (ServiceId, &Service)> {
        self.compiled.parts.services.iter().enumerate().filter_map(|(at, service)| Some((ServiceId::at(at)?, service)))
    }

    /// The service with this id, where the id came from this table.
    #[must_use]
    pub fn service(&self, id: ServiceId) -> Option<&Service> {
        self.compiled.parts.services.get(id.index())
    }

    /// The name of the service with this id, where the id came from this table.
    #[must_use]
    pub fn service_name(&self, id: ServiceId) -> Option<&ServiceName> {
        self.service(id).map(|service| &service.name)
    }

    /// The fixed point between 0 and 1 that the visitor at `client` has for `region`: where the region has room for a share
    /// of the visitors, those below it are let in.
    #[must_use]
    pub fn point_of(&self, region: RegionId, client: IpAddr) -> f64 {
        visitor::point_of(self.region_name(region), client)
    }

    /// The session keys of a service; `None` where it has none, or the id came from another table.
    #[must_use]
    pub fn sessions(&self, service: ServiceId) -> Option<&ServiceSessions> {
        self.compiled.sessions.get(service.index())?.as_ref()
    }

    /// The service that answers to a host and a path; `None` where none does.
    #[must_use]
    pub fn service_at(&self, host: &str, path: &str) -> Option<ServiceId> {
        self.hosts().find(host, path)
    }

    /// Whether a request carries a session key that names a region by this table.
    #[must_use]
    pub fn reads_session_key(&self, facts: &RequestFacts<'_>) -> bool {
        let service = self.service_at(facts.host, facts.path);
        let sessions = service.and_then(|service| self.sessions(service));
        sessions.is_some_and(|sessions| sessions.key_in(facts).home().is_some())
    }

    /// Whether the client at this address may ask a service.
    ///
    /// # Errors
    /// Why it may not.
    pub fn check_access(&self, service: ServiceId, client: IpAddr) -> Result<(), Denied> {
        match self.compiled.access.get(service.index()) {
            Some(Some(access)) => access.check(client),
            _ => Ok(()),
        }
    }

    /// The headers, other than cookies, that session keys are read from: names in lower case, each once; usually none.
    #[must_use]
    pub fn key_headers(&self) -> &[Box<str>] {
        &self.compiled.key_headers
    }

    /// The edge of a region, where the table names one.
    #[must_use]
    pub fn edge_of(&self, region: RegionId) -> Option<&RegionEdge> {
        self.region(region)?.edge.as_ref()
    }

    /// The home rules in the order of the file.
    #[must_use]
    pub fn home_rules(&self) -> &[HomeRule] {
        &self.compiled.parts.homes
    }

    /// All drains that are on it, whether in force or not; a drain's position here is its number in reasons, from 0.
    #[must_use]
    pub fn drains(&self) -> &[Drain] {
        &self.drains
    }

    /// The drains of one region, with their positions.
    pub fn drains_of(&self, region: RegionId) -> impl Iterator<Item = (usize, &Drain)> {
        let positions = self.drains_of.get(region.index()).map_or(&[][..], Vec::as_slice);
        positions.iter().filter_map(|at| Some((*at, self.drains.get(*at)?)))
    }

    /// The regions that stand in for `region`, in order; never `region` itself.
    #[must_use]
    pub fn substitutes_of(&self, region: RegionId) -> &[RegionId] {
        self.compiled.failover.get(region.index()).map_or(&[], Vec::as_slice)
    }

    /// What the table was made of. Its drains are those that it came with.
    #[must_use]
    pub fn parts(&self) -> &TableParts {
        &self.compiled.parts
    }

    /// Whether `service` has servers in `region`; the same as asking the service, in a time that does not depend on the
    /// number of its pools.
    pub(super) fn has_pool(&self, service: ServiceId, region: RegionId) -> bool {
        self.compiled
            .pools
            .get(service.index())
            .and_then(|of_service| of_service.get(region.index()))
            .copied()
            .unwrap_or(false)
    }

    pub(super) fn hosts(&self) -> &HostIndex {
        &self.compiled.hosts
    }

    pub(super) fn homes(&self) -> &HomeRules {
        &self.compiled.homes
    }
}

/// The file's order or, where it gives none, the others, nearest first; those without a location last, in file order.
fn substitutes(regions: &[Region], region: &Region, id: RegionId) -> Vec<RegionId> {
    if let Some(named) = &region.failover {
        return named.iter().copied().filter(|other| *other != id).collect();
    }
    let distance = |other: &Region| match (region.location, other.location) {
        (Some(here), Some(there)) => geo::distance_km(here, there),
        _ => f64::INFINITY,
    };
    let mut others: Vec<(f64, RegionId)> = regions
        .iter()
        .enumerate()
        .filter_map(|(at, other)| Some((distance(other), RegionId::at(at)?)))
        .filter(|(_, other)| *other != id)
        .collect();
    others.sort_by(|(a, _), (b, _)| a.total_cmp(b)); // stable: equal distances stay in file order
    others.into_iter().map(|(_, other)| other).collect()
}
