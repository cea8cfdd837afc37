//! A client: kept connections to one address, and one request at a time on each.

use crate::record::{Ask, End, PREFIXES, REGIONS, ServerId};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// The header that carries a request's own number, and the one with the number of its session.
pub const ID: &str = "x-faults-id";
pub const SESSION: &str = "x-faults-session";

/// The header in which a server says whose it is, and the one in which it owns up to a failed login: for the harness alone.
pub const SERVED_BY: &str = "x-served-by";
pub const LOGIN: &str = "x-login";

/// The host of the app.
pub const HOST: &str = "portal.example.com";

/// How long a visitor waits.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// The most connections that are kept.
const KEPT: usize = 512;

/// Connections to one address.
pub struct Pool {
    target: SocketAddr,
    kept: Mutex<Vec<SendRequest<Full<Bytes>>>>,
}

impl Pool {
    /// None yet.
    pub fn new(target: SocketAddr) -> Self {
        Self { target, kept: Mutex::default() }
    }

    /// Sends a request and waits for its whole answer, but not longer than [`PATIENCE`].
    pub async fn ask(&self, ask: &Ask) -> End {
        timeout(PATIENCE, self.send(ask)).await.unwrap_or(End::Stuck)
    }

    async fn send(&self, ask: &Ask) -> End {
        loop {
            // The lock is held for a moment only.
            let kept = self.kept.lock().unwrap().pop();
            let mut sender = match kept {
                Some(sender) if sender.is_ready() => sender,
                Some(_) => continue,
                None => match self.connect().await {
                    Some(sender) => sender,
                    None => return End::Unconnected,
                },
            };
            match sender.try_send_request(request(ask)).await {
                Ok(answer) => return self.read(answer, sender).await,
                // It never left: the next connection gets it.
                Err(error) if error.message().is_some() => {}
                Err(_) => return End::Broken,
            }
        }
    }

    async fn connect(&self) -> Option<SendRequest<Full<Bytes>>> {
        let stream = TcpStream::connect(self.target).await.ok()?;
        let _ = stream.set_nodelay(true);
        let (mut sender, connection) = handshake(TokioIo::new(stream)).await.ok()?;
        tokio::spawn(async move {
            // How it ends is judged by the request on it.
            let _ = connection.await;
        });
        sender.ready().await.ok()?;
        Some(sender)
    }

    async fn read(&self, answer: Response<Incoming>, mut sender: SendRequest<Full<Bytes>>) -> End {
        let (head, body) = answer.into_parts();
        if body.collect().await.is_err() {
            return End::Broken;
        }
        if sender.ready().await.is_ok() {
            let mut kept = self.kept.lock().unwrap();
            if kept.len() < KEPT {
                kept.push(sender);
            }
        }
        let header = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok());
        let region = REGIONS.iter().position(|region| header(SERVED_BY) == Some(region)).unwrap_or(0) as u8;
        let server = ServerId { region, number: 0 };
        match head.status.as_u16() {
            200 if header(LOGIN) == Some("failed") => End::LoginFailed(server),
            200 => End::Answered(server),
            status => {
                let why = header("proxy-status").and_then(|said| said.split_once("error=")).map(|(_, why)| why);
                End::Failed(status, why.map(|why| why.split(';').next().unwrap_or(why).into()))
            }
        }
    }
}

/// The address that a visitor of a region says it comes from.
fn visitor(ask: &Ask) -> String {
    format!("10.{}.{}.{}", ask.home + 1, (ask.id >> 8) & 0xff, ask.id & 0xff)
}

fn request(ask: &Ask) -> Request<Full<Bytes>> {
    let (method, path, body) =
        if ask.is_post { ("POST", "/login", "name=me&password=mine\n") } else { ("GET", "/", "") };
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header("host", HOST)
        .header(ID, ask.id)
        .header("x-forwarded-for", visitor(ask));
    if let Some(session) = ask.session {
        let prefix = PREFIXES[usize::from(ask.home)];
        request = request.header("cookie", format!("sid={prefix}-{session}")).header(SESSION, session);
    }
    request.body(Full::new(Bytes::from_static(body.as_bytes()))).unwrap()
}

/// Asks a page of an admin address; its body, or nothing where it cannot be had.
pub async fn page(address: SocketAddr, path: &str) -> Option<String> {
    let ask = async {
        let stream = TcpStream::connect(address).await.ok()?;
        let (mut sender, connection) = handshake(TokioIo::new(stream)).await.ok()?;
        let driver = tokio::spawn(connection);
        let request = Request::get(path).header("host", address.to_string()).body(Full::new(Bytes::new())).unwrap();
        let answer = sender.send_request(request).await.ok()?;
        let is_well = answer.status().is_success();
        let body = answer.into_body().collect().await.ok()?.to_bytes();
        drop(sender);
        // It ends with its last sender.
        let _ = driver.await;
        is_well.then(|| String::from_utf8_lossy(&body).into_owned())
    };
    timeout(PATIENCE, ask).await.ok().flatten()
}
