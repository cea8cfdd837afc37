//! The pool: it records every byte that comes, and where the requests in them begin and end.

use crate::boundaries::{Message, Reading, read};
use std::net::Ipv4Addr;
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

/// On how many addresses of loopback the pool listens, so that an edge that opens hundreds of connections a second to it does not
/// run out of ports.
pub const ADDRESSES: u8 = 4;

/// Serves at the port on 127.0.0.1 and the next addresses until the tasks that are given back are aborted; each connection's record
/// is sent when it ends.
///
/// # Errors
/// The address cannot be had.
pub async fn serve(port: u16, records: Sender<Record>) -> std::io::Result<Vec<JoinHandle<()>>> {
    let mut serving = Vec::new();
    for number in 1..=ADDRESSES {
        let listener = TcpListener::bind((Ipv4Addr::new(127, 0, 0, number), port)).await?;
        serving.push(tokio::spawn(take(listener, records.clone())));
    }
    Ok(serving)
}

async fn take(listener: TcpListener, records: Sender<Record>) {
    while let Ok((tcp, _)) = listener.accept().await {
        let records = records.clone();
        tokio::spawn(async move {
            let record = converse(tcp).await;
            // Nobody hears it only where the run has failed already.
            let _ = records.send(record).await;
        });
    }
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
