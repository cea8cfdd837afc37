//! What was counted before, and how far what is counted now is from it.

use std::collections::BTreeMap;
use std::fmt::Write;

/// By how much a count may grow before it counts as slower. The same program counts the same in every run; this much is
/// left for what code elsewhere in the crate moves about.
const TOLERANCE: f64 = 0.02;

/// The same of forwarding: how often an edge is woken for a request depends on who else is busy on the machine.
const TOLERANCE_OF_FORWARDING: f64 = 0.03;

fn tolerance(name: &str) -> f64 {
    if name.starts_with("forward:") { TOLERANCE_OF_FORWARDING } else { TOLERANCE }
}

/// Counts by the names of their benchmarks, and what compiled the program that they are of.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Counts {
    pub(crate) compiler: String,
    /// Instructions of one operation.
    pub(crate) of: BTreeMap<String, f64>,
}

const HEAD: &str = "\
# Instructions of one operation, counted by callgrind. `make guard` fails where they grow by more than 2 %, those of
# forwarding by more than 3 %;
# `make guard-accept` writes them anew. Keep the reason for a change in the message of its commit.
";

const COMPILER: &str = "compiler";

impl Counts {
    /// Reads what [`Counts::text`] has written.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        let mut counts = Self::default();
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let (name, value) = line.split_once('\t').ok_or_else(|| format!("no tab in the line '{line}'"))?;
            match value.trim() {
                compiler if name == COMPILER => counts.compiler = compiler.to_owned(),
                number => {
                    let number = number.parse().map_err(|_| format!("no number in the line '{line}'"))?;
                    counts.of.insert(name.to_owned(), number);
                }
            }
        }
        Ok(counts)
    }

    pub(crate) fn text(&self) -> String {
        let mut text = format!("{HEAD}{COMPILER}\t{}\n", self.compiler);
        for (name, count) in &self.of {
            let _ = writeln!(text, "{name}\t{count:.1}");
        }
        text
    }
}

/// What became of the counts of a program.
#[derive(Debug, PartialEq)]
pub(crate) struct Verdict {
    /// One line for each benchmark.
    pub(crate) table: String,
    /// What is to be said of those that fail; nothing where none does.
    pub(crate) failure: Option<String>,
}

/// Holds what was counted `now` against what was counted `before`.
pub(crate) fn compare(before: &Counts, now: &Counts) -> Verdict {
    let (mut table, mut slower, mut unknown, mut faster) = (String::new(), Vec::new(), Vec::new(), 0);
    for (name, count) in &now.of {
        let Some(old) = before.of.get(name) else {
            let _ = writeln!(table, "{count:>12.1}              new  {name}");
            unknown.push(name.clone());
            continue;
        };
        let (growth, tolerance) = (count / old - 1.0, tolerance(name));
        let mark = if growth > tolerance {
            let [growth, tolerance] = [growth, tolerance].map(|part| part * 100.0);
            slower.push(format!(
                "{name}: from {old:.1} to {count:.1} instructions ({growth:+.1} %; {tolerance:.0} % are let pass)"
            ));
            "SLOWER"
        } else if growth < -tolerance {
            faster += 1;
            "faster"
        } else {
            ""
        };
        let _ = writeln!(table, "{count:>12.1}  {:>+6.1} %  {mark:<6}  {name}", growth * 100.0);
    }
    let gone = before.of.keys().filter(|name| !now.of.contains_key(*name)).cloned();
    let unknown: Vec<_> = unknown.into_iter().chain(gone).collect();
    if faster > 0 {
        let _ = writeln!(table, "{faster} of them faster: `make guard-accept` keeps it that way.");
    }
    let mut failure = String::new();
    if !slower.is_empty() {
        let _ = writeln!(failure, "Slower than before:");
        slower.iter().for_each(|line| _ = writeln!(failure, "  {line}"));
        if before.compiler != now.compiler {
            let (old, new) = (&before.compiler, &now.compiler);
            let _ = writeln!(failure, "The compiler is another one: before it was '{old}', now it is '{new}'.");
        }
    }
    if !unknown.is_empty() {
        let _ = writeln!(failure, "Not in both the baseline and the guard: {}.", unknown.join("; "));
    }
    if !failure.is_empty() {
        failure.push_str("If that is what it has to cost, `make guard-accept` writes it down; commit the baseline.");
    }
    Verdict { table, failure: (!failure.is_empty()).then_some(failure) }
}
