//! Keeps what a request costs from growing unseen: instructions, counted by callgrind, against a recorded baseline.
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
mod town;

use baseline::{Counts, compare};
use std::path::Path;
use std::process::{Command, ExitCode};

/// One benchmark.
struct Case<'a> {
    name: String,
    /// How often `work` does it.
    operations: usize,
    work: Box<dyn FnMut() + 'a>,
}

fn main() -> ExitCode {
    let has = |wanted: &str| std::env::args().any(|argument| argument == wanted);
    if has(callgrind::MEASURE) {
        decisions::each(measure);
        return ExitCode::SUCCESS;
    }
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/guard/decision.baseline");
    match guard(&file, has("--accept") || std::env::var_os("UPDATE_GOLDEN").is_some()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("\n{why}");
            ExitCode::FAILURE
        }
    }
}

/// Counts one benchmark, and says which it is.
fn measure(mut case: Case<'_>) {
    (case.work)(); // what is done once only, is done now
    callgrind::measure(&mut case.work);
    println!("{}\t{}", case.name, case.operations);
}

fn guard(file: &Path, accepts: bool) -> Result<(), String> {
    if !callgrind::is_there() {
        println!("guard: valgrind is missing, so that instructions were not counted; on Debian: apt-get install valgrind");
        return Ok(());
    }
    let (printed, totals) = callgrind::run(&Path::new(env!("CARGO_TARGET_TMPDIR")).join("guard"))?;
    let names: Vec<_> = printed.lines().filter_map(|line| line.split_once('\t')).collect();
    if names.is_empty() || names.len() != totals.len() {
        return Err(format!("{} benchmarks ran, and callgrind counted {}", names.len(), totals.len()));
    }
    let mut now = Counts { compiler: compiler(), ..Counts::default() };
    for ((name, operations), total) in names.into_iter().zip(totals) {
        let operations: f64 = operations.parse().map_err(|_| "a benchmark did not say how often it ran")?;
        now.of.insert(name.to_owned(), total as f64 / operations);
    }
    if accepts {
        std::fs::write(file, now.text()).map_err(|why| format!("{} cannot be written: {why}", file.display()))?;
        println!("{}is in {} now.", now.text(), file.display());
        return Ok(());
    }
    let text = std::fs::read_to_string(file).map_err(|why| format!("{} cannot be read: {why}", file.display()))?;
    let verdict = compare(&Counts::read(&text)?, &now);
    println!("{}", verdict.table);
    verdict.failure.map_or(Ok(()), Err)
}

/// What `rustc --version` says: another compiler counts otherwise.
fn compiler() -> String {
    let output = Command::new("rustc").arg("--version").output();
    output.map_or_else(|_| "unknown".to_owned(), |output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
