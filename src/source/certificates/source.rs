//! A certificate with its key, or a client CA: files that are read together.

use super::super::watch::Signature;
use super::files::{read_certificate, read_client_ca};
use crate::config::{AcmeCertificate, CertificateFiles, Problems, SecretFiles};
use crate::live::{CertificateUse, FileProblem, LiveCertificate, clock};
use crate::telemetry::TlsReload;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long files may be bad before that is a problem. Whoever renews a certificate writes one file after the other, and in
/// between the key does not belong to the certificate.
const PATIENCE: Duration = Duration::from_secs(1);

/// Files that are read together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Files {
    Server(CertificateFiles),
    /// One file with both; it may not be there yet.
    Acme(AcmeCertificate),
    Clients(PathBuf),
}

impl Files {
    fn paths(&self) -> Vec<PathBuf> {
        match self {
            Self::Server(files) => vec![files.certificate.clone(), files.key.clone()],
            Self::Acme(certificate) => vec![certificate.file.clone()],
            Self::Clients(file) => vec![file.clone()],
        }
    }

    pub(super) fn look(&self) -> Vec<Signature> {
        self.paths().iter().map(|file| Signature::of(file)).collect()
    }

    fn read(&self, rule: SecretFiles) -> Result<CertificateUse, Problems> {
        Ok(match self {
            Self::Server(files) => CertificateUse::Server(Arc::new(read_certificate(files, rule)?)),
            Self::Acme(AcmeCertificate { file, .. }) => {
                let files = CertificateFiles { certificate: file.clone(), key: file.clone() };
                CertificateUse::Server(Arc::new(read_certificate(&files, rule)?))
            }
            Self::Clients(file) => CertificateUse::Clients(read_client_ca(file)?),
        })
    }
}

pub(super) struct Source {
    pub(super) files: Files,
    pub(super) live: LiveCertificate,
    /// What the files looked like when they were last taken as they are.
    pub(super) seen: Vec<Signature>,
    /// Since when they are bad, as far as that is no problem yet.
    bad_since: Option<Instant>,
    rule: SecretFiles,
}

impl Source {
    /// Reads the files for the first time.
    pub(super) fn new(files: Files, rule: SecretFiles) -> Result<Self, Problems> {
        // Before they are read, so that no change in between is missed.
        let seen = files.look();
        let file = files.paths().into_iter().next().unwrap_or_default();
        let used = match (files.read(rule), &files) {
            (Ok(used), _) => used,
            (Err(problems), Files::Acme(certificate)) => {
                if file.exists() {
                    tracing::error!(
                        "{} cannot be used, and a certificate for {} is asked for anew\n{}",
                        file.display(),
                        certificate.names.join(", "),
                        problems.render(false)
                    );
                }
                CertificateUse::Awaited(certificate.names.clone())
            }
            (Err(problems), _) => return Err(problems),
        };
        let live = LiveCertificate { file, used, problem: None };
        Ok(Self { files, live, seen, bad_since: None, rule })
    }

    /// Reads the files, which look like `now`. `None` where they are bad and may be good in a moment.
    pub(super) fn read(&mut self, now: Vec<Signature>, asked: bool) -> Option<TlsReload> {
        match self.files.read(self.rule) {
            Ok(used) => {
                self.seen = now;
                self.bad_since = None;
                let is_same = self.live.is_same(&used);
                let was_refused = self.live.problem.take().is_some();
                self.live.used = used;
                if !is_same {
                    self.announce();
                    return Some(TlsReload::Applied);
                }
                if was_refused {
                    tracing::info!("{} is again what is live", self.live.file.display());
                }
                Some(TlsReload::Unchanged)
            }
            Err(_) if matches!(self.live.used, CertificateUse::Awaited(_)) && !self.live.file.exists() => {
                self.seen = now;
                None
            }
            Err(problems) => {
                let since = *self.bad_since.get_or_insert_with(clock::monotonic);
                if !asked && clock::monotonic().duration_since(since) < PATIENCE {
                    return None;
                }
                self.seen = now;
                self.bad_since = None;
                tracing::error!(
                    "{} is refused, and the certificate that was live stays; correct the file, it is read at once\n{}",
                    problems.file(),
                    problems.render(false)
                );
                self.live.problem = Some(FileProblem {
                    file: problems.file().to_owned(),
                    revision: None,
                    since: clock::now(),
                    summary: problems.summary(),
                    text: problems.render(false),
                });
                Some(TlsReload::Refused)
            }
        }
    }

    /// Says what is live, and what should worry somebody.
    pub(super) fn announce(&self) {
        let names = names(&self.live);
        let (file, expires) = (self.live.file.display(), self.live.expires());
        match self.live.used {
            CertificateUse::Server(_) => {
                tracing::info!("a certificate for {names} is live until {expires}, from {file}")
            }
            CertificateUse::Awaited(_) => {
                tracing::info!("a certificate for {names} is awaited: handshakes for it fail until then")
            }
            CertificateUse::Clients(_) => {
                tracing::info!("certificates of clients are believed that {names} issued, from {file}")
            }
        }
        for warning in self.live.warnings(clock::now()) {
            tracing::warn!("{file}: {warning}");
        }
    }
}

/// The first few names of a certificate.
fn names(live: &LiveCertificate) -> String {
    const SHOWN: usize = 3;
    let names = live.names();
    let shown = names.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
