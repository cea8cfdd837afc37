//! Instructions, counted by callgrind: the same number in every run, however busy the machine is.

use std::fs;
use std::path::Path;
use std::process::Command;

/// One benchmark.
pub(crate) struct Case<'a> {
    pub(crate) name: String,
    /// How often `work` does it.
    pub(crate) operations: usize,
    pub(crate) work: Box<dyn FnMut() + 'a>,
}

impl Case<'_> {
    /// Has callgrind count the instructions of `work`, and says which benchmark it was.
    pub(crate) fn measure(mut self) {
        (self.work)(); // what is done once only, is done now
        guard_counts(&mut self.work);
        guard_writes();
        println!("{}\t{}", self.name, self.operations);
    }
}

/// Callgrind counts while this function runs.
#[inline(never)]
fn guard_counts(work: &mut dyn FnMut()) {
    work();
}

/// Before this function callgrind writes what it has counted into a file of its own.
#[inline(never)]
fn guard_writes() {
    std::hint::black_box(());
}

/// The argument by which this program is told that it runs under callgrind.
const MEASURE: &str = "--measure";

/// Whether this process is the one that callgrind looks at.
pub(crate) fn is_measuring() -> bool {
    std::env::args().any(|argument| argument == MEASURE)
}

/// Whether valgrind can be started here.
pub(crate) fn is_there() -> bool {
    Command::new("valgrind").arg("--version").output().is_ok_and(|output| output.status.success())
}

/// Runs this program under callgrind: the instructions of one operation of each benchmark that it measured.
pub(crate) fn count() -> Result<Vec<(String, f64)>, String> {
    let this = std::env::current_exe().map_err(|why| format!("the path of this program is not known: {why}"))?;
    let name = this.file_stem().unwrap_or_default();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).map_err(|why| format!("{} cannot be made: {why}", folder.display()))?;
    let counts = folder.join("counts");
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--quiet", "--collect-atstart=no"])
        .args(["--toggle-collect=*guard_counts*", "--dump-before=*guard_writes*"])
        .arg(format!("--callgrind-out-file={}", counts.display()))
        .arg(&this)
        .arg(MEASURE)
        .output()
        .map_err(|why| format!("valgrind cannot be run: {why}"))?;
    if !output.status.success() {
        return Err(format!("valgrind failed:\n{}", String::from_utf8_lossy(&output.stderr)));
    }
    let printed = String::from_utf8_lossy(&output.stdout);
    let ran: Vec<_> = printed.lines().filter_map(|line| line.split_once('\t')).collect();
    let totals = (1..).map_while(|at| fs::read_to_string(format!("{}.{at}", counts.display())).ok());
    let totals: Vec<_> = totals.map(|text| total(&text)).collect();
    if ran.is_empty() || ran.len() != totals.len() {
        return Err(format!("{} benchmarks ran, and callgrind counted {}", ran.len(), totals.len()));
    }
    let of_one = |((name, operations), total): ((&str, &str), Option<u64>)| {
        let operations: f64 = operations.parse().ok()?;
        Some((name.to_owned(), total.filter(|total| *total > 0)? as f64 / operations))
    };
    let counted: Option<_> = ran.into_iter().zip(totals).map(of_one).collect();
    counted.ok_or_else(|| format!("callgrind counted nothing; see {}", folder.display()))
}

/// The instructions of one of callgrind's files.
pub(crate) fn total(text: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix("totals:"))?.trim().parse().ok()
}
