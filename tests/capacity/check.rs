//! What the model says, beside what real edges do.

use crate::Options;
use crate::app::App;
use crate::clients::Door;
use crate::costs::open;
use crate::edge::{Edge, Plan};
use crate::load::{self, Kind, Outcome};
use homeward::capacity::{Costs, Load, Machine, Needs, Resource, Work, delay};
use std::process::ExitCode;
use std::time::Duration;

/// All lines, and whether each is within its tolerance.
#[derive(Default)]
pub struct Verdict {
    beyond: usize,
    lines: usize,
}

impl Verdict {
    /// Holds `measured` against `predicted`: either may be `factor` times the other.
    pub fn hold(&mut self, what: &str, unit: &str, measured: f64, predicted: f64, factor: f64) {
        if self.lines == 0 {
            println!("\n{:<58} {:>11} {:>11} {:>7}  within", "", "measured", "predicted", "ratio");
        }
        self.lines += 1;
        let ratio = measured / predicted;
        let is_within = ratio.is_finite() && (1.0 / factor..=factor).contains(&ratio);
        self.beyond += usize::from(!is_within);
        let word = if is_within { "" } else { "  BEYOND" };
        println!("{what:<58} {measured:>11.2} {predicted:>11.2} {ratio:>7.2}  × {factor} {unit}{word}");
    }

    /// The exit code: 1 where something is beyond its tolerance.
    pub fn end(self) -> ExitCode {
        println!("\n{} of {} within tolerance", self.lines - self.beyond, self.lines);
        if self.beyond == 0 && self.lines > 0 { ExitCode::SUCCESS } else { ExitCode::from(1) }
    }
}

/// A load of nothing.
pub const NOTHING: Load = Load {
    requests: 0.0,
    connections: 0.0,
    new_connections: 0.0,
    websockets: 0.0,
    messages: 0.0,
    tls: 0.0,
    http2: 0.0,
    resumed: 0.0,
    hops: 0.0,
    request_kib: 0.0,
    answer_kib: 1.0,
    app_seconds: 0.0,
};

/// The machine of an edge here: one core.
pub const MACHINE: Machine = Machine {
    cores: 1.0,
    memory_gib: 4.0,
    network_gbit: 100.0,
    file_handles: 1e6,
    connections: 1e6,
    ports: 28_232.0,
    servers: 10.0,
    busy: 0.6,
};

pub async fn run(options: &Options, costs: &Costs, verdict: &mut Verdict) {
    let app = App::start().await;
    let edge = Edge::start(&options.homeward, &app, &Plan::default()).await;
    busy(options, costs, &app, &edge, verdict).await;
    mixed(options, costs, &edge, verdict).await;
    limits(options, costs, &edge, verdict).await;
    drop(edge);
    memory(options, costs, &app, verdict).await;
}

/// How busy the core is at rates at which nothing was measured, and how long requests wait there.
async fn busy(options: &Options, costs: &Costs, app: &App, edge: &Edge, verdict: &mut Verdict) {
    let kept = Kind::Kept { connections: 64, path: "/1", prefix: "east" };
    let seconds = 8.0 * options.scale;
    for rate in [2_000.0, 5_000.0, 8_000.0, 11_000.0] {
        let direct = load::run(&[], &Door::plain(app.http), &kept, rate, seconds / 2.0).await;
        let outcome = load::run(&[edge], &Door::plain(edge.http), &kept, rate, seconds).await;
        let load = Load { requests: outcome.rate(), ..NOTHING };
        let told = Work::of(costs, &load).utilisation(1.0);
        verdict.hold(&format!("CPU at {rate} requests/s"), "%", outcome.utilisation() * 100.0, told * 100.0, 1.15);
        let added = delay(costs, &load, 1.0);
        let told = |of: fn(homeward::capacity::Delay) -> f64| added.map_or(f64::NAN, of) * 1e6;
        let measured = |part| (outcome.below(part) - direct.below(0.5)) * 1e6;
        verdict.hold("  p50 that the edge adds", "µs", measured(0.5), told(|added| added.p50), 3.0);
        verdict.hold("  p99 that the edge adds", "µs", measured(0.99), told(|added| added.p99), 4.0);
    }
}

/// Everything at once.
async fn mixed(options: &Options, costs: &Costs, edge: &Edge, verdict: &mut Verdict) {
    let kept = Kind::Kept { connections: 64, path: "/1", prefix: "east" };
    let large = Kind::Kept { connections: 32, path: "/64", prefix: "east" };
    let fresh = Kind::Fresh { workers: 32 };
    let sockets = Kind::Sockets { connections: 100 };
    let all = [
        (Door::tls(edge, true), kept, 2_000.0),
        (Door::plain(edge.http), large, 300.0),
        (Door::tls(edge, false), fresh.clone(), 150.0),
        (Door::tls(edge, true), fresh, 150.0),
        (Door::plain(edge.http), sockets, 1_000.0),
    ];
    let outcomes = load::run_all(&[edge], &all, 10.0 * options.scale).await;
    let rate = |at: usize| outcomes[at].rate();
    let tls = Load {
        requests: rate(0) + rate(2) + rate(3),
        tls: 1.0,
        new_connections: rate(2) + rate(3),
        resumed: rate(3) / (rate(2) + rate(3)),
        ..NOTHING
    };
    let plain = Load { requests: rate(1), answer_kib: 64.0, messages: rate(4), ..NOTHING };
    let (a, b) = (Work::of(costs, &tls), Work::of(costs, &plain));
    let work = Work {
        requests: a.requests + b.requests,
        connections: a.connections,
        handshakes: a.handshakes,
        messages: b.messages,
        waking: a.waking + b.waking,
    };
    let told = work.utilisation(1.0);
    verdict.hold(
        "CPU: TLS, handshakes, large bodies and WebSockets at once",
        "%",
        outcomes[0].utilisation() * 100.0,
        told * 100.0,
        1.2,
    );
}

/// New connections as fast as they can be made, and what they cost then.
async fn limits(options: &Options, costs: &Costs, edge: &Edge, verdict: &mut Verdict) {
    let fresh = Kind::Fresh { workers: 64 };
    for (what, door, tls) in
        [("without TLS", Door::plain(edge.http), 0.0), ("whole handshakes", Door::tls(edge, false), 1.0)]
    {
        let outcome: Outcome = load::run(&[edge], &door, &fresh, load::AT_ONCE, 6.0 * options.scale).await;
        let load = Load { requests: outcome.rate(), new_connections: outcome.rate(), tls, ..NOTHING };
        // Where load and app server are the slower side, the core is not busy all the time.
        let told = outcome.utilisation() / Work::of(costs, &load).utilisation(1.0) * outcome.rate();
        verdict.hold(&format!("the most new connections/s, {what}"), "/s", outcome.rate(), told, 1.2);
    }
}

async fn memory(options: &Options, costs: &Costs, app: &App, verdict: &mut Verdict) {
    for (what, count, tls) in [("without TLS", 12_000, 0.0), ("with TLS", 6_000, 1.0)] {
        let edge = Edge::start(&options.homeward, app, &Plan::default()).await;
        let door = if tls > 0.0 { Door::tls(&edge, true) } else { Door::plain(edge.http) };
        let all = open(&door, count).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        let load = Load { connections: all.len() as f64, tls, ..NOTHING };
        // What the kernel holds is not the process's.
        let costs = Costs { kernel_socket_kib: 0.0, ..costs.clone() };
        let needs = Needs::of(&costs, &load, &MACHINE);
        let need = needs.all.iter().find(|need| need.resource == Resource::Memory).unwrap();
        let told = need.needed * 1024.0 + costs.base_mib;
        verdict.hold(
            &format!("memory of {count} idle connections {what}"),
            "MiB",
            edge.resident() / 1024.0,
            told,
            1.15,
        );
        drop(all);
    }
}
