//! Three times as many requests as the servers can serve.

use super::{Running, Scenario, say_unknown};
use crate::behaviour::Behaviour;
use crate::checks::{Bound, Findings, Worst};
use crate::figures::Summary;
use crate::load::{Load, Mix};
use crate::proxies::Proxy;
use crate::record::{Record, SECOND};
use crate::stage::Run;
use crate::table::Service;
use crate::town::Town;
use std::time::Duration;

pub(super) const SCENARIO: Scenario = Scenario {
    name: "overload",
    about: "servers that can serve 400 requests a second get 400 and then 1,200, from sessions and new visitors",
    run: |run| -> Running<'_> { Box::pin(overload(run)) },
    ..super::PLAIN
};

/// Two servers in each region, with two workers each that take 30 ms: 400 requests a second.
const SIZES: [u8; 3] = [2, 2, 2];
const BUSY: Behaviour = Behaviour { time: 30, workers: 2, queue: 100_000, ..NORMAL };
const NORMAL: Behaviour =
    Behaviour { answering: crate::behaviour::Answering::Normal, time: 0, workers: 0, queue: 0, load: 0 };
const CAPACITY: f64 = 400.0;

/// An answer that comes later is of no use to anybody.
const USEFUL: u64 = 2 * SECOND;

/// A third of the requests are of sessions: together no more than what can be served.
const MIX: Mix = Mix { rate: CAPACITY, homes: [1, 1, 1], sessions: 0.3, sessions_each: 500, posts: 0.2 };

/// What was of use.
struct Served {
    /// Useful answers a second.
    goodput: f64,
    all: Summary,
    admitted: Summary,
    sessions: f64,
    visitors: f64,
}

async fn overload(run: &Run<'_>) -> Findings {
    let shedding = Service::usual().with("limits", "{adaptive: {}}");
    let mut findings = Findings::default();
    let mut at_capacity = f64::NAN;
    for (how, service) in [("", &shedding), (" without limits", &Service::usual())] {
        let town = Town::start(run.ground, SIZES, BUSY).await;
        let proxy = Proxy::start(run.kind, run.ground, &town, service).await;
        tokio::time::sleep(Duration::from_secs(2)).await;
        if how.is_empty() {
            let once = serve(run, &proxy, 0.95, 20.0).await;
            at_capacity = once.goodput;
            findings.figure("goodput at 1 ×", "1/s", once.goodput, Worst::Low);
            findings.figure("p99 at 1 ×", "ms", once.admitted.p99 * 1000.0, Worst::High);
        }
        let thrice = serve(run, &proxy, 3.0, 30.0).await;
        let name = |figure: &str| format!("{figure} at 3 ×{how}");
        findings.figure(&name("goodput"), "1/s", thrice.goodput, Worst::Low);
        findings.figure(&name("sessions served"), "%", thrice.sessions * 100.0, Worst::Low);
        findings.figure(&name("new visitors served"), "%", thrice.visitors * 100.0, Worst::Low);
        findings.figure(&name("p99 of the served"), "ms", thrice.admitted.p99 * 1000.0, Worst::High);
        if how.is_empty() {
            let share = thrice.goodput / at_capacity * 100.0;
            findings.check("goodput at 3 ×, in % of that at 1 ×", share, Bound::AtLeast(90.0));
            findings.check("% of sessions served at 3 ×", thrice.sessions * 100.0, Bound::AtLeast(95.0));
            findings.check("p99 of the served at 3 ×, ms", thrice.admitted.p99 * 1000.0, Bound::AtMost(2000.0));
            findings.failures = thrice.all.kinds();
        }
        proxy.end().await;
        town.end().await;
    }
    say_unknown(&mut findings, &shedding);
    findings
}

async fn serve(run: &Run<'_>, proxy: &Proxy, times: f64, seconds: f64) -> Served {
    let load = Load::start(proxy.address, Mix { rate: CAPACITY * times, ..MIX }, run.seed.into());
    // The first seconds are for the edge to find its limits in.
    run.wait(seconds + 5.0).await;
    let records = load.stop().await;
    let (first, last) = (records[0].ask.due, records[records.len() - 1].ask.due);
    let from = first + (5.0 * run.scale * SECOND as f64) as u64;
    let records: Vec<Record> = records.into_iter().filter(|record| record.ask.due >= from).collect();
    let is_useful = |record: &&Record| record.end.is_good() && record.took() <= USEFUL;
    let share = |of_session: bool| {
        let them = || records.iter().filter(|record| record.ask.session.is_some() == of_session);
        them().filter(is_useful).count() as f64 / them().count().max(1) as f64
    };
    Served {
        goodput: records.iter().filter(is_useful).count() as f64 / ((last - from) as f64 / SECOND as f64),
        all: Summary::of(&records),
        admitted: Summary::of(records.iter().filter(|record| record.end.is_good())),
        sessions: share(true),
        visitors: share(false),
    }
}
