//! The metrics that show a state rather than count events: brought up to date whenever they are read.

use super::standing::Standing;
use crate::live::{Edge, LiveTable, Purpose, clock};
use crate::model::Timestamp;
use crate::routing::Away;
use crate::telemetry::{DrainRow, LoadRow, PoolRow, RegionRow};

/// Why `edge` should get no requests now, as a line of text; `None` where it should.
pub(super) fn hindrance(edge: &Edge) -> Option<&'static str> {
    if edge.is_stopping() {
        Some("stopping\n")
    } else if edge.table().is_none() {
        Some("no routing table is live\n")
    } else if edge.is_stalled() {
        Some("a thread is stuck\n")
    } else if !edge.is_ready() {
        Some("starting\n")
    } else {
        None
    }
}

/// Shows the edge, regions, drains and pools as they are at `now`.
pub(super) fn refresh(edge: &Edge, now: Timestamp) {
    let metrics = edge.metrics();
    metrics.set_edge(edge.local().as_str(), hindrance(edge).is_none());
    let Some(live) = edge.table() else { return };
    let live: &LiveTable = &live;
    let second = clock::second();

    let advice = edge.advice();
    let regions = live.table.regions_by_id().map(|(id, region)| {
        let Standing { share, away } = Standing::of(live, id, now);
        let mut away: Vec<Away> = away.into_iter().map(|(why, _)| why).collect();
        away.dedup();
        let traffic = live.traffic(id).map(|traffic| traffic.now(second)).unwrap_or_default();
        let remainder = [traffic.visitors_per_second, traffic.sessions_per_second, traffic.open_streams as f64];
        let room = live.room(id, second).map(|room| room.at_home);
        let worth_draining = advice.iter().any(|advice| advice.region == region.name);
        (region.name.as_str(), share, away, (room, worth_draining), remainder)
    });
    let regions: Vec<_> = regions.collect();
    metrics.set_capacities(live.table.regions().iter().filter_map(|region| {
        let capacity = region.capacity.as_ref()?;
        Some((region.name.as_str(), capacity.per_second()))
    }));
    metrics.set_regions(regions.iter().map(|(region, share, away, (room, worth_draining), remainder)| RegionRow {
        region,
        share: *share,
        away,
        room: *room,
        worth_draining: *worth_draining,
        remainder: *remainder,
    }));

    let drains = live.table.drains().iter().filter(|drain| drain.in_force_at(now));
    metrics.set_drains(drains.map(|drain| DrainRow {
        region: live.table.region_name(drain.region),
        by: drain.by.as_deref(),
        until: drain.until,
    }));

    let drains = live.table.drains().iter().filter(|drain| drain.in_force_at(now));
    metrics.set_drain_ends(
        drains.filter_map(|drain| Some((live.table.region_name(drain.region), drain.by.as_deref(), drain.until?))),
    );

    let held = live.table.drains().iter().filter(|drain| drain.held && drain.until.is_some_and(|until| until <= now));
    metrics.set_held_drains(held.map(|drain| (live.table.region_name(drain.region), drain.by.as_deref())));

    let gates = live.table.services_by_id().filter_map(|(id, service)| Some((service, live.gate(id)?)));
    metrics.set_gates(gates.map(|(service, gate)| (service.name.as_str(), gate.waiting())));
    metrics.set_retry_budgets(live.table.services_by_id().flat_map(|(id, service)| {
        let rules = &service.resilience.retries;
        service.pools.iter().filter_map(move |(region, _)| {
            let left = live.retry_budget(id, *region)?.remaining(rules.budget, rules.budget_floor);
            Some((service.name.as_str(), live.table.region_name(*region), left))
        })
    }));

    // An edge is no service: `the edge` cannot be the name of one.
    let pools: Vec<_> = live.pools.iter().map(|pool| (pool.purpose().to_string(), pool)).collect();
    metrics.set_pools(pools.iter().map(|(purpose, pool)| PoolRow {
        service: purpose,
        region: pool.region().as_str(),
        servers: pool.servers().len(),
        healthy: pool.healthy(),
    }));
    metrics.set_ejected(pools.iter().map(|(purpose, pool)| (purpose.as_str(), pool.region().as_str(), pool.ejected())));
    // Another edge counts its own.
    let of_apps = pools.iter().filter(|(_, pool)| *pool.purpose() != Purpose::Edge);
    metrics.set_loads(of_apps.map(|(purpose, pool)| {
        let entrance = pool.entrance();
        LoadRow {
            service: purpose,
            region: pool.region().as_str(),
            active: entrance.active(),
            pending: entrance.pending(),
            limit: entrance.limit(),
            breaker: entrance.breaker_state().number(),
            open_servers: pool.cut_servers(),
        }
    }));
}
