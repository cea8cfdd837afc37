//! Says what came out, and keeps it where it is accepted.

use crate::baseline::{Counts, compare};
use std::path::Path;
use std::process::{Command, ExitCode};

/// Counts what `count` counts, holds it against the baseline in `benches/guard/<name>.baseline`, and prints both. With
/// `--accept` or `UPDATE_GOLDEN=1` the baseline is written anew.
pub(crate) fn report(name: &str, count: impl FnOnce() -> Result<Vec<(String, f64)>, String>) -> ExitCode {
    if !crate::callgrind::is_there() {
        println!("guard: valgrind is missing: instructions were not counted. On Debian: apt-get install valgrind");
        return ExitCode::SUCCESS;
    }
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("benches/guard/{name}.baseline"));
    match count().and_then(|counts| judge(&file, Counts { compiler: compiler(), of: counts.into_iter().collect() })) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("\n{why}");
            ExitCode::FAILURE
        }
    }
}

fn judge(file: &Path, now: Counts) -> Result<(), String> {
    let before = std::fs::read_to_string(file).map_err(|why| format!("{} cannot be read: {why}", file.display()));
    let accepts =
        std::env::args().any(|argument| argument == "--accept") || std::env::var_os("UPDATE_GOLDEN").is_some();
    if accepts {
        println!("{}", compare(&Counts::read(&before.unwrap_or_default())?, &now).table);
        std::fs::write(file, now.text()).map_err(|why| format!("{} cannot be written: {why}", file.display()))?;
        println!("That is in {} now.", file.display());
        return Ok(());
    }
    let verdict = compare(&Counts::read(&before?)?, &now);
    println!("{}", verdict.table);
    verdict.failure.map_or(Ok(()), Err)
}

/// What `rustc --version` says: another compiler counts otherwise.
fn compiler() -> String {
    let output = Command::new("rustc").arg("--version").output();
    output.map_or_else(|_| "unknown".to_owned(), |output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
