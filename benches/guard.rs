//! Keeps what a decision costs from growing unseen: instructions, counted by callgrind, against a recorded baseline.
//!
//! ```text
//! make guard
//! make guard-accept
//! ```

#![allow(clippy::unwrap_used, reason = "a benchmark may stop at the first surprise")]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "the counts are what it is for")]

#[path = "guard/baseline.rs"]
mod baseline;
#[path = "guard/callgrind.rs"]
mod callgrind;
#[path = "guard/decisions.rs"]
mod decisions;
#[path = "guard/report.rs"]
mod report;
mod town;

use std::process::ExitCode;

fn main() -> ExitCode {
    if callgrind::is_measuring() {
        decisions::each(|case| case.measure());
        return ExitCode::SUCCESS;
    }
    report::report("decision", callgrind::count)
}
