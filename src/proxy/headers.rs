//! What the app server and the next edge are told of a request, and what the client is not told of an answer.

use super::context::{Decided, RequestContext};
use super::hop::{CDN_LOOP, PSEUDONYM};
use crate::client::forwarded_element;
use crate::session::Minted;
use crate::tls::ClientIdentity;
use http::header::{COOKIE, FORWARDED, HOST, SET_COOKIE, VIA};
use http::{HeaderMap, HeaderName, HeaderValue, Version};
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::{Error, ErrorType};
use smallvec::SmallVec;
use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};

pub(super) const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
pub(super) const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
pub(super) const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
pub(super) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const HOMEWARD_REGION: HeaderName = HeaderName::from_static("homeward-region");
const HOMEWARD_HOME: HeaderName = HeaderName::from_static("homeward-home");
const HOMEWARD_SESSION: HeaderName = HeaderName::from_static("homeward-session");
pub(super) const HOMEWARD_REASON: HeaderName = HeaderName::from_static("homeward-reason");

const HOMEWARD_REPLAYED_FROM: HeaderName = HeaderName::from_static("homeward-replayed-from");
const HOMEWARD_REPLAY_FAILED: HeaderName = HeaderName::from_static("homeward-replay-failed");
/// What an app asks for: that the request be replayed in another region.
pub(super) const HOMEWARD_REPLAY: HeaderName = HeaderName::from_static("homeward-replay");
/// What an edge answers to the one that forwarded a request which it cannot serve: why.
pub(super) const HOMEWARD_HOP_REFUSED: HeaderName = HeaderName::from_static("homeward-hop-refused");

/// What an app calls its own answer, whatever its status.
pub(super) const HOMEWARD_OUTCOME: HeaderName = HeaderName::from_static("homeward-outcome");
/// The one thing that it can be called.
pub(super) const OUTCOME_FAILED: &str = "failed";

/// What is told of a client's certificate; no client's own word gets through.
pub(super) const CLIENT_CERTIFICATE: [&str; 2] = [ClientIdentity::SUBJECT, ClientIdentity::CERTIFICATE];

/// All names that only Homeward sets: no client's and no app's header of such a name gets through.
const OWN_PREFIX: &str = "homeward-";

/// How a request came.
pub(super) struct Received {
    /// From which address.
    pub peer: IpAddr,
    /// By which version of HTTP.
    pub version: Version,
    /// Whether over TLS.
    pub is_tls: bool,
    /// Whether the other side is told in `Forwarded` too.
    pub writes_forwarded: bool,
}

/// Writes what both an app server and another edge are told: who the visitor is, as far as that is known, and that the
/// request has passed an edge.
///
/// # Errors
/// Where a value is no header value; by their types none can be.
pub(super) fn of_visitor(
    head: &mut RequestHeader,
    context: &RequestContext,
    received: &Received,
) -> pingora::Result<()> {
    let own = head.headers.keys().filter(|name| name.as_str().starts_with(OWN_PREFIX)).cloned();
    let own: SmallVec<[HeaderName; 8]> = own.collect();
    own.iter().for_each(|name| _ = head.remove_header(name));

    if !head.raw_path().starts_with(b"/")
        && let Some(path) = head.uri.path_and_query().map(|path| path.as_str().to_owned())
    {
        // A URL is for proxies (RFC 9112, 3.2.2); a server gets the path that was decided on, and the host in `Host`.
        head.set_raw_path(path.as_bytes())?;
    }
    if let Some(forwarded) = &context.forwarded {
        // As the first edge saw it: an app cannot tell a request that made a hop from one that did not.
        for (name, value) in &forwarded.visitor {
            if value.is_empty() {
                head.remove_header(name);
            } else {
                head.insert_header(name.clone(), value.clone())?;
            }
        }
    } else {
        if let Some(told) = &context.told {
            // What these say of the visitor may be anybody's: it is written anew, from the header that is believed.
            for name in [X_FORWARDED_FOR, X_FORWARDED_PROTO, X_FORWARDED_HOST] {
                head.remove_header(&name);
            }
            if context.client != received.peer.to_canonical() {
                head.insert_header(X_FORWARDED_FOR, context.client.to_string())?;
            }
            if let Some(proto) = &told.proto {
                head.insert_header(X_FORWARDED_PROTO, &**proto)?;
            }
        }
        if !context.is_trusted {
            // What an untrusted client says of where it comes from is replaced, whichever header it uses.
            for name in [X_FORWARDED_FOR, X_FORWARDED_PROTO, X_FORWARDED_HOST, FORWARDED] {
                head.remove_header(&name);
            }
        }
        // In one line, as it comes out of a hop: many who read it look at the first line only.
        let peer = received.peer.to_canonical().to_string();
        let all = match &*joined(&head.headers, &X_FORWARDED_FOR) {
            b"" => HeaderValue::from_str(&peer),
            before => HeaderValue::from_bytes(&[before, b", ", peer.as_bytes()].concat()),
        };
        head.insert_header(X_FORWARDED_FOR, all.map_err(|_| Error::new(ErrorType::InvalidHTTPHeader))?)?;
        if !head.headers.contains_key(X_FORWARDED_PROTO) {
            head.insert_header(X_FORWARDED_PROTO, if received.is_tls { "https" } else { "http" })?;
        }
        if !head.headers.contains_key(X_FORWARDED_HOST)
            && let Some(host) = host(head).and_then(|host| HeaderValue::from_bytes(host).ok())
        {
            head.insert_header(X_FORWARDED_HOST, host)?;
        }
    }
    let identity = context.connection.as_ref().and_then(|connection| connection.identity());
    if identity.is_some() || (!context.is_trusted && context.forwarded.is_none()) {
        for name in CLIENT_CERTIFICATE {
            head.remove_header(name);
        }
    }
    if let Some(identity) = identity {
        head.insert_header(ClientIdentity::SUBJECT, identity.subject.as_str())?;
        head.insert_header(ClientIdentity::CERTIFICATE, identity.certificate.as_str())?;
    }
    if received.writes_forwarded && context.forwarded.is_none() {
        let peer = context.ends.client.unwrap_or_else(|| SocketAddr::new(received.peer, 0));
        let element = forwarded_element(peer, host(head), if received.is_tls { "https" } else { "http" });
        head.append_header(FORWARDED, element)?;
    }
    head.insert_header(X_REQUEST_ID, context.request_id.as_str())?;
    let version = match received.version {
        Version::HTTP_10 => "1.0",
        Version::HTTP_2 => "2.0",
        _ => "1.1",
    };
    head.append_header(VIA, format!("{version} {PSEUDONYM}"))?;
    head.append_header(CDN_LOOP, PSEUDONYM)?;
    Ok(())
}

/// Writes what the app server is told of the decision, and gives it its own session cookie back.
///
/// # Errors
/// Where a value is no header value; by their types none can be.
pub(super) fn to_app(head: &mut RequestHeader, context: &RequestContext, decided: &Decided) -> pingora::Result<()> {
    let Decided { live, decision } = decided;
    let region = decision.region().unwrap_or(live.local);
    head.insert_header(HOMEWARD_REGION, live.table.region_name(region))?;
    head.insert_header(HOMEWARD_HOME, live.table.region_name(decision.home))?;
    head.insert_header(HOMEWARD_SESSION, decided.session().as_str())?;
    head.insert_header(HOMEWARD_REASON, context.reasons(decided).to_string())?;
    if let Some(region) = context.replayed_from() {
        head.insert_header(HOMEWARD_REPLAYED_FROM, region.as_str())?;
    }
    if let Some(region) = context.replay.as_ref().filter(|replay| replay.has_failed).map(|replay| &replay.to) {
        head.insert_header(HOMEWARD_REPLAY_FAILED, format!("region={region}"))?;
    }
    if let Some(sessions) = live.table.sessions(decision.service) {
        let cookies = head.headers.get_all(COOKIE).iter();
        let rewritten: SmallVec<[_; 2]> =
            cookies.map(|line| (line.clone(), sessions.to_app(line.as_bytes()))).collect();
        if rewritten.iter().any(|(_, new)| new.is_some()) {
            head.remove_header(&COOKIE);
            for (line, new) in rewritten {
                // A part of a header value is one.
                let new = new.and_then(|new| HeaderValue::from_bytes(&new).ok());
                head.append_header(COOKIE, new.unwrap_or(line))?;
            }
        }
    }
    Ok(())
}

/// Takes out of an app's or an edge's answer what is between it and this edge. `kept` is passed on all the same: to the
/// edge that forwarded the request.
pub(super) fn to_client(head: &mut ResponseHeader, kept: Option<&HeaderName>) {
    let own = head.headers.keys().filter(|name| name.as_str().starts_with(OWN_PREFIX) && Some(*name) != kept);
    let own: SmallVec<[HeaderName; 4]> = own.cloned().collect();
    own.iter().for_each(|name| _ = head.remove_header(name));
}

/// Takes out of trailers what only Homeward sets.
pub(super) fn strip_own(trailers: &mut HeaderMap) {
    let own = trailers.keys().filter(|name| name.as_str().starts_with(OWN_PREFIX));
    let own: SmallVec<[HeaderName; 4]> = own.cloned().collect();
    own.iter().for_each(|name| _ = trailers.remove(name));
}

/// Puts the prefix of the region that served in front of the session cookies that its app sets, where the edge mints them.
/// Gives back what became of each.
///
/// # Errors
/// Where a line is no header value; by their origin none can be.
pub(super) fn mint(head: &mut ResponseHeader, decided: &Decided) -> pingora::Result<SmallVec<[Minted; 2]>> {
    let Decided { live, decision } = decided;
    let region = decision.region().and_then(|region| live.table.region(region));
    let (Some(sessions), Some(region)) = (live.table.sessions(decision.service), region) else {
        return Ok(SmallVec::new());
    };
    let prefix = region.session_prefix.as_str();
    let lines: SmallVec<[HeaderValue; 4]> = head.headers.get_all(SET_COOKIE).iter().cloned().collect();
    let minted: SmallVec<[Minted; 2]> = lines.iter().map(|line| sessions.to_client(line.as_bytes(), prefix)).collect();
    if minted.iter().any(|minted| matches!(minted, Minted::Line(_))) {
        head.remove_header(&SET_COOKIE);
        for (line, minted) in lines.into_iter().zip(&minted) {
            let new = match minted {
                Minted::Line(new) => HeaderValue::from_bytes(new).ok(),
                Minted::Untouched | Minted::TooLong => None,
            };
            head.append_header(SET_COOKIE, new.unwrap_or(line))?;
        }
    }
    Ok(minted)
}

/// The host that a request is for: its `Host` or, as HTTP/2 says it, the authority of its target.
pub(super) fn host(head: &RequestHeader) -> Option<&[u8]> {
    let line = head.headers.get(HOST).map(HeaderValue::as_bytes);
    line.or_else(|| head.uri.authority().map(|authority| authority.as_str().as_bytes()))
}

/// All lines of a header as one: cookies with `; ` between them as RFC 9113, 8.2.3 joins them, others with `, `.
pub(super) fn joined<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Cow<'h, [u8]> {
    let mut lines = headers.get_all(name).iter().map(HeaderValue::as_bytes);
    let (first, second) = (lines.next().unwrap_or_default(), lines.next());
    let Some(second) = second else { return Cow::Borrowed(first) };
    let between: &[u8] = if *name == COOKIE { b"; " } else { b", " };
    let mut whole = [first, between, second].concat();
    for line in lines {
        whole.extend_from_slice(between);
        whole.extend_from_slice(line);
    }
    Cow::Owned(whole)
}
