//! Whose certificates are believed of clients.

use super::facts::Facts;
use super::flaw::{Flaw, Warning};
use super::pair::{certificates, warnings};
use crate::model::Timestamp;
use rustls::RootCertStore;
use std::sync::Arc;

/// The most authorities of a file: their names go to every client.
const MOST: usize = 256;

/// The authorities whose certificates are believed of clients; at least one.
#[derive(Debug, Clone)]
pub struct ClientCa {
    roots: Arc<RootCertStore>,
    facts: Vec<Facts>,
}

impl ClientCa {
    /// Reads the certificates of authorities: PEM, one or several.
    ///
    /// # Errors
    /// Why they cannot be used.
    pub fn from_pem(bytes: &[u8]) -> Result<Self, Flaw> {
        let (found, facts) = certificates(bytes, MOST)?;
        let mut roots = RootCertStore::empty();
        for (certificate, position) in found.into_iter().zip(1..) {
            roots.add(certificate).map_err(|error| {
                let what = format!("certificate {position} of the file cannot be an authority: {error}");
                Flaw::of_certificate(what, "leave the certificates of those who issue to clients, and no others")
            })?;
        }
        Ok(Self { roots: Arc::new(roots), facts })
    }

    /// What the certificates say, in the order of the file.
    #[must_use]
    pub fn facts(&self) -> &[Facts] {
        &self.facts
    }

    /// What should worry an operator at `now`.
    #[must_use]
    pub fn warnings(&self, now: Timestamp) -> Vec<Warning> {
        warnings(&self.facts, now)
    }

    /// Whether the other one believes the same.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        self.roots.roots == other.roots.roots
    }

    pub(super) fn roots(&self) -> &Arc<RootCertStore> {
        &self.roots
    }
}
