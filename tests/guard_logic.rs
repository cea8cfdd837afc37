//! What `make guard` judges with: its pure parts, tried by themselves.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(dead_code, reason = "the guard uses the rest")]

#[path = "../benches/guard/baseline.rs"]
mod baseline;

use baseline::{Counts, compare};

fn counts(of: &[(&str, f64)]) -> Counts {
    let of = of.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect();
    Counts { compiler: "rustc 1.95.0".to_owned(), of }
}

#[test]
fn a_baseline_is_read_as_it_was_written() {
    let written = counts(&[("decide: session key", 1074.1), ("forward: place", 61_234.5)]);
    assert_eq!(Counts::read(&written.text()), Ok(written));
    assert_eq!(Counts::read("# nothing yet\n\n"), Ok(Counts::default()));
    assert!(Counts::read("decide 12\n").unwrap_err().contains("no tab"));
    assert!(Counts::read("decide\tmany\n").unwrap_err().contains("no number"));
}

#[test]
fn little_more_or_any_less_passes() {
    let before = counts(&[("a", 1000.0), ("b", 1000.0)]);
    let verdict = compare(&before, &counts(&[("a", 1019.0), ("b", 500.0)]));
    assert_eq!(verdict.failure, None);
    assert!(verdict.table.contains("1 of them faster"), "{}", verdict.table);
}

#[test]
fn what_is_slower_is_named_with_both_counts_and_the_way_to_accept_it() {
    let before = counts(&[("a", 1000.0), ("b", 1000.0)]);
    let failure = compare(&before, &counts(&[("a", 1050.0), ("b", 1000.0)])).failure.unwrap();
    assert!(failure.contains("a: from 1000.0 to 1050.0 instructions (+5.0 %; 2 % are let pass)"), "{failure}");
    assert!(!failure.contains("b: "), "{failure}");
    assert!(failure.contains("make guard-accept"), "{failure}");
    assert!(!failure.contains("compiler"), "{failure}");
}

#[test]
fn forwarding_may_differ_a_little_more() {
    let grown = |name, to| compare(&counts(&[(name, 1000.0)]), &counts(&[(name, to)])).failure;
    assert_eq!(grown("forward: place", 1029.0), None);
    assert!(grown("forward: place", 1031.0).is_some());
    assert!(grown("decide: place", 1029.0).is_some());
}

#[test]
fn another_compiler_is_named_where_something_is_slower() {
    let before = counts(&[("a", 1000.0)]);
    let now = Counts { compiler: "rustc 1.96.0".to_owned(), ..counts(&[("a", 1050.0)]) };
    let failure = compare(&before, &now).failure.unwrap();
    assert!(failure.contains("'rustc 1.95.0', now it is 'rustc 1.96.0'"), "{failure}");
    let same = Counts { compiler: "rustc 1.96.0".to_owned(), ..before.clone() };
    assert_eq!(compare(&before, &same).failure, None);
}

#[test]
fn a_benchmark_that_came_or_went_is_named() {
    let failure = compare(&counts(&[("a", 1.0)]), &counts(&[("b", 1.0)])).failure.unwrap();
    assert!(failure.contains("Not in both the baseline and the guard: b; a."), "{failure}");
}
