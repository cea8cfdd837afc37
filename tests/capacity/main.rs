//! The costs of docs/capacity.md, measured; and what the model makes of them held against real edges: `make capacity-check`.
//!
//! Edges are on one core, load and app server on another; all of it is on loopback.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a measurement fails by panicking")]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "the figures are what it is for")]
#![allow(clippy::disallowed_methods, reason = "it measures with the clock itself")]
#![allow(unreachable_pub, reason = "it is a program of one piece")]

mod app;
mod check;
mod clients;
mod costs;
mod edge;
mod load;
mod storm;

use homeward::capacity::Costs;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

const USAGE: &str = "\
Measures what things cost an edge, and holds what the model says against real edges.

    capacity measure [--homeward FILE] [--seconds-scale F] [--out FILE]
    capacity check   [--homeward FILE] [--seconds-scale F] [--costs FILE] [--only storm]

`check` measures first, unless a file of costs is named. Wants two quiet cores.
";

/// What is asked.
pub struct Options {
    /// The program that is measured.
    pub homeward: PathBuf,
    /// How much longer or shorter than usual things take.
    pub scale: f64,
    out: Option<PathBuf>,
    costs: Option<PathBuf>,
    only: Option<String>,
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let verb = arguments.next().unwrap_or_default();
    // Who lists tests is told that there are none.
    if verb == "--list" || arguments.any(|argument| argument == "--list") {
        return ExitCode::SUCCESS;
    }
    let mut options = Options {
        homeward: PathBuf::from(env!("CARGO_BIN_EXE_homeward")),
        scale: 1.0,
        out: None,
        costs: None,
        only: None,
    };
    let mut arguments = std::env::args().skip(2);
    while let Some(argument) = arguments.next() {
        let Some(value) = arguments.next() else {
            eprintln!("{argument} wants a value\n\n{USAGE}");
            return ExitCode::from(2);
        };
        match argument.as_str() {
            "--homeward" => options.homeward = PathBuf::from(value),
            "--seconds-scale" => options.scale = value.parse().expect("--seconds-scale is a number"),
            "--out" => options.out = Some(PathBuf::from(value)),
            "--costs" => options.costs = Some(PathBuf::from(value)),
            "--only" => options.only = Some(value),
            _ => {
                eprintln!("there is no option {argument}\n\n{USAGE}");
                return ExitCode::from(2);
            }
        }
    }
    warn_of_others();
    match verb.as_str() {
        "measure" => alone(measure(&options)),
        "check" => alone(check(&options)),
        _ => {
            eprint!("{USAGE}");
            ExitCode::from(2)
        }
    }
}

/// Runs `what` on the core for load.
fn alone(what: impl Future<Output = ExitCode>) -> ExitCode {
    let pinned = Command::new("taskset").args(["-cp", "1", &std::process::id().to_string()]).output();
    assert!(pinned.is_ok_and(|done| done.status.success()), "taskset cannot pin to a second core");
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    let raised = rustix::process::Rlimit { current: limit.maximum, ..limit };
    rustix::process::setrlimit(rustix::process::Resource::Nofile, raised).unwrap();
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(what)
}

/// Says so where others keep the machine busy: nothing that is measured then is worth much.
fn warn_of_others() {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load: f64 = text.split(' ').next().and_then(|load| load.parse().ok()).unwrap_or_default();
    if load > 0.5 {
        eprintln!("the machine is not quiet: its load is {load}");
    }
}

async fn measure(options: &Options) -> ExitCode {
    let text = costs::measure(options).await;
    Costs::read(&text).expect("what was written is read");
    match &options.out {
        Some(file) => std::fs::write(file, text).unwrap(),
        None => print!("{text}"),
    }
    ExitCode::SUCCESS
}

async fn check(options: &Options) -> ExitCode {
    let text = match &options.costs {
        Some(file) => std::fs::read_to_string(file).unwrap(),
        None => costs::measure(options).await,
    };
    let costs = Costs::read(&text).unwrap();
    let mut verdict = check::Verdict::default();
    if options.only.as_deref() != Some("storm") {
        check::run(options, &costs, &mut verdict).await;
    }
    storm::run(options, &costs, &mut verdict).await;
    verdict.end()
}
