//! DNS is dead for ten minutes, and comes back with other addresses.

use super::{Running, Scenario, say_unknown};
use crate::behaviour::Behaviour;
use crate::checks::{Bound, Findings, Worst};
use crate::ground::NAME_SERVER;
use crate::load::{Load, Mix};
use crate::names::NameServer;
use crate::proxies::Proxy;
use crate::record::{REGIONS, SECOND, ServerId, now};
use crate::stage::{Run, Taken};
use crate::table::Service;
use crate::town::Town;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

pub(super) const SCENARIO: Scenario = Scenario {
    name: "dns_dead",
    about: "the name server says nothing for 10 minutes, then it names other servers for all pools; the old ones go when they get no \
            requests any more",
    needs_names: true,
    seeds: 1,
    run: |run| -> Running<'_> { Box::pin(dns_dead(run)) },
    ..super::PLAIN
};

/// Servers of each region at the beginning, and as many others at the end.
const EACH: u8 = 3;

const MIX: Mix = Mix { rate: 200.0, homes: [1, 1, 1], sessions: 0.7, sessions_each: 1000, posts: 0.2 };

/// How long a server must have had no request before it goes, and the longest that this may take.
const UNUSED: u64 = 3 * SECOND;
const PATIENCE: Duration = Duration::from_secs(90);

fn name(region: usize) -> String {
    format!("app.{}.faults.test", REGIONS[region])
}

async fn dns_dead(run: &Run<'_>) -> Findings {
    let service = Service::usual();
    let names = NameServer::start(SocketAddr::new(NAME_SERVER.into(), 53)).await;
    // Both generations run from the beginning; only the name server knows which of them counts.
    let town = Town::start(run.ground, [2 * EACH; 3], Behaviour::default()).await;
    let is_old = |server: &ServerId| server.number < EACH;
    let publish = |wanted: &dyn Fn(&ServerId) -> bool| {
        for region in 0..REGIONS.len() {
            let servers = town.of_region(region as u8);
            let addresses = servers.iter().filter(|server| wanted(server)).map(|server| run.ground.address_of(*server));
            names.say(&name(region), addresses.collect());
        }
    };
    publish(&|server| is_old(server));
    let pools = [0, 1, 2].map(|region| vec![format!("{}:8080", name(region))]);
    let proxy = Proxy::start_with(run.ground, &pools, &service, "").await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let load = Load::start(proxy.address, MIX, run.seed.into());
    tokio::time::sleep(Duration::from_secs(10)).await;

    let before = proxy.tries().await;
    let faults_began = now();
    let asked_before = names.questions();
    names.die(true);
    run.wait(600.0).await;
    let asked_meanwhile = names.questions() - asked_before;
    publish(&|server| !is_old(server));
    names.die(false);
    let back = now();
    let mut town = town;
    let replaced = unused(&town, is_old).await;
    let old: Vec<_> = town.all().into_iter().filter(is_old).collect();
    town.kill(&old).await;
    tokio::time::sleep(Duration::from_secs(10)).await;

    let records = load.stop().await;
    let requests = records.iter().filter(|record| record.ask.due >= faults_began).count();
    let tries = proxy.tries().await.per_request(before, requests);
    proxy.end().await;
    let ledger = town.take_ledger();
    town.end().await;
    let taken = Taken { records, ledger, tries, faults_began };
    let mut findings = Findings::default();
    let summary = taken.figures(&mut findings, taken.since_faults());
    findings.figure("questions while it was dead", "", asked_meanwhile as f64, Worst::High);
    let replaced = replaced.map_or(f64::INFINITY, |at| at.saturating_sub(back) as f64 / SECOND as f64);
    findings.figure("others in use after", "s", replaced, Worst::High);
    findings.check("requests that fail", summary.failed() as f64, Bound::AtMost(0.0));
    findings.check("seconds until only the new servers are used", replaced, Bound::AtMost(60.0));
    say_unknown(&mut findings, &service);
    findings
}

/// Waits until these servers have had no request for a while; gives back when the last one came.
async fn unused(town: &Town, wanted: impl Fn(&ServerId) -> bool) -> Option<u64> {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let last = town.look(|ledger| {
            let recent = ledger.sights.iter().rev().take(100_000);
            recent.filter(|sight| wanted(&sight.server)).map(|sight| sight.at).max().unwrap_or(0)
        });
        if last + UNUSED < now() {
            return Some(last);
        }
    }
    None
}
