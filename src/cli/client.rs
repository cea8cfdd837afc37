//! Asks a running edge, over its Unix socket or its admin address.

use super::ending::Failure;
use crate::config::Admin;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper::header::{ACCEPT, HOST};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use std::convert::Infallible;
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;

/// How long an edge may take for a whole answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// The largest answer that is read, in bytes.
const LARGEST: usize = 64 << 20;

/// A way to a running edge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Door {
    /// Its Unix socket.
    Socket(PathBuf),
    /// Its admin address.
    Address(SocketAddr),
}

impl FromStr for Door {
    type Err = Infallible;
    /// An address and a port; everything else is the path of a socket.
    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(text.parse().map_or_else(|_| Self::Socket(text.into()), Self::Address))
    }
}

impl fmt::Display for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket(path) => write!(f, "{}", path.display()),
            Self::Address(address) => write!(f, "http://{address}"),
        }
    }
}

/// Why nothing came back.
#[derive(Debug)]
enum Silence {
    /// No connection.
    Closed(io::Error),
    /// No answer in time.
    Slow,
    /// Something answered that is no edge.
    Strange(String),
}

/// Asks one edge.
#[derive(Debug)]
pub(super) struct Client {
    doors: Vec<Door>,
}

impl Client {
    /// Asks the edge that has these settings: over its socket if it has one, otherwise or where that is closed to this
    /// user, over its address.
    pub(super) fn of(admin: &Admin) -> Self {
        let socket = admin.socket.clone().map(Door::Socket);
        // Port 0 is one that the system chose: only the edge's log knows which.
        let address = Some(Door::Address(reachable(admin.address))).filter(|_| admin.address.port() != 0);
        Self { doors: socket.into_iter().chain(address).collect() }
    }

    /// Asks the edge behind this door.
    pub(super) fn at(door: Door) -> Self {
        Self { doors: vec![door] }
    }

    /// What the edge says at `target`, a path with a query.
    ///
    /// # Errors
    /// That no edge can be reached, with all that was tried; or what it says is wrong.
    pub(super) fn get<T: DeserializeOwned>(&self, target: &str) -> Result<T, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let mut tried = Vec::new();
        for door in &self.doors {
            let asked = runtime.block_on(async { timeout(PATIENCE, ask(door, target)).await });
            match asked.unwrap_or(Err(Silence::Slow)).and_then(read) {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(refused)) => return Err(Failure::Said(format!("the edge at {door} says: {refused}"))),
                Err(Silence::Closed(error)) => tried.push(format!("{door} ({error})")),
                Err(Silence::Slow) => tried.push(format!("{door} (no answer within {} s)", PATIENCE.as_secs())),
                Err(Silence::Strange(what)) => tried.push(format!("{door} ({what})")),
            }
        }
        let tried = if tried.is_empty() { "its settings name no way to it".to_owned() } else { tried.join(" or ") };
        Err(Failure::Said(format!(
            "no edge answers: {tried}; start one with 'homeward run', or say where it is with --admin or --config"
        )))
    }
}

/// Where to connect to, for one that listens on every address.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

async fn ask(door: &Door, target: &str) -> Result<(StatusCode, Bytes), Silence> {
    match door {
        Door::Socket(path) => {
            exchange(UnixStream::connect(path).await.map_err(Silence::Closed)?, "localhost", target).await
        }
        Door::Address(address) => {
            let stream = TcpStream::connect(address).await.map_err(Silence::Closed)?;
            exchange(stream, &address.to_string(), target).await
        }
    }
}

async fn exchange<S>(stream: S, host: &str, target: &str) -> Result<(StatusCode, Bytes), Silence>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let strange = |error: hyper::Error| Silence::Strange(format!("it does not speak HTTP: {error}"));
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(strange)?;
    // It ends with the answer; why it ended otherwise, the answer's error says.
    tokio::spawn(connection);
    let request = Request::get(target).header(HOST, host).header(ACCEPT, "application/json");
    let request = request
        .body(Empty::<Bytes>::new())
        .map_err(|error| Silence::Strange(format!("the request cannot be written: {error}")))?;
    let response = sender.send_request(request).await.map_err(strange)?;
    let status = response.status();
    let body = Limited::new(response.into_body(), LARGEST).collect().await;
    let body = body.map_err(|error| Silence::Strange(format!("its answer breaks off: {error}")))?;
    Ok((status, body.to_bytes()))
}

/// The answer, or what the edge says is wrong with the request.
fn read<T: DeserializeOwned>((status, body): (StatusCode, Bytes)) -> Result<Result<T, String>, Silence> {
    #[derive(serde::Deserialize)]
    struct Problem {
        detail: String,
    }
    if status.is_success() {
        let answer = serde_json::from_slice(&body);
        return answer.map(Ok).map_err(|error| Silence::Strange(format!("what answers there is no edge: {error}")));
    }
    match serde_json::from_slice::<Problem>(&body) {
        Ok(problem) => Ok(Err(problem.detail)),
        Err(_) => Err(Silence::Strange(format!("what answers there is no edge: status {status}"))),
    }
}

/// `text` as a value in a query.
pub(super) fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_holds_any_text() {
        assert_eq!(encoded("sid=a b&c+é"), "sid%3Da%20b%26c%2B%C3%A9");
    }

    #[test]
    fn an_edge_on_every_address_is_asked_on_loopback() {
        let admin = |address: &str| Admin { address: address.parse().unwrap(), socket: None };
        let doors = |address| Client::of(&admin(address)).doors;
        assert_eq!(doors("0.0.0.0:9901"), [Door::Address("127.0.0.1:9901".parse().unwrap())]);
        assert_eq!(doors("[::]:9901"), [Door::Address("[::1]:9901".parse().unwrap())]);
        assert_eq!(doors("127.0.0.1:0"), []);
    }
}
