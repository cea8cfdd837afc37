//! Asks a running edge, over its Unix socket or its admin address.

use super::ending::Failure;
use crate::config::Admin;
use crate::model::{Secret, SecretSource};
use crate::tls::Connector;
use clap::Args;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue};
use hyper::{Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt;
use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;
use zeroize::Zeroizing;

/// How long an edge may take for a whole answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// The same where it changes something, which is on disk before it answers.
const PATIENCE_TO_CHANGE: Duration = Duration::from_secs(10);

/// The same where it looks at a table, which may be a large one.
const PATIENCE_TO_LOOK: Duration = Duration::from_secs(60);

/// The largest answer that is read, in bytes.
const LARGEST: usize = 64 << 20;

/// A way to a running edge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Door {
    /// Its Unix socket.
    Socket(PathBuf),
    /// Its admin address.
    Address {
        /// A name or an address.
        host: String,
        /// The port.
        port: u16,
        /// Whether TLS is spoken there.
        tls: bool,
    },
}

/// Why a text is no way to an edge.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a URL is http://HOST:PORT or https://HOST:PORT, without a path")]
pub(super) struct BadDoor;

impl FromStr for Door {
    type Err = BadDoor;
    /// An address and a port, or a URL; everything else is the path of a socket.
    fn from_str(text: &str) -> Result<Self, BadDoor> {
        if let Ok(address) = text.parse::<SocketAddr>() {
            return Ok(Self::at(address, false));
        }
        let (tls, rest) = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
            (Some(rest), _) => (true, rest),
            (_, Some(rest)) => (false, rest),
            (None, None) => return Ok(Self::Socket(text.into())),
        };
        let uri: Uri = rest.strip_suffix('/').unwrap_or(rest).parse().map_err(|_| BadDoor)?;
        let authority = uri.authority().filter(|authority| !authority.as_str().contains('@')).ok_or(BadDoor)?;
        if uri.path_and_query().is_some_and(|path| path.as_str() != "/") || authority.host().is_empty() {
            return Err(BadDoor);
        }
        let port = match authority.port_u16() {
            Some(port) => port,
            None if authority.as_str() == authority.host() => {
                if tls {
                    443
                } else {
                    80
                }
            }
            None => return Err(BadDoor),
        };
        Ok(Self::Address { host: authority.host().trim_matches(['[', ']']).to_owned(), port, tls })
    }
}

impl Door {
    fn at(address: SocketAddr, tls: bool) -> Self {
        Self::Address { host: address.ip().to_string(), port: address.port(), tls }
    }
}

impl fmt::Display for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket(path) => write!(f, "{}", path.display()),
            Self::Address { host, port, tls } => {
                write!(f, "{}://{}", if *tls { "https" } else { "http" }, authority(host, *port))
            }
        }
    }
}

fn authority(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

/// By what an edge is believed, and by what it lets this program in.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct Credentials {
    /// The certificates by which an https:// address is believed, in PEM form [default: that of the settings, or the system's]
    #[arg(long, value_name = "FILE", env = "HOMEWARD_CA_FILE", hide_env_values = true)]
    ca_file: Option<PathBuf>,
    /// The file of the token for the admin address [default: as the settings say]
    #[arg(long, value_name = "FILE", env = "HOMEWARD_TOKEN_FILE", hide_env_values = true)]
    token_file: Option<PathBuf>,
}

/// What is asked.
struct Asking<'a> {
    /// A path with a query.
    target: &'a str,
    /// What is sent along, and what it is.
    body: Option<(&'static str, Bytes)>,
    /// Whether something may be changed by it.
    changes: bool,
    /// How long a whole answer may take.
    patience: Duration,
}

/// Why nothing came back.
#[derive(Debug)]
enum Silence {
    /// No connection.
    Closed(io::Error),
    /// No answer in time.
    Slow,
    /// Something answered that is no edge, or none that is believed.
    Strange(String),
}

/// Asks one edge.
#[derive(Debug)]
pub(super) struct Client {
    doors: Vec<Door>,
    /// Those by whom an edge is believed, in PEM form; those of this machine where missing.
    authorities: Option<Vec<u8>>,
    /// The edge's own certificate, in PEM form, where it is known.
    own: Option<Vec<u8>>,
    token: Option<Secret>,
}

impl Client {
    /// Asks the edge behind `door`.
    ///
    /// # Errors
    /// Where a file of `credentials` cannot be read.
    pub(super) fn at(door: Door, credentials: &Credentials) -> Result<Self, Failure> {
        let client = Self { doors: vec![door], authorities: None, own: None, token: None };
        client.with(credentials)
    }

    /// Asks the edge that has these settings: over its socket if it has one, otherwise or where that is closed to this
    /// user, over its address. What `credentials` do not say is as the settings say.
    ///
    /// # Errors
    /// Where a file of `credentials` cannot be read.
    pub(super) fn of(admin: &Admin, credentials: &Credentials) -> Result<Self, Failure> {
        let socket = admin.socket.clone().map(Door::Socket);
        // Port 0 is one that the system chose: only the edge's log knows which.
        let address =
            Some(Door::at(reachable(admin.address), admin.tls.is_some())).filter(|_| admin.address.port() != 0);
        // What cannot be read here may not be needed: the socket needs neither certificate nor token.
        let files = admin.tls.as_ref().and_then(|tls| tls.certificates.first());
        let own = files.and_then(|files| fs::read(&files.certificate).ok());
        let token = match &admin.tokens {
            Some(source) if credentials.token_file.is_none() => read_token(source).ok(),
            _ => None,
        };
        let doors = socket.into_iter().chain(address).collect();
        Self { doors, authorities: None, own, token }.with(credentials)
    }

    fn with(mut self, credentials: &Credentials) -> Result<Self, Failure> {
        if let Some(path) = &credentials.ca_file {
            let bytes = fs::read(path);
            self.authorities = Some(bytes.map_err(|error| {
                Failure::Said(format!("{} cannot be read: {error}; correct --ca-file", path.display()))
            })?);
        }
        if let Some(path) = &credentials.token_file {
            let token = read_token(&SecretSource::File(path.clone()));
            self.token = Some(token.map_err(|what| Failure::Said(format!("{what}; correct --token-file")))?);
        }
        Ok(self)
    }

    /// What the edge says at `target`, a path with a query.
    ///
    /// # Errors
    /// That no edge can be reached, with all that was tried; or what it says is wrong.
    pub(super) fn get<T: DeserializeOwned>(&self, target: &str) -> Result<T, Failure> {
        self.exchange(&Asking { target, body: None, changes: false, patience: PATIENCE })?.map_err(Failure::from)
    }

    /// What the edge says to `body` at `target`, where something is changed.
    ///
    /// # Errors
    /// That no edge can be reached, with all that was tried; or what it says is wrong.
    pub(super) fn post<T: DeserializeOwned>(&self, target: &str, body: &impl Serialize) -> Result<T, Failure> {
        self.post_or_refusal(target, body)?.map_err(Failure::from)
    }

    /// The same, where what the edge refuses is of interest too.
    ///
    /// # Errors
    /// That no edge can be reached, with all that was tried.
    pub(super) fn post_or_refusal<T: DeserializeOwned>(
        &self,
        target: &str,
        body: &impl Serialize,
    ) -> Result<Result<T, Refused>, Failure> {
        let body = Bytes::from(serde_json::to_vec(body)?);
        let body = Some(("application/json", body));
        self.exchange(&Asking { target, body, changes: true, patience: PATIENCE_TO_CHANGE })
    }

    /// What the edge says of `text`, which is of this `kind`, at `target`, where nothing is changed.
    ///
    /// # Errors
    /// That no edge can be reached, with all that was tried; or what it says is wrong.
    pub(super) fn ask_about<T: DeserializeOwned>(
        &self,
        target: &str,
        kind: &'static str,
        text: &str,
    ) -> Result<T, Failure> {
        let body = Some((kind, Bytes::from(text.to_owned())));
        self.exchange(&Asking { target, body, changes: false, patience: PATIENCE_TO_LOOK })?.map_err(Failure::from)
    }

    /// Whether the edge can only be on this machine.
    pub(super) fn is_local(&self) -> bool {
        self.doors.iter().all(|door| match door {
            Door::Socket(_) => true,
            Door::Address { host, .. } => host.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback()),
        })
    }

    fn exchange<T: DeserializeOwned>(&self, asking: &Asking<'_>) -> Result<Result<T, Refused>, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let mut tried = Vec::new();
        for door in &self.doors {
            let asked = runtime.block_on(async { timeout(asking.patience, self.ask(door, asking)).await });
            match asked.unwrap_or(Err(Silence::Slow)).and_then(read) {
                Ok(Ok(answer)) => return Ok(Ok(answer)),
                Ok(Err(problem)) => return Ok(Err(Refused { door: door.to_string(), problem })),
                Err(Silence::Closed(error)) if error.kind() == io::ErrorKind::PermissionDenied => {
                    tried.push(format!("{door} (this user may not open it: be its owner, or see admin.socket_for)"));
                }
                Err(Silence::Closed(error)) => tried.push(format!("{door} ({error})")),
                Err(Silence::Slow) if asking.changes => {
                    return Err(Failure::Said(format!(
                        "the edge at {door} does not answer within {} s, so that it is not known whether it did what it was \
                         asked; look with 'homeward status'",
                        asking.patience.as_secs()
                    )));
                }
                Err(Silence::Slow) => tried.push(format!("{door} (no answer within {} s)", asking.patience.as_secs())),
                Err(Silence::Strange(what)) => tried.push(format!("{door} ({what})")),
            }
        }
        let tried = if tried.is_empty() { "its settings name no way to it".to_owned() } else { tried.join(" or ") };
        Err(Failure::NoEdge(format!(
            "no edge answers: {tried}; start one with 'homeward run', or say where it is with --admin or --config"
        )))
    }

    async fn ask(&self, door: &Door, asking: &Asking<'_>) -> Result<(StatusCode, Bytes), Silence> {
        match door {
            Door::Socket(path) => {
                let stream = UnixStream::connect(path).await.map_err(Silence::Closed)?;
                exchange(stream, "localhost", asking, None).await
            }
            Door::Address { host, port, tls } => {
                let stream = TcpStream::connect((&**host, *port)).await.map_err(Silence::Closed)?;
                let named = authority(host, *port);
                if !tls {
                    // A token goes in the clear to this machine alone.
                    let peer = stream.peer_addr().map_err(Silence::Closed)?;
                    let token = self.token.as_ref().filter(|_| peer.ip().to_canonical().is_loopback());
                    return exchange(stream, &named, asking, token).await;
                }
                let not_believed = |error: io::Error| {
                    Silence::Strange(format!("it is not believed: {error}; say whom to believe with --ca-file"))
                };
                let connector =
                    Connector::new(self.authorities.as_deref(), self.own.as_deref()).map_err(not_believed)?;
                let stream = connector.connect(host, stream).await.map_err(not_believed)?;
                exchange(stream, &named, asking, self.token.as_ref()).await
            }
        }
    }
}

/// The first token of a file or a variable, with its role or without.
fn read_token(source: &SecretSource) -> Result<Secret, String> {
    let whole = read_whole(source).map_err(|error| format!("{source} cannot be read: {error}"))?;
    let mut lines = whole.expose().split(|b| *b == b'\n').map(<[u8]>::trim_ascii);
    let line = lines.find(|line| !line.is_empty() && !line.starts_with(b"#"));
    let line = line.ok_or_else(|| format!("{source} holds no token"))?;
    let token = [&b"read:"[..], b"operate:"].iter().find_map(|role| line.strip_prefix(*role)).unwrap_or(line);
    if !token.trim_ascii().iter().all(u8::is_ascii_graphic) {
        return Err(format!("what stands in {source} is no token"));
    }
    Ok(Secret::new(token.trim_ascii().to_vec()))
}

fn read_whole(source: &SecretSource) -> io::Result<Secret> {
    match source {
        SecretSource::File(path) => Ok(Secret::new(fs::read(path)?)),
        SecretSource::Environment(name) => std::env::var_os(&**name)
            .map(|value| Secret::new(std::os::unix::ffi::OsStringExt::into_vec(value)))
            .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "there is no such variable")),
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

async fn exchange<S>(
    stream: S,
    host: &str,
    asking: &Asking<'_>,
    token: Option<&Secret>,
) -> Result<(StatusCode, Bytes), Silence>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let strange = |error: hyper::Error| Silence::Strange(format!("it does not speak HTTP: {error}"));
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(strange)?;
    // It ends with the answer; why it ended otherwise, the answer's error says.
    tokio::spawn(connection);
    let Asking { target, body, .. } = asking;
    let mut request = match body {
        None => Request::get(*target),
        Some((kind, _)) => Request::post(*target).header(CONTENT_TYPE, *kind),
    };
    request = request.header(HOST, host).header(ACCEPT, "application/json");
    if let Some(token) = token {
        let line = Zeroizing::new([b"Bearer ", token.expose()].concat());
        let value = HeaderValue::from_bytes(&line);
        let mut value = value.map_err(|_| Silence::Strange("the token cannot be sent".to_owned()))?;
        value.set_sensitive(true);
        request = request.header(AUTHORIZATION, value);
    }
    let request = request
        .body(Full::new(body.as_ref().map(|(_, body)| body.clone()).unwrap_or_default()))
        .map_err(|error| Silence::Strange(format!("the request cannot be written: {error}")))?;
    let response = sender.send_request(request).await.map_err(strange)?;
    let status = response.status();
    let body = Limited::new(response.into_body(), LARGEST).collect().await;
    let body = body.map_err(|error| Silence::Strange(format!("its answer breaks off: {error}")))?;
    Ok((status, body.to_bytes()))
}

/// What an edge says is wrong with a request.
#[derive(Debug, serde::Deserialize)]
pub(super) struct Problem {
    /// What is wrong and what to do, in a sentence.
    pub(super) detail: String,
    /// What else it says, for programs.
    #[serde(flatten)]
    pub(super) more: serde_json::Map<String, serde_json::Value>,
}

/// That an edge has refused.
#[derive(Debug)]
pub(super) struct Refused {
    door: String,
    /// Why.
    pub(super) problem: Problem,
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        Self::Said(format!("the edge at {} says: {}", refused.door, refused.problem.detail))
    }
}

/// The answer, or what the edge says is wrong with the request.
fn read<T: DeserializeOwned>((status, body): (StatusCode, Bytes)) -> Result<Result<T, Problem>, Silence> {
    if status.is_success() {
        let answer = serde_json::from_slice(&body);
        return answer.map(Ok).map_err(|error| Silence::Strange(format!("what answers there is no edge: {error}")));
    }
    match serde_json::from_slice::<Problem>(&body) {
        Ok(problem) => Ok(Err(problem)),
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

    fn address(text: &str, tls: bool) -> Door {
        Door::at(text.parse().unwrap(), tls)
    }

    #[test]
    fn an_edge_on_every_address_is_asked_on_loopback() {
        let admin = |address: &str| Admin { address: address.parse().unwrap(), ..Admin::default() };
        let doors = |address| Client::of(&admin(address), &Credentials::default()).unwrap().doors;
        assert_eq!(doors("0.0.0.0:9901"), [address("127.0.0.1:9901", false)]);
        assert_eq!(doors("[::]:9901"), [address("[::1]:9901", false)]);
        assert_eq!(doors("127.0.0.1:0"), []);
    }

    #[test]
    fn a_door_is_a_socket_an_address_or_a_url() {
        let named = |host: &str, port, tls| Door::Address { host: host.to_owned(), port, tls };
        for (text, door, shown) in [
            ("run/homeward.sock", Door::Socket("run/homeward.sock".into()), "run/homeward.sock"),
            ("127.0.0.1:9901", address("127.0.0.1:9901", false), "http://127.0.0.1:9901"),
            ("[::1]:9901", address("[::1]:9901", false), "http://[::1]:9901"),
            ("https://[::1]:9901/", named("::1", 9901, true), "https://[::1]:9901"),
            ("https://admin.example.com", named("admin.example.com", 443, true), "https://admin.example.com:443"),
            ("http://edge:9901", named("edge", 9901, false), "http://edge:9901"),
        ] {
            let read: Door = text.parse().unwrap();
            assert_eq!((&read, &*read.to_string()), (&door, shown), "{text}");
        }
        for bad in
            ["https://", "https://edge:9901/metrics", "http://me:password@edge:9901", "https://edge:x", "http:// "]
        {
            assert_eq!(bad.parse::<Door>(), Err(BadDoor), "{bad}");
        }
    }

    #[test]
    fn a_token_is_read_with_its_role_and_without() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let source = SecretSource::File(file.path().to_owned());
        for (text, token) in
            [("abc", Some("abc")), ("# x\n\n read:abc \r\noperate:def\n", Some("abc")), ("# x\n", None), ("a b", None)]
        {
            fs::write(file.path(), text).unwrap();
            let read = read_token(&source).ok();
            assert_eq!(read.as_ref().map(Secret::expose), token.map(str::as_bytes), "{text}");
        }
        assert!(read_token(&SecretSource::Environment("HOMEWARD_NO_SUCH_VARIABLE".into())).is_err());
    }
}
