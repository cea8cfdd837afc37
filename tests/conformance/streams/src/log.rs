//! The edge's access log, as far as it says what went to the pool.

use crate::grammar;
use serde_json::Value;
use std::collections::HashMap;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};

/// What the log says.
#[derive(Debug, Default)]
pub struct Log {
    pub lines: u64,
    /// How many servers were asked, over all requests.
    pub asked: u64,
    /// The same for each request that has an id.
    pub asked_for: HashMap<(u64, u64), u32>,
    /// How many requests were answered with each status.
    pub statuses: HashMap<u64, u64>,
}

/// Reads lines until there are no more.
///
/// # Errors
/// A line that is no JSON.
pub async fn read(log: impl AsyncRead + Unpin) -> std::io::Result<Log> {
    let mut lines = BufReader::with_capacity(1 << 20, log).lines();
    let mut log = Log::default();
    while let Some(line) = lines.next_line().await? {
        let line: Value = serde_json::from_str(&line)?;
        let attempts = line["attempts"].as_u64().unwrap_or(0);
        log.lines += 1;
        log.asked += attempts;
        *log.statuses.entry(line["status"].as_u64().unwrap_or(0)).or_default() += 1;
        if attempts == 0 {
            continue;
        }
        let path = line["path"].as_str().unwrap_or_default();
        // A target that came as a URL reaches the pool as its path; a scheme may be in any letters.
        const URL: &str = "http://streams.test";
        let is_url = path.get(..URL.len()).is_some_and(|start| start.eq_ignore_ascii_case(URL));
        let path = if is_url { &path[URL.len()..] } else { path };
        if let Some(id) = grammar::id_of(path.as_bytes()) {
            *log.asked_for.entry(id).or_default() += u32::try_from(attempts).unwrap_or(u32::MAX);
        }
    }
    Ok(log)
}
