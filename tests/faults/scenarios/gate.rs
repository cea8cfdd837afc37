//! Sessions that take 300 ms to load, and browsers that ask eight things at once when their region or server is gone.

use super::{Running, Scenario};
use crate::behaviour::Behaviour;
use crate::checks::{Bound, Findings, Worst};
use crate::client::Pool;
use crate::figures::Summary;
use crate::load::next_id;
use crate::proxies::Proxy;
use crate::record::{Ask, Record, ServerId, now};
use crate::stage::Run;
use crate::table::Service;
use crate::town::Town;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

pub(super) const SCENARIO: Scenario = Scenario {
    name: "gate",
    about: "2,000 sessions of a region with four servers, each with 8 requests at once when first a server and then the region is \
            killed, before an app that takes 300 ms to load a session and shows a half of it meanwhile",
    run: |run| -> Running<'_> { Box::pin(gate(run)) },
    ..super::PLAIN
};

/// How many sessions, how many of them a second, and how many requests each.
const SESSIONS: f64 = 2000.0;
const EACH_SECOND: u64 = 80;
const AT_ONCE: u32 = 8;

const LOAD: u32 = 300;

/// What became of the sessions after one of the deaths.
struct Outcome {
    summary: Summary,
    /// Requests that saw a half-loaded session.
    halves: usize,
    /// Sessions that were loaded, and those that were more than once.
    loaded: usize,
    loaded_again: usize,
}

async fn gate(run: &Run<'_>) -> Findings {
    let mut findings = Findings::default();
    for (mode, value) in [("moved", "{sessions: moved}"), ("none", "{sessions: none}")] {
        let service = Service::usual().with("balance", "session").with("balance_factor", "1000%").with("gate", value);
        let mut town = Town::start(run.ground, [4, 4, 4], Behaviour { load: LOAD, ..Behaviour::default() }).await;
        let proxy = Proxy::start(run.kind, run.ground, &town, &service).await;
        let pool = Arc::new(Pool::new(proxy.address));
        let sessions = ((SESSIONS * run.scale) as u32).max(50);
        // Everybody has been there before.
        visit(&pool, sessions, 1).await;
        town.take_ledger();
        let server = ServerId { region: 0, number: (run.seed % 4) as u8 };
        let dead = [vec![server], town.of_region(0)];
        for (what, dead) in ["server", "region"].into_iter().zip(dead) {
            town.kill(&dead).await;
            let outcome = after(&pool, &town, sessions).await;
            say(&mut findings, mode, what, &outcome);
        }
        proxy.end().await;
        town.end().await;
    }
    findings
}

fn say(findings: &mut Findings, mode: &str, what: &str, outcome: &Outcome) {
    let name = |figure: &str| format!("{figure}, {what} gone, gate {mode}");
    let Outcome { summary, halves, loaded, loaded_again } = outcome;
    findings.figure(&name("failed"), "", summary.failed() as f64, Worst::High);
    findings.figure(&name("sessions loaded"), "", *loaded as f64, Worst::High);
    findings.figure(&name("loaded twice"), "", *loaded_again as f64, Worst::High);
    findings.figure(&name("half sessions seen"), "", *halves as f64, Worst::High);
    findings.figure(&name("p99"), "ms", summary.p99 * 1000.0, Worst::High);
    if mode == "none" {
        // Without this, the bounds above would say nothing.
        findings.check(&name("requests that saw half a session"), *halves as f64, Bound::AtLeast(1.0));
        return;
    }
    findings.check(&name("requests that saw half a session"), *halves as f64, Bound::AtMost(0.0));
    findings.check(&name("sessions that were loaded twice"), *loaded_again as f64, Bound::AtMost(0.0));
    findings.check(&name("sessions that were loaded"), *loaded as f64, Bound::AtLeast(1.0));
    findings.check(&name("requests that failed"), summary.failed() as f64, Bound::AtMost(0.0));
}

async fn after(pool: &Arc<Pool>, town: &Town, sessions: u32) -> Outcome {
    let records = visit(pool, sessions, AT_ONCE).await;
    let ledger = town.take_ledger();
    let mut loads: HashMap<u32, u32> = HashMap::new();
    for session in &ledger.loads {
        *loads.entry(*session).or_default() += 1;
    }
    let loaded_again = loads.values().filter(|count| **count > 1).count();
    Outcome { summary: Summary::of(&records), halves: ledger.halves.len(), loaded: loads.len(), loaded_again }
}

/// All sessions come, one after the other, each with so many requests at once.
async fn visit(pool: &Arc<Pool>, sessions: u32, at_once: u32) -> Vec<Record> {
    let mut pace = tokio::time::interval(Duration::from_micros(1_000_000 / EACH_SECOND));
    let mut asked = JoinSet::new();
    for session in 0..sessions {
        pace.tick().await;
        for _ in 0..at_once {
            let ask = Ask { id: next_id(), home: 0, session: Some(session), is_post: false, due: now() };
            let pool = pool.clone();
            asked.spawn(async move {
                let end = pool.ask(&ask).await;
                Record { ask, over: now(), end }
            });
        }
    }
    asked.join_all().await
}
