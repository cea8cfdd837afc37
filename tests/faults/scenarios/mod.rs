//! The scenarios, and what runs them.

mod majority;

use crate::checks::Findings;
use crate::ground::Ground;
use crate::options::Options;
use crate::proxies::Kind;
use crate::report::Results;
use crate::stage::Run;
use crate::table::Service;
use std::future::Future;
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
    /// Whether other proxies are put through it too.
    pub compares: bool,
    /// The most seeds that it is run with.
    pub seeds: u32,
    /// Runs it.
    pub run: for<'a> fn(&'a Run<'a>) -> Running<'a>,
}

/// All of them, in the order in which they are run and reported.
pub const ALL: &[Scenario] = &[majority::SCENARIO];

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
        for kind in kinds.iter().copied().filter(|kind| scenario.compares || *kind == Kind::Homeward) {
            if kind.program().is_none() {
                results.leave_proxy_out(scenario.name, kind, "not installed");
                continue;
            }
            results.begin(scenario, kind, options.scale);
            for seed in 1..=options.seeds.min(scenario.seeds) {
                let soak = options.soak.unwrap_or(Duration::from_hours(1));
                let run = Run { kind, seed, scale: options.scale, ground, soak };
                let findings = (scenario.run)(&run).await;
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
