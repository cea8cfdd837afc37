//! This proxy beside others, on one machine: `make bench` runs the sheets and writes what it finds into docs/performance.md.
//!
//! Load, app servers and the floors are processes of this program's own; README.md beside it says what is configured how.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a measurement fails by panicking")]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "the figures are what it is for")]
#![allow(clippy::disallowed_methods, reason = "it measures with the clock itself")]
#![allow(unreachable_pub, reason = "it is a program of one piece")]

mod apps;
mod countries;
mod floors;
mod histogram;
mod http2;
mod load;
mod machine;
mod options;
mod page;
mod plot;
mod proxies;
mod ready;
mod results;
mod rounds;
mod sheets;
mod stage;
mod statistics;
mod table;
mod template;

use options::Asked;
use std::process::ExitCode;

const USAGE: &str = "\
Measures this proxy beside others.

    peers run [SHEET...] [--homeward [NAME=]PATH]... [--against nginx,haproxy,envoy,splice,loop | none]
              [--rounds 7] [--seconds 2] [--quick] [--cores PROXY,LOAD,APPS] [--page docs/performance.md]

Without a sheet all of them are run but the last one. --homeward may be given several times, to hold builds against each other. Nothing is
written without --page. Sheets:
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match options::read(&arguments) {
        Ok(Asked::Usage) => {
            print!("{USAGE}");
            sheets::all(false, 10_000).iter().for_each(|sheet| println!("    {:<12} {}", sheet.name, sheet.about));
            ExitCode::SUCCESS
        }
        Ok(Asked::Run(options)) => rounds::run(&options),
        Ok(Asked::Load(plan)) => load::run(&plan),
        Ok(Asked::Apps) => apps::run(),
        Ok(Asked::Splice { listen, server }) => floors::splice(listen, server),
        Ok(Asked::Loop { listen, server }) => floors::forward(listen, server),
        Err(why) => {
            eprintln!("peers: {why}\n\n{USAGE}");
            ExitCode::from(2)
        }
    }
}
