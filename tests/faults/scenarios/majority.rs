//! Most servers of a region are gone without a word: packets to and from them are dropped.

use super::{Running, Scenario};
use crate::behaviour::Behaviour;
use crate::checks::{Bound, Findings, Worst};
use crate::figures::{Summary, even_after, quiet_after};
use crate::load::Mix;
use crate::proxies::Kind;
use crate::record::{Record, SECOND, now};
use crate::stage::{Run, Stage};
use crate::table::Service;
use std::time::Duration;

pub(super) const SCENARIO: Scenario = Scenario {
    name: "majority",
    about: "7 of 10 servers of a region vanish (packets dropped) for 90 s, then come back",
    needs_black_holes: true,
    seeds_of_others: 100,
    run: |run| -> Running<'_> { Box::pin(majority(run)) },
    ..super::PLAIN
};

/// How many vanish, of how many.
const VANISH: usize = 7;
const OF: u8 = 10;

/// The region that is struck.
const STRUCK: u8 = 0;

/// Over how long load is looked at, and how far a server may be from the mean.
const WINDOW: u64 = 2 * SECOND;
const TOLERANCE: f64 = 0.2;

const MIX: Mix = Mix { rate: 700.0, homes: [5, 1, 1], sessions: 0.7, sessions_each: 2000, posts: 0.2 };

async fn majority(run: &Run<'_>) -> Findings {
    let service = Service::usual();
    let mut stage = Stage::set(run, [OF, 4, 4], Behaviour::default(), &service, MIX).await;
    let mut struck = stage.town.of_region(STRUCK);
    fastrand::Rng::with_seed(run.seed.into()).shuffle(&mut struck);
    let gone: Vec<_> = struck[..VANISH].iter().map(|server| run.ground.address_of(*server)).collect();
    stage.begin().await;
    run.ground.drop_packets(&gone).expect("packets can be dropped");
    run.wait(90.0).await;
    run.ground.heal();
    let healed = now();
    tokio::time::sleep(Duration::from_secs(15)).await;
    let taken = stage.end().await;

    let mut findings = Findings::default();
    let at_home = |record: &&Record| record.ask.home == STRUCK;
    let there = taken.figures(&mut findings, taken.since_faults().filter(at_home));
    let others = Summary::of(taken.since_faults().filter(|record| !at_home(record)));
    let quiet = quiet_after(taken.since_faults(), healed);
    let even = even_after(&taken.ledger.sights, &struck, healed, WINDOW, TOLERANCE).unwrap_or(f64::INFINITY);
    let all = Summary::of(taken.since_faults());
    findings.figure("failed elsewhere", "", others.failed() as f64, Worst::High);
    findings.figure("no errors after", "s", quiet, Worst::High);
    findings.figure("even load after", "s", even, Worst::High);
    findings.check("% of the requests at home there that succeed", there.success() * 100.0, Bound::AtLeast(99.5));
    findings.check("% of all requests that succeed", all.success() * 100.0, Bound::AtLeast(99.5));
    findings.check("tries per request", taken.tries, Bound::AtMost(1.25));
    findings.check("seconds until nobody sees an error", quiet, Bound::AtMost(5.0));
    findings.check("seconds until load is even", even, Bound::AtMost(5.0));
    if run.kind == Kind::Homeward {
        super::say_unknown(&mut findings, &service);
    }
    findings
}
