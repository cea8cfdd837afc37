//! The load: a process of its own that sends requests prepared before, and looks at each answer just long enough to know that it
//! is the right one.

pub mod answer;
mod http1;
mod http2;
mod meter;
pub mod plan;
mod prepared;
mod wire;

use plan::{Plan, Protocol};
use std::io::Read;
use std::process::ExitCode;

/// How many connections are being made at once.
const CONNECTING: usize = 128;

/// Does what a plan says; writes the outcome to the standard output.
pub fn run(plan: &Plan) -> ExitCode {
    let outcome = match plan.protocol {
        Protocol::Http1 | Protocol::WebSocket => http1::Load::new(plan).run(),
        Protocol::Http2 => http2::Load::new(plan).run(),
    };
    println!("{}", serde_json::to_string(&outcome).unwrap());
    ExitCode::SUCCESS
}

/// Says that all connections are held, and waits until the input ends.
fn hold() {
    println!("held");
    let _ = std::io::stdin().read(&mut [0]);
}
