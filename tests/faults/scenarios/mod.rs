//! The scenarios, and what runs them.

mod dns;
mod gate;
mod majority;
mod overload;
mod sigkill;
mod soak;
mod strikes;

use crate::checks::{Bound, Findings, Worst};
use crate::deaths::Toll;
use crate::ground::Ground;
use crate::options::Options;
use crate::proxies::Kind;
use crate::report::Results;
use crate::stage::Run;
use crate::table::Service;
use futures_util::FutureExt;
use std::any::Any;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::process::ExitCode;
use std::time::Duration;

type Running<'a> = Pin<Box<dyn Future<Output = Findings> + 'a>>;

/// What is made to fail, and how it is judged.
pub struct Scenario {
    /// Its name in arguments and as a heading.
    pub name: &'static str,
    /// What happens, in a sentence.
    pub about: &'static str,
    /// Whether it drops packets.
    pub needs_black_holes: bool,
    /// Whether it needs a name server of its own.
    pub needs_names: bool,
    /// The most seeds that it is run with.
    pub seeds: u32,
    /// The same for other proxies; 0 where they have nothing of the kind.
    pub seeds_of_others: u32,
    /// Runs it.
    pub run: for<'a> fn(&'a Run<'a>) -> Running<'a>,
}

/// All of them, in the order in which they are run and reported.
pub const ALL: &[Scenario] = &[
    majority::SCENARIO,
    sigkill::SCENARIO,
    strikes::KILLED,
    strikes::SILENT,
    strikes::SLOW,
    strikes::HALF,
    strikes::RESETS,
    strikes::LOGINS,
    strikes::DECLARED,
    strikes::FLAPPING,
    dns::SCENARIO,
    overload::SCENARIO,
    gate::SCENARIO,
    soak::SCENARIO,
];

/// What most of them have in common.
const PLAIN: Scenario = Scenario {
    name: "",
    about: "",
    needs_black_holes: false,
    needs_names: false,
    seeds: 100,
    seeds_of_others: 0,
    run: |_| -> Running<'_> { Box::pin(std::future::ready(Findings::default())) },
};

/// Runs what is asked for and writes the report.
pub async fn run(options: &Options, ground: &Ground) -> ExitCode {
    let mut results = Results::open(&options.report);
    let mut kinds = Vec::new();
    for name in &options.against {
        match Kind::of(name) {
            Some(kind) => kinds.push(kind),
            None => return usage(&format!("there is no proxy {name}")),
        }
    }
    for name in &options.scenarios {
        if !ALL.iter().any(|scenario| scenario.name == name) {
            return usage(&format!("there is no scenario {name}"));
        }
    }
    let is_chosen = |scenario: &Scenario| {
        let is_named = options.scenarios.iter().any(|name| name == scenario.name);
        is_named || (options.scenarios.is_empty() && (scenario.name != "soak" || options.soak.is_some()))
    };
    let mut all_good = true;
    for scenario in ALL.iter().filter(|scenario| is_chosen(scenario)) {
        if let Some(why) = missing(scenario, ground) {
            eprintln!("{}: left out: {why}", scenario.name);
            results.leave_out(scenario.name, &why);
            continue;
        }
        for kind in kinds.iter().copied() {
            let most = if kind == Kind::Homeward { scenario.seeds } else { scenario.seeds_of_others };
            if most == 0 {
                continue;
            }
            if kind.program().is_none() {
                results.leave_proxy_out(scenario.name, kind, "not installed");
                continue;
            }
            results.begin(scenario, kind, options.scale);
            for seed in 1..=options.seeds.min(most) {
                let soak = options.soak.unwrap_or(Duration::from_hours(1));
                let run = Run { kind, seed, scale: options.scale, ground, soak };
                // One that cannot be measured keeps nobody from measuring the others.
                let findings = AssertUnwindSafe((scenario.run)(&run)).catch_unwind().await;
                let findings = findings.unwrap_or_else(|why| broken(&*why));
                ground.heal();
                print(scenario, &run, &findings);
                // Other proxies are there for comparison: they are bound to nothing.
                all_good &= kind != Kind::Homeward || findings.is_good();
                results.add(scenario.name, kind, seed, &findings);
                results.write();
            }
        }
    }
    results.write();
    if all_good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn broken(why: &(dyn Any + Send)) -> Findings {
    let why = why.downcast_ref::<String>().map(String::as_str).or_else(|| why.downcast_ref::<&str>().copied());
    let mut findings = Findings::default();
    findings.check("runs that came to no end", 1.0, Bound::AtMost(0.0));
    findings.notes.push(format!("broken off: {}", why.unwrap_or("?").lines().next().unwrap_or("?")));
    findings
}

fn usage(why: &str) -> ExitCode {
    eprintln!("faults: {why}");
    ExitCode::from(2)
}

fn missing(scenario: &Scenario, ground: &Ground) -> Option<String> {
    if scenario.needs_names && !ground.has_name_server() {
        return Some("needs a network namespace, for a name server of its own".into());
    }
    ground.no_black_holes.clone().filter(|_| scenario.needs_black_holes)
}

fn print(scenario: &Scenario, run: &Run<'_>, findings: &Findings) {
    println!("{} · {} · seed {}", scenario.name, run.kind.name(), run.seed);
    for (name, unit, value, _) in &findings.figures {
        println!("    {name:<40} {value:.3} {unit}");
    }
    if !findings.failures.is_empty() {
        println!("    failures: {}", findings.failures);
    }
    for (what, value, bound, kept) in &findings.checks {
        println!("    {} {what}: {value:.3} ({bound})", if *kept { "kept  " } else { "BROKEN" });
    }
    findings.notes.iter().for_each(|note| println!("    {note}"));
}

/// Says which keys of a table the edge under test does not know yet.
fn say_unknown(findings: &mut Findings, service: &Service) {
    let unknown = service.unknown();
    if !unknown.is_empty() {
        findings.notes.push(format!("without {}, which this edge does not know", unknown.join(", ")));
    }
}

/// What deaths cost, and what they may.
fn say_toll(findings: &mut Findings, toll: &Toll) {
    findings.figure("POSTs lost with a server", "", toll.posts_taken_along as f64, Worst::High);
    findings.figure("POSTs lost unread", "", toll.posts_unread as f64, Worst::High);
    findings.check("GETs that fail", toll.gets as f64, Bound::AtMost(0.0));
    findings.check(
        "POSTs that fail and were in no server that died",
        toll.posts_without_reason as f64,
        Bound::AtMost(0.0),
    );
    findings.check("POSTs that two servers saw", toll.posts_seen_twice as f64, Bound::AtMost(0.0));
}
