//! Faults, made on purpose and measured: `make faults` runs the scenarios and writes docs/faults.md.
//!
//! Every process, packet and address is this machine's own, where the kernel lets it in a network namespace of its own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a measurement fails by panicking")]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "the figures are what it is for")]
#![allow(clippy::disallowed_methods, reason = "it measures with the clock itself")]
#![allow(unreachable_pub, reason = "it is a program of one piece")]

mod behaviour;
mod checks;
mod client;
mod deaths;
mod figures;
mod ground;
mod load;
mod names;
mod options;
mod proxies;
mod record;
mod report;
mod scenarios;
mod server;
mod stage;
#[allow(dead_code, unused_imports, reason = "the everyday tests use the rest")]
#[path = "../end_to_end/support/mod.rs"]
mod support;
mod table;
mod town;

use options::{Asked, Options};
use std::process::ExitCode;

const USAGE: &str = "\
Makes faults and measures what visitors notice.

    faults run [SCENARIO...] [--seeds N] [--seconds-scale F] [--soak 1h] [--against homeward,haproxy,envoy]
               [--report docs/faults.md]

Without a scenario all of them run, but the soak, which --soak asks for. Scenarios:
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match options::read(&arguments) {
        // Who lists tests is told that there are none.
        Ok(Asked::List) => ExitCode::SUCCESS,
        Ok(Asked::Usage) => {
            print!("{USAGE}");
            scenarios::ALL.iter().for_each(|scenario| println!("    {:<18} {}", scenario.name, scenario.about));
            ExitCode::SUCCESS
        }
        Ok(Asked::Server { listen, region }) => server::run(listen, &region),
        Ok(Asked::Run(options)) => run(&options, &arguments),
        Err(why) => {
            eprintln!("faults: {why}\n\n{USAGE}");
            ExitCode::from(2)
        }
    }
}

fn run(options: &Options, arguments: &[String]) -> ExitCode {
    let ground = match ground::enter(arguments) {
        ground::Entered::Ended(code) => return code,
        ground::Entered::Here(ground) => ground,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        // What was started ends with the future that holds it, however that ends.
        tokio::select! {
            code = scenarios::run(options, &ground) => code,
            _ = tokio::signal::ctrl_c() => {
                eprintln!("faults: interrupted; what ran is ended");
                ExitCode::from(130)
            }
        }
    })
}
