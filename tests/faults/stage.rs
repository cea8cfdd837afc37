//! Servers, a proxy in front of them and visitors: what most scenarios stand on.

use crate::behaviour::Behaviour;
use crate::checks::{Findings, Worst};
use crate::figures::Summary;
use crate::ground::Ground;
use crate::load::{Load, Mix};
use crate::proxies::{Kind, Proxy, Tries};
use crate::record::{Ledger, Record, now};
use crate::table::Service;
use crate::town::Town;
use std::time::Duration;

/// One run of one scenario.
#[derive(Debug, Clone, Copy)]
pub struct Run<'a> {
    /// Against what.
    pub kind: Kind,
    /// Which requests, and which faults.
    pub seed: u32,
    /// By how much all spans of time are multiplied.
    pub scale: f64,
    /// Where.
    pub ground: &'a Ground,
    /// How long the soak takes.
    pub soak: Duration,
}

impl Run<'_> {
    /// So many seconds, scaled.
    pub fn span(&self, seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds * self.scale)
    }

    /// Waits for so many seconds, scaled.
    pub async fn wait(&self, seconds: f64) {
        tokio::time::sleep(self.span(seconds)).await;
    }
}

/// All that runs.
pub struct Stage {
    /// The servers.
    pub town: Town,
    /// What is under test.
    pub proxy: Proxy,
    /// The visitors.
    pub load: Load,
    /// When the faults began.
    pub faults_began: u64,
    before: Option<Tries>,
}

/// What is left when all has ended.
pub struct Taken {
    /// All records of the visitors.
    pub records: Vec<Record>,
    /// All records of the servers.
    pub ledger: Ledger,
    /// Tries for each request since the faults began.
    pub tries: f64,
    /// When the faults began.
    pub faults_began: u64,
}

impl Stage {
    /// Starts servers, proxy and visitors, and lets them come to rest.
    pub async fn set(run: &Run<'_>, sizes: [u8; 3], behaviour: Behaviour, service: &Service, mix: Mix) -> Self {
        let town = Town::start(run.ground, sizes, behaviour).await;
        let proxy = Proxy::start(run.kind, run.ground, &town, service).await;
        // Probes of other proxies take three seconds until all is known to be well.
        tokio::time::sleep(Duration::from_secs(3)).await;
        let load = Load::start(proxy.address, mix, run.seed.into());
        tokio::time::sleep(Duration::from_secs(5)).await;
        Self { town, proxy, load, faults_began: now(), before: None }
    }

    /// The faults begin now.
    pub async fn begin(&mut self) {
        self.before = Some(self.proxy.tries().await);
        self.faults_began = now();
    }

    /// Ends it all, and gives back what is left.
    pub async fn end(self) -> Taken {
        let records = self.load.stop().await;
        let after = self.proxy.tries().await;
        let requests = records.iter().filter(|record| record.ask.due >= self.faults_began).count();
        let tries = self.before.map_or(f64::NAN, |before| after.per_request(before, requests));
        self.proxy.end().await;
        let ledger = self.town.take_ledger();
        self.town.end().await;
        Taken { records, ledger, tries, faults_began: self.faults_began }
    }
}

impl Taken {
    /// The records from when the faults began.
    pub fn since_faults(&self) -> impl Iterator<Item = &Record> {
        self.records.iter().filter(|record| record.ask.due >= self.faults_began)
    }

    /// The columns that all scenarios have, of some of the records.
    pub fn figures<'a>(&self, findings: &mut Findings, records: impl Iterator<Item = &'a Record>) -> Summary {
        let summary = Summary::of(records);
        findings.figure("requests", "", summary.requests as f64, Worst::Low);
        findings.figure("succeeded", "%", summary.success() * 100.0, Worst::Low);
        findings.figure("failed", "", summary.failed() as f64, Worst::High);
        findings.figure("tries per request", "", self.tries, Worst::High);
        findings.figure("p50", "ms", summary.p50 * 1000.0, Worst::High);
        findings.figure("p99", "ms", summary.p99 * 1000.0, Worst::High);
        findings.figure("max", "ms", summary.max * 1000.0, Worst::High);
        findings.failures = summary.kinds();
        let unsent = summary.failures.get("not sent").copied().unwrap_or(0);
        let before = Summary::of(self.records.iter().filter(|record| record.over < self.faults_began));
        if unsent > 0 {
            findings.check(
                "requests that the harness could not send",
                unsent as f64,
                crate::checks::Bound::AtMost(0.0),
            );
        }
        // What fails without any fault is no work of a fault.
        findings.check("failures before the fault", before.failed() as f64, crate::checks::Bound::AtMost(0.0));
        summary
    }
}
