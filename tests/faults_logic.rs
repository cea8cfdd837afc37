//! What the harness of `make faults` counts and judges with: its pure parts, tried by themselves.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, clippy::print_stderr, reason = "as in the harness")]
#![allow(dead_code, unreachable_pub, reason = "the harness uses the rest")]

#[path = "faults/behaviour.rs"]
mod behaviour;
#[path = "faults/checks.rs"]
mod checks;
#[path = "faults/deaths.rs"]
mod deaths;
#[path = "faults/figures.rs"]
mod figures;
#[path = "faults/names.rs"]
mod names;
#[path = "faults/options.rs"]
mod options;
#[path = "faults/record.rs"]
mod record;

#[path = "faults/tests/behaviour.rs"]
mod of_behaviour;
#[path = "faults/tests/checks.rs"]
mod of_checks;
#[path = "faults/tests/deaths.rs"]
mod of_deaths;
#[path = "faults/tests/figures.rs"]
mod of_figures;
#[path = "faults/tests/names.rs"]
mod of_names;
#[path = "faults/tests/options.rs"]
mod of_options;
#[path = "faults/tests/record.rs"]
mod of_record;
