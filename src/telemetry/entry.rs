//! What the access log says of one request.

use super::access_log::AccessLogFormat;
use super::printable::{Filter, Printable, Quotes, write_bytes};
use crate::model::Timestamp;
use crate::routing::SessionState;
use serde::{Serialize, Serializer};
use std::fmt::{self, Write as _};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// One request, borrowed from wherever its parts are. There is no field for the session key: it never gets into a log.
///
/// In JSON the fields come in this order, and those that are `None` are left out. What comes from a client is shown as
/// [`Printable`] promises, at most 1,024 bytes of each.
#[derive(Clone, Copy, Serialize)]
pub struct Entry<'a> {
    /// When the first byte of the request came.
    #[serde(serialize_with = "microseconds")]
    pub time: Timestamp,
    /// The visitor's address, after trusted proxies.
    pub client: IpAddr,
    /// As it came.
    #[serde(serialize_with = "printable")]
    pub method: &'a [u8],
    /// As it came.
    #[serde(serialize_with = "printable")]
    pub host: &'a [u8],
    /// With the query.
    #[serde(serialize_with = "printable")]
    pub path: &'a [u8],
    /// For example `HTTP/1.1`.
    pub protocol: &'static str,
    /// The status code that the client got; 0 where it got none.
    pub status: u16,
    /// Bytes of the answer's body.
    pub bytes_sent: u64,
    /// Bytes of the request's body.
    pub bytes_received: u64,
    /// From the first byte of the request to the last byte of the answer.
    #[serde(rename = "duration_seconds", serialize_with = "seconds")]
    pub duration: Duration,
    /// The service's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<&'a str>,
    /// The home's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub home: Option<&'a str>,
    /// What made it home.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub home_by: Option<&'static str>,
    /// The name of the region that served.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<&'a str>,
    /// What became of the session; never its key.
    #[serde(serialize_with = "session", skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionState>,
    /// The decision's reasons. At most 1,024 bytes of them are shown.
    #[serde(serialize_with = "display", skip_serializing_if = "Option::is_none")]
    pub reasons: Option<&'a (dyn fmt::Display + 'a)>,
    /// The server that was asked last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upstream: Option<SocketAddr>,
    /// How long it took to the first byte of its answer.
    #[serde(
        rename = "upstream_duration_seconds",
        serialize_with = "some_seconds",
        skip_serializing_if = "Option::is_none"
    )]
    pub upstream_duration: Option<Duration>,
    /// How many servers were asked.
    pub attempts: u32,
    /// The request's id.
    #[serde(serialize_with = "printable")]
    pub request_id: &'a [u8],
    /// As it came.
    #[serde(serialize_with = "some_printable", skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<&'a [u8]>,
    /// As it came.
    #[serde(serialize_with = "some_printable", skip_serializing_if = "Option::is_none")]
    pub referer: Option<&'a [u8]>,
    /// The edge's own error, as in `Proxy-Status`, for example `connection_refused`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<&'a str>,
}

impl Entry<'_> {
    /// Appends the line, with its end, to `line`. Nothing for [`AccessLogFormat::Off`].
    pub(super) fn write(&self, format: AccessLogFormat, line: &mut String) -> fmt::Result {
        match format {
            AccessLogFormat::Json => line.push_str(&self.json()?),
            AccessLogFormat::Combined => self.write_combined(line)?,
            AccessLogFormat::Off => return Ok(()),
        }
        line.push('\n');
        Ok(())
    }

    fn json(&self) -> Result<String, fmt::Error> {
        serde_json::to_string(self).map_err(|_| fmt::Error)
    }

    /// Apache's combined format: `%h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-agent}i"`.
    fn write_combined(&self, line: &mut String) -> fmt::Result {
        write!(line, "{} - - [{}] \"", self.client, self.time.strftime("%d/%b/%Y:%H:%M:%S +0000"))?;
        quoted(self.method, line)?;
        line.push(' ');
        quoted(self.path, line)?;
        write!(line, " {}\" {} ", self.protocol, self.status)?;
        match self.bytes_sent {
            0 => line.push('-'),
            sent => write!(line, "{sent}")?,
        }
        line.push_str(" \"");
        quoted(self.referer.unwrap_or(b"-"), line)?;
        line.push_str("\" \"");
        quoted(self.user_agent.unwrap_or(b"-"), line)?;
        line.push('"');
        Ok(())
    }
}

fn quoted(bytes: &[u8], line: &mut String) -> fmt::Result {
    write_bytes(bytes, &mut Filter::new(line, Quotes::Escaped))
}

fn microseconds<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{time:.6}"))
}

fn seconds<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(duration.as_micros() as f64 / 1e6)
}

#[allow(clippy::ref_option, reason = "serde hands it so")]
fn some_seconds<S: Serializer>(duration: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    seconds(&duration.unwrap_or_default(), serializer)
}

fn printable<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&Printable(bytes))
}

fn some_printable<S: Serializer>(bytes: &Option<&[u8]>, serializer: S) -> Result<S::Ok, S::Error> {
    printable(bytes.unwrap_or_default(), serializer)
}

fn session<S: Serializer>(state: &Option<SessionState>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(state.map_or("", SessionState::as_str))
}

fn display<S: Serializer>(text: &Option<&dyn fmt::Display>, serializer: S) -> Result<S::Ok, S::Error> {
    match text {
        Some(text) => serializer.collect_str(&Bounded(*text)),
        None => serializer.serialize_str(""),
    }
}

/// Text of the edge's own, as bounded as a client's.
struct Bounded<'a>(&'a dyn fmt::Display);

impl fmt::Display for Bounded<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(Filter::new(f, Quotes::Bare), "{}", self.0)
    }
}
