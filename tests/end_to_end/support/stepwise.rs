//! An app server that says what the test tells it to say, when the test does; and a client that hears it as it comes.

use super::{PATIENCE, eventually};
use std::net::{IpAddr, SocketAddr};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;

/// The server. Each request comes out of [`Self::next`].
pub struct Stepwise {
    pub address: SocketAddr,
    asked: mpsc::UnboundedReceiver<Spoken>,
}

impl Stepwise {
    /// Starts one.
    pub async fn start(address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let (requests, asked) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let requests = requests.clone();
                tokio::spawn(async move {
                    stream.set_nodelay(true).unwrap();
                    let mut spoken = Spoken { stream, heard: Vec::new() };
                    // A probe connects and says nothing.
                    if spoken.hear_or_end("\r\n\r\n").await.is_some() {
                        let _ = requests.send(spoken);
                    }
                });
            }
        });
        Self { address, asked }
    }

    /// The next connection that has a request on it, to be answered.
    pub async fn next(&mut self) -> Spoken {
        timeout(PATIENCE, self.asked.recv()).await.expect("a request").unwrap()
    }
}

/// A connection on which each side says something by turns.
pub struct Spoken {
    pub stream: TcpStream,
    heard: Vec<u8>,
}

impl Spoken {
    /// Connects from an address of one's choice and asks for `path`.
    pub async fn ask(edge: SocketAddr, from: IpAddr, path: &str, cookie: &str) -> Self {
        let mut spoken = Self::connect(edge, from).await;
        spoken.ask_again(path, cookie).await;
        spoken
    }

    /// Connects from an address of one's choice.
    pub async fn connect(edge: SocketAddr, from: IpAddr) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::new(from, 0)).unwrap();
        let stream = socket.connect(edge).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, heard: Vec::new() }
    }

    /// Asks for `path` on the same connection.
    pub async fn ask_again(&mut self, path: &str, cookie: &str) {
        self.say(&format!("GET {path} HTTP/1.1\r\nHost: portal.example.com\r\nCookie: {cookie}\r\n\r\n")).await;
    }

    /// Says this, now.
    pub async fn say(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).await.unwrap();
    }

    /// Waits until this was said by the other side, and forgets what was said up to there.
    pub async fn hear(&mut self, text: &str) -> String {
        let heard = timeout(PATIENCE, self.hear_or_end(text)).await;
        let heard = heard.unwrap_or_else(|_| panic!("never heard {text:?}"));
        heard.unwrap_or_else(|| panic!("the end, and not {text:?}"))
    }

    async fn hear_or_end(&mut self, text: &str) -> Option<String> {
        loop {
            if let Some(at) = self.heard.windows(text.len()).position(|piece| piece == text.as_bytes()) {
                let rest = self.heard.split_off(at + text.len());
                let heard = std::mem::replace(&mut self.heard, rest);
                return Some(String::from_utf8_lossy(&heard).into_owned());
            }
            if self.stream.read_buf(&mut self.heard).await.ok()? == 0 {
                return None;
            }
        }
    }

    /// Waits for the end.
    pub async fn end(mut self) {
        let mut rest = Vec::new();
        eventually("the end", async || (self.stream.read_buf(&mut rest).await.unwrap_or(0) == 0).then_some(())).await;
    }
}
