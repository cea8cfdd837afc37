//! WebSockets over HTTP/2 (RFC 8441). Servers speak WebSocket by the `Upgrade` of HTTP/1.1, and so does everything behind the
//! head of a request here: a stream that asks for one becomes a connection of HTTP/1.1 to the edge itself, within the process.

use super::Proxy;
use super::connection::ConnectionState;
use super::context::RequestContext;
use super::refusal::Refusal;
use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{
    CONNECTION, CONTENT_LENGTH, COOKIE, HOST, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, TE, TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderValue, Method, Request, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use pingora::apps::ServerApp;
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::protocols::raw_connect::ProxyDigest;
use pingora::protocols::{
    GetProxyDigest, GetSocketDigest, GetTimingDigest, Peek, Shutdown, SocketDigest, Ssl, Stream, TimingDigest,
    UniqueID, UniqueIDType,
};
use pingora::proxy::{HttpProxy, Session};
use pingora::{ErrorType, OrErr, Result};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf, duplex};
use tokio::sync::watch;

/// How much is on its way within the process, in each direction.
const BUFFER: usize = 16 << 10;

/// The way from a connection of HTTP/2 back to the front of the edge.
pub(super) struct WayIn {
    pub engine: Arc<HttpProxy<Proxy>>,
    pub stop: watch::Receiver<bool>,
}

/// Whether a request asks for a stream to become a WebSocket.
pub(super) fn is_asked_for(head: &RequestHeader) -> bool {
    head.method == Method::CONNECT
        && head.extensions.get::<h2::ext::Protocol>().is_some_and(|protocol| protocol.as_str() == "websocket")
}

impl Proxy {
    /// Serves a stream that asks to become a WebSocket.
    ///
    /// # Errors
    /// Where the client is gone.
    pub(super) async fn websocket(&self, session: &mut Session, context: &mut RequestContext) -> Result<()> {
        let Some(connection) = context.connection.clone() else { return Ok(()) };
        let (Some(inner), Ok(request)) = (enter(session, &connection), upgrade_of(session.req_header())) else {
            return self
                .answer(session, context, Refusal::BadRequest("The request cannot be one for a WebSocket."))
                .await;
        };
        context.is_carried = true; // the request within is the one that is counted and logged
        let sent = async {
            let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(inner)).await?;
            pingora_runtime::current_handle().spawn(connection.with_upgrades());
            sender.send_request(request).await
        };
        let Ok(answer) = sent.await else {
            return self.answer(session, context, Refusal::Internal).await;
        };
        if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
            return pass_on(session, answer).await;
        }
        let mut head = ResponseHeader::build(200, Some(answer.headers().len()))?;
        copy(&answer, &mut head)?;
        session.write_response_header(Box::new(head), false).await?;
        let upgraded =
            hyper::upgrade::on(answer).await.or_err(ErrorType::ConnectionClosed, "no WebSocket came of it")?;
        carry(session, TokioIo::new(upgraded)).await
    }
}

/// A connection to the edge itself, as if it came from where that of `session` does.
fn enter(session: &Session, connection: &Arc<ConnectionState>) -> Option<DuplexStream> {
    let way_in = connection.way_in.get()?;
    let (ours, theirs) = duplex(BUFFER);
    let within = Arc::new(connection.within());
    let state: Box<dyn std::any::Any + Send + Sync> = Box::new(Arc::clone(&within));
    let digest = ProxyDigest::new(Box::new(ResponseHeader::build(200, Some(0)).ok()?), Some(state));
    let outer = session.digest()?;
    let stream: Stream = Box::new(Within {
        stream: theirs,
        state: within,
        digest: Arc::new(digest),
        socket: outer.socket_digest.clone(),
        timing: outer.timing_digest.clone(),
    });
    let (engine, stop) = (Arc::clone(&way_in.engine), way_in.stop.clone());
    pingora_runtime::current_handle().spawn(async move {
        // It ends with the stream that it serves.
        let _ = engine.process_new(stream, &stop).await;
    });
    Some(ours)
}

/// The request of HTTP/1.1 that asks for the same (RFC 8441, 5).
fn upgrade_of(head: &RequestHeader) -> http::Result<Request<Empty<Bytes>>> {
    let key: [u8; 16] = std::array::from_fn(|_| fastrand::u8(..));
    let mut request = Request::get(head.uri.path_and_query().map_or("/", |target| target.as_str()));
    if let Some(authority) = head.uri.authority() {
        request = request.header(HOST, authority.as_str());
    }
    request = request
        .header(CONNECTION, "Upgrade")
        .header(UPGRADE, "websocket")
        .header(SEC_WEBSOCKET_KEY, STANDARD.encode(key));
    // What HTTP/2 may cut into several lines is one in HTTP/1.1 (RFC 9113, 8.2.3).
    let crumbs: Vec<_> = head.headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes).collect();
    if !crumbs.is_empty() {
        request = request.header(COOKIE, crumbs.join(&b"; "[..]));
    }
    for (name, value) in &head.headers {
        let is_of_connection =
            [CONNECTION, UPGRADE, TE, TRANSFER_ENCODING, CONTENT_LENGTH, SEC_WEBSOCKET_KEY].contains(name);
        let is_written = *name == COOKIE || (*name == HOST && head.uri.authority().is_some());
        if !is_of_connection && !is_written {
            request = request.header(name, value);
        }
    }
    request.body(Empty::new())
}

/// The headers of an answer within, but for those of its connection.
fn copy<B>(answer: &http::Response<B>, head: &mut ResponseHeader) -> Result<()> {
    for (name, value) in answer.headers() {
        if ![CONNECTION, UPGRADE, TRANSFER_ENCODING, SEC_WEBSOCKET_ACCEPT].contains(name) && name != "keep-alive" {
            head.append_header(name, value)?;
        }
    }
    Ok(())
}

/// Gives the client an answer that is no WebSocket.
async fn pass_on(session: &mut Session, answer: http::Response<Incoming>) -> Result<()> {
    let mut head = ResponseHeader::build(answer.status(), Some(answer.headers().len()))?;
    copy(&answer, &mut head)?;
    let mut body = answer.into_body();
    session.write_response_header(Box::new(head), false).await?;
    while let Some(frame) = body.frame().await {
        let frame = frame.or_err(ErrorType::ConnectionClosed, "the answer ended early")?;
        if let Ok(data) = frame.into_data() {
            session.write_response_body(Some(data), false).await?;
        }
    }
    session.write_response_body(None, true).await
}

/// Carries bytes both ways until either side has ended.
async fn carry(session: &mut Session, upgraded: impl AsyncRead + AsyncWrite) -> Result<()> {
    let (mut from_app, mut to_app) = tokio::io::split(upgraded);
    let mut buffer = vec![0; BUFFER];
    let mut client_speaks = true;
    loop {
        tokio::select! {
            received = session.as_mut().read_request_body(), if client_speaks => match received? {
                Some(bytes) => to_app.write_all(&bytes).await.or_err(ErrorType::WriteError, "to the WebSocket")?,
                None => {
                    client_speaks = false;
                    to_app.shutdown().await.or_err(ErrorType::WriteError, "to the WebSocket")?;
                }
            },
            read = from_app.read(&mut buffer) => match read.or_err(ErrorType::ReadError, "from the WebSocket")? {
                0 => return session.write_response_body(None, true).await,
                count => session.write_response_body(Some(Bytes::copy_from_slice(&buffer[..count])), false).await?,
            },
        }
    }
}

/// The edge's side of a connection within the process. It has the addresses of the connection that it stands for.
struct Within {
    stream: DuplexStream,
    state: Arc<ConnectionState>,
    digest: Arc<ProxyDigest>,
    socket: Option<Arc<SocketDigest>>,
    timing: Vec<Option<TimingDigest>>,
}

impl std::fmt::Debug for Within {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Within({})", self.state.peer)
    }
}

impl AsyncRead for Within {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match Pin::new(&mut self.stream).poll_read(context, into) {
            Poll::Ready(read) => Poll::Ready(read),
            Poll::Pending => self.state.poll_parting(context),
        }
    }
}

impl AsyncWrite for Within {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[async_trait]
impl Shutdown for Within {
    async fn shutdown(&mut self) {
        // The other side is of this process, and notices.
        let _ = AsyncWriteExt::shutdown(&mut self.stream).await;
    }
}

impl UniqueID for Within {
    fn id(&self) -> UniqueIDType {
        0
    }
}

impl Ssl for Within {}

#[async_trait]
impl Peek for Within {
    async fn try_peek(&mut self, into: &mut [u8]) -> io::Result<bool> {
        into.fill(0); // what comes is no preface of HTTP/2
        Ok(true)
    }
}

impl GetTimingDigest for Within {
    fn get_timing_digest(&self) -> Vec<Option<TimingDigest>> {
        self.timing.clone()
    }
}

impl GetProxyDigest for Within {
    fn get_proxy_digest(&self) -> Option<Arc<ProxyDigest>> {
        Some(Arc::clone(&self.digest))
    }
}

impl GetSocketDigest for Within {
    fn get_socket_digest(&self) -> Option<Arc<SocketDigest>> {
        self.socket.clone()
    }
}
