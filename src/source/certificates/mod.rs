//! The certificates of all listeners, read anew when a file changes.

mod files;
mod source;
#[cfg(test)]
mod tests;

pub(super) use files::{problems, read, read_key};
pub use files::{read_certificate, read_client_ca};

use super::watch::{FileWatch, Wake};
use crate::config::{Listener, Problems, SecretFiles};
use crate::live::{CertificateUse, Edge, LiveCertificate, clock};
use crate::telemetry::TlsReload;
use crate::tls::{Certificates, ListenerTls, TlsOptions};
use source::{Files, Source};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// How long files must look the same before they are read: somebody may be in the middle of writing them.
const SETTLE: Duration = Duration::from_millis(50);

/// TLS of each listener, in the order of the settings; `None` where plain HTTP is spoken.
pub type ListenersTls = Vec<Option<Arc<ListenerTls>>>;

/// The files of certificates, keys and client CAs, each pair once, and the listeners that use them.
pub struct CertificateSources {
    edge: Arc<Edge>,
    sources: Vec<Source>,
    listeners: Vec<Followed>,
    rule: SecretFiles,
}

/// A listener, and the places of what it uses.
struct Followed {
    tls: Arc<ListenerTls>,
    pairs: Vec<usize>,
    client_ca: Option<usize>,
}

impl CertificateSources {
    /// Reads everything that the listeners need, and gives TLS for each of them. `rule` says what becomes of keys that others
    /// can read.
    ///
    /// # Errors
    /// The first file that cannot be used, or that the system gives no randomness.
    pub fn start(listen: &[Listener], edge: &Arc<Edge>, rule: SecretFiles) -> Result<(Self, ListenersTls), Problems> {
        let mut this = Self { edge: Arc::clone(edge), sources: Vec::new(), listeners: Vec::new(), rule };
        let mut all = Vec::with_capacity(listen.len());
        for listener in listen {
            let tls = this.listener(listener)?;
            all.push(tls);
        }
        this.sources.iter().for_each(|source| source.announce());
        let there = this.sources.iter().filter(|source| !matches!(source.live.used, CertificateUse::Awaited(_)));
        there.for_each(|_| this.edge.metrics().tls_reload(TlsReload::Applied));
        this.publish();
        Ok((this, all))
    }

    /// All files, each once.
    #[must_use]
    pub fn files(listen: &[Listener]) -> Vec<PathBuf> {
        let mut files = Vec::new();
        for tls in listen.iter().filter_map(|listener| listener.tls.as_ref()) {
            let pairs = tls.certificates.iter().flat_map(|pair| [&pair.certificate, &pair.key]);
            let pairs = pairs.chain(tls.acme.iter().map(|certificate| &certificate.file));
            files.extend(pairs.chain(tls.clients.iter().map(|clients| &clients.ca)).cloned());
        }
        files.sort_unstable();
        files.dedup();
        files
    }

    fn listener(&mut self, listener: &Listener) -> Result<Option<Arc<ListenerTls>>, Problems> {
        let Some(tls) = &listener.tls else { return Ok(None) };
        let pairs = tls
            .certificates
            .iter()
            .map(|files| Files::Server(files.clone()))
            .chain(tls.acme.iter().cloned().map(Files::Acme))
            .map(|files| self.source(files))
            .collect::<Result<Vec<_>, _>>()?;
        let client_ca =
            tls.clients.as_ref().map(|clients| self.source(Files::Clients(clients.ca.clone()))).transpose()?;
        let options = TlsOptions {
            profile: tls.profile,
            http2: listener.http2,
            client_certificates: tls.clients.as_ref().map(|clients| clients.certificates).unwrap_or_default(),
        };
        let unusable = |why: String| {
            let of = format!("the listener {}", listener.address);
            Problems::of_file(of, why, "look at the files of its certificates with homeward check")
        };
        // There is a pair, or one is awaited: the settings see to it.
        let certificates = self.certificates(&pairs).ok_or_else(|| unusable("it has no certificate".to_owned()))?;
        let ca = client_ca.and_then(|at| self.sources.get(at)).and_then(|source| match &source.live.used {
            CertificateUse::Clients(ca) => Some(ca),
            CertificateUse::Server(_) | CertificateUse::Awaited(_) => None,
        });
        let challenges = (!tls.acme.is_empty()).then(|| Arc::clone(self.edge.challenges().alpn()));
        let made = ListenerTls::new(options, certificates, ca, challenges, clock::now)
            .map_err(|error| unusable(error.to_string()))?;
        let tls = Arc::new(made);
        self.listeners.push(Followed { tls: Arc::clone(&tls), pairs, client_ca });
        Ok(Some(tls))
    }

    /// The place of these files among the sources; they are read where they are new.
    fn source(&mut self, files: Files) -> Result<usize, Problems> {
        if let Some(at) = self.sources.iter().position(|source| source.files == files) {
            return Ok(at);
        }
        self.sources.push(Source::new(files, self.rule)?);
        Ok(self.sources.len() - 1)
    }

    fn certificates(&self, pairs: &[usize]) -> Option<Certificates> {
        let used = || pairs.iter().filter_map(|at| Some(&self.sources.get(*at)?.live.used));
        let pair = |used: &CertificateUse| match used {
            CertificateUse::Server(pair) => Some(Arc::clone(pair)),
            CertificateUse::Clients(_) | CertificateUse::Awaited(_) => None,
        };
        let awaited = used().filter_map(|used| match used {
            CertificateUse::Awaited(names) => Some(names.iter().cloned()),
            _ => None,
        });
        Certificates::and_awaited(used().filter_map(pair).collect(), awaited.flatten())
    }

    /// Follows the files until the watch is told to stop. It blocks; give it a thread of its own.
    pub fn follow(mut self, watch: &FileWatch) {
        loop {
            match watch.wait() {
                Wake::Stop => return,
                Wake::Asked => self.look(true),
                Wake::Look => self.look(false),
            }
        }
    }

    /// Reads what looks new, or everything that was `asked` for.
    fn look(&mut self, asked: bool) {
        let looks: Vec<_> = self.sources.iter().map(|source| source.files.look()).collect();
        if !asked && self.sources.iter().zip(&looks).all(|(source, now)| source.seen == *now) {
            return;
        }
        std::thread::sleep(SETTLE);
        let mut changed = Vec::new();
        let mut news = false;
        for (at, (source, now)) in self.sources.iter_mut().zip(looks).enumerate() {
            // Read only what has come to rest; while it changes the next look comes soon.
            if !asked && (source.seen == now || source.files.look() != now) {
                continue;
            }
            if let Some(result) = source.read(now, asked) {
                self.edge.metrics().tls_reload(result);
                news = true;
                if result == TlsReload::Applied {
                    changed.push(at);
                }
            }
        }
        self.apply(&changed);
        if news {
            self.publish();
        }
    }

    /// Lets the listeners have what has changed.
    fn apply(&self, changed: &[usize]) {
        for listener in &self.listeners {
            if listener.pairs.iter().any(|at| changed.contains(at))
                && let Some(certificates) = self.certificates(&listener.pairs)
            {
                listener.tls.set_certificates(certificates);
            }
            let ca = listener.client_ca.filter(|at| changed.contains(at)).and_then(|at| self.sources.get(at));
            if let Some(CertificateUse::Clients(ca)) = ca.map(|source| &source.live.used)
                && let Err(error) = listener.tls.set_client_ca(ca)
            {
                tracing::error!("the new client CA is not used, and the old one stays: {error}");
            }
        }
    }

    fn publish(&self) {
        let is_there = |live: &&LiveCertificate| !matches!(live.used, CertificateUse::Awaited(_));
        self.edge.set_certificates(self.sources.iter().map(|source| &source.live).filter(is_there).cloned().collect());
    }
}
