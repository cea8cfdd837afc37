//! The certificates of TLS-ALPN-01 (RFC 8737), by which an authority sees that a host leads here.

use super::profile;
use arc_swap::ArcSwap;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::ClientHello;
use rustls::sign::CertifiedKey;
use std::collections::HashMap;
use std::sync::Arc;

/// The protocol of handshakes that an authority makes. Nothing is ever said over such a connection.
pub const ACME_PROTOCOL: &[u8] = b"acme-tls/1";

/// The key of a challenge's certificate cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the key of the certificate of a challenge cannot be used")]
pub struct UnusableKey;

/// The certificates of the challenges that are pending, by host. They are shown in handshakes of [`ACME_PROTOCOL`] alone, and
/// such handshakes see no other certificate.
#[derive(Debug, Default)]
pub struct AlpnChallenges(ArcSwap<HashMap<String, Arc<CertifiedKey>>>);

impl AlpnChallenges {
    /// Begins to answer for `name`, in lower case, with this certificate and its key (PKCS#8), both in DER.
    ///
    /// # Errors
    /// Where the key cannot be used.
    pub fn begin(&self, name: &str, certificate: Vec<u8>, key: Vec<u8>) -> Result<(), UnusableKey> {
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key));
        let signing = profile::ring().key_provider.load_private_key(key).map_err(|_| UnusableKey)?;
        let certified = Arc::new(CertifiedKey::new(vec![CertificateDer::from(certificate)], signing));
        self.0.rcu(|before| {
            let mut all = HashMap::clone(before);
            all.insert(name.to_owned(), Arc::clone(&certified));
            all
        });
        Ok(())
    }

    /// Ends to answer for `name`.
    pub fn end(&self, name: &str) {
        self.0.rcu(|before| {
            let mut all = HashMap::clone(before);
            all.remove(name);
            all
        });
    }

    /// What the handshake gets, where it is one of an authority: a certificate, or nothing.
    pub(super) fn answer(&self, hello: &ClientHello<'_>) -> Option<Option<Arc<CertifiedKey>>> {
        let mut protocols = hello.alpn()?;
        // Whoever also speaks something else is no authority (RFC 8737, 3).
        if protocols.next() != Some(ACME_PROTOCOL) || protocols.next().is_some() {
            return None;
        }
        let name = hello.server_name().unwrap_or_default().to_ascii_lowercase();
        Some(self.0.load().get(&name).map(Arc::clone))
    }
}
