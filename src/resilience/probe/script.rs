//! A deep probe under way: an answer comes in, the next request or a verdict comes out.

use super::ProbeResult;
use super::cookies::CookieJar;
use super::expect::{ProbeAnswer, ProbeFailure, check};
use crate::model::{HttpProbe, ProbeStep};

/// One run of a deep probe at one server.
#[derive(Debug)]
pub struct Script<'s> {
    steps: &'s [ProbeStep],
    at: usize,
    jar: CookieJar,
}

/// What has to be asked next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepRequest<'s> {
    /// Everything that the table says of it.
    pub step: &'s ProbeStep,
    /// The value of its `Cookie` header, where it has one.
    pub cookie: Option<Vec<u8>>,
}

impl<'s> Script<'s> {
    /// Begins, with no cookie.
    #[must_use]
    pub fn begin(steps: &'s [ProbeStep]) -> Self {
        Self { steps, at: 0, jar: CookieJar::default() }
    }

    /// The request that is to be sent now; `None` where all were answered as expected.
    #[must_use]
    pub fn request(&self) -> Option<StepRequest<'s>> {
        let step = self.steps.get(self.at)?;
        Some(StepRequest { step, cookie: self.jar.header(step.path.as_str()) })
    }

    /// Takes in the answer to [`Self::request`]. `None` where another request follows.
    pub fn answered(&mut self, answer: &ProbeAnswer) -> Option<ProbeResult> {
        let Some(step) = self.steps.get(self.at) else { return Some(ProbeResult::Passed) };
        if let Err(wrong) = check(&step.expects, answer) {
            return Some(self.failed(&wrong));
        }
        self.jar.take(step.path.as_str(), answer);
        self.at += 1;
        (self.at == self.steps.len()).then_some(ProbeResult::Passed)
    }

    /// That there was no answer, and why: `no answer in time`. The path is said without its query, which may hold a secret.
    #[must_use]
    pub fn failed(&self, why: &str) -> ProbeResult {
        let (method, path) = self.steps.get(self.at).map_or(("", ""), |step| (&*step.method, step.path.as_str()));
        ProbeResult::Failed(failure(method, path, why))
    }
}

impl HttpProbe {
    /// What the answer to it says of the server.
    #[must_use]
    pub fn judge(&self, answer: &ProbeAnswer) -> ProbeResult {
        match check(&self.expects, answer) {
            Ok(()) => ProbeResult::Passed,
            Err(wrong) => self.failed(&wrong),
        }
    }

    /// That there was no answer, and why.
    #[must_use]
    pub fn failed(&self, why: &str) -> ProbeResult {
        ProbeResult::Failed(failure("GET", self.path.as_str(), why))
    }
}

fn failure(method: &str, path: &str, why: &str) -> ProbeFailure {
    let path = path.split('?').next().unwrap_or_default();
    // Room for what went wrong is left by a path of any length.
    let path: String = path.chars().take(80).collect();
    ProbeFailure::new(format_args!("{method} {path}: {why}"))
}
