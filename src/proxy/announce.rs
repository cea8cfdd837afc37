//! Connections to servers that want to be told whose they are: by a PROXY protocol header.

use super::context::Ends;
use crate::client::{ProxyHeaderBytes, proxy_header};
use crate::model::ProxyVersion;
use async_trait::async_trait;
use pingora::connectors::L4Connect;
use pingora::protocols::l4::socket::SocketAddr as EngineAddress;
use pingora::protocols::l4::stream::Stream;
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

/// Lets new connections to `peer` begin with a header that names `client`, and keeps them apart from those of others.
pub(super) fn announce(peer: &mut HttpPeer, version: ProxyVersion, client: IpAddr, ends: Ends, timeout: Duration) {
    let client = client.to_canonical();
    // The port is the client's own only where the connection is, and not a proxy's in front of the edge.
    let source = ends.client.filter(|end| end.ip().to_canonical() == client).map_or(0, |end| end.port());
    let nowhere = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
    let header = proxy_header(version, SocketAddr::new(client, source), ends.edge.unwrap_or(nowhere));
    peer.group_key = SECRET.hash_one((peer.group_key, &header[..])); // beside those of other credentials
    peer.options.custom_l4 = Some(Arc::new(Announcing { header, timeout }));
}

/// Makes a connection and says whose it is, before anything else is said on it.
#[derive(Debug)]
struct Announcing {
    header: ProxyHeaderBytes,
    timeout: Duration,
}

#[async_trait]
impl L4Connect for Announcing {
    async fn connect(&self, address: &EngineAddress) -> Result<Stream> {
        let Some(address) = address.as_inet() else {
            return Error::e_explain(ErrorType::InternalError, "a server without an address");
        };
        let connect = async {
            let mut stream = TcpStream::connect(address).await?;
            stream.write_all(&self.header).await?;
            Ok::<_, io::Error>(stream)
        };
        match time::timeout(self.timeout, connect).await {
            Ok(Ok(stream)) => Ok(stream.into()),
            Ok(Err(error)) => {
                let kind = match error.kind() {
                    io::ErrorKind::ConnectionRefused => ErrorType::ConnectRefused,
                    io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => ErrorType::ConnectNoRoute,
                    _ => ErrorType::ConnectError,
                };
                Error::e_because(kind, "connecting to a server with a PROXY protocol header", error)
            }
            Err(elapsed) => Error::e_because(ErrorType::ConnectTimedout, "connecting to a server", elapsed),
        }
    }
}
