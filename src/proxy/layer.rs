//! What stands between the engine and a client's connection, with TLS or without: it sees the bytes that pass in clear text.

use super::connection::{ConnectionState, Left};
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

/// What sees the bytes.
pub(super) trait Watch: Unpin + Send + Sync + 'static {
    /// Bytes came from the client.
    ///
    /// # Errors
    /// Where nothing more is read.
    fn received(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// No bytes come, and the engine waits for some.
    ///
    /// # Errors
    /// Where it has waited for long enough.
    fn waiting(&mut self, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Pending
    }

    /// Bytes went to the client.
    fn sent(&mut self, _bytes: &[u8]) {}
}

/// A stream that is watched.
pub(super) struct Layered<W: Watch> {
    /// There until it is dropped.
    stream: Option<Stream>,
    watch: W,
    /// What is read once more before anything else; the watch has seen it.
    again: Vec<u8>,
    /// Where the stream goes when the engine is done with it, so that its client can be told of the end in its own terms: with
    /// TLS that is more than the end of the bytes.
    heir: Option<Arc<ConnectionState>>,
}

impl<W: Watch> Layered<W> {
    /// Over a stream that is left whole to the `heir` at the end, where there is one.
    pub(super) fn over(stream: Stream, watch: W, heir: Option<Arc<ConnectionState>>) -> Self {
        Self { stream: Some(stream), watch, again: Vec::new(), heir }
    }

    /// What sees the bytes.
    pub(super) fn watch_mut(&mut self) -> &mut W {
        &mut self.watch
    }

    /// Lets these bytes, which were read from it, be read once more.
    pub(super) fn read_again(&mut self, bytes: Vec<u8>) {
        self.again = bytes;
    }

    fn stream(&mut self) -> io::Result<Pin<&mut Stream>> {
        self.stream.as_mut().map(Pin::new).ok_or_else(|| io::ErrorKind::NotConnected.into())
    }
}

impl<W: Watch> Drop for Layered<W> {
    fn drop(&mut self) {
        if let (Some(stream), Some(heir)) = (self.stream.take(), &self.heir) {
            heir.leave(Left::Whole(stream));
        }
    }
}

impl<W: Watch> AsyncRead for Layered<W> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if !self.again.is_empty() {
            let count = self.again.len().min(into.remaining());
            into.put_slice(&self.again[..count]);
            self.again.drain(..count);
            return Poll::Ready(Ok(()));
        }
        let before = into.filled().len();
        match self.stream()?.poll_read(context, into) {
            Poll::Ready(Ok(())) => Poll::Ready(self.watch.received(&into.filled()[before..])),
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => self.watch.waiting(context),
        }
    }
}

impl<W: Watch> AsyncWrite for Layered<W> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let count = ready!(self.stream()?.poll_write(context, bytes))?;
        self.watch.sent(&bytes[..count.min(bytes.len())]);
        Poll::Ready(Ok(count))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let count = ready!(self.stream()?.poll_write_vectored(context, parts))?;
        let mut left = count;
        for part in parts {
            let written = left.min(part.len());
            self.watch.sent(&part[..written]);
            left -= written;
        }
        Poll::Ready(Ok(count))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.as_ref().is_some_and(AsyncWrite::is_write_vectored)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream()?.poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream()?.poll_shutdown(context)
    }
}

#[async_trait]
impl<W: Watch> Peek for Layered<W> {
    async fn try_peek(&mut self, into: &mut [u8]) -> io::Result<bool> {
        match &mut self.stream {
            Some(stream) => stream.try_peek(into).await,
            None => Err(io::ErrorKind::NotConnected.into()),
        }
    }
}

#[async_trait]
impl<W: Watch> Shutdown for Layered<W> {
    async fn shutdown(&mut self) {
        if let Some(stream) = &mut self.stream {
            stream.shutdown().await;
        }
    }
}

impl<W: Watch> UniqueID for Layered<W> {
    fn id(&self) -> UniqueIDType {
        self.stream.as_ref().map_or(-1, |stream| stream.id())
    }
}

impl<W: Watch> Ssl for Layered<W> {
    fn get_ssl(&self) -> Option<&TlsRef> {
        self.stream.as_ref()?.get_ssl()
    }

    fn get_ssl_digest(&self) -> Option<Arc<SslDigest>> {
        self.stream.as_ref()?.get_ssl_digest()
    }

    fn selected_alpn_proto(&self) -> Option<ALPN> {
        self.stream.as_ref()?.selected_alpn_proto()
    }
}

impl<W: Watch> GetTimingDigest for Layered<W> {
    fn get_timing_digest(&self) -> Vec<Option<TimingDigest>> {
        self.stream.as_ref().map_or_else(Vec::new, |stream| stream.get_timing_digest())
    }
}

impl<W: Watch> GetProxyDigest for Layered<W> {
    fn get_proxy_digest(&self) -> Option<Arc<ProxyDigest>> {
        self.stream.as_ref()?.get_proxy_digest()
    }
}

impl<W: Watch> GetSocketDigest for Layered<W> {
    fn get_socket_digest(&self) -> Option<Arc<SocketDigest>> {
        self.stream.as_ref()?.get_socket_digest()
    }
}

impl<W: Watch> fmt::Debug for Layered<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Layered({:?})", self.stream)
    }
}
