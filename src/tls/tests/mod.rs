//! Certificates as they come: good ones, bad ones, and what clients get of them.

mod challenges;
mod handshakes;
mod reading;
mod resumption;

use super::*;
use crate::config::{ClientCertificates, TlsProfile};
use crate::model::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, date_time_ymd,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use std::sync::Arc;
use tokio_rustls::client::TlsStream as ClientStream;
use tokio_rustls::server::TlsStream as ServerStream;
use tokio_rustls::{TlsAcceptor, TlsConnector};

/// An RSA key in PKCS#8, as no test makes one in a bearable time.
const RSA: &str = include_str!("fixtures/rsa.pkcs8.pem");

/// When all tests take place.
fn now() -> Timestamp {
    "2026-11-22T05:00:00Z".parse().unwrap()
}

/// A certificate and its key, both PEM.
#[derive(Clone)]
struct Files {
    certificate: String,
    key: String,
}

impl Files {
    fn pair(&self) -> Result<Pair, Flaw> {
        Pair::from_pem(self.certificate.as_bytes(), self.key.as_bytes())
    }

    fn der(&self) -> CertificateDer<'static> {
        CertificateDer::from_pem_slice(self.certificate.as_bytes()).unwrap()
    }
}

/// Who issues certificates.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn pem(&self) -> String {
        self.0.pem()
    }

    fn ca(&self) -> ClientCa {
        ClientCa::from_pem(self.pem().as_bytes()).unwrap()
    }

    fn issue_for(&self, key: KeyPair, params: CertificateParams) -> Files {
        Files { certificate: params.signed_by(&key, &self.0).unwrap().pem(), key: key.serialize_pem() }
    }

    /// A certificate for these names, with an ECDSA key.
    fn issue(&self, names: &[&str]) -> Files {
        self.issue_for(KeyPair::generate().unwrap(), params(names))
    }

    /// A certificate for a client.
    fn issue_client(&self, name: &str) -> Files {
        let mut params = params(&[]);
        params.distinguished_name.push(DnType::OrganizationName, "Example, Inc.");
        params.distinguished_name.push(DnType::CommonName, name);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.issue_for(KeyPair::generate().unwrap(), params)
    }
}

fn params(names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.not_before = date_time_ymd(2026, 1, 1);
    params.not_after = date_time_ymd(2027, 1, 1);
    params
}

fn certificates(files: &[&Files]) -> Certificates {
    Certificates::new(files.iter().map(|files| Arc::new(files.pair().unwrap())).collect()).unwrap()
}

const OPTIONS: TlsOptions =
    TlsOptions { profile: TlsProfile::Intermediate, http2: true, client_certificates: ClientCertificates::Required };

fn listener(files: &[&Files]) -> ListenerTls {
    ListenerTls::new(OPTIONS, certificates(files), None, None, now).unwrap()
}

/// A client that believes the authority.
struct Client {
    config: ClientConfig,
}

impl Client {
    fn new(authority: &Authority) -> Self {
        Self::with(authority, rustls::ALL_VERSIONS, None)
    }

    fn with(authority: &Authority, versions: &[&'static SupportedProtocolVersion], own: Option<&Files>) -> Self {
        Self::by(rustls::crypto::ring::default_provider(), authority, versions, own)
    }

    fn by(
        provider: rustls::crypto::CryptoProvider,
        authority: &Authority,
        versions: &[&'static SupportedProtocolVersion],
        own: Option<&Files>,
    ) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(authority.0.der().clone()).unwrap();
        let time: fn() -> Timestamp = now;
        let config = ClientConfig::builder_with_details(Arc::new(provider), Arc::new(listener::Clock(time)))
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots);
        let config = match own {
            None => config.with_no_client_auth(),
            Some(files) => {
                let key = PrivateKeyDer::from_pem_slice(files.key.as_bytes()).unwrap();
                config.with_client_auth_cert(vec![files.der()], key).unwrap()
            }
        };
        Self { config }
    }

    fn speaking(mut self, protocols: &[&str]) -> Self {
        self.config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        self
    }

    /// Connects and says a few bytes both ways, so that tickets have arrived afterwards.
    async fn visit(&self, listener: &ListenerTls, name: &str) -> Result<Visit, String> {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let (near, far) = tokio::io::duplex(64 << 10);
        let server = TlsAcceptor::from(listener.config()).accept(far);
        let connector = TlsConnector::from(Arc::new(self.config.clone()));
        let client = connector.connect(ServerName::try_from(name.to_owned()).unwrap(), near);
        let client = async {
            let mut client = client.await.map_err(|error| error.to_string())?;
            client.write_all(b"ping").await.map_err(|error| error.to_string())?;
            let mut answer = [0; 4];
            client.read_exact(&mut answer).await.map_err(|error| error.to_string())?;
            Ok::<_, String>(client)
        };
        let server = async {
            let mut server = server.await.map_err(|error| error.to_string())?;
            let mut asked = [0; 4];
            server.read_exact(&mut asked).await.map_err(|error| error.to_string())?;
            server.write_all(b"pong").await.map_err(|error| error.to_string())?;
            Ok::<_, String>(server)
        };
        let (client, server) = tokio::join!(client, server);
        Ok(Visit { server: server.map_err(|error| format!("server: {error}"))?, client: client? })
    }
}

/// A connection that stands.
struct Visit {
    client: ClientStream<tokio::io::DuplexStream>,
    server: ServerStream<tokio::io::DuplexStream>,
}

impl Visit {
    /// The certificate that the client got.
    fn certificate(&self) -> CertificateDer<'static> {
        self.client.get_ref().1.peer_certificates().unwrap()[0].clone()
    }

    fn is_resumed(&self) -> bool {
        self.server.get_ref().1.handshake_kind() == Some(rustls::HandshakeKind::Resumed)
    }
}
