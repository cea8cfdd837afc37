//! Keeps what a request costs in the edge from growing unseen: instructions, counted by callgrind, against a recorded
//! baseline. What the kernel does for it is not counted.
//!
//! ```text
//! make guard
//! make guard-accept
//! ```

#![allow(clippy::unwrap_used, reason = "a benchmark may stop at the first surprise")]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "the counts are what it is for")]
#![allow(clippy::disallowed_methods, reason = "it waits for a process")]

#[path = "guard/baseline.rs"]
mod baseline;
#[path = "guard/callgrind.rs"]
mod callgrind;
#[path = "guard/forwarding.rs"]
mod forwarding;
#[path = "guard/heads.rs"]
mod heads;
#[path = "guard/report.rs"]
mod report;

use std::process::ExitCode;

fn main() -> ExitCode {
    if callgrind::is_measuring() {
        heads::each(|case| case.measure());
        return ExitCode::SUCCESS;
    }
    report::report("edge", || Ok([callgrind::count()?, forwarding::count()?].concat()))
}
