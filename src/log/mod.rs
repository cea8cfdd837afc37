//! Floor 1: lines of access logs, read: Homeward's own JSON, and the combined format of Apache, nginx and Homeward.
//!
//! A line is what somebody found in a file. It is read or refused, and never believed to be more than text.

mod combined;
mod json;

use std::borrow::Cow;
use std::net::IpAddr;

/// What a line says of a request, as far as it bears on where that goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedRequest<'a> {
    /// When it came, in whole seconds since 1970.
    pub second: i64,
    /// The visitor's address.
    pub client: IpAddr,
    /// The host that it asked for, where the line says so.
    pub host: Option<Cow<'a, str>>,
    /// The path, without the query.
    pub path: Cow<'a, str>,
    /// What the edge that wrote the line said of it.
    pub decided: Option<LoggedDecision<'a>>,
}

/// What an edge had decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedDecision<'a> {
    /// The home's name.
    pub home: Cow<'a, str>,
    /// Whether the session was what made it home.
    pub by_session: bool,
    /// Whether the request came from another edge, which has a line of its own for it.
    pub by_hop: bool,
}

/// Why a line is none of an access log.
#[derive(Debug, thiserror::Error)]
pub enum BadLine {
    /// It is neither of the formats.
    #[error("it is neither a line of JSON nor of the combined format")]
    Neither,
    /// It begins as JSON and is no UTF-8.
    #[error("it is not UTF-8")]
    NoText,
    /// It begins as JSON and is none, or lacks a field.
    #[error("{0}")]
    Json(#[from] serde_json::Error),
    /// The address is none.
    #[error("the client is no IP address")]
    Client,
    /// The time is none.
    #[error("the time cannot be read")]
    Time,
    /// The request's target is none.
    #[error("the request line has no path")]
    Path,
}

impl<'a> LoggedRequest<'a> {
    /// Reads a line without its end. It allocates nothing where no text that counts has an escape in it.
    ///
    /// # Errors
    /// Why it is none.
    pub fn read(line: &'a [u8]) -> Result<Self, BadLine> {
        if line.first() == Some(&b'{') { json::read(line) } else { combined::read(line) }
    }

    /// The name of the region that its session is at home in; `None` for a visitor without one.
    #[must_use]
    pub fn session_home(&self) -> Option<&str> {
        self.decided.as_ref().filter(|decided| decided.by_session).map(|decided| &*decided.home)
    }
}

/// The part before the query.
fn without_query(target: Cow<'_, str>) -> Cow<'_, str> {
    match target {
        Cow::Borrowed(target) => Cow::Borrowed(target.split(['?', '#']).next().unwrap_or_default()),
        Cow::Owned(mut target) => {
            target.truncate(target.find(['?', '#']).unwrap_or(target.len()));
            Cow::Owned(target)
        }
    }
}

#[cfg(test)]
mod tests;
