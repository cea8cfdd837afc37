//! The pool: it records every byte that comes, and where the requests in them begin and end.

use crate::boundaries::{Message, Reading, read};
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::Sender;
use tokio::task::JoinHandle;

/// What came on one connection.
#[derive(Debug)]
pub struct Record {
    pub bytes: Vec<u8>,
    pub messages: Vec<Message>,
    /// Why what stands behind the last request is none.
    pub malformed: Option<&'static str>,
}

/// After how many requests, or bytes, a connection is closed, so that no record grows for ever.
const MOST_REQUESTS: usize = 100;
const MOST_BYTES: usize = 1 << 20;

/// Answers have no body, so that an answer to HEAD is like any other.
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
const LAST_ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// Serves at `address` until the task that is given back is aborted; each connection's record is sent when it ends.
///
/// # Errors
/// The address cannot be had.
pub async fn serve(address: SocketAddr, records: Sender<Record>) -> std::io::Result<JoinHandle<()>> {
    let listener = TcpListener::bind(address).await?;
    Ok(tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            let records = records.clone();
            tokio::spawn(async move {
                let record = converse(tcp).await;
                // Nobody hears it only where the run has failed already.
                let _ = records.send(record).await;
            });
        }
    }))
}

async fn converse(mut tcp: TcpStream) -> Record {
    let mut record = Record { bytes: Vec::new(), messages: Vec::new(), malformed: None };
    let (mut at, mut continued) = (0, false);
    loop {
        match read(&record.bytes, at) {
            Reading::Whole(message) => {
                (at, continued) = (message.end, false);
                record.messages.push(message);
                let is_last = record.messages.len() >= MOST_REQUESTS || record.bytes.len() >= MOST_BYTES;
                let answer = if is_last { LAST_ANSWER } else { ANSWER };
                if tcp.write_all(answer).await.is_err() || is_last {
                    return record;
                }
            }
            Reading::Partial { expects } => {
                if expects && !continued {
                    continued = true;
                    if tcp.write_all(CONTINUE).await.is_err() {
                        return record;
                    }
                }
                match tcp.read_buf(&mut record.bytes).await {
                    Ok(read) if read > 0 => {}
                    _ => return record,
                }
            }
            Reading::Malformed(why) => {
                record.malformed = Some(why);
                return record;
            }
        }
    }
}
