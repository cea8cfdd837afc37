//! A drain ends.

use super::drain::milliseconds;
use super::order::{DrainAnswer, UndrainOrder, note, whole_second};
use super::warning::Warning;
use super::{Refusal, region_named, remember};
use crate::admin::access::Operator;
use crate::admin::problem::Problem;
use crate::admin::routes::Context;
use crate::admin::status::{AwayStatus, DrainStatus};
use crate::history::EntryOrigin;
use crate::live::{Edge, Lease, LiveTable, NotChanged, clock};
use crate::model::{DrainLayer, Timestamp};
use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use std::time::Duration;

pub(super) async fn undrain(
    operator: Operator,
    State(Context { edge, .. }): State<Context>,
    order: Result<Json<UndrainOrder>, JsonRejection>,
) -> Result<Json<DrainAnswer>, Problem> {
    let Json(order) = order.map_err(Refusal::from)?;
    let asks = operator.to_string();
    let by = note("by", order.by.as_deref().unwrap_or(&asks))?;
    let reason = order.reason.as_deref().map(|reason| note("reason", reason)).transpose()?;
    let answered = tokio::task::spawn_blocking(move || {
        let answer = if order.dry_run { try_out(&edge, &order) } else { take_off(&edge, &order) };
        if let (Ok(_), false) = (&answer, order.dry_run) {
            let gradually = order.ramp.as_deref().map(|ramp| format!(" within {ramp}")).unwrap_or_default();
            remember(&edge, EntryOrigin::Undrain, Some(&by), &order.region, reason.as_deref());
            let reason = reason.map(|reason| format!(": {reason}")).unwrap_or_default();
            tracing::warn!("the drain of {} is ended{gradually} by {by} ({asks}){reason}", order.region);
        }
        answer
    });
    Ok(Json(answered.await.map_err(|_| Refusal::Senseless("the edge failed to answer; its log says why".into()))??))
}

fn try_out(edge: &Edge, order: &UndrainOrder) -> Result<DrainAnswer, Problem> {
    let live = edge.table().ok_or(NotChanged::NoTable)?;
    let After { drain, warnings, .. } = After::of(&edge.leases(), &live, order, clock::now())?;
    Ok(DrainAnswer { applied: false, drain, warnings, preview: None, live_after_ms: None })
}

fn take_off(edge: &Edge, order: &UndrainOrder) -> Result<DrainAnswer, Problem> {
    let mut done = None;
    let took = edge.change_leases(|leases, live| {
        let After { leases, drain, warnings } = After::of(leases, live, order, clock::now())?;
        if !warnings.is_empty() && !order.force {
            let detail = format!("{} stays drained: {}", order.region, Warning::join(&warnings));
            return Err(Refusal::Conflict(detail, warnings));
        }
        done = Some((drain, warnings));
        Ok(leases)
    })?;
    let (drain, warnings) = done.ok_or(NotChanged::NoTable)?;
    Ok(DrainAnswer { applied: true, drain, warnings, preview: None, live_after_ms: Some(milliseconds(took)) })
}

/// What the order leaves.
struct After {
    leases: Vec<Lease>,
    /// The drain that goes on for as long as people take to come back.
    drain: Option<DrainStatus>,
    /// What speaks against it.
    warnings: Vec<Warning>,
}

impl After {
    fn of(leases: &[Lease], live: &LiveTable, order: &UndrainOrder, now: Timestamp) -> Result<Self, Refusal> {
        let ramp = order.ramp()?;
        let is_of_region = |lease: &Lease| lease.region.as_str() == order.region;
        if !leases.iter().any(is_of_region) {
            return Err(not_drained(live, &order.region, now)?);
        }
        let mut left: Vec<Lease> = leases.iter().filter(|lease| !is_of_region(lease)).cloned().collect();
        let Some(region) = live.table.region_id(&order.region) else {
            // A table that no longer has the region has nobody to send back.
            return Ok(Self { leases: left, drain: None, warnings: Vec::new() });
        };
        // Whether it is held is on the drain of the table.
        let of_table = live.table.drains_of(region).filter(|(_, drain)| drain.layer == DrainLayer::Operator);
        let name = live.table.region(region).map(|region| region.name.clone());
        let in_force = of_table.filter(|(_, drain)| drain.in_force_at(now)).map(|(_, drain)| drain.clone());
        let returning = in_force.filter_map(|drain| gradually(&drain.with_region(name.clone()?), ramp, now));
        let returning: Vec<Lease> = returning.collect();
        let drain = returning.first().map(|lease| DrainStatus::of(live, &lease.clone().with_region(region), now));
        left.extend(returning);
        let failures = live.failures(region).map(|(why, service)| AwayStatus::of(live, why, service).text);
        let failures: Vec<_> = failures.collect();
        let warnings = if failures.is_empty() { None } else { Some(Warning::no_healthy_server(&failures.join(", "))) };
        Ok(Self { leases: left, drain, warnings: warnings.into_iter().collect() })
    }
}

/// The lease for as long as people take to come back: from the share that the region has now to everything.
fn gradually(lease: &Lease, ramp: Duration, now: Timestamp) -> Option<Lease> {
    // It begins with the next whole second.
    let until = whole_second(now).checked_add(ramp + Duration::from_secs(1)).ok().filter(|_| !ramp.is_zero())?;
    Some(Lease {
        share: lease.share_at(now),
        ramp: Duration::ZERO,
        comeback: ramp,
        until: Some(until),
        held: false,
        ..lease.clone()
    })
}

/// Why there is nothing to end.
fn not_drained(live: &LiveTable, name: &str, now: Timestamp) -> Result<Refusal, Refusal> {
    let region = region_named(live, name)?;
    let mut of_table = live.table.drains_of(region).map(|(_, drain)| drain);
    let of_table = of_table.find(|drain| drain.layer == DrainLayer::Table && !drain.is_over_at(now));
    Ok(Refusal::Conflict(
        match of_table {
            Some(_) => format!(
                "no operator has drained {name} here: the routing table does; take its drain out there (homeward edit), and it ends \
                 on every edge"
            ),
            None => format!("{name} is not drained here; homeward status shows what is"),
        },
        Vec::new(),
    ))
}
