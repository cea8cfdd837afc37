//! What an app is told of a client's certificate.

use super::facts::Facts;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::CertificateDer;

/// What an app is told of a client's certificate, as values of headers: visible ASCII and blanks.
///
/// A client's own headers of these names must never get through: whoever sends them would be whoever it likes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientIdentity {
    /// For [`ClientIdentity::SUBJECT`]: whose certificate it is, by RFC 4514, e.g. `CN=reports,O=Example`.
    pub subject: String,
    /// For [`ClientIdentity::CERTIFICATE`]: the certificate itself, by RFC 9440.
    pub certificate: String,
}

impl ClientIdentity {
    /// The header of the subject.
    pub const SUBJECT: &'static str = "X-Client-Cert-Subject";
    /// The header of the certificate (RFC 9440).
    pub const CERTIFICATE: &'static str = "Client-Cert";

    /// Out of the chain that a client has sent and the handshake has verified, the client's own certificate first; `None`
    /// where it has sent none. What stands behind the first is left out: not all of it need have been verified.
    #[must_use]
    pub fn of(chain: &[impl AsRef<[u8]>]) -> Option<Self> {
        let bytes = chain.first()?.as_ref();
        let facts = Facts::of(&CertificateDer::from(bytes))?;
        Some(Self { subject: facts.subject, certificate: format!(":{}:", STANDARD.encode(bytes)) })
    }
}
