//! A service: the hosts and paths that lead to it, and how it is served.

use super::{Balancing, ClientRules, Https, Method, Pool, RateLimit, RegionId, Resilience, ServiceName, SessionKeys};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// Why a text is not a host. The message is written for the person who typed it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadHost(&'static str);

/// Why a text is not a path prefix. The message is written for the person who typed it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadPath(&'static str);

/// Which hosts lead to a service. In lower case, without a port, without a dot at the end.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum HostPattern {
    /// One host, e.g. `portal.example.com`.
    Exact(Box<str>),
    /// Every host below a domain, however deep, e.g. `*.example.com`; holds `example.com`.
    Below(Box<str>),
    /// Every host: `*`.
    Any,
}

impl FromStr for HostPattern {
    type Err = BadHost;
    fn from_str(text: &str) -> Result<Self, BadHost> {
        if text == "*" {
            return Ok(Self::Any);
        }
        let (below, name) = text.strip_prefix("*.").map_or((false, text), |name| (true, name));
        if name.contains("://") || name.contains('/') {
            return Err(BadHost("a host is a name only, without a scheme or a path"));
        }
        if name.contains('*') {
            return Err(BadHost("'*' may stand alone or as the whole first label only, e.g. *.example.com"));
        }
        if name.parse::<std::net::Ipv6Addr>().is_ok() || (name.starts_with('[') && name.ends_with(']')) {
            let inner = name.trim_matches(['[', ']']);
            let address: std::net::Ipv6Addr =
                inner.parse().map_err(|_| BadHost("between [ and ] stands an IPv6 address"))?;
            return Ok(Self::Exact(format!("[{address}]").into()));
        }
        if name.contains(':') {
            return Err(BadHost("a host stands without a port"));
        }
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
        let name = name.strip_suffix('.').unwrap_or(name);
        if name.is_empty() || name.len() > 253 || !name.bytes().all(allowed) || name.split('.').any(str::is_empty) {
            return Err(BadHost("that is not a host name, e.g. portal.example.com or *.example.com"));
        }
        let name = name.to_ascii_lowercase().into();
        Ok(if below { Self::Below(name) } else { Self::Exact(name) })
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(name) => f.write_str(name),
            Self::Below(name) => write!(f, "*.{name}"),
            Self::Any => f.write_str("*"),
        }
    }
}

/// The start of a path, in whole segments: `/api` covers `/api` and `/api/x`, never `/apix`.
///
/// Starts with `/`; ends with `/` only where it is `/` itself.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PathPrefix(Box<str>);

impl PathPrefix {
    /// The prefix that covers every path.
    #[must_use]
    pub fn root() -> Self {
        Self("/".into())
    }

    /// The prefix as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `path`, without its query, lies under this prefix.
    #[must_use]
    pub fn covers(&self, path: &str) -> bool {
        if self.0.len() == 1 {
            return true; // the root covers everything
        }
        path.strip_prefix(&*self.0).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

impl FromStr for PathPrefix {
    type Err = BadPath;
    fn from_str(text: &str) -> Result<Self, BadPath> {
        if !text.starts_with('/') {
            return Err(BadPath("a path prefix starts with '/'"));
        }
        if text.len() > 1024 || !text.bytes().all(|b| b.is_ascii_graphic() && b != b'?' && b != b'#') {
            return Err(BadPath("a path prefix has up to 1024 visible characters, without '?' and '#'"));
        }
        let trimmed = text.trim_end_matches('/');
        Ok(Self(if trimmed.is_empty() { "/".into() } else { trimmed.into() }))
    }
}

impl fmt::Display for PathPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What becomes of a session whose home is away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WhenHomeIsAway {
    /// The substitute serves it, as an orphan.
    #[default]
    Rehome,
    /// It waits: 503 with `Retry-After`.
    Refuse,
}

/// How long an edge waits for a service's servers. All are above zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// For a connection to be made.
    pub connect: Duration,
    /// For the next bytes of a response.
    pub read: Duration,
    /// For the server to take the next bytes of a request.
    pub write: Duration,
    /// How long an unused connection is kept.
    pub idle: Duration,
    /// How long a connection is used, give or take a tenth.
    pub connection_age: Duration,
    /// How long a server's machine may not be heard of, where it should have answered, before its connections are given
    /// up. At least two seconds.
    pub unreachable: Duration,
}

impl Timeouts {
    /// The least of [`Timeouts::unreachable`].
    pub const LEAST_UNREACHABLE: Duration = Duration::from_secs(2);
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(1),
            read: Duration::from_mins(1),
            write: Duration::from_mins(1),
            idle: Duration::from_mins(1),
            connection_age: Duration::from_mins(10),
            unreachable: Duration::from_secs(10),
        }
    }
}

/// A service of one routing table.
#[derive(Debug, Clone, PartialEq)]
pub struct Service {
    /// Its name.
    pub name: ServiceName,
    /// The hosts that lead to it.
    pub hosts: Vec<HostPattern>,
    /// The paths that lead to it, on each of the hosts.
    pub paths: Vec<PathPrefix>,
    /// Where its session keys are; without them, every visitor is a new one.
    pub session: Option<SessionKeys>,
    /// What becomes of sessions whose home is away.
    pub when_home_is_away: WhenHomeIsAway,
    /// How requests are shared out among the servers of a pool.
    pub balance: Balancing,
    /// How long its servers are waited for.
    pub timeouts: Timeouts,
    /// What it does where its servers fail.
    pub resilience: Resilience,
    /// The largest request body, in bytes; no limit where missing.
    pub largest_body: Option<u64>,
    /// What it asks of its visitors: to come by HTTPS, and to remember it.
    pub https: Https,
    /// How often it may be asked; no limit where missing.
    pub rate_limit: Option<RateLimit>,
    /// From where it may be asked; from everywhere where missing.
    pub clients: Option<ClientRules>,
    /// By which methods it may be asked, never none; by all where missing. `GET` brings `HEAD` with it.
    pub methods: Option<Vec<Method>>,
    /// Its pools, by region; at most one a region.
    pub pools: Vec<(RegionId, Pool)>,
}

impl Service {
    /// Whether it may be asked by this method.
    #[must_use]
    pub fn takes_method(&self, method: &str) -> bool {
        let Some(methods) = &self.methods else { return true };
        methods.iter().any(|taken| taken.as_str() == method || (taken.as_str() == "GET" && method == "HEAD"))
    }

    /// The service's servers in `region`, if it has any there.
    #[must_use]
    pub fn pool(&self, region: RegionId) -> Option<&Pool> {
        self.pools.iter().find(|(at, _)| *at == region).map(|(_, pool)| pool)
    }
}
