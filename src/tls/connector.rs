//! TLS toward a server that the program itself asks: the admin address of an edge.

use super::profile::{ring, versions};
use crate::config::TlsProfile;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use std::io;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Connects to servers whose certificates are believed.
pub struct Connector(TlsConnector);

impl Connector {
    /// Believes those certificates that the ones in `authorities` (PEM) have issued or, without any, those that this machine
    /// believes; and the first in `own` (PEM), which is the server's own, whatever name it has.
    ///
    /// # Errors
    /// Where nobody would be believed.
    pub fn new(authorities: Option<&[u8]>, own: Option<&[u8]>) -> io::Result<Self> {
        let mut roots = RootCertStore::empty();
        match authorities {
            Some(pem) => roots.add_parsable_certificates(CertificateDer::pem_slice_iter(pem).filter_map(Result::ok)),
            None => roots.add_parsable_certificates(rustls_native_certs::load_native_certs().unwrap_or_default()),
        };
        let own = own.and_then(|pem| CertificateDer::from_pem_slice(pem).ok());
        if roots.is_empty() && own.is_none() {
            let what = match authorities {
                Some(_) => "there is no certificate in the file",
                None => "this machine believes no certificates",
            };
            return Err(io::Error::new(io::ErrorKind::InvalidData, what));
        }
        let by_roots = match roots.is_empty() {
            true => None,
            false => {
                let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(ring()));
                Some(verifier.build().map_err(io::Error::other)?)
            }
        };
        let config = ClientConfig::builder_with_provider(Arc::clone(ring()))
            .with_protocol_versions(versions(TlsProfile::Intermediate))
            .map_err(io::Error::other)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Verifier { own, by_roots }))
            .with_no_client_auth();
        Ok(Self(TlsConnector::from(Arc::new(config))))
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
        self.0.connect(name, stream).await
    }
}

/// Believes a server by its very certificate, or by who issued it. That it has the key is verified in either case.
#[derive(Debug)]
struct Verifier {
    own: Option<CertificateDer<'static>>,
    by_roots: Option<Arc<WebPkiServerVerifier>>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if self.own.as_ref().is_some_and(|own| own == end_entity) {
            return Ok(ServerCertVerified::assertion());
        }
        match &self.by_roots {
            Some(verifier) => verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now),
            None => Err(CertificateError::UnknownIssuer.into()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &ring().signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &ring().signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        ring().signature_verification_algorithms.supported_schemes()
    }
}
