//! What the access log says of one request.

use super::printable::{Filter, Printable, Quotes, write_bytes};
use crate::config::AccessLogFormat;
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
    /// How a gRPC call ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grpc_status: Option<&'static str>,
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
    /// How the request got there: `local`, `edge` or `pool`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub way: Option<&'static str>,
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
    ///
    /// # Errors
    /// Where a part of it cannot be written down; `line` may then hold a piece.
    pub(super) fn write(&self, format: AccessLogFormat, line: &mut Vec<u8>) -> fmt::Result {
        match format {
            AccessLogFormat::Json => serde_json::to_writer(&mut *line, self).map_err(|_| fmt::Error)?,
            AccessLogFormat::Combined => self.write_combined(&mut Utf8(line))?,
            AccessLogFormat::Off => return Ok(()),
        }
        line.push(b'\n');
        Ok(())
    }

    /// Apache's combined format: `%h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-agent}i"`.
    fn write_combined(&self, line: &mut Utf8<'_>) -> fmt::Result {
        write!(line, "{} - - [{}] \"", self.client, self.time.strftime("%d/%b/%Y:%H:%M:%S +0000"))?;
        quoted(self.method, line)?;
        line.write_char(' ')?;
        quoted(self.path, line)?;
        write!(line, " {}\" {} ", self.protocol, self.status)?;
        match self.bytes_sent {
            0 => line.write_char('-')?,
            sent => write!(line, "{sent}")?,
        }
        line.write_str(" \"")?;
        quoted(self.referer.unwrap_or(b"-"), line)?;
        line.write_str("\" \"")?;
        quoted(self.user_agent.unwrap_or(b"-"), line)?;
        line.write_char('"')
    }
}

/// A buffer of bytes that takes text.
struct Utf8<'a>(&'a mut Vec<u8>);

impl fmt::Write for Utf8<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

fn quoted(bytes: &[u8], line: &mut Utf8<'_>) -> fmt::Result {
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

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A request with nothing special about it.
    pub(in super::super) fn usual() -> Entry<'static> {
        Entry {
            time: Timestamp::from_microsecond(1_795_321_800_123_456).unwrap(),
            client: "192.0.2.7".parse().unwrap(),
            method: b"GET",
            host: b"portal.example.com",
            path: b"/cart?item=1",
            protocol: "HTTP/1.1",
            status: 200,
            grpc_status: None,
            bytes_sent: 5120,
            bytes_received: 0,
            duration: Duration::from_micros(12_345),
            service: Some("portal"),
            home: Some("us-east"),
            home_by: Some("session"),
            region: Some("us-east"),
            way: Some("pool"),
            session: Some(SessionState::Flopped),
            reasons: Some(&"SessionNamesRegion;region=us-east"),
            upstream: Some("10.1.0.10:8080".parse().unwrap()),
            upstream_duration: Some(Duration::from_millis(11)),
            attempts: 1,
            request_id: b"0190f3a2",
            user_agent: Some(b"curl/8.5.0"),
            referer: None,
            error: None,
        }
    }

    fn line(entry: &Entry<'_>, format: AccessLogFormat) -> String {
        let mut line = Vec::new();
        entry.write(format, &mut line).unwrap();
        String::from_utf8(line).unwrap()
    }

    #[test]
    fn a_json_line_has_its_fields_in_order() {
        assert_eq!(
            line(&usual(), AccessLogFormat::Json),
            "{\"time\":\"2026-11-22T04:30:00.123456Z\",\"client\":\"192.0.2.7\",\"method\":\"GET\",\
             \"host\":\"portal.example.com\",\"path\":\"/cart?item=1\",\"protocol\":\"HTTP/1.1\",\"status\":200,\
             \"bytes_sent\":5120,\"bytes_received\":0,\"duration_seconds\":0.012345,\"service\":\"portal\",\
             \"home\":\"us-east\",\"home_by\":\"session\",\"region\":\"us-east\",\"way\":\"pool\",\"session\":\"flopped\",\
             \"reasons\":\"SessionNamesRegion;region=us-east\",\"upstream\":\"10.1.0.10:8080\",\
             \"upstream_duration_seconds\":0.011,\"attempts\":1,\"request_id\":\"0190f3a2\",\
             \"user_agent\":\"curl/8.5.0\"}\n"
        );
    }

    #[test]
    fn a_combined_line_is_apaches() {
        assert_eq!(
            line(&usual(), AccessLogFormat::Combined),
            "192.0.2.7 - - [22/Nov/2026:04:30:00 +0000] \"GET /cart?item=1 HTTP/1.1\" 200 5120 \"-\" \"curl/8.5.0\"\n"
        );
        let forged = Entry { bytes_sent: 0, user_agent: Some(b"x\" 200 1\n10.0.0.1 - -"), ..usual() };
        assert!(line(&forged, AccessLogFormat::Combined).ends_with(" 200 - \"-\" \"x\\\" 200 1\\x0a10.0.0.1 - -\"\n"));
    }

    #[test]
    fn long_reasons_are_cut() {
        let reasons = "PassedOver;region=us-east, ".repeat(1000);
        let entry = Entry { reasons: Some(&reasons), ..usual() };
        let json: serde_json::Value = serde_json::from_str(&line(&entry, AccessLogFormat::Json)).unwrap();
        assert_eq!(json["reasons"].as_str().unwrap().chars().count(), 1025);
    }

    #[test]
    fn writing_a_line_allocates_nothing_once_the_buffer_has_grown() {
        let entry = Entry { path: b"/\xff\n?\"", ..usual() };
        let mut line = Vec::with_capacity(4096);
        for format in [AccessLogFormat::Json, AccessLogFormat::Combined] {
            let write = || entry.write(format, &mut line).unwrap();
            assert_eq!(allocation_counter::measure(write).count_total, 0, "{format:?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn whatever_a_client_sends_a_line_stays_one_line(
            method in bytes(), host in bytes(), path in bytes(), id in bytes(), agent in bytes(), referer in bytes(),
        ) {
            let entry = Entry {
                method: &method,
                host: &host,
                path: &path,
                request_id: &id,
                user_agent: Some(&agent),
                referer: Some(&referer),
                ..usual()
            };
            for format in [AccessLogFormat::Json, AccessLogFormat::Combined] {
                let line = line(&entry, format);
                let content = line.strip_suffix('\n').unwrap();
                prop_assert!(!content.contains(char::is_control), "{content:?}");
                prop_assert!(line.len() < 6 * 5 * 1024 + 1024);
            }
            let json: serde_json::Value = serde_json::from_str(&line(&entry, AccessLogFormat::Json)).unwrap();
            prop_assert_eq!(json["path"].as_str().unwrap(), Printable(&path).to_string());
            prop_assert_eq!(&json["status"], 200);
            // Four fields stand in quotes, and no quote of the client is one of theirs.
            let combined = line(&entry, AccessLogFormat::Combined).replace("\\\\", "").replace("\\\"", "");
            prop_assert_eq!(combined.matches('"').count(), 6, "{}", combined);
        }
    }

    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        let harmful = prop::sample::select(vec![b'"', b'\\', b'\n', b'\r', 0, 0x1b, 0x7f, 0xff]);
        prop::collection::vec(prop_oneof![any::<u8>(), harmful], 0..1500)
    }
}
