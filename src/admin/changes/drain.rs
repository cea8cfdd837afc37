//! A region is drained.

use super::order::{DrainAnswer, DrainOrder};
use super::warning::Warning;
use super::{Refusal, region_named, remember};
use crate::admin::access::Operator;
use crate::admin::problem::Problem;
use crate::admin::routes::Context;
use crate::admin::status::DrainStatus;
use crate::history::EntryOrigin;
use crate::live::{Edge, Lease, LiveTable, NoPreview, NotChanged, clock, preview_of, quick_preview_of};
use crate::model::{Drain, DrainLayer, Timestamp};
use crate::routing::preview::Preview;
use crate::routing::{Hazard, RoutingTable, hazards};
use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use std::time::Duration;

pub(super) async fn drain(
    operator: Operator,
    State(Context { edge, .. }): State<Context>,
    order: Result<Json<DrainOrder>, JsonRejection>,
) -> Result<Json<DrainAnswer>, Problem> {
    let Json(order) = order.map_err(Refusal::from)?;
    let asks = operator.to_string();
    let answered = tokio::task::spawn_blocking(move || {
        let answer = if order.dry_run { try_out(&edge, &order, &asks) } else { put_on(&edge, &order, &asks) };
        if let (Ok(DrainAnswer { drain: Some(drain), .. }), false) = (&answer, order.dry_run) {
            let practice = if drain.practice { ", for practice" } else { "" };
            tracing::warn!(
                "{} is drained{practice} by {} ({asks}) to {} until {}, sessions {}: {}",
                drain.region,
                drain.by.as_deref().unwrap_or("?"),
                drain.share,
                drain.until.map(|until| until.to_string()).unwrap_or_default(),
                drain.sessions,
                drain.reason.as_deref().unwrap_or("?"),
            );
            remember(&edge, EntryOrigin::Drain, drain.by.as_deref(), &drain.region, drain.reason.as_deref());
        }
        answer
    });
    Ok(Json(answered.await.map_err(|_| Refusal::Senseless("the edge failed to answer; its log says why".into()))??))
}

/// What would become of the order.
fn try_out(edge: &Edge, order: &DrainOrder, asks: &str) -> Result<DrainAnswer, Problem> {
    let live = edge.table().ok_or(NotChanged::NoTable)?;
    let now = clock::now();
    let drain = wanted(&live, order, asks, now)?;
    let preview = foreseen(edge, &live, &drain, now, preview_of);
    let warnings = warnings(&live, &drain, preview.as_ref(), now);
    let drain = Some(DrainStatus::of(&live, &drain, now));
    Ok(DrainAnswer { applied: false, drain, warnings, preview, live_after_ms: None })
}

fn put_on(edge: &Edge, order: &DrainOrder, asks: &str) -> Result<DrainAnswer, Problem> {
    // Before table and leases are held by anybody: it takes some milliseconds.
    let live = edge.table().ok_or(NotChanged::NoTable)?;
    let now = clock::now();
    let preview = foreseen(edge, &live, &wanted(&live, order, asks, now)?, now, quick_preview_of);
    let mut done = None;
    let took = edge.change_leases(|leases, live| {
        let now = clock::now();
        let drain = wanted(live, order, asks, now)?;
        let warnings = warnings(live, &drain, preview.as_ref(), now);
        let refused = refused(order, &warnings);
        if !refused.is_empty() {
            let detail = format!("{} is not drained: {}", order.region, Warning::join(&refused));
            return Err(Refusal::Conflict(detail, refused));
        }
        let region = live.table.region(drain.region).map(|region| region.name.clone());
        let region = region.ok_or_else(|| Refusal::Unknown("there is no such region".into()))?;
        let status = DrainStatus::of(live, &drain, now);
        let lease = drain.with_region(region);
        let mut all: Vec<Lease> = leases.iter().filter(|other| other.region != lease.region).cloned().collect();
        all.push(lease);
        done = Some((status, warnings));
        Ok(all)
    })?;
    let (drain, warnings) = done.ok_or(NotChanged::NoTable)?;
    Ok(DrainAnswer { applied: true, drain: Some(drain), warnings, preview, live_after_ms: Some(milliseconds(took)) })
}

/// The drain that is asked for.
fn wanted(live: &LiveTable, order: &DrainOrder, asks: &str, now: Timestamp) -> Result<Drain, Refusal> {
    order.drain(region_named(live, &order.region)?, asks, now)
}

/// What `drain` would do to the requests of the last minute once its ramp is over.
fn foreseen(
    edge: &Edge,
    live: &LiveTable,
    drain: &Drain,
    now: Timestamp,
    preview: fn(&Edge, &RoutingTable, Timestamp) -> Result<Preview, NoPreview>,
) -> Option<Preview> {
    let is_replaced = |other: &&Drain| other.region == drain.region && other.layer == DrainLayer::Operator;
    let kept = live.table.drains().iter().filter(|other| !is_replaced(other));
    let drained = live.table.with_drains(kept.chain([drain]).cloned().collect());
    // Without a table there is nothing to foresee, and the order is refused.
    preview(edge, &drained, drain.settles_at().unwrap_or(now)).ok()
}

/// What speaks against `drain`.
fn warnings(live: &LiveTable, drain: &Drain, preview: Option<&Preview>, now: Timestamp) -> Vec<Warning> {
    let is_healthy = |service, region| live.can_serve(service, region);
    let mut found = hazards(&live.table, drain, is_healthy, now);
    let loads = preview.map_or(&[][..], |preview| &preview.regions);
    found.extend(loads.iter().filter_map(|load| {
        let region = live.table.region_id(&load.name).filter(|region| *region != drain.region)?;
        // What was too much before is nothing that the drain does.
        let (would_get, capacity) = (load.would_get_per_second, load.capacity_per_second?);
        let is_its_doing = would_get > load.today_per_second;
        (load.over_capacity && is_its_doing).then_some(Hazard::OverCapacity { region, would_get, capacity })
    }));
    let name = live.table.region_name(drain.region);
    found.iter().map(|hazard| Warning::of(live, hazard, name)).collect()
}

/// Those that the order does not override.
fn refused(order: &DrainOrder, warnings: &[Warning]) -> Vec<Warning> {
    let is_overridden = |warning: &&Warning| match warning.unless.as_deref() {
        Some("force") => order.force,
        Some("also") => order.also,
        Some("replace") => order.replace,
        _ => false,
    };
    warnings.iter().filter(|warning| !is_overridden(warning)).cloned().collect()
}

pub(super) fn milliseconds(took: Duration) -> f64 {
    (took.as_secs_f64() * 1e6).round() / 1e3
}
