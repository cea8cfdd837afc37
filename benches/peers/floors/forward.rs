//! Requests of HTTP/1.1 passed on: heads are read as far as it takes to see where a message ends, and connections to the server are kept
//! and given to whoever has a request next. It chooses nothing, changes nothing and checks nothing.

use super::pipe::End;
use super::{SCRATCH, accept, connect, listen};
use crate::load::answer::number;
use crate::ready::{Ready, Sockets};
use memchr::{memchr, memmem};
use std::net::SocketAddr;
use std::process::ExitCode;

/// One of both sides, and the place of the other one while a request is under way.
struct Side {
    end: End,
    is_client: bool,
    other: Option<usize>,
    message: Message,
}

/// How far a message has come.
#[derive(Default)]
struct Message {
    head: Vec<u8>,
    /// Bytes of the body that are to come, once the head is there.
    left: Option<u64>,
}

struct Forward {
    server: SocketAddr,
    sockets: Sockets,
    sides: Vec<Option<Side>>,
    free: Vec<usize>,
    closed: Vec<usize>,
    /// Connections to the server that nobody uses.
    kept: Vec<usize>,
}

/// Runs until it is killed.
pub fn run(address: SocketAddr, server: SocketAddr) -> ExitCode {
    let sockets = Sockets::new();
    let listener = listen(address, &sockets);
    let mut forward =
        Forward { server, sockets, sides: Vec::new(), free: Vec::new(), closed: Vec::new(), kept: Vec::new() };
    let mut scratch = vec![0; SCRATCH];
    let mut ready: Vec<Ready> = Vec::new();
    loop {
        forward.sockets.wait(None, &mut ready);
        for event in &ready {
            match event.token.checked_sub(1) {
                None => {
                    while let Some(client) = accept(&listener) {
                        forward.add(|token, sockets| End::new(client, token, sockets), true);
                    }
                }
                Some(number) if forward.event(number, *event, &mut scratch).is_none() => forward.close(number),
                Some(_) => {}
            }
        }
        forward.free.append(&mut forward.closed);
    }
}

impl Forward {
    fn add(&mut self, end: impl FnOnce(usize, &Sockets) -> End, is_client: bool) -> usize {
        let number = self.free.pop().unwrap_or_else(|| {
            self.sides.push(None);
            self.sides.len() - 1
        });
        let end = end(number + 1, &self.sockets);
        self.sides[number] = Some(Side { end, is_client, other: None, message: Message::default() });
        number
    }

    fn close(&mut self, number: usize) {
        if let Some(side) = self.sides[number].take() {
            self.kept.retain(|kept| *kept != number);
            self.closed.push(number);
            if let Some(other) = side.other {
                self.close(other);
            }
        }
    }

    fn event(&mut self, number: usize, event: Ready, scratch: &mut [u8]) -> Option<()> {
        // It may have been closed with its other side just now.
        let Some(side) = &mut self.sides[number] else { return Some(()) };
        if event.writable
            && side.end.is_full()
            && side.end.flush(&self.sockets)?
            && let Some(other) = side.other.and_then(|other| self.sides[other].as_mut())
        {
            other.end.reads(true, &self.sockets);
        }
        if !event.readable {
            return Some(());
        }
        let side = self.sides[number].as_mut()?;
        let length = side.end.read(scratch)?;
        if length == 0 {
            return Some(());
        }
        let is_client = side.is_client;
        let is_whole = side.message.take(&scratch[..length])?;
        let other = match side.other {
            Some(other) => other,
            // A server that speaks without being asked.
            None if !is_client => return None,
            None => self.pair(number)?,
        };
        let to = self.sides[other].as_mut()?;
        to.end.write(&scratch[..length], &self.sockets)?;
        let is_full = to.end.is_full();
        if is_full {
            self.sides[number].as_mut()?.end.reads(false, &self.sockets);
        } else if is_whole && !is_client {
            self.part(number, other);
        }
        // Where the last bytes of an answer wait for room, the pair stays together for the next request.
        Some(())
    }

    /// Gives a client a connection to the server.
    fn pair(&mut self, client: usize) -> Option<usize> {
        let server = match self.kept.pop() {
            Some(server) => server,
            None => {
                let stream = connect(self.server).ok()?;
                self.add(|token, sockets| End::new(stream, token, sockets), false)
            }
        };
        self.sides[server].as_mut()?.other = Some(client);
        self.sides[client].as_mut()?.other = Some(server);
        Some(server)
    }

    fn part(&mut self, server: usize, client: usize) {
        if let Some(side) = &mut self.sides[server] {
            side.other = None;
        }
        if let Some(side) = &mut self.sides[client] {
            side.other = None;
        }
        self.kept.push(server);
    }
}

impl Message {
    /// Takes bytes; whether they end the message. `None` where they make no sense.
    fn take(&mut self, came: &[u8]) -> Option<bool> {
        let mut length = came.len() as u64;
        let left = match self.left {
            Some(left) => left,
            None => {
                let joined;
                let bytes = if self.head.is_empty() {
                    came
                } else {
                    self.head.extend_from_slice(came);
                    joined = std::mem::take(&mut self.head);
                    &joined[..]
                };
                let Some(end) = memmem::find(bytes, b"\r\n\r\n") else {
                    self.head = bytes.to_vec();
                    return Some(false).filter(|_| bytes.len() < SCRATCH);
                };
                length = (bytes.len() - end - 4) as u64;
                body(&bytes[..end + 2])?
            }
        };
        let left = left.checked_sub(length)?;
        self.left = (left > 0).then_some(left);
        Some(left == 0)
    }
}

/// The length of the body that a head tells of.
fn body(head: &[u8]) -> Option<u64> {
    let name = b"content-length:";
    let mut rest = head;
    while let Some(end) = memchr(b'\n', rest) {
        let line = &rest[..end];
        if line.len() > name.len() && line[..name.len()].eq_ignore_ascii_case(name) {
            return number(line[name.len()..].trim_ascii());
        }
        rest = &rest[end + 1..];
    }
    Some(0)
}
