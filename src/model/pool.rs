//! The servers of one service in one region.

use super::credentials::PeerFiles;
use super::health::HealthRules;
use std::fmt;
use std::net::IpAddr;
use std::num::NonZeroU16;
use std::str::FromStr;

/// Why a text is not a server's address. The message is written for the person who typed it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadServer(&'static str);

/// Where a server is: an address, or a name that DNS resolves to one or several.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ServerHost {
    /// An IPv4 or IPv6 address.
    Address(IpAddr),
    /// A host name in lower case, without a dot at its end.
    Name(Box<str>),
    /// The name of SRV records, which say ports too, in lower case, without a dot at its end.
    Service(Box<str>),
}

/// A server's host and port, e.g. `10.1.0.10:8080`, `[2001:db8::1]:8080` or `app.us-west.internal:8080`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ServerAddress {
    /// The address or the name.
    pub host: ServerHost,
    /// The TCP port; 0 for a service, whose records say it, and for nothing else.
    pub port: u16,
}

impl FromStr for ServerAddress {
    type Err = BadServer;
    fn from_str(text: &str) -> Result<Self, BadServer> {
        let (host, port) = text.rsplit_once(':').ok_or(BadServer("a server is host:port, e.g. 10.1.0.10:8080"))?;
        let digits = !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
        let port = match port.parse() {
            Ok(port) if digits && port != 0 => port,
            _ => return Err(BadServer("a port lies between 1 and 65535")),
        };
        let host = if let Some(inner) = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')) {
            let address = inner.parse().map_err(|_| BadServer("between [ and ] stands an IPv6 address"))?;
            ServerHost::Address(IpAddr::V6(address))
        } else if let Ok(address) = host.parse() {
            ServerHost::Address(IpAddr::V4(address))
        } else {
            if host.contains(':') {
                return Err(BadServer("an IPv6 address stands in brackets, e.g. [2001:db8::1]:8080"));
            }
            ServerHost::Name(host_name(host).ok_or(BadServer("that is neither an IP address nor a host name"))?)
        };
        Ok(Self { host, port })
    }
}

impl ServerAddress {
    /// The servers that SRV records (RFC 2782) say, e.g. `_app._tcp.us-east.internal`.
    ///
    /// # Errors
    /// Where the name does not begin with a service and a protocol.
    pub fn of_service(name: &str) -> Result<Self, BadServer> {
        let mut labels = name.split('.');
        let is_marked = |label: Option<&str>| label.is_some_and(|label| label.len() > 1 && label.starts_with('_'));
        let begins_well = is_marked(labels.next()) && is_marked(labels.next()) && labels.next().is_some();
        let name = host_name(name).filter(|_| begins_well);
        let name =
            name.ok_or(BadServer("an SRV name has a service, a protocol and a domain: _app._tcp.us-east.internal"))?;
        Ok(Self { host: ServerHost::Service(name), port: 0 })
    }
}

/// `text` in lower case where it is a host name (RFC 1123, 2.1) that does not look like an IPv4 address.
fn host_name(text: &str) -> Option<Box<str>> {
    let text = text.strip_suffix('.').unwrap_or(text);
    let label = |l: &str| {
        (1..=63).contains(&l.len())
            && l.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
            && !l.starts_with('-')
            && !l.ends_with('-')
    };
    let numeric_end = text.rsplit('.').next().is_some_and(|l| l.bytes().all(|b| b.is_ascii_digit()));
    (text.len() <= 253 && text.split('.').all(label) && !numeric_end).then(|| text.to_ascii_lowercase().into())
}

impl fmt::Display for ServerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            ServerHost::Address(IpAddr::V6(address)) => write!(f, "[{address}]:{}", self.port),
            ServerHost::Address(IpAddr::V4(address)) => write!(f, "{address}:{}", self.port),
            ServerHost::Name(name) => write!(f, "{name}:{}", self.port),
            ServerHost::Service(name) => write!(f, "SRV {name}"),
        }
    }
}

/// A server in the list of a pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolServer {
    /// Where it is. A name stands for every address that DNS gives for it.
    pub address: ServerAddress,
    /// Its part of the requests, beside the others' weights; each address of a name has the whole of it.
    pub weight: NonZeroU16,
}

impl PoolServer {
    /// The largest weight.
    pub const HEAVIEST: u16 = 1_000;
}

impl From<ServerAddress> for PoolServer {
    /// With weight 1.
    fn from(address: ServerAddress) -> Self {
        Self { address, weight: NonZeroU16::MIN }
    }
}

impl FromStr for PoolServer {
    type Err = BadServer;
    /// The short way to write one: its address alone, with weight 1.
    fn from_str(text: &str) -> Result<Self, BadServer> {
        text.parse::<ServerAddress>().map(Self::from)
    }
}

/// How TLS is spoken to the servers of a pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolTls {
    /// The name that is sent as SNI and that the certificate must carry.
    pub sni: Box<str>,
    /// Whether the certificate is verified. Without that, whoever gets between the edge and the servers is believed.
    pub verify: bool,
    /// By what it is verified, and what the edge shows of itself.
    pub files: PeerFiles,
}

impl PoolTls {
    /// TLS with servers that carry this name in a certificate of somebody whom the machine believes.
    #[must_use]
    pub fn to(sni: &str) -> Self {
        Self { sni: sni.into(), verify: true, files: PeerFiles::default() }
    }
}

/// A version of the PROXY protocol, by which a server is told whose a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ProxyVersion {
    /// A line of text.
    V1,
    /// Binary.
    V2,
}

/// The servers of one service in one region. Never without a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pool {
    /// Where the servers are, in the order of the file.
    pub servers: Vec<PoolServer>,
    /// TLS toward the servers; plain where missing.
    pub tls: Option<PoolTls>,
    /// Whether HTTP/2 is spoken to the servers.
    pub http2: bool,
    /// With which PROXY protocol header each connection to the servers begins; without one where missing.
    pub proxy_protocol: Option<ProxyVersion>,
    /// How the servers are probed; as the service says where missing.
    pub health: Option<HealthRules>,
}

/// Why a text is not the address of an edge. The message is written for the person who typed it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadEdge(&'static str);

/// How a region is reached through its own edge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegionEdge {
    /// Where the edge is, and how it is spoken to.
    pub door: Pool,
    /// Whether the region's pools are tried directly while its edge cannot be reached.
    pub direct: bool,
}

impl FromStr for RegionEdge {
    type Err = BadEdge;
    /// Reads `http://host`, `http://host:port` or `https://host:port`; with `https` the host is the name that the
    /// certificate must carry.
    fn from_str(text: &str) -> Result<Self, BadEdge> {
        const EXAMPLE: BadEdge = BadEdge("an edge is a URL, e.g. http://edge.us-east.internal:8080");
        let (scheme, rest) = text.split_once("://").ok_or(EXAMPLE)?;
        let (tls, usual) = match scheme {
            "http" => (false, 80_u16),
            "https" => (true, 443),
            _ => return Err(BadEdge("an edge is reached by http:// or https://")),
        };
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        if authority.contains(['/', '?', '#', '@']) {
            return Err(BadEdge("an edge is a scheme, a host and a port, without a path or a user"));
        }
        let has_port = authority.rfind(':').is_some_and(|colon| !authority[colon..].ends_with(']'));
        let whole = if has_port { authority.to_owned() } else { format!("{authority}:{usual}") };
        let server: ServerAddress = whole.parse().map_err(|BadServer(why)| BadEdge(why))?;
        let tls = match (&server.host, tls) {
            (_, false) => None,
            (ServerHost::Name(name), true) => Some(PoolTls::to(name)),
            (ServerHost::Address(_) | ServerHost::Service(_), true) => {
                return Err(BadEdge("with https:// the host is a name, as the certificate must carry it"));
            }
        };
        let door = Pool { servers: vec![server.into()], tls, http2: false, proxy_protocol: None, health: None };
        Ok(Self { door, direct: false })
    }
}
