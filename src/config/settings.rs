//! The settings of the process: `conf/homeward.yaml`.

use super::form;
use super::problem::{Findings, Problems, Source, quoted};
use super::yaml::{Node, Span};
use crate::model::{Network, RegionName};
use std::collections::HashMap;
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
    /// Whose `X-Forwarded-*` and `X-Request-Id` are believed.
    pub trusted_proxies: Vec<Network>,
    /// The place databases: none, one, or one for IPv4 and one for IPv6 in any order.
    pub geoip: Vec<PathBuf>,
    /// The file of the routing table.
    pub routing: PathBuf,
    /// Where operators reach the edge.
    pub admin: Admin,
    /// The directory for what must outlive the process.
    pub state: PathBuf,
    /// The line for each request.
    pub access_log: AccessLog,
    /// What the process says of itself.
    pub log: Log,
    /// How much of a request is held.
    pub limits: Limits,
    /// How many threads serve, 1 to 64; one for each core where missing.
    pub threads: Option<usize>,
    /// How the edge stops.
    pub stop: Stop,
}

/// One address where requests are taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    /// The address; port 0 takes any free one.
    pub address: SocketAddr,
}

/// Where operators reach the edge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admin {
    /// Where reading is open.
    pub address: SocketAddr,
    /// The Unix socket that may also change things.
    pub socket: Option<PathBuf>,
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

/// How much of a request is held before it is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The largest head, in bytes: 1 KiB to 1 MiB.
    pub head: usize,
    /// The most headers: 1 to 256.
    pub headers: usize,
}

/// How the edge stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stop {
    /// How long it waits for the requests in flight; may be zero.
    pub grace: Duration,
}

impl Default for Admin {
    fn default() -> Self {
        Self { address: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9901), socket: None }
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
        Self { head: 64 << 10, headers: 100 }
    }
}

impl Default for Stop {
    fn default() -> Self {
        Self { grace: Duration::from_secs(10) }
    }
}

/// Reads the settings. Paths are taken as they are written; nothing is looked up.
///
/// # Errors
/// All problems of the file.
pub fn read_settings(source: &Source) -> Result<Settings, Problems> {
    super::read(source, &form::SETTINGS, |root, findings| {
        let listen = listeners(root, findings);
        let settings = settings(root, listen);
        socket_is_free(root, &settings, findings);
        Some(settings)
    })
}

/// The settings, where what is wrong (and has been reported) is as if it were missing.
fn settings(root: &Node<'_>, listen: Vec<Listener>) -> Settings {
    let inside = |key: &str, inner: &str| root.get(key).and_then(|record| record.get(inner));
    let path = |node: &Node<'_>| node.text().map(PathBuf::from);
    let database = inside("geoip", "database");
    let one = database.and_then(path);
    let several = database.map(Node::items).unwrap_or_default().iter().filter_map(path);
    let (admin, access_log, log, limits) = (Admin::default(), AccessLog::default(), Log::default(), Limits::default());
    Settings {
        region: root.get("region").and_then(Node::parse),
        listen,
        trusted_proxies: root
            .get("trusted_proxies")
            .map(Node::items)
            .unwrap_or_default()
            .iter()
            .filter_map(|node| form::network(node.text()?).ok())
            .collect(),
        geoip: one.into_iter().chain(several).collect(),
        routing: inside("routing", "file").and_then(path).unwrap_or_default(),
        admin: Admin {
            address: inside("admin", "address").and_then(Node::parse).unwrap_or(admin.address),
            socket: inside("admin", "socket").and_then(path),
        },
        state: root.get("state").and_then(path).unwrap_or_else(|| "run".into()),
        access_log: AccessLog {
            format: match inside("access_log", "format").and_then(Node::text) {
                Some("combined") => AccessLogFormat::Combined,
                Some("off") => AccessLogFormat::Off,
                _ => access_log.format,
            },
            file: inside("access_log", "file").and_then(path).filter(|file| file.as_os_str() != "-"),
        },
        log: Log {
            format: match inside("log", "format").and_then(Node::text) {
                Some("json") => LogFormat::Json,
                _ => log.format,
            },
            level: [LogLevel::Error, LogLevel::Warn, LogLevel::Info, LogLevel::Debug]
                .into_iter()
                .find(|level| inside("log", "level").and_then(Node::text) == Some(level.as_str()))
                .unwrap_or(log.level),
        },
        limits: Limits {
            head: inside("limits", "head")
                .and_then(|node| super::size(node.text()?).ok())
                .and_then(|size| usize::try_from(size).ok())
                .unwrap_or(limits.head),
            headers: inside("limits", "headers").and_then(Node::parse).unwrap_or(limits.headers),
        },
        threads: root.get("threads").and_then(Node::parse),
        stop: inside("stop", "grace")
            .and_then(|node| super::duration(node.text()?).ok())
            .map_or_else(Stop::default, |grace| Stop { grace }),
    }
}

/// The listeners; reports two that cannot both have their address.
fn listeners(root: &Node<'_>, findings: &mut Findings) -> Vec<Listener> {
    let mut by_port: HashMap<u16, Vec<(SocketAddr, Span)>> = HashMap::new();
    let mut listeners = Vec::new();
    for node in root.get("listen").map(Node::items).unwrap_or_default() {
        let Some(node) = node.get("address") else { continue };
        let Some(address) = node.parse::<SocketAddr>() else { continue };
        listeners.push(Listener { address });
        let beside = by_port.entry(address.port()).or_default();
        if let Some((other, at)) = beside.iter().find(|(other, _)| collide(*other, address)) {
            report_collision(findings, (address, node.span), (*other, *at));
        }
        beside.push((address, node.span));
    }
    // The admin address too, also where it is the default one.
    let admin = root.get("admin").and_then(|admin| admin.get("address"));
    let address = admin.map_or(Some(Admin::default().address), Node::parse);
    if let Some(address) = address {
        let taken = by_port.get(&address.port()).into_iter().flatten().find(|(other, _)| collide(*other, address));
        match (taken, admin) {
            (Some((other, at)), Some(node)) => report_collision(findings, (address, node.span), (*other, *at)),
            (Some((_, at)), None) => findings.push(
                *at,
                format!("{address} is the admin address, where nothing else is said"),
                "listen on another port, or move the other one: admin: {address: 127.0.0.1:9902}",
            ),
            (None, _) => {}
        }
    }
    listeners
}

fn report_collision(findings: &mut Findings, here: (SocketAddr, Span), (other, at): (SocketAddr, Span)) {
    let (message, help) = if here.0 == other {
        (format!("{} is taken twice", here.0), "take one of the two away, or give it another port")
    } else {
        (format!("{} and {other} cannot both be taken", here.0), "one covers the other: give them different ports")
    };
    findings.push_with(here.1, message, help, (at, "taken here"));
}

/// Whether the two cannot be bound at the same time. Port 0 is another port each time.
fn collide(a: SocketAddr, b: SocketAddr) -> bool {
    let same = a.ip() == b.ip() || a.ip().is_unspecified() || b.ip().is_unspecified();
    a.port() != 0 && a.port() == b.port() && a.is_ipv4() == b.is_ipv4() && same
}

/// Reports a socket that would lie where a file already is.
fn socket_is_free(root: &Node<'_>, settings: &Settings, findings: &mut Findings) {
    let Some(node) = root.get("admin").and_then(|admin| admin.get("socket")) else { return };
    let Some(socket) = &settings.admin.socket else { return };
    let taken = [
        ("the routing table", Some(&settings.routing)),
        ("the access log", settings.access_log.file.as_ref()),
        ("the state", Some(&settings.state)),
    ];
    if let Some((what, _)) = taken.into_iter().find(|(_, path)| *path == Some(socket)) {
        let message = format!("{} is already {what}", quoted(&socket.to_string_lossy()));
        findings.push(node.span, message, "give the socket a path of its own, e.g. run/homeward.sock");
    }
}
