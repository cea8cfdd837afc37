//! The plots of docs/capacity.md.

use std::process::ExitCode;

pub fn draw() -> ExitCode {
    ExitCode::SUCCESS
}
