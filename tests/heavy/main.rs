//! What takes too long for every day: `make heavy` runs it, one test after the other, and prints the figures.
//!
//! All tests are ignored otherwise. Load and traffic stay on loopback.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "the figures are what it is for")]
#![allow(clippy::disallowed_methods, reason = "a test measures with the clock itself")]

mod attacks;
mod bodies;
mod crowds;
mod edits;
mod flops;
mod handovers;
mod leases;
mod load;
mod memory;
mod sessions;
mod shares;
#[allow(dead_code, unused_imports, unreachable_pub, reason = "the everyday tests use the rest")]
#[path = "../end_to_end/support/mod.rs"]
mod support;
mod town;
