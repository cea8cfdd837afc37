//! The settings of the process: `conf/homeward.yaml`.

mod acme;
mod addresses;
mod admin;
mod auto_drain;
mod dns;
mod guard;
mod read;
mod tls;
mod tracing;

pub use acme::{Acme, AcmeCertificate, AcmeChallenge, ExternalAccount};
pub use auto_drain::AutoDrain;
pub use dns::Dns;
pub use guard::Guard;
pub use read::read_settings;

pub use tls::{CertificateFiles, ClientAuthority, ClientCertificates, Tls, TlsProfile};
pub use tracing::Tracing;

use crate::model::{Network, RegionName, SecretSource};
use crate::resilience::ConnectionLimits;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// What describes the process. A change needs a restart.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// The local region, unless the command line or the environment say another.
    pub region: Option<RegionName>,
    /// Where requests are taken. At least one, no two the same.
    pub listen: Vec<Listener>,
    /// Whose PROXY protocol header, `X-Forwarded-*` and `X-Request-Id` are believed.
    pub trusted_proxies: Vec<Network>,
    /// In which header they say whose a request is.
    pub forwarded_header: ForwardedHeader,
    /// The place databases: none, one, or one for IPv4 and one for IPv6 in any order.
    pub geoip: Vec<PathBuf>,
    /// The file of the routing table.
    pub routing: PathBuf,
    /// Where operators reach the edge.
    pub admin: Admin,
    /// The directory for what must outlive the process.
    pub state: PathBuf,
    /// When the last table is put back; never where missing.
    pub guard: Option<Guard>,
    /// How it drains regions by itself; it does not where missing.
    pub auto_drain: Option<AutoDrain>,
    /// How names are looked up.
    pub dns: Dns,
    /// The line for each request.
    pub access_log: AccessLog,
    /// What the process says of itself.
    pub log: Log,
    /// Where traces are sent; there are none where missing.
    pub tracing: Option<Tracing>,
    /// How much of a request is held.
    pub limits: Limits,
    /// How many threads serve, 1 to 64; one for each core where missing.
    pub threads: Option<usize>,
    /// Where the keys are that hops are signed with; without any, hops are off.
    pub hop_keys: Option<SecretSource>,
    /// Who issues certificates by ACME; present where a listener wants one.
    pub acme: Option<Acme>,
    /// What becomes of files of secrets that others can read.
    pub secret_files: SecretFiles,
    /// Whether a crash may leave what is in the memory on a disk.
    pub core_dumps: bool,
    /// Whether plain requests are forwarded in a loop of the edge's own, and not by the proxy engine.
    pub fast_path: bool,
    /// How the edge stops.
    pub stop: Stop,
    /// How it hands over to a new process.
    pub handover: Handover,
    /// What looks after its threads.
    pub watchdog: Watchdog,
}

/// A header in which proxies say whose a request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ForwardedHeader {
    /// `X-Forwarded-For` and its kin.
    #[default]
    XForwardedFor,
    /// `Forwarded`.
    Forwarded,
    /// `X-Forwarded-For` where it is there, else `Forwarded`.
    Both,
}

/// One address where requests are taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    /// The address; port 0 takes any free one.
    pub address: SocketAddr,
    /// Whether HTTP/2 is taken beside HTTP/1.1: with TLS where a client chooses it (ALPN), without by prior knowledge.
    pub http2: bool,
    /// How TLS is spoken; plain HTTP where missing.
    pub tls: Option<Tls>,
    /// Whether connections of trusted proxies, and no others, begin with a PROXY protocol header.
    pub proxy_protocol: bool,
}

/// Where operators reach the edge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admin {
    /// Where reading is open on loopback; elsewhere there are `tls` and `tokens`.
    pub address: SocketAddr,
    /// The Unix socket that may also change things.
    pub socket: Option<PathBuf>,
    /// Who may use the socket.
    pub socket_for: SocketUsers,
    /// How TLS is spoken at the address; plain HTTP where missing.
    pub tls: Option<Tls>,
    /// Where the tokens are by which somebody is let in; nobody is where missing.
    pub tokens: Option<SecretSource>,
}

impl Admin {
    /// The address as a listener, for those who look after certificates: HTTP/1.1 alone, from clients themselves.
    #[must_use]
    pub fn listener(&self) -> Listener {
        Listener { address: self.address, http2: false, tls: self.tls.clone(), proxy_protocol: false }
    }

    /// Whether others than this machine can connect to the address.
    #[must_use]
    pub fn is_public(&self) -> bool {
        !self.address.ip().to_canonical().is_loopback()
    }
}

/// Who may use the Unix socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SocketUsers {
    /// The user that runs the edge.
    #[default]
    Owner,
    /// Its group too.
    Group,
}

/// What becomes of files of secrets that others can read. What others can change is always refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SecretFiles {
    /// They are used, and there is a warning.
    #[default]
    Warn,
    /// They are refused.
    Strict,
}

/// The line for each request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessLog {
    /// How it is written.
    pub format: AccessLogFormat,
    /// Where it goes; to the standard output where missing.
    pub file: Option<PathBuf>,
}

/// How a line of the access log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccessLogFormat {
    /// One JSON object a line.
    Json,
    /// The combined format of Apache and nginx, with fields of ours behind it.
    Combined,
    /// No line at all.
    Off,
}

/// What the process says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Log {
    /// How a line is written.
    pub format: LogFormat,
    /// How much is said.
    pub level: LogLevel,
}

/// How a line of the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// How much is said, from the least to the most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// What stops something from working.
    Error,
    /// Also what will.
    Warn,
    /// Also what changes.
    Info,
    /// Also why.
    Debug,
}

impl LogLevel {
    /// The word in the file.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
        }
    }
}

/// How much of a request is held before it is refused, and how many connections are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How long a whole head may take from its first byte on.
    pub head_time: Duration,
    /// How many bytes of a body a client must give or take a second, on the whole.
    pub slowest_body: u64,
    /// How long a client is waited for before it has moved a byte of a body.
    pub patience: Duration,
    /// The largest head, in bytes: 1 KiB to 1 MiB.
    pub head: usize,
    /// The most headers: 1 to 256.
    pub headers: usize,
    /// How many connections of clients may be open, at least 1.
    pub connections: ConnectionLimits,
    /// How many new connections a second one client may make, at least 1.
    pub connection_rate_per_client: u32,
    /// How many requests may be open at once on a connection of HTTP/2: 1 to 1,000.
    pub streams: u32,
}

/// How the edge stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stop {
    /// How long it waits for the requests in flight; may be zero.
    pub grace: Duration,
}

/// How the edge hands over to a new process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Handover {
    /// How long the new process may take to be ready.
    pub ready_within: Duration,
    /// How long the old one then goes on with what it has; may be zero.
    pub grace: Duration,
}

/// What looks after the threads of the edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Watchdog {
    /// How long one of them may be stuck.
    pub stalled_after: Duration,
}

impl Default for Handover {
    fn default() -> Self {
        Self { ready_within: Duration::from_secs(30), grace: Duration::from_mins(5) }
    }
}

impl Default for Watchdog {
    fn default() -> Self {
        Self { stalled_after: Duration::from_secs(10) }
    }
}

impl Default for Admin {
    fn default() -> Self {
        Self {
            address: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9901),
            socket: None,
            socket_for: SocketUsers::default(),
            tls: None,
            tokens: None,
        }
    }
}

impl Default for AccessLog {
    fn default() -> Self {
        Self { format: AccessLogFormat::Json, file: None }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self { format: LogFormat::Text, level: LogLevel::Info }
    }
}

impl Default for Limits {
    fn default() -> Self {
        let connections = ConnectionLimits { total: 100_000, per_client: 1_000 };
        Self {
            head: 64 << 10,
            headers: 100,
            connections,
            connection_rate_per_client: 1_000,
            streams: 100,
            head_time: Duration::from_secs(10),
            slowest_body: 500,
            patience: Duration::from_secs(20),
        }
    }
}

impl Default for Stop {
    fn default() -> Self {
        Self { grace: Duration::from_secs(10) }
    }
}
