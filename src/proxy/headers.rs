//! What the app server and the next edge are told of a request, and what the client is not told of an answer.

use super::context::{Decided, RequestContext};
use super::fields::{Fields, Lines};
use super::head::Head;
use super::hop::{CDN_LOOP, PSEUDONYM};
use crate::client::forwarded_element;
use crate::session::Minted;
use http::header::{COOKIE, FORWARDED, HOST, SET_COOKIE, VIA};
use http::{HeaderMap, HeaderName, Version};
use smallvec::SmallVec;
use std::borrow::Cow;
use std::fmt::Write as _;
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

/// Who on the way an answer is of (RFC 9209).
pub(super) const PROXY_STATUS: HeaderName = HeaderName::from_static("proxy-status");

/// What an app calls its own answer, whatever its status.
pub(super) const HOMEWARD_OUTCOME: HeaderName = HeaderName::from_static("homeward-outcome");
/// The one thing that it can be called.
pub(super) const OUTCOME_FAILED: &str = "failed";

/// What is told of a client's certificate; no client's own word gets through.
const CLIENT_CERTIFICATE: [HeaderName; 2] =
    [HeaderName::from_static("x-client-cert-subject"), HeaderName::from_static("client-cert")];

/// Where a request comes from, as far as `Forwarded` does not say it.
const X_FORWARDED: [HeaderName; 3] = [X_FORWARDED_FOR, X_FORWARDED_PROTO, X_FORWARDED_HOST];

/// By which version a request came, and [`PSEUDONYM`] (RFC 9110, 7.6.3).
const VIA_HTTP_10: &[u8] = b"1.0 homeward";
const VIA_HTTP_11: &[u8] = b"1.1 homeward";
const VIA_HTTP_2: &[u8] = b"2.0 homeward";

/// All names that only Homeward sets: no client's and no app's header of such a name gets through.
const OWN_PREFIX: &str = "homeward-";

/// How many bytes the reasons of a decision usually have at the most.
const USUAL_REASONS: usize = 128;

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
/// request has passed an edge. `host` is the one that the request is for.
///
/// # Errors
/// Where a value is no header value; by their types none can be.
pub(super) fn of_visitor(
    fields: &mut impl Fields,
    host: Option<&[u8]>,
    context: &RequestContext,
    received: &Received,
) -> pingora::Result<()> {
    fields.take_out_starting(OWN_PREFIX, None);
    if let Some(forwarded) = &context.forwarded {
        // As the first edge saw it: an app cannot tell a request that made a hop from one that did not.
        for (name, value) in &forwarded.visitor {
            if value.is_empty() {
                fields.take_out(name);
            } else {
                fields.set(name, value.as_bytes())?;
            }
        }
    } else {
        of_peer(fields, host, context, received)?;
    }
    let identity = context.connection.as_ref().and_then(|connection| connection.identity());
    if identity.is_some() || (!context.is_trusted && context.forwarded.is_none()) {
        for name in &CLIENT_CERTIFICATE {
            fields.take_out(name);
        }
    }
    if let Some(identity) = identity {
        let [subject, certificate] = &CLIENT_CERTIFICATE;
        fields.set(subject, identity.subject.as_bytes())?;
        fields.set(certificate, identity.certificate.as_bytes())?;
    }
    if received.writes_forwarded && context.forwarded.is_none() {
        let peer = context.ends.client.unwrap_or_else(|| SocketAddr::new(received.peer, 0));
        let element = forwarded_element(peer, host, if received.is_tls { "https" } else { "http" });
        fields.add(&FORWARDED, element.as_bytes())?;
    }
    fields.set(&X_REQUEST_ID, context.request_id.as_bytes())?;
    let via = match received.version {
        Version::HTTP_10 => VIA_HTTP_10,
        Version::HTTP_2 => VIA_HTTP_2,
        _ => VIA_HTTP_11,
    };
    fields.add(&VIA, via)?;
    fields.add(&CDN_LOOP, PSEUDONYM.as_bytes())
}

/// Writes where a request comes from that no edge has seen before.
fn of_peer(
    fields: &mut impl Fields,
    host: Option<&[u8]>,
    context: &RequestContext,
    received: &Received,
) -> pingora::Result<()> {
    let proto: &[u8] = if received.is_tls { b"https" } else { b"http" };
    if !context.is_trusted {
        // What an untrusted client says of where it comes from is replaced, whichever header it uses.
        for name in X_FORWARDED.iter().chain([&FORWARDED]) {
            fields.take_out(name);
        }
        fields.add(&X_FORWARDED_FOR, context.peer_in_words().as_bytes())?;
        fields.add(&X_FORWARDED_PROTO, proto)?;
        return host.map_or(Ok(()), |host| fields.add(&X_FORWARDED_HOST, host));
    }
    if let Some(told) = &context.told {
        // What these say of the visitor may be anybody's: it is written anew, from the header that is believed.
        for name in &X_FORWARDED {
            fields.take_out(name);
        }
        if context.client != received.peer.to_canonical() {
            fields.set(&X_FORWARDED_FOR, context.client.to_string().as_bytes())?;
        }
        if let Some(proto) = &told.proto {
            fields.set(&X_FORWARDED_PROTO, proto.as_bytes())?;
        }
    }
    // In one line, as it comes out of a hop: many who read it look at the first line only.
    let mut all: SmallVec<[u8; 64]> = SmallVec::new();
    for line in fields.lines(&X_FORWARDED_FOR) {
        all.extend_from_slice(line);
        all.extend_from_slice(b", ");
    }
    all.extend_from_slice(context.peer_in_words().as_bytes());
    fields.set(&X_FORWARDED_FOR, &all)?;
    if !fields.has(&X_FORWARDED_PROTO) {
        fields.set(&X_FORWARDED_PROTO, proto)?;
    }
    match host {
        Some(host) if !fields.has(&X_FORWARDED_HOST) => fields.set(&X_FORWARDED_HOST, host),
        _ => Ok(()),
    }
}

/// Writes what the app server is told of the decision, and gives it its own session cookie back. [`of_visitor`] has taken out
/// what came under names of Homeward's own.
///
/// # Errors
/// Where a value is no header value; by their types none can be.
pub(super) fn to_app(fields: &mut impl Fields, context: &RequestContext, decided: &Decided) -> pingora::Result<()> {
    let Decided { live, decision } = decided;
    let region = decision.region().unwrap_or(live.local);
    fields.add(&HOMEWARD_REGION, live.table.region_name(region).as_bytes())?;
    fields.add(&HOMEWARD_HOME, live.table.region_name(decision.home).as_bytes())?;
    fields.add(&HOMEWARD_SESSION, decided.session().as_str().as_bytes())?;
    let mut reasons = String::with_capacity(USUAL_REASONS);
    // Written into memory.
    let _ = write!(reasons, "{}", context.reasons(decided));
    fields.add(&HOMEWARD_REASON, reasons.as_bytes())?;
    if let Some(region) = context.replayed_from() {
        fields.add(&HOMEWARD_REPLAYED_FROM, region.as_str().as_bytes())?;
    }
    if let Some(region) = context.replay.as_ref().filter(|replay| replay.has_failed).map(|replay| &replay.to) {
        fields.add(&HOMEWARD_REPLAY_FAILED, format!("region={region}").as_bytes())?;
    }
    let Some(sessions) = live.table.sessions(decision.service).filter(|sessions| sessions.rewrites()) else {
        return Ok(());
    };
    let rewritten: Option<SmallVec<[Vec<u8>; 2]>> = {
        let lines = fields.lines(&COOKIE);
        let new: SmallVec<[_; 2]> = lines.iter().map(|line| sessions.to_app(line)).collect();
        let changes = new.iter().any(Option::is_some);
        changes.then(|| new.into_iter().zip(&lines).map(|(new, line)| new.unwrap_or_else(|| line.to_vec())).collect())
    };
    if let Some(lines) = rewritten {
        fields.take_out(&COOKIE);
        for line in lines {
            fields.add(&COOKIE, &line)?; // a part of a header value is one
        }
    }
    Ok(())
}

/// Takes out of an app's or an edge's answer what is between it and this edge. `kept` is passed on all the same: to the
/// edge that forwarded the request.
pub(super) fn to_client(fields: &mut impl Fields, kept: Option<&HeaderName>) {
    fields.take_out_starting(OWN_PREFIX, kept);
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
pub(super) fn mint(fields: &mut impl Fields, decided: &Decided) -> pingora::Result<SmallVec<[Minted; 2]>> {
    let Decided { live, decision } = decided;
    let region = decision.region().and_then(|region| live.table.region(region));
    let (Some(sessions), Some(region)) = (live.table.sessions(decision.service), region) else {
        return Ok(SmallVec::new());
    };
    if !fields.has(&SET_COOKIE) {
        return Ok(SmallVec::new());
    }
    let prefix = region.session_prefix.as_str();
    let lines: SmallVec<[Vec<u8>; 4]> = fields.lines(&SET_COOKIE).iter().map(|line| line.to_vec()).collect();
    let minted: SmallVec<[Minted; 2]> = lines.iter().map(|line| sessions.to_client(line, prefix)).collect();
    if minted.iter().any(|minted| matches!(minted, Minted::Line(_))) {
        fields.take_out(&SET_COOKIE);
        for (line, minted) in lines.iter().zip(&minted) {
            let new = match minted {
                Minted::Line(new) => new,
                Minted::Untouched | Minted::TooLong => line,
            };
            fields.add(&SET_COOKIE, new)?;
        }
    }
    Ok(minted)
}

/// The host that a request is for: its `Host` or, as HTTP/2 says it, the authority of its target.
pub(super) fn host(head: &dyn Head) -> Option<&[u8]> {
    head.first(&HOST).or_else(|| head.authority().map(str::as_bytes))
}

/// All lines of a header as one: cookies with `; ` between them as RFC 9113, 8.2.3 joins them, others with `, `.
pub(super) fn joined<'h>(lines: Lines<'h>, name: &HeaderName) -> Cow<'h, [u8]> {
    let between: &[u8] = if *name == COOKIE { b"; " } else { b", " };
    match *lines {
        [] => Cow::Borrowed(&[]),
        [only] => Cow::Borrowed(only),
        ref several => Cow::Owned(several.join(between)),
    }
}
