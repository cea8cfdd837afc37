//! How the certificates stand that are had by ACME.

use crate::model::Timestamp;
use std::path::PathBuf;

/// A certificate that is had by ACME.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcmeStanding {
    /// The hosts that it is for.
    pub names: Vec<String>,
    /// The file that it is in, or will be.
    pub file: PathBuf,
    /// Until when the one that is there is valid; `None` where there is none.
    pub expires: Option<Timestamp>,
    /// When it is asked for next; `None` while it is asked for.
    pub next: Option<Timestamp>,
    /// How often that failed since it was last had.
    pub failures: u32,
    /// Why it failed last.
    pub problem: Option<AcmeProblem>,
}

/// Why a certificate could not be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcmeProblem {
    /// When that was.
    pub at: Timestamp,
    /// What was wrong, and what to do.
    pub text: String,
}
