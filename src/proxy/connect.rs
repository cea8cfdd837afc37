//! Connections to servers that want to be told whose they are, by a PROXY protocol header, or that have to be there in time.

use super::context::Ends;
use super::deadline::Cutter;
use crate::client::{ProxyHeaderBytes, proxy_header};
use crate::live::Server;
use async_trait::async_trait;
use pingora::connectors::L4Connect;
use pingora::http::ResponseHeader;
use pingora::protocols::GetProxyDigest;
use pingora::protocols::l4::socket::SocketAddr as EngineAddress;
use pingora::protocols::l4::stream::Stream;
use pingora::protocols::raw_connect::ProxyDigest;
use pingora::upstreams::peer::HttpPeer;
use pingora::{Error, ErrorType, Result};
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, LazyLock};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time;

/// Nobody can find out two clients whose connections would be mixed up.
static SECRET: LazyLock<RandomState> = LazyLock::new(RandomState::new);

/// How a connection is made where it is not by the engine.
#[derive(Debug)]
pub(super) struct Connecting {
    /// What is said on it before anything else.
    header: Option<ProxyHeaderBytes>,
    /// Whether it can be ended from aside.
    has_cutter: bool,
    timeout: Duration,
}

impl Connecting {
    /// How a request of `client` gets a connection to `server`. `has_deadline`: whether the server has a time in which it has
    /// to answer. On a connection of HTTP/2 there are other requests, so that none is ended.
    pub(super) fn of(server: &Server, has_deadline: bool, client: IpAddr, ends: Ends, timeout: Duration) -> Self {
        let header = server.proxy_protocol().map(|version| {
            let client = client.to_canonical();
            // The port is the client's own only where the connection is, and not a proxy's in front of the edge.
            let source = ends.client.filter(|end| end.ip().to_canonical() == client).map_or(0, |end| end.port());
            let nowhere = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
            proxy_header(version, SocketAddr::new(client, source), ends.edge.unwrap_or(nowhere))
        });
        Self { header, has_cutter: has_deadline && !server.http2(), timeout }
    }

    /// Lets new connections to `peer` be made so, and keeps them apart from those that are made otherwise.
    pub(super) fn prepare(self, peer: &mut HttpPeer) {
        if self.header.is_none() && !self.has_cutter {
            return;
        }
        let header = self.header.as_ref().map(|header| &header[..]);
        peer.group_key = SECRET.hash_one((peer.group_key, header, self.has_cutter)); // beside those of other credentials
        peer.options.custom_l4 = Some(Arc::new(self));
    }

    async fn connected(&self, address: &SocketAddr) -> io::Result<Stream> {
        let mut stream = TcpStream::connect(address).await?;
        if let Some(header) = &self.header {
            stream.write_all(header).await?;
        }
        let cutter = if self.has_cutter { Some(Cutter::of(&stream)?) } else { None };
        let mut stream = Stream::from(stream);
        if let Some(cutter) = cutter {
            // What the engine keeps of a connection has no place for it but that of a proxy in between.
            let head = ResponseHeader::build(200, None).map_err(io::Error::other)?;
            stream.set_proxy_digest(ProxyDigest::new(Box::new(head), Some(Box::new(cutter))));
        }
        Ok(stream)
    }
}

#[async_trait]
impl L4Connect for Connecting {
    async fn connect(&self, address: &EngineAddress) -> Result<Stream> {
        let Some(address) = address.as_inet() else {
            return Error::e_explain(ErrorType::InternalError, "a server without an address");
        };
        match time::timeout(self.timeout, self.connected(address)).await {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(error)) => {
                let kind = match error.kind() {
                    io::ErrorKind::ConnectionRefused => ErrorType::ConnectRefused,
                    io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => ErrorType::ConnectNoRoute,
                    _ => ErrorType::ConnectError,
                };
                Error::e_because(kind, "connecting to a server", error)
            }
            Err(elapsed) => Error::e_because(ErrorType::ConnectTimedout, "connecting to a server", elapsed),
        }
    }
}
