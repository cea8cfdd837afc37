//! The certificates that are live, and what became of the last try to read newer ones.

use super::edge::FileProblem;
use crate::model::Timestamp;
use crate::tls::{ClientCa, Facts, Pair, Warning};
use std::path::PathBuf;
use std::sync::Arc;

/// What a file of certificates is for.
#[derive(Debug, Clone)]
pub enum CertificateUse {
    /// The edge shows it to clients.
    Server(Arc<Pair>),
    /// Clients are believed by it.
    Clients(ClientCa),
    /// The edge will show one for these names to clients, as soon as there is one.
    Awaited(Vec<String>),
}

/// A file of certificates.
#[derive(Debug, Clone)]
pub struct LiveCertificate {
    /// The file.
    pub file: PathBuf,
    /// What is live of it.
    pub used: CertificateUse,
    /// Why what is in the file now is not live, where it is not.
    pub problem: Option<FileProblem>,
}

impl LiveCertificate {
    /// The names that it is for; of client CAs, and of one without names, the subjects.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let subjects = |facts: &[Facts]| facts.iter().map(|facts| facts.subject.clone()).collect();
        match &self.used {
            CertificateUse::Server(pair) if pair.names().is_empty() => pair.facts().map_or_else(Vec::new, |facts| {
                let facts = std::slice::from_ref(facts);
                subjects(facts)
            }),
            CertificateUse::Server(pair) => pair.names().to_vec(),
            CertificateUse::Clients(ca) => subjects(ca.facts()),
            CertificateUse::Awaited(names) => names.clone(),
        }
    }

    /// When it expires; of several authorities the first of them.
    #[must_use]
    pub fn expires(&self) -> Timestamp {
        let end = match &self.used {
            CertificateUse::Server(pair) => pair.facts().map(|facts| facts.not_after),
            CertificateUse::Clients(ca) => ca.facts().iter().map(|facts| facts.not_after).min(),
            CertificateUse::Awaited(_) => None,
        };
        end.unwrap_or(Timestamp::MAX)
    }

    /// What should worry an operator at `now`.
    #[must_use]
    pub fn warnings(&self, now: Timestamp) -> Vec<Warning> {
        match &self.used {
            CertificateUse::Server(pair) => pair.warnings(now),
            CertificateUse::Clients(ca) => ca.warnings(now),
            CertificateUse::Awaited(_) => Vec::new(),
        }
    }

    /// Whether the same is live in both.
    #[must_use]
    pub fn is_same(&self, used: &CertificateUse) -> bool {
        match (&self.used, used) {
            (CertificateUse::Server(one), CertificateUse::Server(other)) => one.is_same(other),
            (CertificateUse::Clients(one), CertificateUse::Clients(other)) => one.is_same(other),
            _ => false,
        }
    }
}
