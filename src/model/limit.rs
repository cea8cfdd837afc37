//! Who may ask a service, how, and how often.

use super::{Network, Rate};
use std::fmt;
use std::str::FromStr;

/// Why a text is not what requests are counted by. The message is written for the person who typed it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadLimitKey(&'static str);

/// Why a text is not a method. The message is written for the person who typed it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadMethod(&'static str);

/// By what requests are counted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum LimitKey {
    /// By the visitor's address: IPv4, or an IPv6 /64.
    #[default]
    Client,
    /// By the session key; without one, by the address.
    Session,
    /// By the value of this request header, named in lower case; without it, by the address.
    Header(Box<str>),
}

impl FromStr for LimitKey {
    type Err = BadLimitKey;
    fn from_str(text: &str) -> Result<Self, BadLimitKey> {
        match (text, text.split_once(':')) {
            ("client", _) => Ok(Self::Client),
            ("session", _) => Ok(Self::Session),
            (_, Some(("header", name))) if is_token(name) => Ok(Self::Header(name.to_ascii_lowercase().into())),
            (_, Some(("header", _))) => {
                Err(BadLimitKey("behind 'header:' stands the name of one, e.g. header:x-api-key"))
            }
            _ => Err(BadLimitKey("it is client, session or header:NAME")),
        }
    }
}

impl fmt::Display for LimitKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Client => f.write_str("client"),
            Self::Session => f.write_str("session"),
            Self::Header(name) => write!(f, "header:{name}"),
        }
    }
}

/// How often a service may be asked.
#[derive(Debug, Clone, PartialEq)]
pub struct RateLimit {
    /// By what requests are counted.
    pub key: LimitKey,
    /// How many a second.
    pub rate: Rate,
    /// How many at once, at least 1.
    pub burst: u32,
}

impl RateLimit {
    /// How many may come at once where nothing is said: as many as in a second, and at least one.
    #[must_use]
    pub fn usual_burst(rate: Rate) -> u32 {
        rate.per_second().clamp(1.0, f64::from(Self::LARGEST_BURST)) as u32
    }

    /// The most that may come at once.
    pub const LARGEST_BURST: u32 = 1_000_000;
}

/// From where a service may be asked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ClientRules {
    /// From these networks and no others; from all where missing.
    pub allow: Option<Vec<Network>>,
    /// Not from these, whatever is allowed.
    pub deny: Vec<Network>,
}

/// A method of HTTP that can be forwarded: a token in the letters that it is sent in.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Method(Box<str>);

impl Method {
    /// The method as it is sent.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Method {
    type Err = BadMethod;
    fn from_str(text: &str) -> Result<Self, BadMethod> {
        if matches!(text, "TRACE" | "CONNECT") {
            return Err(BadMethod("TRACE and CONNECT are never forwarded"));
        }
        if !is_token(text) || text.len() > 32 {
            return Err(BadMethod("a method is one word, e.g. GET"));
        }
        if text.bytes().any(|byte| byte.is_ascii_lowercase()) {
            return Err(BadMethod("methods are written in capitals, e.g. GET"));
        }
        Ok(Self(text.into()))
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A token of RFC 9110, 5.6.2, of a length that somebody might give a header or a method.
fn is_token(text: &str) -> bool {
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    (1..=128).contains(&text.len()) && text.bytes().all(token)
}
