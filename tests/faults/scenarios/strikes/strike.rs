//! One strike, from its beginning to its judgement.

use super::super::{say_toll, say_unknown};
use super::{Bounds, Case, MIX, STRUCK, Strike, USUAL};
use crate::checks::{Bound, Findings, Worst};
use crate::client::page;
use crate::deaths::{Death, Toll, changes_of_region};
use crate::figures::{Summary, quiet_after};
use crate::proxies::{Kind, Proxy, sum};
use crate::record::{End, Record, SECOND, ServerId, now};
use crate::stage::{Run, Stage, Taken};
use crate::table::Service;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::task::JoinHandle;

/// That these died, whose kill was sent after `at`.
fn dead(servers: &[ServerId], at: u64) -> impl Iterator<Item = Death> {
    let gone = now();
    servers.iter().map(move |server| Death { server: *server, at, gone })
}

pub(super) async fn strike(run: &Run<'_>, case: Case) -> Findings {
    let service = (case.service)(Service::usual());
    let mut stage = Stage::set(run, [4, 4, 4], USUAL, &service, MIX).await;
    let servers = stage.town.of_region(STRUCK);
    let mut deaths = Vec::new();
    stage.begin().await;
    let told = Told::watch(&stage.proxy);
    match case.strike {
        Strike::Killed => {
            let at = now();
            stage.town.kill(&servers).await;
            deaths.extend(dead(&servers, at));
            run.wait(case.seconds).await;
            stage.town.revive(&servers).await;
        }
        Strike::Behaves(behaviour) => {
            stage.town.tell(&servers, behaviour).await;
            run.wait(case.seconds).await;
            stage.town.tell(&servers, USUAL).await;
        }
        Strike::Flaps(seconds) => {
            for _ in 0..(case.seconds / seconds / 2.0 * run.scale).ceil() as u32 {
                let at = now();
                stage.town.kill(&servers).await;
                deaths.extend(dead(&servers, at));
                tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
                stage.town.revive(&servers).await;
                tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
            }
        }
    }
    let healed = now();
    tokio::time::sleep(Duration::from_secs(15)).await;
    let told = told.after(stage.faults_began);
    let taken = stage.end().await;
    let mut findings = judge(run, &taken, healed, &case.bounds);
    if !deaths.is_empty() {
        say_toll(&mut findings, &Toll::of(taken.since_faults(), &taken.ledger.sights, &deaths));
    }
    if run.kind == Kind::Homeward {
        if case.bounds.told.is_finite() {
            findings.figure("told after", "s", told, Worst::High);
            findings.check("seconds until operators are told", told, Bound::AtMost(case.bounds.told));
        }
        say_unknown(&mut findings, &service);
    }
    findings
}

/// Watches whether the edge says that a region is worth draining.
struct Told {
    first: Arc<AtomicU64>,
    task: JoinHandle<()>,
}

impl Told {
    fn watch(proxy: &Proxy) -> Self {
        let first = Arc::<AtomicU64>::default();
        let (kept, admin) = (first.clone(), proxy.admin);
        let task = tokio::spawn(async move {
            loop {
                tokio::time::sleep(Duration::from_millis(250)).await;
                let text = page(admin, "/metrics").await.unwrap_or_default();
                if sum(&text, "homeward_region_worth_draining", |_| true) > 0.0 {
                    kept.store(now(), Ordering::Relaxed);
                    return;
                }
            }
        });
        Self { first, task }
    }

    /// How many seconds after `began` it was said first.
    fn after(self, began: u64) -> f64 {
        self.task.abort();
        match self.first.load(Ordering::Relaxed) {
            0 => f64::INFINITY,
            at => at.saturating_sub(began) as f64 / SECOND as f64,
        }
    }
}

fn judge(run: &Run<'_>, taken: &Taken, healed: u64, bounds: &Bounds) -> Findings {
    let mut findings = Findings::default();
    let all = taken.figures(&mut findings, taken.since_faults());
    let found_out = taken.faults_began + (bounds.found_out * run.scale * SECOND as f64) as u64;
    let later = Summary::of(taken.since_faults().filter(|record| record.ask.due >= found_out));
    let gets = taken.since_faults().filter(|record| !record.ask.is_post && !record.end.is_good()).count();
    let (most, mean) = changes_of_region(&taken.records);
    findings.figure("failed GETs", "", gets as f64, Worst::High);
    findings.figure("last failure", "s", last_failure(taken), Worst::High);
    findings.figure("home again after", "s", home_again(&taken.records, healed), Worst::High);
    findings.figure("changes of region, most", "", most, Worst::High);
    findings.figure("changes of region, mean", "", mean, Worst::High);
    let stuck = all.failures.get("stuck").copied().unwrap_or(0);
    findings.check("requests without any answer", stuck as f64, Bound::AtMost(0.0));
    let later_said = format!("% that succeed after {} s", bounds.found_out);
    for (what, value, bound) in [
        ("% of all requests that succeed", all.success() * 100.0, bounds.success),
        (&*later_said, later.success() * 100.0, bounds.success_later),
    ] {
        if bound > 0.0 {
            findings.check(what, value, Bound::AtLeast(bound));
        }
    }
    if bounds.gets.is_finite() {
        findings.check("GETs that fail", gets as f64, Bound::AtMost(bounds.gets));
    }
    findings.check("changes of region of a session", most, Bound::AtMost(bounds.changes));
    let quiet = quiet_after(taken.since_faults(), healed);
    findings.check("seconds until nobody sees an error", quiet, Bound::AtMost(5.0));
    findings
}

/// How long after the beginning the last failed request was sent, in seconds.
fn last_failure(taken: &Taken) -> f64 {
    let failed = taken.since_faults().filter(|record| !record.end.is_good());
    failed.map(|record| record.ask.due - taken.faults_began).max().unwrap_or(0) as f64 / SECOND as f64
}

/// How long after `healed` the last request was sent that another region served, in seconds.
fn home_again(records: &[Record], healed: u64) -> f64 {
    let away = records.iter().filter(|record| {
        matches!(record.end, End::Answered(server) if server.region != record.ask.home) && record.ask.due > healed
    });
    away.map(|record| record.ask.due - healed).max().unwrap_or(0) as f64 / SECOND as f64
}
