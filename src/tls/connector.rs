//! TLS toward a server that the program itself asks: the admin address of an edge.

use super::profile::{ring, versions};
use crate::config::TlsProfile;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::io;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::client::TlsStream;

/// Connects to servers whose certificates are believed.
pub struct Connector(Arc<ClientConfig>);

impl Connector {
    /// Believes certificates that those in `pem` have issued or, where `and_system` says so, that this machine believes.
    /// What stands in `pem` may be the certificate of the server itself.
    ///
    /// # Errors
    /// Where nobody would be believed.
    pub fn new(pem: Option<&[u8]>, and_system: bool) -> io::Result<Self> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(pem.unwrap_or_default()) {
            roots.add_parsable_certificates(certificate.ok());
        }
        if and_system {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().unwrap_or_default());
        }
        if roots.is_empty() {
            let what =
                if and_system { "this machine believes no certificates" } else { "there is no certificate in it" };
            return Err(io::Error::new(io::ErrorKind::InvalidData, what));
        }
        let config = ClientConfig::builder_with_provider(Arc::clone(ring()))
            .with_protocol_versions(versions(TlsProfile::Intermediate))
            .map_err(io::Error::other)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self(Arc::new(config)))
    }

    /// Speaks TLS over `stream` with the server that has this name or address.
    ///
    /// # Errors
    /// Where its certificate is not believed, or it speaks no TLS.
    pub async fn connect<S>(&self, name: &str, stream: S) -> io::Result<TlsStream<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let name = ServerName::try_from(name.to_owned()).map_err(io::Error::other)?;
        tokio_rustls::TlsConnector::from(Arc::clone(&self.0)).connect(name, stream).await
    }
}
