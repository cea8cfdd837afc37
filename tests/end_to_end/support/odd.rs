//! A server that behaves as it should not, in one way, and counts what it was asked.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What it does with a request.
#[derive(Debug, Clone, Copy)]
pub enum Manner {
    /// Answers with this status.
    Status(u16),
    /// Closes the connection.
    Close,
    /// Says nothing.
    Silent,
    /// Says the head of its answer and the beginning of its body, and the rest after so long.
    Drip(Duration),
    /// Answers well, and closes the connection without a word after so many answers.
    Few(usize),
}

/// The server.
pub struct Odd {
    pub address: SocketAddr,
    asked: Arc<AtomicUsize>,
    heads: Arc<Mutex<Vec<Vec<String>>>>,
}

impl Odd {
    /// Starts one on `address`.
    pub async fn start(address: SocketAddr, manner: Manner) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let odd = Self { address, asked: Arc::default(), heads: Arc::default() };
        let (asked, heads) = (Arc::clone(&odd.asked), Arc::clone(&odd.heads));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (asked, heads) = (Arc::clone(&asked), Arc::clone(&heads));
                tokio::spawn(async move {
                    let mut mine = None;
                    // The other side may go whenever it likes.
                    let _ = serve(stream, manner, |head| {
                        asked.fetch_add(1, Ordering::Relaxed);
                        let mut heads = heads.lock().unwrap();
                        let at = *mine.get_or_insert_with(|| {
                            heads.push(Vec::new());
                            heads.len() - 1
                        });
                        heads[at].push(head);
                    })
                    .await;
                });
            }
        });
        odd
    }

    /// How many requests have come.
    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }

    /// The heads of the requests, by the connections on which some came.
    pub fn connections(&self) -> Vec<Vec<String>> {
        self.heads.lock().unwrap().clone()
    }
}

async fn serve(mut stream: TcpStream, manner: Manner, mut came: impl FnMut(String)) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut heard = Vec::new();
    for nth in 1.. {
        let head = loop {
            if let Some(at) = heard.windows(4).position(|window| window == b"\r\n\r\n") {
                break String::from_utf8_lossy(&heard.drain(..at + 4).collect::<Vec<_>>()).to_lowercase();
            }
            if stream.read_buf(&mut heard).await.ok()? == 0 {
                return None;
            }
        };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0);
        while heard.len() < length {
            if stream.read_buf(&mut heard).await.ok()? == 0 {
                return None;
            }
        }
        heard.drain(..length);
        came(head);
        match manner {
            Manner::Status(status) => {
                let answer = format!("HTTP/1.1 {status} So\r\nContent-Length: 3\r\n\r\nodd");
                stream.write_all(answer.as_bytes()).await.ok()?;
            }
            Manner::Close => return None,
            // Until the other side has had enough.
            Manner::Silent => drop(stream.read_buf(&mut heard).await.ok()?),
            Manner::Drip(pause) => {
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nslow").await.ok()?;
                tokio::time::sleep(pause).await;
                stream.write_all(b"body").await.ok()?;
            }
            Manner::Few(answers) => {
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nfew").await.ok()?;
                if nth == answers {
                    return None;
                }
            }
        }
    }
    Some(())
}
