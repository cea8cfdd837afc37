//! Homeward's own lines.

use super::{BadLine, LoggedDecision, LoggedRequest, without_query};
use jiff::Timestamp;
use serde::Deserialize;
use std::borrow::Cow;

/// The fields that count, in any order among others. A field that stands there twice is refused.
#[derive(Deserialize)]
struct Fields<'a> {
    #[serde(borrow)]
    time: Cow<'a, str>,
    #[serde(borrow)]
    client: Cow<'a, str>,
    #[serde(borrow, default)]
    host: Cow<'a, str>,
    #[serde(borrow)]
    path: Cow<'a, str>,
    #[serde(borrow, default)]
    home: Cow<'a, str>,
    #[serde(borrow, default)]
    home_by: Cow<'a, str>,
    #[serde(borrow, default)]
    session: Cow<'a, str>,
}

pub(super) fn read(line: &[u8]) -> Result<LoggedRequest<'_>, BadLine> {
    // Looked at once as a whole, which costs less than string by string.
    let line = std::str::from_utf8(line).map_err(|_| BadLine::NoText)?;
    let Fields { time, client, host, path, home, home_by, session } = serde_json::from_str(line)?;
    let decided = (!home.is_empty()).then(|| LoggedDecision {
        // An app that had a request replayed elsewhere has said where its session is.
        by_session: match &*home_by {
            "session" | "learned" => true,
            "replay" => session != "new",
            _ => false,
        },
        by_hop: home_by == "hop",
        home,
    });
    Ok(LoggedRequest {
        second: time.parse::<Timestamp>().map_err(|_| BadLine::Time)?.as_second(),
        client: client.parse().map_err(|_| BadLine::Client)?,
        host: Some(host).filter(|host| !host.is_empty()),
        path: without_query(path),
        decided,
    })
}
