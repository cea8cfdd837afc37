//! What the harness of `make faults` counts and judges with: its pure parts, tried by themselves.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
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
#[path = "faults/options.rs"]
mod options;
#[path = "faults/record.rs"]
mod record;
