//! How the requests of a service are shared out among the servers of one of its pools.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// Why a text is not a way of balancing. The message is written for the person who typed it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadBalance(&'static str);

/// Why a text is not a balance factor. The message is written for the person who typed it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadFactor(&'static str);

/// Who gets the next request.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Balance {
    /// The servers in turn.
    #[default]
    RoundRobin,
    /// The server that is least busy for its weight.
    LeastRequests,
    /// The server of the session key.
    Session,
    /// The server of the visitor's address.
    Client,
    /// The server of the value of this request header, named in lower case.
    Header(Box<str>),
    /// The server of the value of this cookie.
    Cookie(Box<str>),
}

impl Balance {
    /// The ways that are one word.
    pub const WORDS: [&'static str; 4] = ["round_robin", "least_requests", "session", "client"];

    /// Whether something of the request names its server.
    #[must_use]
    pub fn is_keyed(&self) -> bool {
        !matches!(self, Self::RoundRobin | Self::LeastRequests)
    }
}

impl FromStr for Balance {
    type Err = BadBalance;
    fn from_str(text: &str) -> Result<Self, BadBalance> {
        match text {
            "round_robin" => Ok(Self::RoundRobin),
            "least_requests" => Ok(Self::LeastRequests),
            "session" => Ok(Self::Session),
            "client" => Ok(Self::Client),
            _ => match text.split_once(':') {
                Some(("header", name)) if is_token(name) => Ok(Self::Header(name.to_ascii_lowercase().into())),
                Some(("header", _)) => Err(BadBalance("behind 'header:' stands the name of one, e.g. header:x-tenant")),
                Some(("cookie", name)) if is_token(name) => Ok(Self::Cookie(name.into())),
                Some(("cookie", _)) => Err(BadBalance("behind 'cookie:' stands the name of one, e.g. cookie:cart")),
                _ => Err(BadBalance("it is round_robin, least_requests, session, client, header:NAME or cookie:NAME")),
            },
        }
    }
}

impl fmt::Display for Balance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RoundRobin => f.write_str("round_robin"),
            Self::LeastRequests => f.write_str("least_requests"),
            Self::Session => f.write_str("session"),
            Self::Client => f.write_str("client"),
            Self::Header(name) => write!(f, "header:{name}"),
            Self::Cookie(name) => write!(f, "cookie:{name}"),
        }
    }
}

/// A token of RFC 9110, 5.6.2, of a length that somebody might give a header or a cookie.
fn is_token(text: &str) -> bool {
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    (1..=128).contains(&text.len()) && text.bytes().all(token)
}

/// How many times its part of the active requests a server may have before keys go past it: above 100 %, at most 1000 %.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct BalanceFactor(u16);

impl BalanceFactor {
    /// The factor in percent.
    #[must_use]
    pub fn percent(self) -> u16 {
        self.0
    }
}

impl Default for BalanceFactor {
    /// 125 %: no server is far from its part, and only keys that are very popular are shared out (`docs/affinity.md`).
    fn default() -> Self {
        Self(125)
    }
}

impl FromStr for BalanceFactor {
    type Err = BadFactor;
    fn from_str(text: &str) -> Result<Self, BadFactor> {
        let digits = text.strip_suffix('%').ok_or(BadFactor("a balance factor is in percent, e.g. 125%"))?;
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(BadFactor("a balance factor is a whole number of percent, e.g. 125%"));
        }
        match digits.parse() {
            Ok(percent @ 101..=1000) => Ok(Self(percent)),
            _ => Err(BadFactor("a balance factor is above 100% (all the same) and at most 1000%, e.g. 125%")),
        }
    }
}

impl fmt::Display for BalanceFactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", self.0)
    }
}

/// Everything that a service says of balancing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Balancing {
    /// Who gets the next request.
    pub by: Balance,
    /// The bound on a server's load where something of the request names its server.
    pub factor: BalanceFactor,
    /// How long a server that is back or new takes to its full weight; zero for at once.
    pub slow_start: Duration,
}
