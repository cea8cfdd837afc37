//! An end of a connection, with what could not be written to it yet.

use crate::ready::Sockets;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;

/// A socket that bytes are passed on to.
pub struct End {
    stream: TcpStream,
    token: usize,
    waiting: Vec<u8>,
    reads: bool,
}

impl End {
    /// One that is waited for under a token. Where it is not connected yet, it waits for room first.
    pub fn new(stream: TcpStream, token: usize, sockets: &Sockets) -> Self {
        sockets.add(&stream, token, false);
        Self { stream, token, waiting: Vec::new(), reads: true }
    }

    /// Reads what there is; `None` at the end.
    pub fn read(&mut self, into: &mut [u8]) -> Option<usize> {
        match self.stream.read(into) {
            Ok(0) => None,
            Ok(length) => Some(length),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Some(0),
            Err(_) => None,
        }
    }

    /// Writes, and keeps what there is no room for; `None` where it is broken.
    pub fn write(&mut self, mut bytes: &[u8], sockets: &Sockets) -> Option<()> {
        if self.waiting.is_empty() {
            bytes = &bytes[self.some(bytes)?..];
        }
        if !bytes.is_empty() {
            if self.waiting.is_empty() {
                sockets.change_to(&self.stream, self.token, self.reads, true);
            }
            self.waiting.extend_from_slice(bytes);
        }
        Some(())
    }

    fn some(&mut self, bytes: &[u8]) -> Option<usize> {
        match self.stream.write(bytes) {
            Ok(0) => None,
            Ok(length) => Some(length),
            // One that is being connected takes nothing yet.
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected) => Some(0),
            Err(_) => None,
        }
    }

    /// There is room: writes what was kept. Whether all of it has gone; `None` where it is broken.
    pub fn flush(&mut self, sockets: &Sockets) -> Option<bool> {
        if self.waiting.is_empty() {
            return Some(true);
        }
        let waiting = std::mem::take(&mut self.waiting);
        let gone = self.some(&waiting)?;
        self.waiting = waiting;
        self.waiting.drain(..gone);
        if self.waiting.is_empty() {
            sockets.change_to(&self.stream, self.token, self.reads, false);
        }
        Some(self.waiting.is_empty())
    }

    /// Whether something waits for room.
    pub fn is_full(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Reads from it, or leaves what comes with the kernel.
    pub fn reads(&mut self, reads: bool, sockets: &Sockets) {
        if self.reads != reads {
            self.reads = reads;
            sockets.change_to(&self.stream, self.token, reads, !self.waiting.is_empty());
        }
    }
}
