//! A Unix socket between two processes of one user, for messages and sockets.

use super::message::Message;
use crate::live::clock;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
};
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

/// The longest message. What is carried over is bounded well below it.
const LONGEST: usize = 32 << 20;

/// The most sockets that come with a message.
const MOST_SOCKETS: usize = 72;

/// How long the other side may take for the next bytes of a message that it has begun, and to take one.
const STALL: Duration = Duration::from_secs(5);

/// One side of the conversation.
#[derive(Debug)]
pub(super) struct Channel {
    stream: UnixStream,
}

/// What was heard.
#[derive(Debug)]
pub(super) enum Heard {
    /// A message, and the sockets that came with it.
    Message(Box<Message>, Vec<OwnedFd>),
    /// The other side is gone.
    End,
}

impl Channel {
    pub(super) fn new(stream: UnixStream) -> io::Result<Self> {
        stream.set_nonblocking(false)?;
        stream.set_write_timeout(Some(STALL))?;
        Ok(Self { stream })
    }

    /// The same channel once more, to say the last word on.
    pub(super) fn try_clone(&self) -> io::Result<Self> {
        Ok(Self { stream: self.stream.try_clone()? })
    }

    /// Ends it for both sides.
    pub(super) fn close(&self) {
        // Where it is closed already, it is.
        let _ = self.stream.shutdown(std::net::Shutdown::Both);
    }

    /// The process id of the other side, where that is a process of the same user, or of root.
    ///
    /// # Errors
    /// [`io::ErrorKind::PermissionDenied`] where it is not.
    pub(super) fn peer(&self) -> io::Result<u32> {
        let peer = rustix::net::sockopt::socket_peercred(&self.stream)?;
        if peer.uid != rustix::process::geteuid() && !peer.uid.is_root() {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        u32::try_from(peer.pid.as_raw_nonzero().get()).map_err(io::Error::other)
    }

    pub(super) fn say(&mut self, message: &Message, sockets: &[BorrowedFd<'_>]) -> io::Result<()> {
        let text = serde_json::to_vec(message)?;
        let length = u32::try_from(text.len()).map_err(io::Error::other)?.to_be_bytes();
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_SOCKETS))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if !sockets.is_empty() && !control.push(SendAncillaryMessage::ScmRights(sockets)) {
            return Err(io::Error::other("there are too many sockets to hand over"));
        }
        // A stream takes four bytes whole, or none.
        rustix::net::sendmsg(&self.stream, &[IoSlice::new(&length)], &mut control, SendFlags::NOSIGNAL)?;
        self.stream.write_all(&text)
    }

    /// The next message, if it begins within `patience`.
    pub(super) fn hear(&mut self, patience: Duration) -> io::Result<Heard> {
        let until = clock::monotonic() + patience;
        let (mut length, mut got, mut sockets) = ([0; 4], 0, Vec::new());
        while got < length.len() {
            let count = self.receive(&mut length[got..], &mut sockets, until)?;
            if count == 0 {
                return Ok(Heard::End);
            }
            got += count;
        }
        let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
        if length > LONGEST {
            return Err(io::Error::new(io::ErrorKind::InvalidData, format!("a message of {length} bytes")));
        }
        self.stream.set_read_timeout(Some(STALL))?;
        let mut text = vec![0; length];
        match self.stream.read_exact(&mut text) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(Heard::End),
            read => read?,
        }
        Ok(Heard::Message(Box::new(serde_json::from_slice(&text)?), sockets))
    }

    fn receive(&self, into: &mut [u8], sockets: &mut Vec<OwnedFd>, until: Instant) -> io::Result<usize> {
        let left = until.saturating_duration_since(clock::monotonic());
        // None at all would be for ever.
        self.stream.set_read_timeout(Some(left.max(Duration::from_millis(1))))?;
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_SOCKETS))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let got = loop {
            let mut parts = [IoSliceMut::new(into)];
            match rustix::net::recvmsg(&self.stream, &mut parts, &mut control, RecvFlags::CMSG_CLOEXEC) {
                Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::AGAIN) => return Err(io::ErrorKind::TimedOut.into()),
                // The other side went with what was said to it unread.
                Err(rustix::io::Errno::CONNRESET) => return Ok(0),
                got => break got?,
            }
        };
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(received) = message {
                sockets.extend(received);
            }
        }
        Ok(got.bytes)
    }
}

impl AsFd for Channel {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}
