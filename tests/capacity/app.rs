//! App servers: one that answers requests, one that gives WebSockets their messages back.

use futures_util::{SinkExt, StreamExt};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Both servers. They end with the program.
pub struct App {
    pub http: SocketAddr,
    pub sockets: SocketAddr,
    /// Requests for `/held` are answered once this is true.
    pub release: watch::Sender<bool>,
}

impl App {
    pub async fn start() -> Self {
        let (release, released) = watch::channel(false);
        let http = TcpListener::bind("127.77.2.1:0").await.unwrap();
        let sockets = TcpListener::bind("127.77.2.2:0").await.unwrap();
        let app = Self { http: http.local_addr().unwrap(), sockets: sockets.local_addr().unwrap(), release };
        tokio::spawn(async move {
            let answers = Arc::new([answer(1, false), answer(64, false), answer(1, true)]);
            while let Ok((stream, _)) = http.accept().await {
                tokio::spawn(serve(stream, answers.clone(), released.clone()));
            }
        });
        tokio::spawn(async move {
            while let Ok((stream, _)) = sockets.accept().await {
                tokio::spawn(echo(stream));
            }
        });
        app
    }
}

fn answer(kib: usize, close: bool) -> Vec<u8> {
    let close = if close { "Connection: close\r\n" } else { "" };
    let mut answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n{close}\r\n", kib * 1024).into_bytes();
    answer.resize(answer.len() + kib * 1024, b'x');
    answer
}

/// Answers requests without bodies: `/64` by 64 KiB, `/close` with the end of the connection, `/held` late.
async fn serve(mut stream: TcpStream, answers: Arc<[Vec<u8>; 3]>, mut released: watch::Receiver<bool>) {
    let _ = stream.set_nodelay(true);
    let mut head = Vec::with_capacity(4096);
    loop {
        head.clear();
        while !head.ends_with(b"\r\n\r\n") {
            if !stream.read_buf(&mut head).await.is_ok_and(|read| read > 0) {
                return;
            }
        }
        let (which, close) = match head.get(..8) {
            Some(b"GET /64 ") => (1, false),
            Some(b"GET /clo") => (2, true),
            Some(b"GET /hel") => {
                let _ = released.wait_for(|released| *released).await;
                (0, false)
            }
            _ => (0, false),
        };
        if stream.write_all(&answers[which]).await.is_err() || close {
            return;
        }
    }
}

async fn echo(stream: TcpStream) {
    let _ = stream.set_nodelay(true);
    let Ok(mut socket) = tokio_tungstenite::accept_async(stream).await else { return };
    while let Some(Ok(message)) = socket.next().await {
        if message.is_close() || socket.send(message).await.is_err() {
            return;
        }
    }
}
