//! The configuration of a listener, whose certificates can change under it.

use super::alpn_challenges::{ACME_PROTOCOL, AlpnChallenges};
use super::certificates::{CertificateStore, Certificates};
use super::client_ca::ClientCa;
use super::profile::{ring, versions};
use crate::config::{ClientCertificates, TlsProfile};
use crate::model::Timestamp;
use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::crypto::ring::Ticketer;
use rustls::pki_types::UnixTime;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{ServerSessionMemoryCache, WebPkiClientVerifier};
use rustls::time_provider::TimeProvider;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// How many sessions are kept for clients that take no tickets. One has about a kilobyte, and such clients are rare.
const KEPT_SESSIONS: usize = 4096;

/// How TLS is spoken on a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TlsOptions {
    /// Versions and suites.
    pub profile: TlsProfile,
    /// Whether HTTP/2 is offered, before HTTP/1.1.
    pub http2: bool,
    /// Whether clients without a certificate are let in, where there is a client CA.
    pub client_certificates: ClientCertificates,
}

/// Why a listener cannot speak TLS: the system gives no randomness, or a client CA is of no use.
#[derive(Debug, thiserror::Error)]
#[error("TLS cannot be set up: {0}")]
pub struct Unusable(String);

/// TLS of one listener. Certificates and client CA can be exchanged at any time; connections that are open go on.
pub struct ListenerTls {
    options: TlsOptions,
    clock: Clock,
    certificates: Arc<CertificateStore>,
    config: ArcSwap<ServerConfig>,
}

impl ListenerTls {
    /// TLS with these certificates; with a client CA, clients are asked for one of theirs. With `challenges`, authorities are
    /// answered by them. `clock` tells the time of day.
    ///
    /// # Errors
    /// Where the system gives no randomness, or the client CA is of no use.
    pub fn new(
        options: TlsOptions,
        certificates: Certificates,
        client_ca: Option<&ClientCa>,
        challenges: Option<Arc<AlpnChallenges>>,
        clock: fn() -> Timestamp,
    ) -> Result<Self, Unusable> {
        let (clock, certificates) = (Clock(clock), Arc::new(CertificateStore::new(certificates, challenges)));
        let config = config(options, &certificates, client_ca, clock)?;
        Ok(Self { options, clock, certificates, config: ArcSwap::from_pointee(config) })
    }

    /// What a handshake that begins now is made with. To be asked anew for each connection, which costs next to nothing:
    /// the certificates change under one that is kept, and the client CA does not.
    #[must_use]
    pub fn config(&self) -> Arc<ServerConfig> {
        self.config.load_full()
    }

    /// Lets a client in: the handshake, to be bounded in time by the caller.
    ///
    /// # Errors
    /// Where none comes about.
    pub async fn accept<S>(&self, stream: S) -> io::Result<TlsStream<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        TlsAcceptor::from(self.config()).accept(stream).await
    }

    /// How TLS is spoken here.
    #[must_use]
    pub fn options(&self) -> TlsOptions {
        self.options
    }

    /// The certificates that new connections get.
    #[must_use]
    pub fn certificates(&self) -> Arc<Certificates> {
        self.certificates.get()
    }

    /// Exchanges the certificates: each handshake that begins from now on gets one of these.
    pub fn set_certificates(&self, certificates: Certificates) {
        self.certificates.set(certificates);
    }

    /// Exchanges the client CA. Sessions of before are not resumed: whoever was let in by the old one must show a
    /// certificate of the new one.
    ///
    /// # Errors
    /// As [`ListenerTls::new`]; then everything stays as it was.
    pub fn set_client_ca(&self, client_ca: &ClientCa) -> Result<(), Unusable> {
        let config = config(self.options, &self.certificates, Some(client_ca), self.clock)?;
        self.config.store(Arc::new(config));
        Ok(())
    }
}

impl fmt::Debug for ListenerTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ListenerTls").field("options", &self.options).finish_non_exhaustive()
    }
}

/// A configuration with a memory of sessions and keys of tickets of its own.
///
/// What is left as rustls has it: no early data (it could be sent again by anybody), two tickets for each handshake, records
/// of up to 16 KiB, the client's order of suites, nothing for key logs. Tickets are sealed with a key of six hours, and
/// believed for at most six more.
fn config(
    options: TlsOptions,
    certificates: &Arc<CertificateStore>,
    client_ca: Option<&ClientCa>,
    clock: Clock,
) -> Result<ServerConfig, Unusable> {
    let unusable = |error: &dyn fmt::Display| Unusable(error.to_string());
    let builder = ServerConfig::builder_with_details(Arc::clone(ring()), Arc::new(clock))
        .with_protocol_versions(versions(options.profile))
        .map_err(|error| unusable(&error))?;
    let verifier: Arc<dyn ClientCertVerifier> = match client_ca {
        None => WebPkiClientVerifier::no_client_auth(),
        Some(ca) => {
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::clone(ca.roots()), Arc::clone(ring()));
            let verifier = match options.client_certificates {
                ClientCertificates::Optional => verifier.allow_unauthenticated(),
                ClientCertificates::Required => verifier,
            };
            verifier.build().map_err(|error| unusable(&error))?
        }
    };
    let resolver: Arc<CertificateStore> = Arc::clone(certificates);
    let mut config = builder.with_client_cert_verifier(verifier).with_cert_resolver(resolver);
    config.session_storage = ServerSessionMemoryCache::new(KEPT_SESSIONS);
    config.ticketer = Ticketer::new().map_err(|error| unusable(&error))?;
    config.alpn_protocols = match options.http2 {
        true => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
        false => vec![b"http/1.1".to_vec()],
    };
    if certificates.answers_challenges() {
        // Behind the others: it is taken by a client alone that speaks nothing else.
        config.alpn_protocols.push(ACME_PROTOCOL.to_vec());
    }
    Ok(config)
}

/// The clock that certificates of clients are looked at by.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock(pub(super) fn() -> Timestamp);

impl TimeProvider for Clock {
    fn current_time(&self) -> Option<UnixTime> {
        let seconds = u64::try_from((self.0)().as_second()).ok()?;
        Some(UnixTime::since_unix_epoch(Duration::from_secs(seconds)))
    }
}
