//! A client that writes a stream and hears what comes.

use crate::mutation::Stream;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;
use tokio::time::timeout;

/// How long nothing comes before a client goes on, or leaves.
const QUIET: Duration = Duration::from_millis(150);

/// The most bytes of answers that are held.
const MOST: usize = 1 << 20;

/// What became of a stream.
#[derive(Debug, Clone, Copy, Default)]
pub struct Outcome {
    pub connected: bool,
    /// Final answers that came whole.
    pub answers: u64,
    /// Those of them that were 200.
    pub ok: u64,
}

/// Writes `stream` to `edge` from an address of its own, which `number` says.
pub async fn play(edge: SocketAddr, number: u64, stream: &Stream) -> Outcome {
    let mut outcome = Outcome::default();
    // Many addresses, so that the ports of none of them run out while closed connections are remembered.
    let [low, middle] = [(number % 250) as u8 + 1, (number / 250 % 4) as u8 + 10];
    let Ok(socket) = TcpSocket::new_v4() else { return outcome };
    if socket.bind(SocketAddr::from((Ipv4Addr::new(127, 77, middle, low), 0))).is_err() {
        return outcome;
    }
    let Ok(mut tcp) = socket.connect(edge).await else { return outcome };
    outcome.connected = true;
    let mut held = Vec::new();
    for part in &stream.parts {
        // An edge that has closed refuses what is written: then what it said before is still read.
        let written = tcp.write_all(part).await.is_ok();
        let open = hear(&mut tcp, &mut held, &mut outcome).await;
        if !written || !open {
            break;
        }
    }
    outcome
}

/// Reads until an answer is whole and no byte of a further one is there, or nothing comes; gives back whether more may be written.
async fn hear(tcp: &mut tokio::net::TcpStream, held: &mut Vec<u8>, outcome: &mut Outcome) -> bool {
    loop {
        while let Some((length, status)) = answer(held) {
            held.drain(..length);
            if status >= 200 {
                outcome.answers += 1;
                outcome.ok += u64::from(status == 200);
                if held.is_empty() {
                    return true;
                }
            }
        }
        match timeout(QUIET, tcp.read_buf(held)).await {
            Ok(Ok(read)) if read > 0 && held.len() < MOST => {}
            Ok(_) => return false,
            Err(_) => return true,
        }
    }
}

/// The length and the status of the answer that is there. What answers HEAD has no body, and neither has the pool's; the edge's own
/// closes the connection.
fn answer(bytes: &[u8]) -> Option<(usize, u16)> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut response = httparse::Response::new(&mut headers);
    let Ok(httparse::Status::Complete(head)) = response.parse(bytes) else { return None };
    let status = response.code?;
    let length = response.headers.iter().find(|line| line.name.eq_ignore_ascii_case("content-length"))?;
    let body = std::str::from_utf8(length.value).ok()?.parse::<usize>().ok()?;
    let whole = head + if status < 200 { 0 } else { body };
    (bytes.len() >= whole).then_some((whole, status))
}
