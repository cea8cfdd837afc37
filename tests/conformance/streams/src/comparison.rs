//! The second parser, and whether both say the same.

use crate::grammar;
use crate::pool::Record;
use serde_json::Value;
use std::collections::HashMap;
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{ChildStdin, ChildStdout, Command};
use tokio::sync::mpsc::{Receiver, channel};

/// How many disagreements are shown.
const SHOWN: usize = 5;

/// What was compared.
#[derive(Debug, Default)]
pub struct Comparison {
    pub connections: u64,
    /// Whole requests.
    pub requests: u64,
    /// Connections on which the two differ in number or boundaries.
    pub disagreements: u64,
    /// Connections on which something came that one of the two refuses.
    pub malformed: u64,
    /// The bytes and both readings of the first few of those.
    pub shown: Vec<String>,
    /// How often each request was seen that has an id.
    pub seen: HashMap<(u64, u64), u32>,
    /// How many were seen that have none.
    pub nameless: u64,
}

/// Compares all records with what `script` (llhttp under Node) says, until there are no more.
///
/// # Errors
/// Node cannot be started, or ends early.
pub async fn compare(script: &str, mut records: Receiver<Record>) -> std::io::Result<Comparison> {
    let mut node = Command::new("node").arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let (Some(input), Some(output)) = (node.stdin.take(), node.stdout.take()) else {
        return Err(std::io::Error::other("node without pipes"));
    };
    let (asked, answers) = channel(1024);
    let comparing = tokio::spawn(hear(output, answers));
    let mut input: ChildStdin = input;
    while let Some(record) = records.recv().await {
        let length = u32::try_from(record.bytes.len()).map_err(std::io::Error::other)?;
        input.write_all(&length.to_le_bytes()).await?;
        input.write_all(&record.bytes).await?;
        if asked.send(record).await.is_err() {
            break;
        }
    }
    drop((input, asked));
    let comparison = comparing.await.map_err(std::io::Error::other)?;
    node.wait().await?;
    comparison
}

async fn hear(output: ChildStdout, mut asked: Receiver<Record>) -> std::io::Result<Comparison> {
    let mut lines = BufReader::new(output).lines();
    let mut comparison = Comparison::default();
    while let Some(record) = asked.recv().await {
        let line = lines.next_line().await?.ok_or_else(|| std::io::Error::other("node ended early"))?;
        comparison.take(&record, &serde_json::from_str(&line)?);
    }
    Ok(comparison)
}

impl Comparison {
    fn take(&mut self, record: &Record, other: &Value) {
        self.connections += 1;
        self.requests += record.messages.len() as u64;
        for message in &record.messages {
            let line = &record.bytes[message.start..message.head_end];
            match line.split(|byte| *byte == b' ').nth(1).and_then(grammar::id_of) {
                Some(id) => *self.seen.entry(id).or_default() += 1,
                None => self.nameless += 1,
            }
        }
        let ours = record.messages.iter().map(|message| [message.head_end, message.body, message.end]);
        let agree = serde_json::json!(ours.collect::<Vec<_>>()) == other["messages"];
        let malformed = record.malformed.is_some() || !other["error"].is_null();
        self.disagreements += u64::from(!agree);
        self.malformed += u64::from(malformed);
        if (!agree || malformed) && self.shown.len() < SHOWN {
            self.shown.push(format!(
                "httparse: {:?}, {:?}\nllhttp: {other}\n{}",
                record.messages,
                record.malformed,
                record.bytes.escape_ascii()
            ));
        }
    }
}
