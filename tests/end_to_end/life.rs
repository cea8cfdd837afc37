//! The life of an edge: how it starts, stops, reloads and comes back.

mod activation;
mod admin;
mod clients;
mod handover;
mod heirs;
mod load;
mod service_manager;
mod start;
mod stop;

use crate::support::EdgeProcess;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Whether a new client of `address` is refused or hung up on; not where it is answered, or left waiting.
async fn is_shut(address: SocketAddr) -> bool {
    let Ok(mut stream) = TcpStream::connect(address).await else { return true };
    if stream.write_all(b"GET / HTTP/1.1\r\nHost: portal.example.com\r\n\r\n").await.is_err() {
        return true;
    }
    let answer = tokio::time::timeout(Duration::from_secs(1), stream.read_u8()).await;
    matches!(answer, Ok(Err(_)))
}

/// How many requests the edge says are open.
async fn open_requests(edge: &EdgeProcess) -> u64 {
    let metrics = edge.admin("/metrics").await.body;
    let line = metrics.lines().find_map(|line| line.strip_prefix("homeward_requests_open "));
    line.unwrap_or_else(|| panic!("homeward_requests_open is not in\n{metrics}")).parse().unwrap()
}
