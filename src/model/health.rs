//! How it is found out whether servers are well: probes that look at one thing, and deep ones that do what a visitor does.

use std::fmt;
use std::num::NonZeroU8;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

/// How the servers of a pool are probed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HealthRules {
    /// The host that servers are asked for; the service's first exact one where missing, and the server's address where it
    /// has none.
    pub host: Option<Box<str>>,
    /// What a probe asks for; where missing, a connection says enough.
    pub http: Option<HttpProbe>,
    /// How often, and what it takes to change a server's standing.
    pub pace: ProbePace,
    /// What a deep probe does, where there is one.
    pub deep: Option<DeepProbe>,
}

/// How often servers are probed, and how many results in a row change where one stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProbePace {
    /// Between two probes. Above zero.
    pub interval: Duration,
    /// How long one may take, from the connection to the end of the answer; all steps of a deep one together. Above zero.
    pub timeout: Duration,
    /// Successes in a row that make an unhealthy server healthy.
    pub rise: NonZeroU8,
    /// Failures in a row that make a healthy server unhealthy.
    pub fall: NonZeroU8,
}

impl ProbePace {
    const TWO: NonZeroU8 = NonZeroU8::MIN.saturating_add(1);

    /// What holds for deep probes where a table says nothing: every 3 s, for 3 s, two of each.
    #[must_use]
    pub const fn of_deep_probes() -> Self {
        let three = Duration::from_secs(3);
        Self { interval: three, timeout: three, rise: Self::TWO, fall: Self::TWO }
    }
}

impl Default for ProbePace {
    /// Every 2 s, for 1 s. Two of each: one lost packet moves nobody, and a restart is noticed within two probes.
    fn default() -> Self {
        let (interval, timeout) = (Duration::from_secs(2), Duration::from_secs(1));
        Self { interval, timeout, rise: Self::TWO, fall: Self::TWO }
    }
}

/// One `GET`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpProbe {
    /// What is asked for.
    pub path: ProbePath,
    /// What a healthy server answers.
    pub expects: Expected,
}

/// A script that does at one server what a visitor does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeepProbe {
    /// How often, and what it takes.
    pub pace: ProbePace,
    /// One request after the other, at least one and at most [`Self::MOST_STEPS`]. Cookies that an answer sets go along from
    /// there on.
    pub steps: Vec<ProbeStep>,
}

impl DeepProbe {
    /// The most steps.
    pub const MOST_STEPS: usize = 20;
}

/// One request of a deep probe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbeStep {
    /// Its method.
    pub method: Box<str>,
    /// What is asked for.
    pub path: ProbePath,
    /// The headers that it has beside `Host`, `User-Agent` and `Cookie`.
    pub headers: Vec<(Box<str>, Box<str>)>,
    /// What is sent.
    pub body: ProbeBody,
    /// What a healthy server answers.
    pub expects: Expected,
}

/// What a step sends.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum ProbeBody {
    /// Nothing.
    #[default]
    None,
    /// What the table says.
    Text(Box<str>),
    /// What is in a file, read anew for each run; without the line end at its end.
    File(Box<Path>),
}

/// What an answer must be. All of it must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// One of these; never none.
    pub status: Vec<StatusPattern>,
    /// A text that its first [`Self::LONGEST_LOOK`] bytes hold.
    pub contains: Option<Box<str>>,
    /// Headers, names in lower case, that have just this value.
    pub headers: Vec<(Box<str>, Box<str>)>,
}

impl Expected {
    /// How far into a body it is looked, in bytes.
    pub const LONGEST_LOOK: usize = 64 << 10;
}

impl Default for Expected {
    /// Any status from 200 to 299.
    fn default() -> Self {
        Self { status: vec![StatusPattern::Class(2)], contains: None, headers: Vec::new() }
    }
}

/// A status code, or all of a class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum StatusPattern {
    /// This one, from 200 to 599.
    Code(u16),
    /// All that begin with this digit, 2 to 5.
    Class(u8),
}

impl StatusPattern {
    /// Whether it is one of them.
    #[must_use]
    pub fn has(self, status: u16) -> bool {
        match self {
            Self::Code(code) => code == status,
            Self::Class(class) => status / 100 == u16::from(class),
        }
    }
}

/// Why a text is no status. The message is written for the person who typed it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a status is a number from 200 to 599, e.g. 302, or a class: 2xx, 3xx, 4xx or 5xx")]
pub struct BadStatus;

impl FromStr for StatusPattern {
    type Err = BadStatus;
    /// Reads `302` or `2xx`.
    fn from_str(text: &str) -> Result<Self, BadStatus> {
        match text.as_bytes() {
            [class @ b'2'..=b'5', b'x', b'x'] => Ok(Self::Class(class - b'0')),
            [b'2'..=b'5', rest @ ..] if rest.len() == 2 && rest.iter().all(u8::is_ascii_digit) => {
                text.parse().map(Self::Code).map_err(|_| BadStatus)
            }
            _ => Err(BadStatus),
        }
    }
}

impl fmt::Display for StatusPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "{code}"),
            Self::Class(class) => write!(f, "{class}xx"),
        }
    }
}

/// A path with a query, as a request line has it: 1 to 1024 visible characters, the first one a `/`, and no `#`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbePath(Box<str>);

impl ProbePath {
    /// All of it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why a text is no path of a probe. The message is written for the person who typed it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a path starts with '/' and has up to 1024 visible characters without '#', e.g. /healthz?full=1")]
pub struct BadProbePath;

impl FromStr for ProbePath {
    type Err = BadProbePath;
    fn from_str(text: &str) -> Result<Self, BadProbePath> {
        let is_part = |b: u8| b.is_ascii_graphic() && b != b'#';
        let is_path = text.starts_with('/') && text.len() <= 1024 && text.bytes().all(is_part);
        if is_path { Ok(Self(text.into())) } else { Err(BadProbePath) }
    }
}

impl fmt::Display for ProbePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_a_code_or_a_class() {
        for (text, has, has_not) in [("200", 200, 201), ("2xx", 299, 302), ("5xx", 503, 499), ("302", 302, 301)] {
            let pattern: StatusPattern = text.parse().unwrap();
            assert!(pattern.has(has) && !pattern.has(has_not), "{text}");
            assert_eq!(pattern.to_string(), text);
        }
        for bad in ["", "20", "2000", "100", "1xx", "6xx", "2x", "xx2", "+20", "2xX"] {
            assert!(bad.parse::<StatusPattern>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_path_is_what_stands_in_a_request_line() {
        assert_eq!("/healthz?full=1".parse::<ProbePath>().unwrap().as_str(), "/healthz?full=1");
        for bad in ["", "healthz", "/a b", "/a#b", "/ü", "http://x/"] {
            assert!(bad.parse::<ProbePath>().is_err(), "{bad}");
        }
    }
}
