//! The app servers of three regions: one process, a listener each. They speak HTTP/1.1, HTTP/2 where a client begins with it, and
//! send messages of WebSockets back.

mod http1;
mod http2;

use crate::ready::{Ready, Sockets};
use http1::Connection;
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::ExitCode;

/// How many regions have an app of their own; further ones share them by turns.
pub const REGIONS: usize = 3;

const SCRATCH: usize = 256 * 1024;

/// Zeros for the bodies of answers.
static ZEROS: [u8; SCRATCH] = [0; SCRATCH];

/// A connection of a proxy.
struct Client {
    stream: TcpStream,
    connection: Connection,
    /// Bytes that are ready to go, those of them that went, and the zeros that follow.
    out: Vec<u8>,
    gone: usize,
    zeros: usize,
    waits_for_room: bool,
}

/// Serves until it is killed. The ports are written to the standard output.
pub fn run() -> ExitCode {
    let listeners: Vec<_> = (0..REGIONS).map(|_| listener()).collect();
    let ports: Vec<_> = listeners.iter().map(|listener| listener.local_addr().unwrap().port()).collect();
    println!("{}", serde_json::to_string(&ports).unwrap());
    let mut sockets = Sockets::new();
    listeners.iter().enumerate().for_each(|(region, listener)| sockets.add(listener, region, false));
    let mut clients: Vec<Option<Client>> = Vec::new();
    let mut free: Vec<usize> = Vec::new();
    let mut scratch = vec![0; SCRATCH];
    let mut ready: Vec<Ready> = Vec::new();
    loop {
        sockets.wait(None, &mut ready);
        for event in &ready {
            let Some(number) = event.token.checked_sub(REGIONS) else {
                accept(&listeners[event.token], event.token, &sockets, &mut clients, &mut free);
                continue;
            };
            if let Some(client) = &mut clients[number]
                && client.event(*event, &sockets, &mut scratch).is_none()
            {
                clients[number] = None;
                free.push(number);
            }
        }
    }
}

fn listener() -> TcpListener {
    use socket2::{Domain, Socket, Type};
    let socket = Socket::new(Domain::IPV4, Type::STREAM.nonblocking().cloexec(), None).unwrap();
    socket.bind(&std::net::SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    socket.listen(4096).unwrap();
    socket.into()
}

fn accept(
    listener: &TcpListener,
    region: usize,
    sockets: &Sockets,
    clients: &mut Vec<Option<Client>>,
    free: &mut Vec<usize>,
) {
    while let Ok((stream, _)) = listener.accept() {
        stream.set_nonblocking(true).unwrap();
        let _ = stream.set_nodelay(true);
        let number = free.pop().unwrap_or_else(|| {
            clients.push(None);
            clients.len() - 1
        });
        sockets.add(&stream, number + REGIONS, false);
        let connection = Connection::new(region);
        let client = Client { stream, connection, out: Vec::new(), gone: 0, zeros: 0, waits_for_room: false };
        clients[number] = Some(client);
    }
}

impl Client {
    /// `None` where the connection is at its end.
    fn event(&mut self, event: Ready, sockets: &Sockets, scratch: &mut [u8]) -> Option<()> {
        // What has not gone yet goes first: nothing more is read meanwhile.
        if self.waits_for_room {
            self.write(sockets, event.token)?;
        }
        while event.readable && !self.waits_for_room {
            match self.stream.read(scratch) {
                Ok(0) => return None,
                Ok(length) => {
                    self.connection.take(&scratch[..length], &mut self.out, &mut self.zeros)?;
                    self.write(sockets, event.token)?;
                    if length < scratch.len() {
                        break;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return None,
            }
        }
        Some(())
    }

    fn write(&mut self, sockets: &Sockets, token: usize) -> Option<()> {
        while self.gone < self.out.len() || self.zeros > 0 {
            let is_head = self.gone < self.out.len();
            let chunk = if is_head { &self.out[self.gone..] } else { &ZEROS[..self.zeros.min(ZEROS.len())] };
            match self.stream.write(chunk) {
                Ok(length) if is_head => self.gone += length,
                Ok(length) => self.zeros -= length,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    if !self.waits_for_room {
                        sockets.change_to(&self.stream, token, false, true);
                        self.waits_for_room = true;
                    }
                    return Some(());
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return None,
            }
        }
        self.out.clear();
        self.gone = 0;
        if self.waits_for_room {
            sockets.change_to(&self.stream, token, true, false);
            self.waits_for_room = false;
        }
        Some(())
    }
}
