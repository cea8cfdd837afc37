//! A server dies, comes back and dies again.

use super::{Running, Scenario, say_toll, say_unknown};
use crate::behaviour::Behaviour;
use crate::checks::{Bound, Findings, Worst};
use crate::deaths::{Death, Toll};
use crate::figures::quiet_after;
use crate::load::Mix;
use crate::proxies::Kind;
use crate::record::now;
use crate::stage::{Run, Stage};
use crate::table::Service;
use std::time::{Duration, Instant};

pub(super) const SCENARIO: Scenario = Scenario {
    name: "sigkill",
    about: "one server of four after the other is killed by SIGKILL under load and started again, for 2 minutes",
    seeds_of_others: 1,
    run: |run| -> Running<'_> { Box::pin(sigkill(run)) },
    ..super::PLAIN
};

const MIX: Mix = Mix { rate: 600.0, homes: [4, 1, 1], sessions: 0.7, sessions_each: 2000, posts: 0.3 };

async fn sigkill(run: &Run<'_>) -> Findings {
    let service = Service::usual();
    // 20 ms of work, so that there is always something that dies with a server.
    let behaviour = Behaviour { time: 20, ..Behaviour::default() };
    let mut stage = Stage::set(run, [4, 4, 4], behaviour, &service, MIX).await;
    let mut random = fastrand::Rng::with_seed(run.seed.into());
    let servers = stage.town.of_region(0);
    let mut deaths = Vec::new();
    stage.begin().await;
    let end = Instant::now() + run.span(120.0);
    while Instant::now() < end {
        let server = servers[random.usize(0..servers.len())];
        let at = now();
        stage.town.kill(&[server]).await;
        deaths.push(Death { server, at, gone: now() });
        tokio::time::sleep(Duration::from_millis(random.u64(500..2500))).await;
        stage.town.revive(&[server]).await;
        tokio::time::sleep(Duration::from_millis(random.u64(500..3000))).await;
    }
    let healed = now();
    tokio::time::sleep(Duration::from_secs(3)).await;
    let taken = stage.end().await;

    let mut findings = Findings::default();
    taken.figures(&mut findings, taken.since_faults());
    findings.figure("deaths", "", deaths.len() as f64, Worst::Low);
    let toll = Toll::of(taken.since_faults(), &taken.ledger.sights, &deaths);
    say_toll(&mut findings, &toll);
    findings.check("seconds until nobody sees an error", quiet_after(taken.since_faults(), healed), Bound::AtMost(5.0));
    if run.kind == Kind::Homeward {
        say_unknown(&mut findings, &service);
    }
    findings
}
