//! The metrics that show a state rather than count events: brought up to date whenever they are read.

use super::standing::Standing;
use crate::live::{Edge, LiveTable, clock};
use crate::model::Timestamp;
use crate::routing::Away;
use crate::telemetry::{DrainRow, PoolRow, RegionRow};

/// Shows regions, drains and pools as they are at `now`.
pub(super) fn refresh(edge: &Edge, now: Timestamp) {
    let Some(live) = edge.table() else { return };
    let live: &LiveTable = &live;
    let (metrics, second) = (edge.metrics(), clock::second());

    let regions = live.table.regions_by_id().map(|(id, region)| {
        let Standing { share, away } = Standing::of(live, id, now);
        let mut away: Vec<Away> = away.into_iter().map(|(why, _)| why).collect();
        away.dedup();
        let traffic = live.traffic(id).map(|traffic| traffic.now(second)).unwrap_or_default();
        let remainder = [traffic.visitors_per_second, traffic.sessions_per_second, traffic.open_streams as f64];
        (region.name.as_str(), share, away, remainder)
    });
    let regions: Vec<_> = regions.collect();
    metrics.set_regions(regions.iter().map(|(region, share, away, remainder)| RegionRow {
        region,
        share: *share,
        away,
        remainder: *remainder,
    }));

    let drains = live.table.drains().iter().filter(|drain| drain.in_force_at(now));
    metrics.set_drains(drains.map(|drain| DrainRow {
        region: live.table.region_name(drain.region),
        by: drain.by.as_deref(),
        until: drain.until,
    }));

    // An edge is no service: `the edge` cannot be the name of one.
    let pools: Vec<_> = live.pools.iter().map(|pool| (pool.purpose().to_string(), pool)).collect();
    metrics.set_pools(pools.iter().map(|(purpose, pool)| PoolRow {
        service: purpose,
        region: pool.region().as_str(),
        servers: pool.servers().len(),
        healthy: pool.healthy(),
    }));
}
