//! A whole region goes wrong at once, in one way or another, and is well again half a minute later.

use super::{Running, Scenario, say_toll, say_unknown};
use crate::behaviour::{Answering, Behaviour};
use crate::checks::{Bound, Findings, Worst};
use crate::deaths::{Death, Toll, changes_of_region};
use crate::figures::{Summary, quiet_after};
use crate::load::Mix;
use crate::proxies::Kind;
use crate::record::{End, Record, SECOND, now};
use crate::stage::{Run, Stage, Taken};
use crate::table::Service;
use std::time::Duration;

/// The region that is struck, and how long.
const STRUCK: u8 = 0;
const SECONDS: f64 = 30.0;

/// Until when an edge may need to find out, in seconds.
const FOUND_OUT: f64 = 10.0;

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
struct Bounds {
    /// The part of all requests that succeeds, in percent.
    success: f64,
    /// The same, for those that come when it has had [`FOUND_OUT`] to find out.
    success_later: f64,
    /// How many requests that may be sent twice fail; where servers die, none may in any case.
    gets: f64,
    /// How often a session is served by another region than before.
    changes: f64,
}

const NONE_FAILS: Bounds = Bounds { success: 0.0, success_later: 100.0, gets: f64::INFINITY, changes: 4.0 };
const FOUND_OUT_IN_TIME: Bounds = Bounds { success: 75.0, success_later: 99.0, gets: f64::INFINITY, changes: 4.0 };

const fn answering(answering: Answering) -> Strike {
    Strike::Behaves(Behaviour { answering, ..USUAL })
}

macro_rules! strike {
    ($name:literal, $strike:expr, $bounds:expr, $about:literal) => {
        Scenario {
            name: $name,
            about: $about,
            seeds_of_others: 1,
            run: |run| -> Running<'_> { Box::pin(strike(run, $strike, $bounds)) },
            ..super::PLAIN
        }
    };
}

pub(super) const KILLED: Scenario = strike!(
    "region_killed",
    Strike::Killed,
    NONE_FAILS,
    "all servers of a region are killed by SIGKILL; 30 s later they are started again"
);
pub(super) const SILENT: Scenario = strike!(
    "region_silent",
    answering(Answering::Silent),
    Bounds { success: 99.0, success_later: 99.9, gets: f64::INFINITY, changes: 4.0 },
    "all servers of a region take requests and connections, and answer nothing for 30 s, probes neither"
);
pub(super) const SLOW: Scenario = strike!(
    "region_slow",
    Strike::Behaves(Behaviour { time: 50, ..USUAL }),
    Bounds { success: 100.0, success_later: 100.0, gets: 0.0, changes: 2.0 },
    "all servers of a region take ten times as long (50 ms in place of 5 ms) for 30 s"
);
pub(super) const HALF: Scenario = strike!(
    "region_half_500",
    answering(Answering::Fails(50)),
    FOUND_OUT_IN_TIME,
    "half of what the servers of a region answer is 500 for 30 s, while they tell probes that all is well"
);
pub(super) const RESETS: Scenario = strike!(
    "resets",
    answering(Answering::Resets(30)),
    FOUND_OUT_IN_TIME,
    "30 % of the answers of a region's servers are cut by a reset within the body for 30 s"
);
pub(super) const LOGINS: Scenario = strike!(
    "failed_logins",
    answering(Answering::FailsLogins),
    FOUND_OUT_IN_TIME,
    "nobody can log in to a region for 30 s: its pages say so with status 200, and only a probe that logs in can see it"
);
pub(super) const DECLARED: Scenario = strike!(
    "declared_failures",
    answering(Answering::DeclaresFailure),
    FOUND_OUT_IN_TIME,
    "the same, and the app declares it in `Homeward-Outcome`"
);
pub(super) const FLAPPING: Scenario = strike!(
    "flapping",
    Strike::Flaps(3.0),
    Bounds { success: 99.0, success_later: 0.0, gets: f64::INFINITY, changes: 6.0 },
    "all servers of a region are killed and, 3 s later, started again for 3 s, ten times"
);

async fn strike(run: &Run<'_>, strike: Strike, bounds: Bounds) -> Findings {
    let service = Service::usual();
    let mut stage = Stage::set(run, [4, 4, 4], USUAL, &service, MIX).await;
    let servers = stage.town.of_region(STRUCK);
    let mut deaths = Vec::new();
    stage.begin().await;
    match strike {
        Strike::Killed => {
            let at = now();
            deaths.extend(servers.iter().map(|server| Death { server: *server, at }));
            stage.town.kill(&servers).await;
            run.wait(SECONDS).await;
            stage.town.revive(&servers).await;
        }
        Strike::Behaves(behaviour) => {
            stage.town.tell(&servers, behaviour).await;
            run.wait(SECONDS).await;
            stage.town.tell(&servers, USUAL).await;
        }
        Strike::Flaps(seconds) => {
            for _ in 0..(SECONDS / seconds * run.scale).ceil() as u32 {
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
    let taken = stage.end().await;
    let mut findings = judge(run, &taken, healed, &bounds);
    if !deaths.is_empty() {
        say_toll(&mut findings, &Toll::of(taken.since_faults(), &taken.ledger.sights, &deaths));
    }
    if run.kind == Kind::Homeward {
        say_unknown(&mut findings, &service);
    }
    findings
}

fn judge(run: &Run<'_>, taken: &Taken, healed: u64, bounds: &Bounds) -> Findings {
    let mut findings = Findings::default();
    let all = taken.figures(&mut findings, taken.since_faults());
    let found_out = taken.faults_began + (FOUND_OUT * run.scale * SECOND as f64) as u64;
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
    for (what, value, bound) in [
        ("% of all requests that succeed", all.success() * 100.0, bounds.success),
        ("% that succeed after 10 s", later.success() * 100.0, bounds.success_later),
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
