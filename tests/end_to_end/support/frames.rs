//! A client of HTTP/2 that sends whatever frames it is told to, one after another.

use super::PATIENCE;
use std::net::{IpAddr, SocketAddr};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const PRIORITY: u8 = 2;
pub const RESET: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const PING: u8 = 6;
pub const GOAWAY: u8 = 7;
pub const WINDOW_UPDATE: u8 = 8;
pub const CONTINUATION: u8 = 9;

pub const END_STREAM: u8 = 0x1;
pub const END_HEADERS: u8 = 0x4;

/// A frame.
#[derive(Debug, Clone)]
pub struct Frame {
    pub kind: u8,

    pub stream: u32,
    pub payload: Vec<u8>,
}

/// The bytes of a frame.
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = u32::try_from(payload.len()).unwrap().to_be_bytes()[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// A head in HPACK, without any compression: pseudo-headers by their number in the static table, the others as they are.
pub fn head(method: &str, path: &str, headers: &[(&str, &str)]) -> Vec<u8> {
    let mut bytes = vec![0x86]; // :scheme http
    for (index, value) in [(2, method), (4, path), (1, "portal.example.com")] {
        bytes.push(index);
        literal(&mut bytes, value);
    }
    for (name, value) in headers {
        bytes.push(0);
        literal(&mut bytes, name);
        literal(&mut bytes, value);
    }
    bytes
}

fn literal(bytes: &mut Vec<u8>, text: &str) {
    assert!(text.len() < 127);
    bytes.push(u8::try_from(text.len()).unwrap());
    bytes.extend(text.as_bytes());
}

/// The client.
pub struct Frames {
    read: OwnedReadHalf,
    write: OwnedWriteHalf,
}

impl Frames {
    /// Connects and says that it speaks HTTP/2.
    pub async fn connect(edge: SocketAddr) -> Self {
        Self::speak(TcpStream::connect(edge).await.unwrap()).await
    }

    /// The same, from an address of one's choice.
    pub async fn connect_from(from: IpAddr, edge: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::new(from, 0)).unwrap();
        Self::speak(socket.connect(edge).await.unwrap()).await
    }

    async fn speak(stream: TcpStream) -> Self {
        let (read, write) = stream.into_split();
        let mut frames = Self { read, write };
        frames.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
        frames.send(&frame(SETTINGS, 0, 0, &[])).await.unwrap();
        frames
    }

    /// Sends bytes.
    pub async fn send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.write.write_all(bytes).await
    }

    /// Sends one byte of a body, and one more where `nth` says so.
    pub async fn write_drop(&mut self, stream: u32, nth: usize) {
        let _ = self.send(&frame(DATA, 0, stream, &[u8::try_from(nth % 256).unwrap()])).await;
    }

    /// The next frame; `None` when the connection has ended.
    pub async fn next(&mut self) -> Option<Frame> {
        let mut head = [0; 9];
        timeout(PATIENCE, self.read.read_exact(&mut head)).await.expect("a frame or the end").ok()?;
        let mut payload = vec![0; usize::try_from(u32::from_be_bytes([0, head[0], head[1], head[2]])).unwrap()];
        timeout(PATIENCE, self.read.read_exact(&mut payload)).await.expect("a frame or the end").ok()?;
        let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]) & (u32::MAX >> 1);
        Some(Frame { kind: head[3], stream, payload })
    }

    /// The next frame of this kind.
    pub async fn next_of(&mut self, kind: u8) -> Option<Frame> {
        loop {
            let frame = self.next().await?;
            if frame.kind == kind {
                return Some(frame);
            }
        }
    }

    /// Sends `bytes` over and over, at most `most` times, while it reads what comes back; gives how often until the edge had
    /// enough.
    pub async fn flood(self, most: u32, mut bytes: impl FnMut(u32) -> Vec<u8>) -> u32 {
        let Self { mut read, mut write } = self;
        let reading = tokio::spawn(async move {
            let mut thrown_away = vec![0; 64 << 10];
            while read.read(&mut thrown_away).await.is_ok_and(|count| count > 0) {}
        });
        for count in 0..most {
            if write.write_all(&bytes(count)).await.is_err() {
                return count;
            }
        }
        // All of it may be on its way before the end is heard of.
        timeout(PATIENCE, reading).await.expect("the end").unwrap();
        most
    }
}
