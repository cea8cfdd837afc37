//! A name server of the harness's own: A records over UDP, as it is told; and nothing at all while it is dead.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use tokio::net::UdpSocket;
use tokio::task::JoinHandle;

/// How long an answer may be kept, in seconds.
pub const TTL: u32 = 5;

/// What it answers.
#[derive(Debug, Default)]
struct Zone {
    is_dead: bool,
    names: HashMap<String, Vec<Ipv4Addr>>,
    /// Questions that came, also while it was dead.
    questions: u64,
}

/// A name server. It ends when this is dropped.
pub struct NameServer {
    zone: Arc<Mutex<Zone>>,
    task: JoinHandle<()>,
}

impl NameServer {
    /// Listens there.
    pub async fn start(address: SocketAddr) -> Self {
        let socket = UdpSocket::bind(address).await.expect("the name server has its port");
        let zone = Arc::<Mutex<Zone>>::default();
        Self { zone: zone.clone(), task: tokio::spawn(serve(socket, zone)) }
    }

    /// From now on a name has these addresses.
    pub fn say(&self, name: &str, addresses: Vec<Ipv4Addr>) {
        self.zone.lock().unwrap().names.insert(name.to_owned(), addresses);
    }

    /// From now on it answers nothing, or again.
    pub fn die(&self, is_dead: bool) {
        self.zone.lock().unwrap().is_dead = is_dead;
    }

    /// How often it was asked so far.
    pub fn questions(&self) -> u64 {
        self.zone.lock().unwrap().questions
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(socket: UdpSocket, zone: Arc<Mutex<Zone>>) {
    let mut buffer = [0; 1500];
    loop {
        let Ok((length, from)) = socket.recv_from(&mut buffer).await else { continue };
        let answer = {
            let mut zone = zone.lock().unwrap();
            zone.questions += 1;
            if zone.is_dead { None } else { reply(&buffer[..length], |name| zone.names.get(name).cloned()) }
        };
        if let Some(answer) = answer {
            // Who asked may have left.
            let _ = socket.send_to(&answer, from).await;
        }
    }
}

/// The answer to a question (RFC 1035, 4): the addresses for A, nothing for other types of a name that is there, and NXDOMAIN for
/// others. `None` for what is no question.
pub fn reply(question: &[u8], known: impl Fn(&str) -> Option<Vec<Ipv4Addr>>) -> Option<Vec<u8>> {
    const HEAD: usize = 12;
    const A: u16 = 1;
    let head = question.get(..HEAD)?;
    let is_question = head[2] & 0x80 == 0 && head[4..6] == [0, 1];
    if !is_question {
        return None;
    }
    let mut at = HEAD;
    let mut name = String::new();
    loop {
        let length = usize::from(*question.get(at)?);
        at += 1;
        if length == 0 {
            break;
        }
        let label = question.get(at..at + length).filter(|_| length < 64)?;
        if !name.is_empty() {
            name.push('.');
        }
        name.push_str(&String::from_utf8_lossy(label).to_ascii_lowercase());
        at += length;
    }
    let kind = u16::from_be_bytes([*question.get(at)?, *question.get(at + 1)?]);
    let asked = question.get(HEAD..at + 4)?;
    let found = known(&name);
    let code = if found.is_some() { 0 } else { 3 };
    let addresses = found.filter(|_| kind == A).unwrap_or_default();
    let mut answer = Vec::with_capacity(512);
    answer.extend_from_slice(&head[..2]);
    // An authoritative answer.
    answer.extend_from_slice(&[0x84 | (head[2] & 1), code, 0, 1]);
    answer.extend_from_slice(&(addresses.len() as u16).to_be_bytes());
    answer.extend_from_slice(&[0, 0, 0, 0]);
    answer.extend_from_slice(asked);
    for address in addresses {
        // The name of the question, A, IN.
        answer.extend_from_slice(&[0xc0, HEAD as u8, 0, 1, 0, 1]);
        answer.extend_from_slice(&TTL.to_be_bytes());
        answer.extend_from_slice(&[0, 4]);
        answer.extend_from_slice(&address.octets());
    }
    Some(answer)
}
