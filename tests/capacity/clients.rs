//! Connections of clients, with and without TLS.

use crate::edge::Edge;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, SignatureScheme};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;

pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// How clients connect.
#[derive(Clone)]
pub struct Door {
    pub to: SocketAddr,
    tls: Option<TlsConnector>,
}

impl Door {
    pub fn plain(to: SocketAddr) -> Self {
        Self { to, tls: None }
    }

    /// With TLS, where sessions are resumed if `resumes` says so.
    pub fn tls(edge: &Edge, resumes: bool) -> Self {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder =
            rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let believes = builder.dangerous().with_custom_certificate_verifier(Arc::new(Believer));
        let mut config = believes.with_no_client_auth();
        if !resumes {
            config.resumption = rustls::client::Resumption::disabled();
        }
        Self { to: edge.tls, tls: Some(TlsConnector::from(Arc::new(config))) }
    }

    /// A connection from an address of its own, so that ports last.
    pub async fn connect(&self) -> std::io::Result<Box<dyn Stream>> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let from = u32::from(Ipv4Addr::new(127, 78, 0, 1)) + NEXT.fetch_add(1, Ordering::Relaxed) % 200;
        let socket = TcpSocket::new_v4()?;
        socket.set_reuseaddr(true)?;
        socket.bind(SocketAddr::from((Ipv4Addr::from(from), 0)))?;
        let stream: TcpStream = socket.connect(self.to).await?;
        stream.set_nodelay(true)?;
        Ok(match &self.tls {
            None => Box::new(stream),
            Some(tls) => Box::new(tls.connect("portal.example.com".try_into().unwrap(), stream).await?),
        })
    }
}

/// Believes every certificate: what clients verify would take more time than the edge has for a handshake, and both have one core.
#[derive(Debug)]
struct Believer;

impl ServerCertVerifier for Believer {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ECDSA_NISTP256_SHA256]
    }
}

/// The text of a request.
pub fn request(host: &str, path: &str, prefix: &str, close: bool) -> Vec<u8> {
    let close = if close { "Connection: close\r\n" } else { "" };
    let agent = "User-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\nAccept: text/html,*/*;q=0.8\r\nAccept-Language: en";
    format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n{agent}\r\nCookie: sid={prefix}-9f2c5be1d07a4\r\n{close}\r\n")
        .into_bytes()
}

/// Reads one answer with a length; whether it was well.
pub async fn answer(stream: &mut (impl AsyncRead + Unpin + ?Sized), buffer: &mut Vec<u8>) -> std::io::Result<bool> {
    buffer.clear();
    let broken = || std::io::Error::from(std::io::ErrorKind::UnexpectedEof);
    let head = loop {
        if stream.read_buf(buffer).await? == 0 {
            return Err(broken());
        }
        if let Some(end) = memchr::memmem::find(buffer, b"\r\n\r\n") {
            break end + 4;
        }
    };
    let text = String::from_utf8_lossy(&buffer[..head]).to_ascii_lowercase();
    let length =
        text.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok()).unwrap_or(0);
    while buffer.len() < head + length {
        if stream.read_buf(buffer).await? == 0 {
            return Err(broken());
        }
    }
    Ok(buffer.starts_with(b"HTTP/1.1 200"))
}

/// One request on a connection of its own; all that comes back.
pub async fn get(to: SocketAddr, path: &str, host: SocketAddr) -> Option<Vec<u8>> {
    let text = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    all(to, text.as_bytes()).await
}

/// The same for a host and a session.
pub async fn ask(to: SocketAddr, host: &str, path: &str, prefix: &str) -> Option<Vec<u8>> {
    all(to, &request(host, path, prefix, true)).await
}

async fn all(to: SocketAddr, text: &[u8]) -> Option<Vec<u8>> {
    let mut stream = TcpStream::connect(to).await.ok()?;
    stream.write_all(text).await.ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.ok()?;
    Some(answer)
}
