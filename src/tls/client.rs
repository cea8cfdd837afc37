//! The edge as a client: TLS toward an authority that it asks for certificates.

use super::peer::Authorities;
use super::profile::ring;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::io;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Nobody's certificate could be verified.
#[derive(Debug, thiserror::Error)]
pub enum CannotVerify {
    /// What the machine believes cannot be read.
    #[error(
        "the certificates that this machine believes cannot be read: {0}; install ca-certificates, or name a ca_file:"
    )]
    Unreadable(io::Error),
    /// The machine believes nobody.
    #[error("this machine believes nobody's certificates: install ca-certificates, or name a ca_file:")]
    Nobody,
    /// The library cannot be set up.
    #[error("TLS cannot be set up: {0}")]
    Library(#[from] rustls::Error),
}

/// Makes connections to servers whose certificates are verified, always.
#[derive(Clone)]
pub struct TlsClient(TlsConnector);

impl TlsClient {
    /// By these authorities, or by those whom the machine believes (`SSL_CERT_FILE` where that is set).
    ///
    /// # Errors
    /// Where there would be nobody to believe.
    pub fn new(authorities: Option<&Authorities>) -> Result<Self, CannotVerify> {
        let mut roots = RootCertStore::empty();
        match authorities {
            Some(authorities) => {
                for certificate in &authorities.certificates {
                    roots.add(CertificateDer::from(&**certificate))?;
                }
            }
            None => {
                let found = rustls_native_certs::load_native_certs().map_err(CannotVerify::Unreadable)?;
                roots.add_parsable_certificates(found);
            }
        }
        if roots.is_empty() {
            return Err(CannotVerify::Nobody);
        }
        let config = ClientConfig::builder_with_provider(Arc::clone(ring()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self(TlsConnector::from(Arc::new(config))))
    }

    /// Makes a handshake over `stream` with the server `name`, a host or an address.
    ///
    /// # Errors
    /// Where it fails, or the server is somebody else.
    pub async fn connect<S: AsyncRead + AsyncWrite + Unpin>(&self, name: &str, stream: S) -> io::Result<TlsStream<S>> {
        let name = ServerName::try_from(name.to_owned()).map_err(|_| {
            io::Error::new(io::ErrorKind::InvalidInput, "it has no name that a certificate could carry")
        })?;
        self.0.connect(name, stream).await
    }
}
