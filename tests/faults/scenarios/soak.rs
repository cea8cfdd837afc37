//! An hour of everything at once, with faults by chance: what leaks shows, and what is counted adds up.

mod faults;
mod feed;
mod process;

use super::{Running, Scenario, say_unknown};
use crate::behaviour::Behaviour;
use crate::checks::{Bound, Findings, Worst};
use crate::load::{Load, Mix};
use crate::proxies::Proxy;
use crate::record::{End, Record, now};
use crate::stage::{Run, Taken};
use crate::support::steady::{self, Steady, Target};
use crate::table::Service;
use crate::town::Town;
use faults::Trouble;
use feed::Listeners;
use process::{Sample, Samples};
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;

pub(super) const SCENARIO: Scenario = Scenario {
    name: "soak",
    about: "an hour of requests, WebSockets and feeds of events, with faults by chance, edits of the table and drains all the while",
    needs_black_holes: true,
    seeds: 1,
    run: |run| -> Running<'_> { Box::pin(soak(run)) },
    ..super::PLAIN
};

const MIX: Mix = Mix { rate: 300.0, homes: [1, 1, 1], sessions: 0.7, sessions_each: 3000, posts: 0.2 };

/// WebSockets that are open all the while.
const STREAMS: usize = 6;

/// Those who listen to events all the while.
const LISTENERS: usize = 6;

/// How often the process is looked at.
const LOOK: Duration = Duration::from_secs(10);

/// How much more an edge may hold at the end than at the beginning.
const MORE_MEMORY: f64 = 1.2;
const MORE_FILES: f64 = 1.2;
const MORE_THREADS: f64 = 1.0;

async fn soak(run: &Run<'_>) -> Findings {
    let service = Service::usual();
    let mut town = Town::start(run.ground, [3, 3, 3], Behaviour::default()).await;
    let listener = TcpListener::bind(SocketAddr::new(IpAddr::V4(run.ground.address(110, 1)), 8080)).await.unwrap();
    let mut more = steady::echo_section(listener.local_addr().unwrap());
    let echo = tokio::spawn(steady::echo(listener));
    let listener = TcpListener::bind(SocketAddr::new(IpAddr::V4(run.ground.address(111, 1)), 8080)).await.unwrap();
    more.push_str(&feed::section(listener.local_addr().unwrap()));
    let feeds = tokio::spawn(feed::serve(listener));
    let pools = [0, 1, 2].map(|region| town.addresses(region).iter().map(ToString::to_string).collect());
    let proxy = Proxy::start_with(run.ground, &pools, &service, &more).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let mut streams = Steady::new();
    for _ in 0..STREAMS {
        streams.visit(steady::Kind::WebSocket, Target::plain(proxy.address), "sockets");
    }
    let listeners = Listeners::start(proxy.address, LISTENERS);
    let before = proxy.tries().await;
    let load = Load::start(proxy.address, MIX, run.seed.into());
    let faults_began = now();

    let mut samples = Samples::default();
    let mut trouble = Trouble::new(run.seed.into());
    let began = Instant::now();
    while began.elapsed() < run.soak {
        let next = Instant::now() + LOOK;
        trouble.go_on(run.ground, &mut town, &proxy, &service, &more).await;
        samples.add(began.elapsed(), Sample::of(proxy.id()));
        tokio::time::sleep(next.saturating_duration_since(Instant::now())).await;
    }
    trouble.end(run.ground, &mut town).await;
    tokio::time::sleep(Duration::from_secs(15)).await;

    let records = load.stop().await;
    let streams = streams.stop().await;
    let heard = listeners.stop().await;
    // What is on its way in the edge is counted when it is over.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let requests = records.len();
    let tries = proxy.tries().await.per_request(before, requests);
    let counted = counted(&proxy).await;
    proxy.end().await;
    let ledger = town.take_ledger();
    town.end().await;
    echo.abort();
    feeds.abort();
    let taken = Taken { records, ledger, tries, faults_began };

    let mut findings = Findings::default();
    let summary = taken.figures(&mut findings, taken.since_faults());
    let [first, last] = samples.first_and_last(run.soak);
    findings.figure("minutes", "", run.soak.as_secs_f64() / 60.0, Worst::Low);
    findings.figure("messages over WebSockets", "", messages(&streams), Worst::Low);
    findings.figure("events heard", "", heard.events as f64, Worst::Low);
    for (what, unit, first, last, more) in [
        ("memory", "MiB", first.memory, last.memory, MORE_MEMORY),
        ("file handles", "", first.files, last.files, MORE_FILES),
        ("threads", "", first.threads, last.threads, MORE_THREADS),
    ] {
        findings.figure(&format!("{what} at the beginning"), unit, first, Worst::High);
        findings.figure(&format!("{what} at the end"), unit, last, Worst::High);
        findings.check(&format!("{what} at the end, times that at the beginning"), last / first, Bound::AtMost(more));
    }
    let stuck = summary.failures.get("stuck").copied().unwrap_or(0);
    findings.check("requests without any answer", stuck as f64, Bound::AtMost(0.0));
    findings.check("WebSockets that failed", streams.failures.len() as f64, Bound::AtMost(0.0));
    findings.check("feeds of events that broke off", heard.failures.len() as f64, Bound::AtMost(0.0));
    findings.check(
        "answers that the edge counts and nobody got",
        unexplained(&taken.records, &counted),
        Bound::AtMost(0.0),
    );
    findings.notes.push(trouble.said());
    let words: Vec<_> = counted.iter().map(|(class, count)| format!("{count} × {class}")).collect();
    findings.notes.push(format!("the edge counts {}", words.join(", ")));
    findings.notes.push(samples.said(run.soak));
    findings.notes.extend(streams.failures.iter().chain(&heard.failures).take(3).cloned());
    say_unknown(&mut findings, &service);
    findings
}

fn messages(streams: &steady::Tally) -> f64 {
    streams.counts.get("sockets messages").copied().unwrap_or(0) as f64
}

/// What the edge counts for the app, by class of the status.
async fn counted(proxy: &Proxy) -> BTreeMap<&'static str, f64> {
    let mut counted = BTreeMap::new();
    for class in ["2xx", "3xx", "4xx", "5xx", "other"] {
        let of_class = format!("code=\"{class}\"");
        let is_it = |labels: &str| labels.contains("service=\"portal\"") && labels.contains(&of_class);
        counted.insert(class, proxy.sum("homeward_requests_total", is_it).await);
    }
    counted
}

/// By how much the edge's counts differ from what visitors got, beyond what those explain who got no whole answer: the edge may
/// have counted such a request under any class.
fn unexplained(records: &[Record], counted: &BTreeMap<&'static str, f64>) -> f64 {
    let mut got: BTreeMap<&str, f64> = BTreeMap::new();
    let mut without = 0.0;
    for record in records {
        let class = match record.end {
            End::Answered(_) | End::LoginFailed(_) | End::Failed(200..300, _) => "2xx",
            End::Failed(300..400, _) => "3xx",
            End::Failed(400..500, _) => "4xx",
            End::Failed(500..600, _) => "5xx",
            End::Failed(..) => "other",
            End::Broken | End::Stuck => {
                without += 1.0;
                continue;
            }
            // The edge has never seen it.
            End::Unconnected | End::Unsent => continue,
        };
        *got.entry(class).or_default() += 1.0;
    }
    let of = |class: &str| got.get(class).copied().unwrap_or(0.0);
    let more: f64 = counted.iter().map(|(class, count)| (count - of(class)).max(0.0)).sum();
    let less: f64 = counted.iter().map(|(class, count)| (of(class) - count).max(0.0)).sum();
    (more - without).max(0.0) + less
}
