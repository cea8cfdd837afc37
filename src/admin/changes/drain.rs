//! A region is drained.

use super::order::{DrainAnswer, DrainOrder};
use super::warning::Warning;
use super::{Refusal, region_named};
use crate::admin::access::Operator;
use crate::admin::problem::Problem;
use crate::admin::routes::Context;
use crate::admin::status::DrainStatus;
use crate::live::{Edge, Lease, LiveTable, NotChanged, clock};
use crate::model::{Drain, Timestamp};
use crate::routing::{Hazard, hazards};
use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use std::time::Duration;

pub(super) async fn drain(
    operator: Operator,
    State(Context { edge }): State<Context>,
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
        }
        answer
    });
    Ok(Json(answered.await.map_err(|_| Refusal::Senseless("the edge failed to answer; its log says why".into()))??))
}

/// What would become of the order.
fn try_out(edge: &Edge, order: &DrainOrder, asks: &str) -> Result<DrainAnswer, Problem> {
    let live = edge.table().ok_or(NotChanged::NoTable)?;
    let now = clock::now();
    let (drain, warnings) = considered(&live, order, asks, now)?;
    Ok(DrainAnswer { applied: false, drain: Some(DrainStatus::of(&live, &drain, now)), warnings, live_after_ms: None })
}

fn put_on(edge: &Edge, order: &DrainOrder, asks: &str) -> Result<DrainAnswer, Problem> {
    let mut done = None;
    let took = edge.change_leases(|leases, live| {
        let now = clock::now();
        let (drain, warnings) = considered(live, order, asks, now)?;
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
    Ok(DrainAnswer { applied: true, drain: Some(drain), warnings, live_after_ms: Some(milliseconds(took)) })
}

/// The drain that is asked for, and what speaks against it.
fn considered(
    live: &LiveTable,
    order: &DrainOrder,
    asks: &str,
    now: Timestamp,
) -> Result<(Drain, Vec<Warning>), Refusal> {
    let region = region_named(live, &order.region)?;
    let drain = order.drain(region, asks, now)?;
    let is_healthy = |service, region| live.can_serve(service, region);
    let found = hazards(&live.table, &drain, is_healthy, now);
    let warnings = found.iter().map(|hazard: &Hazard| Warning::of(live, hazard, &order.region)).collect();
    Ok((drain, warnings))
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
