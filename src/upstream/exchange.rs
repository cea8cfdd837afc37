//! One connection to a server, and one request on it, as requests of visitors are sent to it: for probes.

use crate::client::local_header;
use crate::live::Server;
use crate::model::Expected;
use crate::resilience::ProbeAnswer;
use crate::tls::ServerConnector;
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::error::Error;
use std::io;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

/// The largest head of an answer that is read, in bytes.
const LARGEST_HEAD: usize = 64 << 10;

/// Why there is no answer.
pub(super) enum Trouble {
    /// By a fault of this machine, which says nothing of the server.
    Ours(io::Error),
    /// By the server's, in words.
    Theirs(String),
}

/// What requests go over.
pub(super) trait Duplex: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Duplex for T {}

/// What TLS is spoken with to a server; an error is what has to be said of all of its probes.
pub(super) fn tls_of(server: &Server) -> Option<io::Result<ServerConnector>> {
    let tls = server.tls()?;
    Some(ServerConnector::new(&tls.sni, tls.verify, tls.credentials.as_deref(), server.http2()))
}

/// Makes a connection, with everything that comes before a request. Has no time limit of its own.
pub(super) async fn connect(
    server: &Server,
    tls: Option<&io::Result<ServerConnector>>,
) -> Result<Box<dyn Duplex>, Trouble> {
    let mut stream = TcpStream::connect(server.address()).await.map_err(of_connect)?;
    if is_connected_to_itself(&stream) {
        return Err(Trouble::Theirs("connection refused".into()));
    }
    if let Some(version) = server.proxy_protocol() {
        stream.write_all(&local_header(version)).await.map_err(|error| Trouble::Theirs(words(&error)))?;
    }
    match tls {
        None => Ok(Box::new(stream)),
        Some(Err(error)) => Err(Trouble::Theirs(format!("no TLS can be spoken: {error}"))),
        Some(Ok(tls)) => {
            let stream = tls.connect(stream).await.map_err(|error| Trouble::Theirs(of_handshake(&error)))?;
            Ok(Box::new(stream))
        }
    }
}

/// Sends a request and reads the answer: all of its head, and as much of its body as it is looked into. `request` has the
/// form that its version of HTTP wants. Has no time limit of its own.
pub(super) async fn ask(
    stream: Box<dyn Duplex>,
    http2: bool,
    request: Request<Full<Bytes>>,
) -> Result<ProbeAnswer, Trouble> {
    let io = TokioIo::new(stream);
    let theirs = |error: hyper::Error| Trouble::Theirs(of_http(&error));
    let (answer, driven) = if http2 {
        let (mut sender, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await.map_err(theirs)?;
        let driven = Driven(tokio::spawn(connection));
        (sender.send_request(request).await, driven)
    } else {
        let mut builder = hyper::client::conn::http1::Builder::new();
        let (mut sender, connection) = builder.max_buf_size(LARGEST_HEAD).handshake(io).await.map_err(theirs)?;
        let driven = Driven(tokio::spawn(connection));
        (sender.send_request(request).await, driven)
    };
    let (head, mut body) = answer.map_err(theirs)?.into_parts();
    let mut read = Vec::new();
    while read.len() < Expected::LONGEST_LOOK {
        let Some(frame) = body.frame().await else { break };
        if let Ok(data) = frame.map_err(theirs)?.into_data() {
            let room = Expected::LONGEST_LOOK - read.len();
            read.extend_from_slice(data.get(..room).unwrap_or(&data));
        }
    }
    drop(driven);
    let headers = head.headers.iter().map(|(name, value)| (name.as_str().into(), value.as_bytes().into()));
    Ok(ProbeAnswer { status: head.status.as_u16(), headers: headers.collect(), body: read })
}

/// Drives a connection until it goes.
struct Driven<T>(tokio::task::JoinHandle<T>);

impl<T> Drop for Driven<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn of_connect(error: io::Error) -> Trouble {
    if is_our_own(&error) { Trouble::Ours(error) } else { Trouble::Theirs(words(&error)) }
}

fn words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused".into(),
        io::ErrorKind::ConnectionReset | io::ErrorKind::UnexpectedEof | io::ErrorKind::BrokenPipe => {
            "the server closed the connection".into()
        }
        _ => error.to_string(),
    }
}

fn of_handshake(error: &io::Error) -> String {
    let text = error.to_string();
    match text.split_once("invalid peer certificate: ") {
        Some((_, why)) => format!("its certificate is not believed: {why}"),
        None => format!("no TLS handshake: {}", words(error)),
    }
}

fn of_http(error: &hyper::Error) -> String {
    if error.is_incomplete_message() || error.is_canceled() || error.is_closed() {
        return "the server closed the connection".into();
    }
    let source = error.source().and_then(|source| source.downcast_ref::<io::Error>());
    source.map_or_else(|| format!("the answer is not valid HTTP: {error}"), words)
}

/// On loopback, where nobody listens, the kernel may choose the very port as our own and connect us to ourselves.
fn is_connected_to_itself(stream: &TcpStream) -> bool {
    matches!((stream.local_addr(), stream.peer_addr()), (Ok(local), Ok(peer)) if local == peer)
}

/// No file handle or no memory left here: the server may be as well as ever, and losing all of them over it would turn a
/// shortage into an outage.
fn is_our_own(error: &io::Error) -> bool {
    const ENFILE: i32 = 23;
    const EMFILE: i32 = 24;
    const ENOBUFS: i32 = 105;
    error.kind() == io::ErrorKind::OutOfMemory || matches!(error.raw_os_error(), Some(ENFILE | EMFILE | ENOBUFS))
}
