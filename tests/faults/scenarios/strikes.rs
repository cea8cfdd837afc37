//! A whole region goes wrong at once, in one way or another, and is well again half a minute later.

use super::{Running, Scenario, say_toll, say_unknown};
use crate::behaviour::{Answering, Behaviour};
use crate::checks::{Bound, Findings, Worst};
use crate::client::page;
use crate::deaths::{Death, Toll, changes_of_region};
use crate::figures::{Summary, quiet_after};
use crate::load::Mix;
use crate::proxies::{Kind, Proxy, sum};
use crate::record::{End, Record, SECOND, now};
use crate::stage::{Run, Stage, Taken};
use crate::table::Service;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::task::JoinHandle;

/// The region that is struck.
const STRUCK: u8 = 0;

const MIX: Mix = Mix { rate: 500.0, homes: [3, 1, 1], sessions: 0.7, sessions_each: 1000, posts: 0.2 };

const USUAL: Behaviour = Behaviour { answering: Answering::Normal, time: 5, workers: 0, queue: 100_000, load: 0 };

/// What happens to all servers of the region.
#[derive(Debug, Clone, Copy)]
enum Strike {
    Killed,
    Behaves(Behaviour),
    /// Killed and started again, by turns of so many seconds.
    Flaps(f64),
}

/// What is asked of an edge.
#[derive(Debug, Clone, Copy)]
struct Bounds {
    /// The part of all requests that succeeds, in percent.
    success: f64,
    /// The same, for those that come when it has had some seconds to find out.
    success_later: f64,
    found_out: f64,
    /// How many requests that may be sent twice fail; where servers die, none may in any case.
    gets: f64,
    /// How often a session is served by another region than before.
    changes: f64,
    /// After how many seconds an operator is told.
    told: f64,
}

const BOUNDS: Bounds = Bounds {
    success: 0.0,
    success_later: 99.0,
    found_out: 10.0,
    gets: f64::INFINITY,
    changes: 4.0,
    told: f64::INFINITY,
};

/// Where servers look well from outside, operators are told, and an edge that may do so drains the region.
const TOLD: Bounds = Bounds { found_out: 25.0, told: 10.0, ..BOUNDS };

/// What happens, and what the edge is told to do about it.
#[derive(Debug, Clone, Copy)]
struct Case {
    strike: Strike,
    seconds: f64,
    bounds: Bounds,
    service: fn(Service) -> Service,
}

const PLAIN: Case = Case { strike: Strike::Killed, seconds: 30.0, bounds: BOUNDS, service: |service| service };

const fn answering(answering: Answering) -> Strike {
    Strike::Behaves(Behaviour { answering, ..USUAL })
}

/// The edge logs in to each server every 3 s.
fn with_deep_probe(service: Service) -> Service {
    let steps = "[{method: POST, path: /login, body: name=probe, contains: Welcome back}]";
    service.with("health", &format!("{{path: /healthz, interval: 1s, deep: {{interval: 3s, steps: {steps}}}}}"))
}

/// The edge drains a region by itself that has stood out for 5 s.
fn with_drains_of_its_own(service: Service) -> Service {
    service.with_setting("auto_drain", "{after: 5s, for: 1m, sessions: move}")
}

macro_rules! strike {
    ($name:literal, $about:literal, $case:expr) => {
        Scenario {
            name: $name,
            about: $about,
            seeds_of_others: 1,
            run: |run| -> Running<'_> { Box::pin(strike(run, $case)) },
            ..super::PLAIN
        }
    };
}

pub(super) const KILLED: Scenario = strike!(
    "region_killed",
    "all servers of a region are killed by SIGKILL; 30 s later they are started again",
    Case { bounds: Bounds { success_later: 100.0, ..BOUNDS }, ..PLAIN }
);
pub(super) const SILENT: Scenario = strike!(
    "region_silent",
    "all servers of a region take requests and connections, and answer nothing for 30 s, probes neither",
    Case {
        strike: answering(Answering::Silent),
        bounds: Bounds { success: 99.0, success_later: 99.9, ..BOUNDS },
        ..PLAIN
    }
);
pub(super) const SLOW: Scenario = strike!(
    "region_slow",
    "all servers of a region take ten times as long (50 ms in place of 5 ms) for 30 s",
    Case {
        strike: Strike::Behaves(Behaviour { time: 50, ..USUAL }),
        bounds: Bounds { success: 100.0, gets: 0.0, changes: 2.0, ..BOUNDS },
        ..PLAIN
    }
);
pub(super) const HALF: Scenario = strike!(
    "region_half_500",
    "half of what the servers of a region answer is 500 for 60 s, while probes are told that all is well; the edge may drain it",
    Case {
        strike: answering(Answering::Fails(50)),
        seconds: 60.0,
        bounds: TOLD,
        service: with_drains_of_its_own,
    }
);
pub(super) const RESETS: Scenario = strike!(
    "resets",
    "30 % of the answers of a region's servers are cut by a reset within the body for 60 s; the edge may drain it",
    Case {
        strike: answering(Answering::Resets(30)),
        seconds: 60.0,
        bounds: TOLD,
        service: with_drains_of_its_own,
    }
);
pub(super) const LOGINS: Scenario = strike!(
    "failed_logins",
    "nobody can log in to a region for 30 s: its pages say so with status 200, and a deep probe logs in at each server",
    Case { strike: answering(Answering::FailsLogins), service: with_deep_probe, ..PLAIN }
);
pub(super) const DECLARED: Scenario = strike!(
    "declared_failures",
    "the same for 60 s without a deep probe; the app declares it in `Homeward-Outcome`, and the edge may drain the region",
    Case {
        strike: answering(Answering::DeclaresFailure),
        seconds: 60.0,
        bounds: TOLD,
        service: with_drains_of_its_own,
    }
);
pub(super) const FLAPPING: Scenario = strike!(
    "flapping",
    "all servers of a region are killed and, 3 s later, started again for 3 s, ten times",
    Case {
        strike: Strike::Flaps(3.0),
        seconds: 60.0,
        bounds: Bounds { success: 99.0, success_later: 0.0, changes: 6.0, ..BOUNDS },
        ..PLAIN
    }
);

async fn strike(run: &Run<'_>, case: Case) -> Findings {
    let service = (case.service)(Service::usual());
    let mut stage = Stage::set(run, [4, 4, 4], USUAL, &service, MIX).await;
    let servers = stage.town.of_region(STRUCK);
    let mut deaths = Vec::new();
    stage.begin().await;
    let told = Told::watch(&stage.proxy);
    match case.strike {
        Strike::Killed => {
            let at = now();
            deaths.extend(servers.iter().map(|server| Death { server: *server, at }));
            stage.town.kill(&servers).await;
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
                deaths.extend(servers.iter().map(|server| Death { server: *server, at }));
                stage.town.kill(&servers).await;
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
