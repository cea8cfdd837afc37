//! Visitors who never stop, and forgive nothing: an answer that does not come, a connection that is refused or reset, is a
//! failure. That a connection ends between two requests, after `Connection: close` or a GOAWAY, is none: the request that was
//! not sent on it is sent on the next.

use super::edge;
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::{TrySendError, http1, http2};
use hyper::{Request, Response, body::Incoming};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpSocket};
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, accept_async, client_async};

/// The host of the app, and that of the echo of WebSockets.
pub const APP: &str = "portal.example.com";
pub const ECHO: &str = "socket.example.com";

/// How long a visitor waits between two requests.
const PAUSE: Duration = Duration::from_millis(2);

/// The section of a table that leads [`ECHO`] to the server at `address`.
pub fn echo_section(address: SocketAddr) -> String {
    format!("  sockets:\n    hosts: [{ECHO}]\n    pools:\n      us-east: [\"{address}\"]\n")
}

/// Says back what it hears.
pub async fn echo(listener: TcpListener) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(async move {
            // Probes connect and say nothing.
            let Ok(mut socket) = accept_async(stream).await else { return };
            while let Some(Ok(message)) = socket.next().await {
                if matches!(message, Message::Text(_) | Message::Binary(_)) && socket.send(message).await.is_err() {
                    return;
                }
            }
        });
    }
}

/// Where a visitor goes.
#[derive(Clone)]
pub struct Target {
    pub address: SocketAddr,
    /// Whom they believe, where they speak TLS.
    pub tls: Option<Arc<ClientConfig>>,
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

impl Target {
    pub fn plain(address: SocketAddr) -> Self {
        Self { address, tls: None }
    }

    async fn dial(&self) -> io::Result<Box<dyn Stream>> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::new(edge::NEW_YORK, 0))?;
        let tcp = socket.connect(self.address).await?;
        tcp.set_nodelay(true)?;
        Ok(match &self.tls {
            None => Box::new(tcp),
            Some(config) => {
                let name = ServerName::try_from(APP).unwrap();
                Box::new(TlsConnector::from(Arc::clone(config)).connect(name, tcp).await?)
            }
        })
    }
}

/// What a visitor does, again and again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Requests one after the other, on connections of HTTP/1.1.
    Http1,
    /// The same at a slower pace, so that the connection is idle most of the time.
    Seldom,
    /// Four requests at a time on a connection of HTTP/2.
    Http2,
    /// Messages over a WebSocket that come back.
    WebSocket,
    /// A body that takes a second and a half.
    Download,
}

/// What became of it all.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// By a name: how often.
    pub counts: BTreeMap<String, u64>,
    /// Each failure.
    pub failures: Vec<String>,
}

impl Tally {
    pub fn of(&self, name: &str) -> u64 {
        self.counts.get(name).copied().unwrap_or(0)
    }
}

/// The visitors.
pub struct Steady {
    tally: Arc<Mutex<Tally>>,
    stop: Arc<AtomicBool>,
    visitors: Vec<JoinHandle<()>>,
}

impl Steady {
    pub fn new() -> Self {
        Self { tally: Arc::default(), stop: Arc::default(), visitors: Vec::new() }
    }

    /// One more visitor, whose figures are counted under `name`.
    pub fn visit(&mut self, kind: Kind, target: Target, name: &str) {
        let visitor =
            Visitor { target, name: name.to_owned(), tally: Arc::clone(&self.tally), stop: Arc::clone(&self.stop) };
        self.visitors.push(tokio::spawn(async move {
            match kind {
                Kind::Http1 => visitor.http1(PAUSE).await,
                Kind::Seldom => visitor.http1(PAUSE * 350).await,
                Kind::Http2 => visitor.http2().await,
                Kind::WebSocket => visitor.web_socket().await,
                Kind::Download => visitor.download().await,
            }
        }));
    }

    /// What became of it up to now.
    pub fn so_far(&self) -> Tally {
        self.tally.lock().unwrap().clone()
    }

    /// Ends the visits, each after what it is at.
    pub async fn stop(self) -> Tally {
        self.stop.store(true, Ordering::Relaxed);
        for visitor in self.visitors {
            visitor.await.unwrap();
        }
        Arc::try_unwrap(self.tally).unwrap().into_inner().unwrap()
    }
}

struct Visitor {
    target: Target,
    name: String,
    tally: Arc<Mutex<Tally>>,
    stop: Arc<AtomicBool>,
}

impl Visitor {
    fn goes_on(&self) -> bool {
        !self.stop.load(Ordering::Relaxed)
    }

    fn count(&self, what: &str) {
        *self.tally.lock().unwrap().counts.entry(format!("{} {what}", self.name)).or_default() += 1;
    }

    fn fail(&self, what: impl std::fmt::Debug) {
        self.tally.lock().unwrap().failures.push(format!("{}: {what:?}", self.name));
    }

    async fn dial(&self) -> Option<Box<dyn Stream>> {
        match self.target.dial().await {
            Ok(stream) => {
                self.count("connections");
                Some(stream)
            }
            Err(error) => {
                self.fail(("connect", error.to_string()));
                tokio::time::sleep(PAUSE * 10).await;
                None
            }
        }
    }

    /// Whether the connection may bring another answer.
    async fn answered(
        &self,
        sent: Result<Response<Incoming>, TrySendError<Request<Empty<Bytes>>>>,
        size: usize,
    ) -> bool {
        match sent {
            Ok(answer) => {
                let status = answer.status();
                let closes = answer.headers().get("connection").is_some_and(|value| value == "close");
                match answer.into_body().collect().await.map(|body| body.to_bytes().len()) {
                    Ok(length) if status == 200 && length == size => self.count("requests"),
                    Ok(length) => self.fail(("answer", status, length)),
                    Err(error) => self.fail(("body", format!("{error:?}"))),
                }
                if closes {
                    self.count("told to close");
                }
                !closes
            }
            // It never left: the next connection gets it.
            Err(mut error) if error.message().is_some() => {
                let _ = error.take_message();
                false
            }
            Err(error) => {
                let error = error.into_error();
                // Beyond what the GOAWAY says that was taken: the other side has not seen it (RFC 9113, 6.8). The next
                // connection gets it.
                let why = std::error::Error::source(&error).and_then(|why| why.downcast_ref::<h2::Error>());
                let is_unseen = why.is_some_and(|why| {
                    why.is_go_away() && why.is_remote() && why.reason() == Some(h2::Reason::NO_ERROR)
                });
                if is_unseen {
                    self.count("sent again after a GOAWAY");
                } else {
                    self.fail(("request", format!("{error:?}")));
                }
                false
            }
        }
    }

    async fn http1(&self, pause: Duration) {
        while self.goes_on() {
            let Some(stream) = self.dial().await else { continue };
            let Ok((mut sender, connection)) = http1::handshake(TokioIo::new(stream)).await else { continue };
            let driver = tokio::spawn(connection);
            while self.goes_on() && sender.ready().await.is_ok() {
                let request = Request::get("/size/3000").header("host", APP).body(Empty::new()).unwrap();
                let sent = sender.try_send_request(request).await;
                if !self.answered(sent, 3000).await {
                    break;
                }
                tokio::time::sleep(pause).await;
            }
            drop(sender);
            // How it ends is judged by the requests on it.
            let _ = driver.await;
        }
    }

    async fn http2(&self) {
        while self.goes_on() {
            let Some(stream) = self.dial().await else { continue };
            let Ok((mut sender, connection)) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await
            else {
                continue;
            };
            let driver = tokio::spawn(connection);
            while self.goes_on() && sender.ready().await.is_ok() {
                let four = [(); 4].map(|()| {
                    let request = Request::get(format!("http://{APP}/size/3000")).body(Empty::new()).unwrap();
                    let mut sender = sender.clone();
                    async move { self.answered(sender.try_send_request(request).await, 3000).await }
                });
                if futures_util::future::join_all(four).await.contains(&false) {
                    break;
                }
                tokio::time::sleep(PAUSE).await;
            }
            drop(sender);
            let _ = driver.await;
        }
    }

    async fn web_socket(&self) {
        while self.goes_on() {
            let Some(stream) = self.dial().await else { continue };
            let request = format!("ws://{ECHO}/echo").into_client_request().unwrap();
            match client_async(request, stream).await {
                Ok((socket, _)) => self.talk(socket).await,
                Err(error) => self.fail(("upgrade", error.to_string())),
            }
        }
    }

    async fn talk(&self, mut socket: WebSocketStream<Box<dyn Stream>>) {
        while self.goes_on() {
            // What is sent while the other side ends is not heard; how that ended is what the next read says.
            let _ = socket.send(Message::text("hello")).await;
            match socket.next().await {
                Some(Ok(Message::Text(text))) if text.as_str() == "hello" => self.count("messages"),
                None
                | Some(Ok(Message::Close(_)) | Err(Error::Protocol(ProtocolError::ResetWithoutClosingHandshake))) => {
                    self.count("orderly ends");
                    return;
                }
                other => {
                    self.fail(("message", format!("{other:?}")));
                    return;
                }
            }
            tokio::time::sleep(PAUSE * 5).await;
        }
        let _ = socket.close(None).await;
    }

    async fn download(&self) {
        while self.goes_on() {
            let Some(stream) = self.dial().await else { continue };
            let Ok((mut sender, connection)) = http1::handshake(TokioIo::new(stream)).await else { continue };
            let driver = tokio::spawn(connection);
            let request = Request::get(format!("/drip/{DRIPS}")).header("host", APP).body(Empty::new()).unwrap();
            let sent = sender.try_send_request(request).await;
            self.answered(sent, DRIPS * super::app::DRIP.len()).await;
            drop(sender);
            let _ = driver.await;
        }
    }
}

/// How many pieces a download has, a hundred a second.
const DRIPS: usize = 150;
