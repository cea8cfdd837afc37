//! An app server that reads bytes, as strictly as can be, and keeps what came.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// One request as it came.
#[derive(Debug, Clone)]
pub struct Taken {
    /// Its line and its header lines, each without its end.
    pub lines: Vec<String>,
    /// Its body, chunks put together.
    pub body: Vec<u8>,
    /// What came before the request line on its connection, of a PROXY protocol.
    pub before: String,
}

impl Taken {
    /// The values of a header, in their order.
    pub fn header(&self, name: &str) -> Vec<&str> {
        let lines = self.lines.iter().skip(1).filter_map(|line| line.split_once(": "));
        lines.filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value).collect()
    }
}

/// The server. It answers every request with 200 and the number of the request on its connection.
pub struct Recorder {
    pub address: SocketAddr,
    taken: Arc<Mutex<Vec<Taken>>>,
}

impl Recorder {
    /// Starts one on `address`.
    pub async fn start(address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let taken = Arc::<Mutex<Vec<Taken>>>::default();
        let (address, all) = (listener.local_addr().unwrap(), Arc::clone(&taken));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&all)));
            }
        });
        Self { address, taken }
    }

    /// Everything that came so far; a request counts once its head and its body have come.
    pub fn taken(&self) -> Vec<Taken> {
        self.taken.lock().unwrap().clone()
    }
}

struct Bytes {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Bytes {
    async fn more(&mut self) -> Option<()> {
        let mut some = [0; 4096];
        let read = self.stream.read(&mut some).await.ok().filter(|read| *read > 0)?;
        self.buffer.extend_from_slice(&some[..read]);
        Some(())
    }

    /// Up to and with the next `end`.
    async fn until(&mut self, end: &[u8]) -> Option<Vec<u8>> {
        loop {
            if let Some(at) = self.buffer.windows(end.len()).position(|window| window == end) {
                return Some(self.buffer.drain(..at + end.len()).collect());
            }
            self.more().await?;
        }
    }

    async fn exactly(&mut self, count: usize) -> Option<Vec<u8>> {
        while self.buffer.len() < count {
            self.more().await?;
        }
        Some(self.buffer.drain(..count).collect())
    }
}

async fn serve(stream: TcpStream, all: Arc<Mutex<Vec<Taken>>>) -> Option<()> {
    let mut bytes = Bytes { stream, buffer: Vec::new() };
    let mut before = String::new();
    for nth in 1.. {
        let mut head = String::from_utf8_lossy(&bytes.until(b"\r\n\r\n").await?).into_owned();
        if head.starts_with("PROXY ") {
            before = head[..head.find('\n').unwrap() + 1].to_owned();
            head.drain(..before.len());
        }
        let lines: Vec<String> = head.trim_end_matches("\r\n").split("\r\n").map(str::to_owned).collect();
        let mut taken = Taken { lines, body: Vec::new(), before: before.clone() };
        let length: Option<usize> = taken.header("content-length").first().map(|length| length.parse().unwrap());
        let is_chunked = !taken.header("transfer-encoding").is_empty();
        assert!(!(is_chunked && length.is_some()), "{taken:?}");
        let mut more = is_chunked;
        while more {
            let line = String::from_utf8(bytes.until(b"\r\n").await?).unwrap();
            let size = usize::from_str_radix(line.trim_end(), 16).unwrap_or_else(|_| panic!("a chunk of {line:?}"));
            taken.body.extend(bytes.exactly(size).await?);
            assert_eq!(bytes.exactly(2).await?, b"\r\n");
            more = size > 0;
        }
        taken.body.extend(bytes.exactly(length.unwrap_or(0)).await?);
        all.lock().unwrap().push(taken);
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{nth}", nth.to_string().len());
        bytes.stream.write_all(answer.as_bytes()).await.ok()?;
    }
    Some(())
}
