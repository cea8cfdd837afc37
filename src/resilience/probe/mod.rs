//! What a probe makes of answers, without asking anybody: expectations, cookies, and the steps of a deep probe.

mod cookies;
mod expect;
mod script;

pub use expect::{ProbeAnswer, ProbeFailure};
pub use script::{Script, StepRequest};

/// How a probe ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProbeResult {
    /// The server is well.
    Passed,
    /// It is not, and why.
    Failed(ProbeFailure),
}

#[cfg(test)]
mod tests;
