//! An HTTP/1.1 connection of a client: its request lines are looked at as they come.
//!
//! Where a target holds characters that none may, the engine writes them percent-encoded before any hook sees the head. Other
//! programs on the way of the request do not: to some of them a CR ends the line, or a tab ends the target.

use super::connection::ConnectionState;
use async_trait::async_trait;
use pingora::protocols::raw_connect::ProxyDigest;
use pingora::protocols::tls::{SslDigest, TlsRef};
use pingora::protocols::{
    ALPN, GetProxyDigest, GetSocketDigest, GetTimingDigest, Peek, Shutdown, SocketDigest, Ssl, Stream, TimingDigest,
    UniqueID, UniqueIDType,
};
use std::fmt;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What is known of the line of the request that is on a connection, or comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum LineSeen {
    /// The next byte is its first one, or it is not whole yet.
    Awaited = 0,
    /// It holds what a request line may.
    Clean = 1,
    /// It holds something else.
    Odd = 2,
    /// Nothing: where it began was not known, since bytes of a body were still to come.
    Unknown = 3,
}

impl LineSeen {
    pub(super) fn from_bits(bits: u8) -> Self {
        match bits {
            0 => Self::Awaited,
            1 => Self::Clean,
            2 => Self::Odd,
            _ => Self::Unknown,
        }
    }

    /// Whether the line of a request with this target may not have been sent so. A line that nobody has seen is taken for such
    /// a one where its target holds what the engine would have made of it.
    pub(super) fn is_odd(self, target: &[u8]) -> bool {
        match self {
            Self::Awaited | Self::Clean => false,
            Self::Odd => true,
            Self::Unknown => target.windows(3).any(|three| match three {
                [b'%', b'0' | b'1', _] => true,
                [b'%', b'7', low] => low.eq_ignore_ascii_case(&b'f'),
                _ => false,
            }),
        }
    }
}

/// Reads a request line, of which bytes come in pieces.
#[derive(Debug, Default)]
struct RequestLine {
    began: bool,
    is_odd: bool,
    ends_in_cr: bool,
}

impl RequestLine {
    /// What the line is, once its end is there; then another can be read.
    fn read(&mut self, bytes: &[u8]) -> Option<LineSeen> {
        for &byte in bytes {
            match byte {
                b'\r' | b'\n' if !self.began => continue, // empty lines before it are passed over
                b'\n' => {
                    let seen = if self.is_odd { LineSeen::Odd } else { LineSeen::Clean };
                    *self = Self::default();
                    return Some(seen);
                }
                _ => {}
            }
            self.began = true;
            self.is_odd |= self.ends_in_cr; // a CR that is not the end
            self.ends_in_cr = byte == b'\r';
            let is_usual = matches!(byte, b' '..=b'~' | b'\r') && !matches!(byte, b'<' | b'>');
            self.is_odd |= !is_usual;
        }
        None
    }
}

/// The connection. What it sees is told to its state.
pub(super) struct Http1Connection {
    stream: Stream,
    state: Arc<ConnectionState>,
    line: RequestLine,
}

impl Http1Connection {
    pub(super) fn new(stream: Stream, state: Arc<ConnectionState>) -> Self {
        Self { stream, state, line: RequestLine::default() }
    }
}

impl AsyncRead for Http1Connection {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, into))?;
        if self.state.line() == LineSeen::Awaited
            && let Some(seen) = self.line.read(&into.filled()[before..])
        {
            self.state.saw_line(seen);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Http1Connection {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[async_trait]
impl Peek for Http1Connection {
    async fn try_peek(&mut self, into: &mut [u8]) -> io::Result<bool> {
        self.stream.try_peek(into).await
    }
}

#[async_trait]
impl Shutdown for Http1Connection {
    async fn shutdown(&mut self) {
        self.stream.shutdown().await;
    }
}

impl UniqueID for Http1Connection {
    fn id(&self) -> UniqueIDType {
        self.stream.id()
    }
}

impl Ssl for Http1Connection {
    fn get_ssl(&self) -> Option<&TlsRef> {
        self.stream.get_ssl()
    }

    fn get_ssl_digest(&self) -> Option<Arc<SslDigest>> {
        self.stream.get_ssl_digest()
    }

    fn selected_alpn_proto(&self) -> Option<ALPN> {
        self.stream.selected_alpn_proto()
    }
}

impl GetTimingDigest for Http1Connection {
    fn get_timing_digest(&self) -> Vec<Option<TimingDigest>> {
        self.stream.get_timing_digest()
    }
}

impl GetProxyDigest for Http1Connection {
    fn get_proxy_digest(&self) -> Option<Arc<ProxyDigest>> {
        self.stream.get_proxy_digest()
    }
}

impl GetSocketDigest for Http1Connection {
    fn get_socket_digest(&self) -> Option<Arc<SocketDigest>> {
        self.stream.get_socket_digest()
    }
}

impl fmt::Debug for Http1Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Http1Connection({:?})", self.stream)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(line: &str) -> Option<LineSeen> {
        let whole = RequestLine::default().read(line.as_bytes());
        let mut piecemeal = RequestLine::default();
        let mut in_pieces = None;
        for byte in line.as_bytes() {
            in_pieces = in_pieces.or(piecemeal.read(&[*byte]));
        }
        assert_eq!(whole, in_pieces, "{line:?}");
        whole
    }

    #[test]
    fn lines_of_one_meaning_are_clean() {
        for line in [
            "GET / HTTP/1.1\r\n",
            "\r\n\r\nGET / HTTP/1.1\r\nX: \u{1}\r\n",
            "GET /a b HTTP/1.1\r\n",
            "GET / HTTP/1.1\n",
        ] {
            assert_eq!(seen(line), Some(LineSeen::Clean), "{line:?}");
        }
        assert_eq!(seen("GET / HTTP/1.1\r"), None);
    }

    #[test]
    fn lines_that_the_engine_would_mend_are_odd() {
        for inside in ["\r", "\t", "\u{1}", "\0", "\u{7f}", "\u{e9}", "<", ">", "\rHTTP/1.1", "\r\r"] {
            assert_eq!(seen(&format!("GET /a{inside} HTTP/1.1\r\n")), Some(LineSeen::Odd), "{inside:?}");
        }
        assert_eq!(seen("GET / HTTP/1.1\r\r\n"), Some(LineSeen::Odd));
    }

    #[test]
    fn lines_that_nobody_saw_are_odd_by_what_was_made_of_them() {
        for (target, odd) in [("/a%0D", true), ("/a%1f", true), ("/a%7F", true), ("/a%20b%2f", false), ("/a%", false)] {
            assert_eq!(LineSeen::Unknown.is_odd(target.as_bytes()), odd, "{target}");
            assert!(!LineSeen::Clean.is_odd(target.as_bytes()) && LineSeen::Odd.is_odd(target.as_bytes()));
        }
    }
}
