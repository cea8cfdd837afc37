//! Which servers and edges are well, by name, so that it can be said of any table.

use crate::model::{Presence, RegionId, ServiceId, Share};
use crate::routing::{FleetView, RoutingTable};
use std::collections::BTreeSet;

/// What an edge sees of the fleet. What is not named here is taken as healthy: a new table may have pools of which nothing
/// is known yet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FleetHealth {
    /// The name of the region that the edge stands in.
    pub local: Box<str>,
    /// Services and regions whose pool has no healthy server.
    pub dead_pools: BTreeSet<(Box<str>, Box<str>)>,
    /// Services and regions whose pool has healthy servers, and is away all the same: too few, or not for long enough.
    pub held_pools: BTreeSet<(Box<str>, Box<str>)>,
    /// Whether requests are handed to the edges of other regions.
    pub hops: bool,
    /// Services and regions that cannot be reached through the region's edge.
    pub dead_edges: BTreeSet<(Box<str>, Box<str>)>,
}

impl FleetHealth {
    /// A fleet without a trouble, as seen from `local`.
    #[must_use]
    pub fn well(local: &str, hops: bool) -> Self {
        Self { local: local.into(), hops, ..Self::default() }
    }

    /// What `view` sees of the services and regions of `table`.
    #[must_use]
    pub fn of(table: &RoutingTable, view: &impl FleetView) -> Self {
        let mut health = Self { local: table.region_name(view.local_region()).into(), ..Self::default() };
        for (service, named) in table.services_by_id() {
            for (region, _) in &named.pools {
                let pair = || (named.name.as_str().into(), table.region_name(*region).into());
                let edge = view.is_edge_healthy(service, *region);
                health.hops |= edge.is_some();
                let has_edge = *region != view.local_region() && table.edge_of(*region).is_some();
                if has_edge && edge == Some(false) {
                    health.dead_edges.insert(pair());
                }
                // Of pools behind another edge nothing is known here.
                let is_behind = has_edge && edge.is_some() && table.edge_of(*region).is_some_and(|edge| !edge.direct);
                match view.presence(service, *region) {
                    _ if is_behind => {}
                    Presence::Present => {}
                    Presence::NoneHealthy => _ = health.dead_pools.insert(pair()),
                    Presence::TooFew | Presence::Flapping => _ = health.held_pools.insert(pair()),
                }
            }
        }
        health
    }

    /// The same in the numbers of one table; `None` where the table does not have the local region.
    pub(super) fn seen_by(&self, table: &RoutingTable) -> Option<Seen> {
        let pairs = |named: &BTreeSet<(Box<str>, Box<str>)>| {
            let is_in = |service: &str, region: &str| named.contains(&(service.into(), region.into()));
            let of_service = |service: &crate::model::Service| {
                let name = service.name.as_str();
                table.regions().iter().map(|region| is_in(name, region.name.as_str())).collect()
            };
            table.services().iter().map(of_service).collect()
        };
        let local = table.region_id(&self.local)?;
        Some(Seen {
            local,
            hops: self.hops,
            dead_pools: pairs(&self.dead_pools),
            held_pools: pairs(&self.held_pools),
            dead_edges: pairs(&self.dead_edges),
        })
    }
}

/// The fleet in the numbers of one table.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) local: RegionId,
    hops: bool,
    /// By service and region.
    dead_pools: Vec<Vec<bool>>,
    held_pools: Vec<Vec<bool>>,
    dead_edges: Vec<Vec<bool>>,
}

impl Seen {
    fn is_in(pairs: &[Vec<bool>], service: ServiceId, region: RegionId) -> bool {
        pairs.get(service.index()).and_then(|of_service| of_service.get(region.index())).copied().unwrap_or(false)
    }
}

/// The same while regions have some load.
pub(super) struct Loaded<'a, F> {
    pub(super) seen: &'a Seen,
    /// Whether a region is over its capacity.
    pub(super) is_over: F,
}

impl<F: Fn(RegionId) -> bool> FleetView for Loaded<'_, F> {
    fn local_region(&self) -> RegionId {
        self.seen.local
    }

    fn is_healthy(&self, service: ServiceId, region: RegionId) -> bool {
        !Seen::is_in(&self.seen.dead_pools, service, region)
    }

    fn presence(&self, service: ServiceId, region: RegionId) -> Presence {
        if !self.is_healthy(service, region) {
            Presence::NoneHealthy
        } else if Seen::is_in(&self.seen.held_pools, service, region) {
            Presence::TooFew
        } else {
            Presence::Present
        }
    }

    fn is_over_capacity(&self, region: RegionId) -> bool {
        (self.is_over)(region)
    }

    /// While the load runs up, a region that is full takes nobody, and one that is not everybody.
    fn room_at_home(&self, region: RegionId) -> Share {
        self.room_for_others(region)
    }

    fn is_edge_healthy(&self, service: ServiceId, region: RegionId) -> Option<bool> {
        self.seen.hops.then(|| !Seen::is_in(&self.seen.dead_edges, service, region))
    }
}
