//! TLS toward the servers of a pool, for probes: as requests speak it, which the engine makes connections for.

use super::profile::ring;
use crate::model::PeerCredentials;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::{verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use std::io;
use std::sync::{Arc, LazyLock};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Those whom the machine believes, read once, as the engine does.
static OF_THE_MACHINE: LazyLock<Arc<RootCertStore>> = LazyLock::new(|| {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().unwrap_or_default());
    Arc::new(roots)
});

/// Makes handshakes with the servers of a pool. Each is a whole one, so that a certificate that has become a wrong one is
/// seen.
pub struct ServerConnector {
    connector: TlsConnector,
    http2: bool,
    name: ServerName<'static>,
}

impl ServerConnector {
    /// Believes as `credentials` say, or as the machine does without them; anybody, where it is not to `verify`. Speaks HTTP/2
    /// where `http2` says so, and HTTP/1.1 otherwise.
    ///
    /// # Errors
    /// Where nothing that is shown could be verified, or shown.
    pub fn new(sni: &str, verify: bool, credentials: Option<&PeerCredentials>, http2: bool) -> io::Result<Self> {
        let name = ServerName::try_from(sni.to_owned()).map_err(io::Error::other)?;
        let verifier: Arc<dyn ServerCertVerifier> = match (verify, credentials.and_then(|all| all.authorities.as_ref()))
        {
            (false, _) => Arc::new(Anybody),
            (true, Some(found)) => {
                let mut roots = RootCertStore::empty();
                roots.add_parsable_certificates(found.iter().map(|der| CertificateDer::from(der.to_vec())));
                by(Arc::new(roots))?
            }
            (true, None) => by(Arc::clone(&OF_THE_MACHINE))?,
        };
        let builder = ClientConfig::builder_with_provider(Arc::clone(ring()))
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .dangerous()
            .with_custom_certificate_verifier(verifier);
        let mut config = match credentials.and_then(|all| all.identity.as_ref()) {
            Some(identity) => {
                let chain = identity.chain.iter().map(|der| CertificateDer::from(der.to_vec())).collect();
                let key = PrivateKeyDer::try_from(identity.key().to_vec()).map_err(io::Error::other)?;
                builder.with_client_auth_cert(chain, key).map_err(io::Error::other)?
            }
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = vec![if http2 { b"h2".to_vec() } else { b"http/1.1".to_vec() }];
        config.resumption = Resumption::disabled();
        Ok(Self { connector: TlsConnector::from(Arc::new(config)), http2, name })
    }

    /// Makes a handshake over `stream`.
    ///
    /// # Errors
    /// Where the server's certificate is not believed, or it speaks no such TLS.
    pub async fn connect<S: AsyncRead + AsyncWrite + Unpin>(&self, stream: S) -> io::Result<TlsStream<S>> {
        let stream = self.connector.connect(self.name.clone(), stream).await?;
        if self.http2 && stream.get_ref().1.alpn_protocol() != Some(b"h2") {
            return Err(io::Error::other("the server does not speak HTTP/2"));
        }
        Ok(stream)
    }
}

/// # Errors
/// Where nobody would be believed.
fn by(roots: Arc<RootCertStore>) -> io::Result<Arc<dyn ServerCertVerifier>> {
    let verifier = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(ring()));
    Ok(verifier.build().map_err(io::Error::other)?)
}

/// Believes whoever has the key of the certificate that is shown.
#[derive(Debug)]
struct Anybody;

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
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
