//! What speaks against a drain, before it is put on a table.

use super::table::RoutingTable;
use crate::model::{Drain, RegionId, ServiceId, Share, Timestamp};

/// Why a drain would hurt.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Hazard {
    /// It ends before it begins to count.
    EndsInThePast,
    /// It would leave a service no region that is healthy and not drained to nothing; the region that is drained would go on
    /// to serve it all the same.
    LastHealthyRegion {
        /// One such service.
        service: ServiceId,
    },
    /// The region is drained already.
    SameRegion {
        /// That drain's position in the table.
        drain: usize,
    },
    /// Another region is drained at the same time.
    AnotherRegion {
        /// That drain's position in the table.
        drain: usize,
    },
    /// A region that stands in would get more than it can carry.
    OverCapacity {
        /// The region.
        region: RegionId,
        /// What it would get, in requests per second.
        would_get: f64,
        /// What it can carry, in requests per second.
        capacity: f64,
    },
}

/// What speaks against putting `drain` on `table` at `now`, apart from capacities. `is_healthy` tells whether the pool of a
/// service in a region has a healthy server; it is asked where there is a pool.
#[must_use]
pub fn hazards(
    table: &RoutingTable,
    drain: &Drain,
    is_healthy: impl Fn(ServiceId, RegionId) -> bool,
    now: Timestamp,
) -> Vec<Hazard> {
    let mut found = Vec::new();
    let begins = drain.since.unwrap_or(now).max(now);
    if drain.until.is_some_and(|until| until <= begins) {
        found.push(Hazard::EndsInThePast);
    }
    // Those that are in force at some time at which this one is.
    let beside = || {
        table.drains().iter().enumerate().filter(|(_, other)| {
            let other_is_over = !other.held && other.until.is_some_and(|until| until <= begins);
            let begins_later = other.since.zip(drain.until).is_some_and(|(since, until)| since >= until);
            !other_is_over && !begins_later
        })
    };
    if let Some((drain, _)) = beside().find(|(_, other)| other.region == drain.region) {
        found.push(Hazard::SameRegion { drain });
    }
    if let Some((drain, _)) = beside().find(|(_, other)| other.region != drain.region) {
        found.push(Hazard::AnotherRegion { drain });
    }
    if drain.share == Share::NONE {
        let is_closed = |region| {
            region == drain.region || beside().any(|(_, other)| other.region == region && other.share == Share::NONE)
        };
        let serves = |service, region| table.has_pool(service, region) && is_healthy(service, region);
        let last = table.services_by_id().map(|(service, _)| service).find(|service| {
            let mut others = table.regions_by_id().map(|(region, _)| region).filter(|region| !is_closed(*region));
            table.has_pool(*service, drain.region) && !others.any(|region| serves(*service, region))
        });
        found.extend(last.map(|service| Hazard::LastHealthyRegion { service }));
    }
    found
}
