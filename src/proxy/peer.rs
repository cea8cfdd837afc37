//! A server as the engine wants to hear of it.

use super::context::RequestContext;
use crate::live::{Server, ServerTls, clock};
use crate::model::{PeerCredentials, PeerIdentity, Service};
use crate::resilience::period;
use crate::telemetry::Occasionally;
use arc_swap::ArcSwap;
use pingora::Error;
use pingora::protocols::tls::CaType;
use pingora::protocols::{ALPN, TcpKeepalive};
use pingora::upstreams::peer::HttpPeer;
use pingora::utils::tls::{CertKey, WrappedX509, parse_x509};
use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::{Arc, Weak};
use std::time::Duration;

/// How many streams are opened at once on one HTTP/2 connection to a server.
const H2_STREAMS: usize = 100;

/// Credentials in the engine's own types, made once for each.
#[derive(Default)]
pub(super) struct EngineCredentials {
    secret: RandomState,
    /// By where they lie in memory, which nothing else gets while the weak reference is here.
    made: ArcSwap<HashMap<usize, Entry>>,
}

type Entry = (Weak<PeerCredentials>, Arc<Made>);

struct Made {
    authorities: Option<Arc<CaType>>,
    identity: Option<Arc<CertKey>>,
    /// Keeps connections apart that were made by other credentials. The engine looks at the certificate's serial number
    /// alone, and not at all at who was believed when the connection was made.
    group: u64,
}

impl EngineCredentials {
    /// What the engine is to be told to reach `server`. `upgrades`: whether the request asks for another protocol, a
    /// WebSocket's for example. That is for HTTP/1.1 to do, which whoever takes HTTP/2 takes as well.
    pub(super) fn peer_of(&self, server: &Server, service: &Service, upgrades: bool) -> HttpPeer {
        let tls = server.tls();
        let sni = tls.map(|tls| String::from(&*tls.sni));
        let mut peer = HttpPeer::new(server.address(), sni.is_some(), sni.unwrap_or_default());
        let timeouts = service.timeouts;
        let options = &mut peer.options;
        options.connection_timeout = Some(timeouts.connect);
        // TCP and TLS together: a server that accepts and then says nothing is as gone as one that does not accept.
        options.total_connection_timeout = Some(timeouts.connect.saturating_mul(2));
        options.read_timeout = Some(timeouts.read);
        options.write_timeout = Some(timeouts.write);
        options.idle_timeout = Some(timeouts.idle);
        options.tcp_keepalive = Some(keepalive(timeouts.unreachable));
        if server.http2() && !upgrades {
            options.alpn = ALPN::H2;
            options.max_h2_streams = H2_STREAMS;
        }
        if let Some(ServerTls { verify, credentials, .. }) = tls {
            options.verify_cert = *verify;
            if let Some(credentials) = credentials {
                let made = self.made(credentials);
                peer.options.ca.clone_from(&made.authorities);
                peer.client_cert_key.clone_from(&made.identity);
                peer.group_key = made.group;
            }
        }
        if server.falls() > 0 {
            // What was connected to it before it fell may lead nowhere.
            self.keep_apart(&mut peer, &server.falls());
        }
        if peer.options.alpn == ALPN::H2 {
            let seed = self.secret.hash_one(server.address());
            self.keep_apart(&mut peer, &period(clock::elapsed(), timeouts.connection_age, seed));
        }
        peer
    }

    /// Lets `peer` use no connections but those that were made for the same `reason`.
    fn keep_apart(&self, peer: &mut HttpPeer, reason: &impl Hash) {
        peer.group_key = self.secret.hash_one((peer.group_key, reason));
    }

    fn made(&self, credentials: &Arc<PeerCredentials>) -> Arc<Made> {
        let place = Arc::as_ptr(credentials).addr();
        if let Some((_, made)) = self.made.load().get(&place).filter(|(of, _)| of.strong_count() > 0) {
            return Arc::clone(made);
        }
        let made = Arc::new(Made {
            authorities: credentials.authorities.as_ref().map(|found| found.iter().map(certificate).collect()),
            identity: credentials.identity.as_ref().map(|identity| Arc::new(identity_of(identity))),
            group: self.secret.hash_one(credentials),
        });
        self.made.rcu(|before| {
            let mut all: HashMap<_, _> =
                before.iter().filter(|(_, (of, _))| of.strong_count() > 0).map(copied).collect();
            all.insert(place, (Arc::downgrade(credentials), Arc::clone(&made)));
            all
        });
        made
    }
}

/// How connections are asked whether there is still somebody at the other end. The kernel asks those that are silent, and
/// gives up one that has given no sign within `unreachable`, whether anything was sent on it or not.
pub(in crate::proxy) fn keepalive(unreachable: Duration) -> TcpKeepalive {
    let often = Duration::from_secs((unreachable / 4).as_secs().max(1)); // it counts whole seconds
    TcpKeepalive { idle: often, interval: often, count: 3, user_timeout: unreachable }
}

fn copied((place, (of, made)): (&usize, &Entry)) -> (usize, Entry) {
    (*place, (Weak::clone(of), Arc::clone(made)))
}

/// Whoever read it has parsed it by the same library, which panics over what it cannot parse.
#[allow(clippy::borrowed_box, reason = "it is what a list of them lends")]
fn certificate(der: &Box<[u8]>) -> WrappedX509 {
    WrappedX509::new(der.to_vec(), parse_x509)
}

fn identity_of(identity: &PeerIdentity) -> CertKey {
    CertKey::new(identity.chain.iter().map(|der| der.to_vec()).collect(), identity.key().to_vec())
}

/// A request may be the first to see it; the probe after it says the same, and from then on no request comes here.
pub(super) fn warn_of_certificate(context: &RequestContext, error: &Error) {
    static WARNED: Occasionally = Occasionally::once_in(Duration::from_secs(10));
    let Some(active) = &context.attempts.server else { return };
    if let Some(more) = WARNED.at(clock::now()) {
        let (server, error) = (active.server(), error.to_string());
        let why = error.split_once("invalid peer certificate: ").map_or(&*error, |(_, why)| why);
        tracing::warn!(
            "{} of {} in {} gets no request, as its certificate is not believed: {why} ({more} more since the last \
             warning); have it carry the sni: of its tls:, and name who issued it in ca_file:",
            server.address(),
            server.purpose(),
            server.region(),
        );
    }
}
