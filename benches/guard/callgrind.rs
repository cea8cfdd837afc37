//! Instructions, counted by callgrind: the same number in every run, however busy the machine is.

use std::fs;
use std::path::Path;
use std::process::Command;

/// The argument by which this program is told that it runs under callgrind.
pub(crate) const MEASURE: &str = "--measure";

/// Runs `work`; callgrind counts its instructions, and writes them into a file of their own.
pub(crate) fn measure(work: &mut dyn FnMut()) {
    guard_counts(work);
    guard_writes();
}

/// Callgrind counts while this function runs.
#[inline(never)]
fn guard_counts(work: &mut dyn FnMut()) {
    work();
}

/// Before this function callgrind writes down what it has counted.
#[inline(never)]
fn guard_writes() {
    std::hint::black_box(());
}

/// Whether valgrind can be started here.
pub(crate) fn is_there() -> bool {
    Command::new("valgrind").arg("--version").output().is_ok_and(|output| output.status.success())
}

/// Runs this program under callgrind: what it printed, and the instructions of each call of [`measure`], in their
/// order. `folder` is emptied for it.
pub(crate) fn run(folder: &Path) -> Result<(String, Vec<u64>), String> {
    let _ = fs::remove_dir_all(folder);
    let failed = |what: &str, why: std::io::Error| format!("{what}: {why}");
    fs::create_dir_all(folder).map_err(|why| failed("the folder for callgrind's files cannot be made", why))?;
    let this = std::env::current_exe().map_err(|why| failed("the path of this program is not known", why))?;
    let counts = folder.join("counts");
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--quiet", "--collect-atstart=no"])
        .args(["--toggle-collect=*guard_counts*", "--dump-before=*guard_writes*"])
        .arg(format!("--callgrind-out-file={}", counts.display()))
        .arg(this)
        .arg(MEASURE)
        .output()
        .map_err(|why| failed("valgrind cannot be run", why))?;
    if !output.status.success() {
        return Err(format!("valgrind failed:\n{}", String::from_utf8_lossy(&output.stderr)));
    }
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let totals = (1..).map_while(|at| fs::read_to_string(format!("{}.{at}", counts.display())).ok());
    let totals: Option<Vec<_>> = totals.map(|text| total(&text)).collect();
    Ok((printed, totals.ok_or("callgrind wrote a file without a total")?))
}

/// The instructions of one of callgrind's files.
pub(crate) fn total(text: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix("totals:"))?.trim().parse().ok()
}
