//! Whose a connection is, and whether it is one too many: what is settled before anything of HTTP or TLS is read.

use crate::client::{LONGEST_PROXY_HEADER, ProxyOrigin, ProxyReading, is_trusted, read_proxy_header};
use crate::live::clock;
use crate::model::Network;
use crate::resilience::{ConnectionRate, Connections, Offenders, OpenConnection};
use crate::telemetry::{ConnectionRefusal, CutOff, Metrics, Occasionally};
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::timeout;

/// How long a load balancer may take for its PROXY protocol header. It is the first thing that it sends.
const HEADER: Duration = Duration::from_secs(5);

const FLOODED: &str = "it has flooded three connections, and is kept out until it has been quiet for ten seconds";

/// What all listeners let in together.
pub(super) struct Door {
    connections: Arc<Connections>,
    rate: ConnectionRate,
    offenders: Offenders,
    trusted_proxies: Vec<Network>,
    metrics: Arc<Metrics>,
}

/// A connection that was let in.
#[derive(Debug)]
pub(super) struct Guest {
    /// Whose it is.
    pub peer: SocketAddr,
    /// Counts it as open.
    pub open: OpenConnection,
}

impl Door {
    pub(super) fn new(
        connections: Arc<Connections>,
        rate: ConnectionRate,
        trusted_proxies: Vec<Network>,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self { connections, rate, offenders: Offenders::default(), trusted_proxies, metrics }
    }

    /// Lets a connection in as its peer's, if it is none too many. That of a trusted proxy may be anybody's: it counts for
    /// no single client.
    pub(super) fn let_in(&self, peer: SocketAddr) -> Option<Guest> {
        let opened = if self.trusts(peer) {
            self.connections.try_open_for_many()
        } else {
            self.let_client(peer)?;
            self.connections.try_open(peer.ip())
        };
        match opened {
            Ok(open) => Some(Guest { peer, open }),
            Err(why) => self.refuse(why.into(), peer, why),
        }
    }

    /// Reads from `stream` whom the load balancer at its other end connects; to be asked where such headers are sent.
    /// Others than trusted proxies remain who they are, and what they send is left alone. Not one byte behind a header is
    /// read. `None` where the connection is to be closed.
    pub(super) async fn introduce(&self, guest: Guest, stream: &mut (impl AsyncRead + Unpin)) -> Option<Guest> {
        self.introduce_within(HEADER, guest, stream).await
    }

    async fn introduce_within(
        &self,
        time: Duration,
        guest: Guest,
        stream: &mut (impl AsyncRead + Unpin),
    ) -> Option<Guest> {
        if !self.trusts(guest.peer) {
            return Some(guest);
        }
        let proxy = guest.peer;
        match timeout(time, origin(stream)).await {
            Err(_) => {
                self.refuse(ConnectionRefusal::SlowProxyHeader, proxy, "its PROXY protocol header did not come in time")
            }
            Ok(Err(Unread::Gone)) => None, // somebody who only looked whether the edge is there
            Ok(Err(Unread::Refused(why, text))) => self.refuse(why, proxy, text),
            Ok(Ok(ProxyOrigin::Local | ProxyOrigin::Unknown)) => Some(guest),
            Ok(Ok(ProxyOrigin::Client { source, destination: _ })) => {
                self.let_client(source)?;
                match guest.open.of(source.ip()) {
                    Ok(open) => Some(Guest { peer: source, open }),
                    Err(why) => self.refuse(why.into(), source, why),
                }
            }
        }
    }

    /// `None` where the client at `peer` is let in no more at the moment.
    fn let_client(&self, peer: SocketAddr) -> Option<()> {
        let now = clock::elapsed();
        if self.offenders.keep_out(peer.ip(), now.as_secs()) {
            return self.refuse(ConnectionRefusal::Flooding, peer, FLOODED);
        }
        if !self.rate.take(peer.ip(), now) {
            return self.refuse(ConnectionRefusal::TooOften, peer, "it connects more often than a client may");
        }
        Some(())
    }

    /// Takes note of a connection of `peer` that was cut for a flood. What a trusted proxy passes on may be of anybody.
    pub(super) fn flooded(&self, peer: SocketAddr) {
        self.metrics.cut_off(CutOff::Flood);
        if !self.trusts(peer) {
            self.offenders.flooded(peer.ip(), clock::second());
        }
    }

    fn trusts(&self, peer: SocketAddr) -> bool {
        is_trusted(peer.ip(), &self.trusted_proxies)
    }

    fn refuse<T>(&self, why: ConnectionRefusal, peer: SocketAddr, text: impl fmt::Display) -> Option<T> {
        static WARNED: Occasionally = Occasionally::once_a_second();
        self.metrics.connection_refused(why);
        if let Some(more) = WARNED.at(clock::now()) {
            tracing::warn!("closed a connection of {peer}: {text}; {} ({more} more since the last warning)", hint(why));
        }
        None
    }
}

fn hint(why: ConnectionRefusal) -> &'static str {
    match why {
        ConnectionRefusal::TooMany => "limits: {connections: ...} says how many",
        ConnectionRefusal::TooManyOfClient => {
            "limits: {connections_per_client: ...} says how many; many clients behind one load balancer need it in \
             trusted_proxies:"
        }
        ConnectionRefusal::TooOften => {
            "limits: {connection_rate_per_client: ...} says how often; many clients behind one load balancer need it in \
             trusted_proxies:"
        }
        ConnectionRefusal::Flooding => {
            "docs/hostile-clients.md says what a flood is; many clients behind one load balancer need it in trusted_proxies:"
        }
        ConnectionRefusal::NoProxyHeader | ConnectionRefusal::BadProxyHeader | ConnectionRefusal::SlowProxyHeader => {
            "let the load balancer send one (HAProxy: send-proxy-v2), or take proxy_protocol from the listener"
        }
    }
}

/// Why no header was read.
#[derive(Debug)]
enum Unread {
    /// The connection ended or broke before its first byte.
    Gone,
    Refused(ConnectionRefusal, String),
}

async fn origin(stream: &mut (impl AsyncRead + Unpin)) -> Result<ProxyOrigin, Unread> {
    let mut bytes = [0; LONGEST_PROXY_HEADER];
    let mut count = 0;
    loop {
        match read_proxy_header(&bytes[..count]) {
            ProxyReading::Parsed(header) => return Ok(header.origin),
            ProxyReading::Invalid(problem) => return Err(Unread::Refused(problem.into(), problem.to_string())),
            ProxyReading::NeedMore(more) => {
                // A header that would be longer than the buffer is invalid, so that there is room; without, none is read.
                let end = (count + more).min(bytes.len());
                match stream.read(&mut bytes[count..end]).await {
                    Ok(0) | Err(_) if count == 0 => return Err(Unread::Gone),
                    Ok(0) | Err(_) => {
                        let text = "it ended in the midst of its PROXY protocol header".to_owned();
                        return Err(Unread::Refused(ConnectionRefusal::BadProxyHeader, text));
                    }
                    Ok(read) => count += read,
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::{local_header, proxy_header};
    use crate::model::ProxyVersion;
    use crate::resilience::ConnectionLimits;

    fn door(total: u32, per_client: u32) -> Door {
        let connections = Connections::new(ConnectionLimits { total, per_client });
        let metrics = Metrics::new("test", jiff::Timestamp::UNIX_EPOCH).unwrap();
        Door::new(connections, ConnectionRate::new(1000), vec!["10.0.0.0/8".parse().unwrap()], Arc::new(metrics))
    }

    fn at(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[tokio::test]
    async fn not_one_byte_behind_the_header_is_read() {
        for version in [ProxyVersion::V1, ProxyVersion::V2] {
            for (source, destination) in
                [("192.0.2.1:4000", "192.0.2.9:80"), ("[2001:db8::1]:4000", "[2001:db8::9]:443")]
            {
                let door = door(10, 10);
                let header = proxy_header(version, at(source), at(destination));
                let mut bytes = header.as_ref().to_vec();
                bytes.extend_from_slice(b"GET / HTTP/1.1");
                let mut stream = &bytes[..];
                let guest = door.let_in(at("10.0.0.1:1")).unwrap();
                let guest = door.introduce(guest, &mut stream).await.unwrap();
                assert_eq!(guest.peer, at(source));
                assert_eq!(stream, b"GET / HTTP/1.1");
                assert_eq!((door.connections.open(), door.connections.clients()), (1, 1));
                drop(guest);
                assert_eq!((door.connections.open(), door.connections.clients()), (0, 0));
            }
        }
    }

    #[tokio::test]
    async fn nobody_else_is_asked_and_a_proxy_may_speak_for_itself() {
        let door = door(10, 10);
        let mut stream = &b"PROXY TCP4 192.0.2.1 192.0.2.9 4000 80\r\n"[..];
        let guest = door.let_in(at("192.0.2.7:5")).unwrap();
        let guest = door.introduce(guest, &mut stream).await.unwrap();
        assert_eq!((guest.peer, stream.len()), (at("192.0.2.7:5"), 40));

        let header = local_header(ProxyVersion::V2);
        let proxy = door.let_in(at("[::ffff:10.0.0.1]:1")).unwrap();
        let proxy = door.introduce(proxy, &mut header.as_ref()).await.unwrap();
        assert_eq!(proxy.peer, at("[::ffff:10.0.0.1]:1"));
        assert_eq!(door.connections.clients(), 1, "a proxy's own is nobody's");
    }

    #[tokio::test]
    async fn what_is_refused_is_counted_and_closed() {
        let door = door(10, 1);
        for bytes in [&b"GET / HTTP/1.1\r\n"[..], b"PROXY TCP4 192.0", b"PROXY TCP4 a b c d\r\n", b""] {
            let guest = door.let_in(at("10.0.0.1:1")).unwrap();
            assert!(door.introduce(guest, &mut &bytes[..]).await.is_none(), "{bytes:?}");
        }
        let header = || proxy_header(ProxyVersion::V1, at("192.0.2.1:4000"), at("192.0.2.9:80"));
        let first = door.let_in(at("10.0.0.1:1")).unwrap();
        let first = door.introduce(first, &mut header().as_ref()).await.unwrap();
        let second = door.let_in(at("10.0.0.1:2")).unwrap();
        assert!(door.introduce(second, &mut header().as_ref()).await.is_none(), "the client has its one");
        assert!(door.let_in(at("192.0.2.1:9")).is_none(), "by whichever way");
        assert_eq!(door.connections.open(), 1);
        drop(first);
        let text = door.metrics.render();
        for (why, count) in
            [("no_proxy_header", 1), ("bad_proxy_header", 2), ("too_many_of_client", 2), ("too_many", 0)]
        {
            let line = format!("homeward_connections_refused_total{{why=\"{why}\"}} {count}\n");
            assert!(text.contains(&line), "{line}{text}");
        }
    }

    #[tokio::test]
    async fn a_proxy_that_says_nothing_is_not_waited_for() {
        let door = door(10, 10);
        let (mut stream, _proxy) = tokio::io::duplex(64);
        let guest = door.let_in(at("10.0.0.1:1")).unwrap();
        assert!(door.introduce_within(Duration::from_millis(1), guest, &mut stream).await.is_none());
        assert_eq!(door.connections.open(), 0);
        let line = "homeward_connections_refused_total{why=\"slow_proxy_header\"} 1\n";
        assert!(door.metrics.render().contains(line));
    }
}
