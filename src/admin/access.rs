//! Who may do what: by the door that they come through, by the address that they name, by a token.

use super::origin;
use super::page;
use super::problem::Problem;
use crate::live::{Edge, HashKey, RateLimiter, clock};
use crate::model::{LimitKey, Rate, RateLimit, Role};
use crate::telemetry::{AdminRefusal, Occasionally};
use crate::tls::ListenerTls;
use axum::extract::FromRequestParts;
use axum::http::header::{AUTHORIZATION, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

/// How many wrong tokens may come at once from one IPv4 address or IPv6 /64.
const WRONG_AT_ONCE: u32 = 10;

/// How many more may come in a second. A typing error is none; a machine that tries gets nowhere.
const WRONG_A_SECOND: f64 = 0.2;

/// From where a connection comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Peer {
    /// Over TCP, as browsers can.
    Tcp(IpAddr),
    /// Over the Unix socket, which only its owner, or the group that was chosen, can open: may do everything. The user that
    /// the system says is there, where it says so.
    Socket(Option<u32>),
}

/// Who changes something: as far as the edge knows by itself, without what somebody says of himself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Operator(pub(super) Peer);

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Peer::Socket(Some(user)) => write!(f, "user {user} at the socket"),
            Peer::Socket(None) => f.write_str("somebody at the socket"),
            Peer::Tcp(address) => write!(f, "a token from {}", address.to_canonical()),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Operator {
    type Rejection = Refused;

    /// Whoever was let in to change something; nobody where only reading was asked for.
    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Refused> {
        parts.extensions.get::<Self>().copied().ok_or(Refused::because(AdminRefusal::Role))
    }
}

/// Who may do what.
pub(super) struct Access {
    edge: Arc<Edge>,
    tls: Option<Arc<ListenerTls>>,
    /// Whether reading needs a token over TCP: where others than this machine can connect.
    closed: bool,
    wrong: RateLimiter,
}

/// Why somebody may not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) why: AdminRefusal,
    /// The seconds after which it may be tried again.
    wait: Option<u32>,
}

impl Refused {
    /// With nothing to wait for.
    pub(super) fn because(why: AdminRefusal) -> Self {
        Self { why, wait: None }
    }
}

impl Access {
    /// Over TCP reading needs a token where it is `closed`; changing always does.
    pub(super) fn new(edge: Arc<Edge>, tls: Option<Arc<ListenerTls>>, closed: bool) -> Self {
        let rate = Rate::new(WRONG_A_SECOND).unwrap_or(Rate::ONE);
        let wrong = RateLimiter::new(RateLimit { key: LimitKey::Client, rate, burst: WRONG_AT_ONCE }, HashKey::fresh());
        Self { edge, tls, closed, wrong }
    }

    /// Whether somebody at `peer` with these headers may do what `needed` may, at `path`.
    ///
    /// # Errors
    /// Why not. It is counted.
    pub(super) fn check(&self, peer: Peer, headers: &HeaderMap, path: &str, needed: Role) -> Result<(), Refused> {
        let Peer::Tcp(client) = peer else { return Ok(()) };
        let is_ours = |name: &str| self.tls.as_ref().is_some_and(|tls| tls.certificates().covers(name));
        let checked = if origin::is_allowed(headers, is_ours) {
            self.check_token(client, headers, is_open(path), needed)
        } else {
            Err(Refused::because(AdminRefusal::Host))
        };
        checked.inspect_err(|refused| self.refuse(refused.why, client))
    }

    /// Whether somebody at `peer` needs a token to read.
    pub(super) fn asks_for_token(&self, peer: Peer) -> bool {
        self.closed && matches!(peer, Peer::Tcp(_))
    }

    fn check_token(&self, client: IpAddr, headers: &HeaderMap, open: bool, needed: Role) -> Result<(), Refused> {
        // Load balancers ask whether the edge is ready, and say nothing else.
        if open && needed == Role::Read {
            return Ok(());
        }
        let refused = Refused::because;
        let tokens = self.edge.admin_tokens();
        let (Some(tokens), Some(given)) = (tokens, bearer(headers)) else {
            let free = needed == Role::Read && !self.closed;
            return if free { Ok(()) } else { Err(refused(AdminRefusal::NoToken)) };
        };
        let now = clock::elapsed();
        let too_many = |wait| Refused { why: AdminRefusal::TooManyTokens, wait: Some(wait) };
        // Before the token is looked at: a right one does not get through either, so that nothing is learned of it.
        self.wrong.look(None, client, now).map_err(too_many)?;
        match tokens.role_of(given) {
            Some(role) if role.may(needed) => Ok(()),
            Some(_) => Err(refused(AdminRefusal::Role)),
            None => {
                self.wrong.take(None, client, now).map_err(too_many)?;
                Err(refused(AdminRefusal::WrongToken))
            }
        }
    }

    /// Counts a refusal, and says so now and then.
    pub(super) fn refuse(&self, why: AdminRefusal, client: IpAddr) {
        static WARNED: Occasionally = Occasionally::once_a_second();
        self.edge.metrics().admin_refused(why);
        if let Some(more) = WARNED.at(clock::now()) {
            tracing::warn!("the admin address refused {client}: {} ({more} more since the last warning)", why.as_str());
        }
    }
}

/// Whether anybody may read what is there.
fn is_open(path: &str) -> bool {
    // The page asks for a token itself.
    matches!(path, "/" | "/livez" | "/readyz") || page::assets::has(path)
}

/// The token of `Authorization: Bearer`; of several lines the first.
fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let value = headers.get(AUTHORIZATION)?.as_bytes();
    let (scheme, token) = value.split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then(|| token.trim_ascii())
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let (status, detail) = match self.why {
            AdminRefusal::Host => (
                StatusCode::FORBIDDEN,
                "the Host header must be an address, localhost or a name of the certificate, so that no other site's page \
                 can read this through its own name; ask for the address itself",
            ),
            AdminRefusal::NoToken => (
                StatusCode::UNAUTHORIZED,
                "this needs a token: send Authorization: Bearer and one of those in admin.token_file",
            ),
            AdminRefusal::WrongToken => {
                (StatusCode::UNAUTHORIZED, "the token is none of those in admin.token_file, as they are now")
            }
            AdminRefusal::TooManyTokens => (
                StatusCode::TOO_MANY_REQUESTS,
                "too many wrong tokens came from your address: wait, and send the right one",
            ),
            AdminRefusal::Role => (StatusCode::FORBIDDEN, "the token may read and change nothing: take one of operate"),
            AdminRefusal::BodyTooLarge => {
                (StatusCode::PAYLOAD_TOO_LARGE, "the body is larger than anything here needs")
            }
            AdminRefusal::TooManyConnections | AdminRefusal::Handshake => {
                (StatusCode::SERVICE_UNAVAILABLE, "too many connections")
            }
        };
        let mut response = Problem::new(status, detail).into_response();
        let headers = response.headers_mut();
        if status == StatusCode::UNAUTHORIZED {
            let challenge = match self.why {
                AdminRefusal::WrongToken => "Bearer realm=\"homeward\", error=\"invalid_token\"",
                _ => "Bearer realm=\"homeward\"",
            };
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        if let Some(wait) = self.wait {
            headers.insert(RETRY_AFTER, HeaderValue::from(wait));
        }
        response
    }
}

impl Peer {
    /// The address that counts for limits; the socket's owner has none.
    pub(super) fn address(self) -> IpAddr {
        match self {
            Self::Tcp(address) => address,
            Self::Socket(_) => Ipv4Addr::UNSPECIFIED.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::Metrics;
    use axum::http::header::HOST;

    const READ: &str = "homeward_Read00000000000000000000";
    const OPERATE: &str = "homeward_Operate00000000000000000";
    const CLIENT: Peer = Peer::Tcp(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7)));

    fn access(closed: bool, tokens: bool) -> Access {
        let metrics = Arc::new(Metrics::new("0.0.0", clock::now()).unwrap());
        let edge = Arc::new(Edge::new("us-east".parse().unwrap(), metrics));
        if tokens {
            edge.set_admin_tokens(format!("read:{READ}\noperate:{OPERATE}\n").parse().unwrap());
        }
        Access::new(edge, None, closed)
    }

    fn headers(authorization: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::from_static("192.0.2.1:9901"));
        if !authorization.is_empty() {
            headers.insert(AUTHORIZATION, HeaderValue::from_str(authorization).unwrap());
        }
        headers
    }

    #[test]
    fn a_token_opens_what_its_role_may() {
        use AdminRefusal::{NoToken, Role as Lacks, WrongToken};
        let (read, operate) = (format!("Bearer {READ}"), format!("bearer  {OPERATE} "));
        let basic = format!("Basic {READ}");
        for (closed, tokens, authorization, needed, refused) in [
            (false, false, "", Role::Read, None),
            (false, false, "", Role::Operate, Some(NoToken)),
            (false, false, &*operate, Role::Operate, Some(NoToken)),
            (false, false, &*read, Role::Read, None),
            (false, true, "", Role::Read, None),
            (false, true, &*basic, Role::Read, None),
            (false, true, "Bearer wrong", Role::Read, Some(WrongToken)),
            (false, true, &*read, Role::Operate, Some(Lacks)),
            (false, true, &*operate, Role::Operate, None),
            (true, true, "", Role::Read, Some(NoToken)),
            (true, true, &*basic, Role::Read, Some(NoToken)),
            (true, true, "Bearer", Role::Read, Some(NoToken)),
            (true, true, "Bearer ", Role::Read, Some(WrongToken)),
            (true, true, &*read, Role::Read, None),
            (true, true, &*operate, Role::Read, None),
            (true, false, &*read, Role::Read, Some(NoToken)),
        ] {
            let checked = access(closed, tokens).check(CLIENT, &headers(authorization), "/metrics", needed);
            let why = checked.err().map(|refused| refused.why);
            assert_eq!(why, refused, "{closed} {tokens} {authorization} {needed:?}");
        }
        // Probes need none, and the socket is its owner's.
        let access = access(true, true);
        assert!(access.check(CLIENT, &headers(""), "/readyz", Role::Read).is_ok());
        assert!(access.check(CLIENT, &headers(""), "/readyz", Role::Operate).is_err());
        assert!(access.check(Peer::Socket(None), &headers("Bearer wrong"), "/metrics", Role::Operate).is_ok());
    }

    #[test]
    fn who_guesses_is_stopped_and_nobody_else() {
        let access = access(true, true);
        let wrong = |peer| access.check(peer, &headers("Bearer wrong"), "/metrics", Role::Read).unwrap_err();
        for _ in 0..WRONG_AT_ONCE {
            assert_eq!(wrong(CLIENT).why, AdminRefusal::WrongToken);
        }
        let refused = wrong(CLIENT);
        assert_eq!(refused.why, AdminRefusal::TooManyTokens);
        let response = refused.into_response();
        assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
        let wait: u32 = response.headers()[RETRY_AFTER].to_str().unwrap().parse().unwrap();
        assert!((1..=5).contains(&wait), "{wait}");
        let right = headers(&format!("Bearer {READ}"));
        assert!(access.check(CLIENT, &right, "/metrics", Role::Read).is_err(), "nothing is learned of the right one");
        let other = Peer::Tcp("2001:db8::1".parse().unwrap());
        assert_eq!(wrong(other).why, AdminRefusal::WrongToken);
        assert!(access.check(other, &right, "/metrics", Role::Read).is_ok());
        let text = access.edge.metrics().render();
        for line in ["wrong_token\"} 11\n", "too_many_tokens\"} 2\n", "no_token\"} 0\n"] {
            assert!(text.contains(&format!("homeward_admin_refusals_total{{why=\"{line}")), "{line}{text}");
        }
    }
}
