//! A client's connection: its bytes, and how long they may take.

use super::fast::Prepared;
use super::http1::LineSeen;
use super::websocket::WayIn;
use crate::client::HTTP2_PREFACE;
use crate::live::{Stream as OpenStream, clock};
use crate::resilience::{Pace, Patience};
use crate::telemetry::{CutOff, Metrics};
use crate::tls::ClientIdentity;
use async_trait::async_trait;
use pingora::http::ResponseHeader;
use pingora::protocols::l4::socket::SocketAddr as EngineAddress;
use pingora::protocols::raw_connect::ProxyDigest;
use pingora::protocols::{
    GetProxyDigest, GetSocketDigest, GetTimingDigest, Peek, Shutdown, SocketDigest, Ssl, Stream, TimingDigest,
    UniqueID, UniqueIDType,
};
use rustix::net::RecvFlags;
use std::fmt;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant, SystemTime};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufWriter, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Sleep, sleep_until, timeout};

/// What is gathered before it is written: the head of an answer and the beginning of its body are one packet.
const WRITE_BUFFER: usize = 1460;

/// How long what a client still sends is read once it was told that the connection ends.
pub(super) const PARTING: Duration = Duration::from_millis(300);

/// How slow clients may be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tempo {
    /// For a whole head, from its first byte on.
    pub head: Duration,
    /// For bodies, in either direction.
    pub body: Pace,
}

/// What a connection's bytes are at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Phase {
    /// Nothing: the next byte is the first of a head. How long that may take is the engine's to say.
    Idle = 0,
    /// A request's head.
    Head = 1,
    /// A request's body.
    Body = 2,
    /// Whatever comes: a request is being answered, or the connection was upgraded, or many requests are on it at once.
    Any = 3,
}

/// What the two sides of a connection, bytes and requests, tell each other. It is all that the hooks of a request see of it.
pub(super) struct ConnectionState {
    /// Who is at the other end, or was before a load balancer.
    pub peer: SocketAddr,
    /// Its address as text: it is told with every request.
    pub peer_in_words: Box<str>,
    /// Whether TLS is spoken.
    pub is_tls: bool,
    /// Where a stream of it enters the edge anew; of HTTP/2 alone.
    pub way_in: OnceLock<WayIn>,
    identity: OnceLock<ClientIdentity>,
    phase: AtomicU8,
    line: AtomicU8,
    /// The stream that is on it, where there is one that it can end.
    stream: Mutex<Option<Arc<OpenStream>>>,
    /// Whether there is, so that the usual request takes no lock.
    has_stream: AtomicBool,
    /// Whether it ends because its stream was told to.
    is_parting: AtomicBool,
    /// What the next request was begun as, on the fast path.
    prepared: Mutex<Option<Box<Prepared>>>,
    /// Whether it was.
    has_prepared: AtomicBool,
    /// What the engine has let go of.
    left: Mutex<Option<Left>>,
    /// Whether nobody asks for it any more.
    is_over: AtomicBool,
}

impl ConnectionState {
    pub(super) fn new(peer: SocketAddr, is_tls: bool) -> Self {
        Self {
            peer,
            peer_in_words: peer.ip().to_canonical().to_string().into(),
            is_tls,
            way_in: OnceLock::new(),
            identity: OnceLock::new(),
            phase: AtomicU8::new(Phase::Any as u8),
            line: AtomicU8::new(LineSeen::Awaited as u8),
            stream: Mutex::default(),
            has_stream: AtomicBool::new(false),
            is_parting: AtomicBool::new(false),
            prepared: Mutex::default(),
            has_prepared: AtomicBool::new(false),
            left: Mutex::default(),
            is_over: AtomicBool::new(false),
        }
    }

    /// That of a connection within the process, which a stream of this one has become.
    pub(super) fn within(&self) -> Self {
        Self { identity: self.identity.clone(), ..Self::new(self.peer, self.is_tls) }
    }

    /// Says as what the request was begun that the engine reads next.
    pub(super) fn prepare(&self, prepared: Box<Prepared>) {
        *self.prepared.lock().unwrap_or_else(PoisonError::into_inner) = Some(prepared);
        self.has_prepared.store(true, Ordering::Release);
    }

    /// As what it was begun, where it was; once.
    pub(super) fn take_prepared(&self) -> Option<Box<Prepared>> {
        if !self.has_prepared.swap(false, Ordering::AcqRel) {
            return None;
        }
        self.prepared.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// The engine is done with the connection.
    pub(super) fn leave(&self, left: Left) {
        if !self.is_over.load(Ordering::Acquire) {
            *self.left.lock().unwrap_or_else(PoisonError::into_inner) = Some(left);
        }
    }

    /// Ends the connection. Where it does so `orderly`, the client hears of the end before anything else: a socket that is
    /// closed while bytes of the client are unread is reset, and what was on its way to the client may be lost.
    pub(super) async fn end(&self, orderly: bool) {
        self.is_over.store(true, Ordering::Release);
        let left = self.left.lock().unwrap_or_else(PoisonError::into_inner).take();
        // Whether the client ends its side in time or not: it was told.
        let _ = match left.filter(|_| orderly) {
            Some(Left::Tcp(tcp)) => timeout(PARTING, part(tcp)).await,
            Some(Left::Whole(stream)) => timeout(PARTING, part(stream)).await,
            None => Ok(()),
        };
    }

    /// Says which stream is on it alone, or that none is any more.
    pub(super) fn carries(&self, stream: Option<Arc<OpenStream>>) {
        if stream.is_none() && !self.has_stream.load(Ordering::Acquire) {
            return;
        }
        let mut held = self.stream.lock().unwrap_or_else(PoisonError::into_inner);
        self.has_stream.store(stream.is_some(), Ordering::Release);
        *held = stream;
    }

    /// Whether the stream that is on it is to end: what is read next is the error then, at which the engine lets go of the
    /// request between two pieces of its answer.
    pub(super) fn poll_parting(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.has_stream.load(Ordering::Acquire) {
            return Poll::Pending;
        }
        let held = self.stream.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(stream) = &*held else { return Poll::Pending };
        ready!(stream.poll_end(context));
        self.is_parting.store(true, Ordering::Release);
        Poll::Ready(Err(io::Error::new(io::ErrorKind::ConnectionAborted, "the region is drained")))
    }

    /// Whether it ends because its stream was told to.
    pub(super) fn is_parting(&self) -> bool {
        self.is_parting.load(Ordering::Acquire)
    }

    /// Takes in the certificates that the client has shown, once they have been verified.
    pub(super) fn identify(&self, chain: Option<&[impl AsRef<[u8]>]>) {
        if let Some(identity) = chain.and_then(ClientIdentity::of) {
            // It is said once: a handshake is.
            let _ = self.identity.set(identity);
        }
    }

    /// Who the client has shown to be by a certificate.
    pub(super) fn identity(&self) -> Option<&ClientIdentity> {
        self.identity.get()
    }

    /// Says what the next bytes are.
    pub(super) fn enter(&self, phase: Phase) {
        self.phase.store(phase as u8, Ordering::Relaxed);
    }

    /// What is known of the line of the request.
    pub(super) fn line(&self) -> LineSeen {
        LineSeen::from_bits(self.line.load(Ordering::Relaxed))
    }

    /// Says what is known of it.
    pub(super) fn saw_line(&self, seen: LineSeen) {
        self.line.store(seen as u8, Ordering::Relaxed);
    }

    fn phase(&self) -> Phase {
        match self.phase.load(Ordering::Relaxed) {
            0 => Phase::Idle,
            1 => Phase::Head,
            2 => Phase::Body,
            _ => Phase::Any,
        }
    }
}

/// What the engine lets go of.
pub(super) enum Left {
    /// The bytes alone.
    Tcp(TcpStream),
    /// With TLS around them.
    Whole(Stream),
}

/// Says that the connection ends, and hears what the client still has to say.
async fn part(mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    if AsyncWriteExt::shutdown(&mut stream).await.is_ok() {
        let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
    }
}

/// A client's connection. It errs with [`io::ErrorKind::TimedOut`] where a head or a body takes longer than its tempo lets.
pub(super) struct Connection {
    /// There until it is dropped.
    tcp: Option<BufWriter<TcpStream>>,
    state: Arc<ConnectionState>,
    tempo: Tempo,
    metrics: Arc<Metrics>,
    /// What was read to be looked at, and is read again.
    put_back: Vec<u8>,
    established: SystemTime,
    digest: Arc<ProxyDigest>,
    socket: Arc<SocketDigest>,
    /// When the head that is being read began.
    head_began: Option<Instant>,
    reading: Patience,
    /// The phase that `reading` is of.
    reading_in: Phase,
    writing: Patience,
    timer: Option<Pin<Box<Sleep>>>,
    /// Whether the edge stops.
    stop: watch::Receiver<bool>,
}

impl Connection {
    /// A connection whose requests find `state` again. Its phase is [`Phase::Any`] until that is told another.
    ///
    /// # Errors
    /// Where the engine takes no such response for a digest; it takes every one.
    pub(super) fn new(
        tcp: TcpStream,
        state: Arc<ConnectionState>,
        tempo: Tempo,
        metrics: Arc<Metrics>,
        stop: watch::Receiver<bool>,
    ) -> pingora::Result<Self> {
        // The engine hands this on to the hooks of every request on the connection: the only way to tell them of it.
        let user_data: Box<dyn std::any::Any + Send + Sync> = Box::new(Arc::clone(&state));
        let digest = ProxyDigest::new(Box::new(ResponseHeader::build(200, Some(0))?), Some(user_data));
        let socket = SocketDigest::from_raw_fd(tcp.as_raw_fd());
        // Told here, the address is never asked of the system again.
        let _ = socket.peer_addr.set(Some(EngineAddress::Inet(state.peer)));
        Ok(Self {
            tcp: Some(BufWriter::with_capacity(WRITE_BUFFER, tcp)),
            state,
            tempo,
            metrics,
            put_back: Vec::new(),
            established: clock::now().into(),
            digest: Arc::new(digest),
            socket: Arc::new(socket),
            head_began: None,
            reading: Patience::default(),
            reading_in: Phase::Any,
            writing: Patience::default(),
            timer: None,
            stop,
        })
    }

    fn tcp(&mut self) -> io::Result<Pin<&mut BufWriter<TcpStream>>> {
        self.tcp.as_mut().map(Pin::new).ok_or_else(|| io::ErrorKind::NotConnected.into())
    }

    /// Where the edge stops and nothing was asked: what has come in that nobody has been told of yet. An idle connection is
    /// about to be closed then, and a request that is here already is to be answered.
    fn take_late(&mut self, into: &mut ReadBuf<'_>) -> Option<io::Result<()>> {
        if self.state.phase() != Phase::Idle || !*self.stop.borrow() {
            return None;
        }
        let tcp = self.tcp.as_ref()?.get_ref();
        match rustix::net::recv(tcp, into.initialize_unfilled(), RecvFlags::DONTWAIT) {
            Ok((_, count)) => {
                into.advance(count);
                self.took(count);
                Some(Ok(()))
            }
            // There is nothing, or what is wrong will be heard of in the usual way.
            Err(_) => None,
        }
    }

    /// Bytes came.
    fn took(&mut self, bytes: usize) {
        let phase = self.state.phase();
        match phase {
            Phase::Idle if bytes > 0 => {
                self.state.enter(Phase::Head);
                self.head_began = Some(clock::tick());
            }
            Phase::Body => {
                self.begin_reading(phase);
                self.reading.moved(bytes, clock::monotonic());
            }
            Phase::Idle | Phase::Head | Phase::Any => {}
        }
    }

    fn begin_reading(&mut self, phase: Phase) {
        if self.reading_in != phase {
            self.reading_in = phase;
            self.reading = Patience::default();
        }
    }

    /// No bytes came: until when they may.
    fn poll_reading(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let phase = self.state.phase();
        let (end, why) = match (phase, self.head_began) {
            (Phase::Head, Some(began)) => (began + self.tempo.head, CutOff::SlowHead),
            (Phase::Body, _) => {
                self.begin_reading(phase);
                (self.reading.wait(clock::monotonic(), self.tempo.body), CutOff::SlowBody)
            }
            _ => {
                self.begin_reading(phase);
                return Poll::Pending;
            }
        };
        self.poll_end(end, why, context)
    }

    fn poll_end(&mut self, end: Instant, why: CutOff, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let end = tokio::time::Instant::from_std(end);
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(end)));
        if timer.deadline() != end {
            timer.as_mut().reset(end);
        }
        ready!(timer.as_mut().poll(context));
        self.timer = None;
        self.metrics.cut_off(why);
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, why.as_str())))
    }

    /// The result of a write, where a client that takes nothing ends it.
    fn wrote(&mut self, polled: Poll<io::Result<usize>>, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        match polled {
            Poll::Ready(Ok(bytes)) => {
                if self.writing != Patience::default() {
                    self.writing.moved(bytes, clock::monotonic());
                }
                Poll::Ready(Ok(bytes))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => {
                let end = self.writing.wait(clock::monotonic(), self.tempo.body);
                let ended = ready!(self.poll_end(end, CutOff::SlowReader, context));
                Poll::Ready(ended.map(|()| 0))
            }
        }
    }
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if !self.put_back.is_empty() {
            let count = self.put_back.len().min(into.remaining());
            into.put_slice(&self.put_back[..count]);
            self.put_back.drain(..count);
            return Poll::Ready(Ok(()));
        }
        let before = into.filled().len();
        let mut tcp = self.tcp()?;
        if !tcp.buffer().is_empty() {
            // The engine listens to the client because it has no more for it: what was gathered goes out now.
            if let Poll::Ready(Err(error)) = tcp.as_mut().poll_flush(context) {
                return Poll::Ready(Err(error));
            }
        }
        match Pin::new(tcp.get_mut().get_mut()).poll_read(context, into) {
            Poll::Ready(Ok(())) => {
                self.took(into.filled().len() - before);
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => match self.take_late(into) {
                Some(taken) => Poll::Ready(taken),
                None => self.poll_reading(context),
            },
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let polled = self.tcp()?.poll_write(context, bytes);
        self.wrote(polled, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = self.tcp()?.poll_write_vectored(context, parts);
        self.wrote(polled, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.tcp.as_ref().is_some_and(AsyncWrite::is_write_vectored)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = self.tcp()?.poll_flush(context);
        self.wrote(polled.map_ok(|()| 0), context).map_ok(drop)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.tcp()?.poll_shutdown(context)
    }
}

#[async_trait]
impl Peek for Connection {
    async fn try_peek(&mut self, into: &mut [u8]) -> io::Result<bool> {
        let mut count = 0;
        // As much as there is until it cannot be what is looked for any more, so that a short request is not waited on.
        while count < into.len() {
            let read = self.read(&mut into[count..]).await?;
            count += read;
            if read == 0 || !HTTP2_PREFACE.starts_with(&into[..count]) {
                break;
            }
        }
        self.put_back.extend_from_slice(&into[..count]);
        into[count..].fill(0);
        Ok(true)
    }
}

#[async_trait]
impl Shutdown for Connection {
    async fn shutdown(&mut self) {
        // A client that is gone need not be told.
        let _ = AsyncWriteExt::shutdown(self).await;
    }
}

impl UniqueID for Connection {
    fn id(&self) -> UniqueIDType {
        self.tcp.as_ref().map_or(-1, |tcp| tcp.get_ref().as_raw_fd())
    }
}

impl Ssl for Connection {}

impl GetTimingDigest for Connection {
    fn get_timing_digest(&self) -> Vec<Option<TimingDigest>> {
        vec![Some(TimingDigest { established_ts: self.established, ..TimingDigest::default() })]
    }
}

impl GetProxyDigest for Connection {
    fn get_proxy_digest(&self) -> Option<Arc<ProxyDigest>> {
        Some(Arc::clone(&self.digest))
    }
}

impl GetSocketDigest for Connection {
    fn get_socket_digest(&self) -> Option<Arc<SocketDigest>> {
        Some(Arc::clone(&self.socket))
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if let Some(tcp) = self.tcp.take() {
            // What was said last may still lie here: the alert of a handshake that has failed, by which the client learns why.
            if !tcp.buffer().is_empty() {
                // Whoever takes no byte at the moment, or is gone, does not hear of it.
                let _ = tcp.get_ref().try_write(tcp.buffer());
            }
            self.state.leave(Left::Tcp(tcp.into_inner()));
        }
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Connection({})", self.state.peer)
    }
}
