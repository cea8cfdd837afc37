//! The table that is live, with everything that belongs to it.

use super::fleet::Pools;
use super::rate::RateMeter;
use super::revision::Revision;
use crate::model::{RegionId, ServiceId, Timestamp};
use crate::routing::{FleetView, RoutingTable};
use crate::telemetry::RequestMeters;
use std::sync::Arc;

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
    pub pools: Pools,
    /// Its counters.
    pub meters: RequestMeters,
    /// By region: what the region gets from this edge.
    pub(super) traffic: Box<[Arc<RegionTraffic>]>,
}

/// What brought a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// The file, as it was at the start or after a change.
    File,
    /// The last good table of an earlier run, because the file is broken.
    LastGood,
}

/// What one region gets from this edge. It outlives the table.
#[derive(Debug, Default)]
pub(super) struct RegionTraffic {
    /// Requests that it serves.
    pub served: RateMeter,
    /// Requests that arrived here and whose session is at home there.
    pub flops: RateMeter,
}

impl LiveTable {
    /// Counts a request that `region` serves in `second` of [`super::clock::second`].
    pub fn served(&self, region: RegionId, flopped: bool, second: u64) {
        if let Some(traffic) = self.traffic.get(region.index()) {
            traffic.served.record(second);
            if flopped {
                traffic.flops.record(second);
            }
        }
    }

    /// Requests per second that `region` gets from this edge: the mean of the last five seconds.
    #[must_use]
    pub fn requests_per_second(&self, region: RegionId, second: u64) -> f64 {
        self.traffic.get(region.index()).map_or(0.0, |traffic| traffic.served.per_second(second))
    }

    /// Flops per second from here to `region`.
    #[must_use]
    pub fn flops_per_second(&self, region: RegionId, second: u64) -> f64 {
        self.traffic.get(region.index()).map_or(0.0, |traffic| traffic.flops.per_second(second))
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
        self.live.pools.get(service, region).is_some_and(|pool| pool.any_healthy())
    }

    fn is_over_capacity(&self, region: RegionId) -> bool {
        let capacity = self.live.table.region(region).and_then(|region| region.capacity);
        capacity.is_some_and(|limit| self.live.requests_per_second(region, self.second) > limit.per_second())
    }
}
