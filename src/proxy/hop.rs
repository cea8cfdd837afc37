//! From edge to edge: what is said of a request that is forwarded, and what of that is believed.

use super::Proxy;
use super::context::RequestContext;
use super::fields::{Fields, Lines};
use super::head::Head;
use super::headers::{HOMEWARD_REASON, X_FORWARDED_FOR, X_FORWARDED_HOST, X_FORWARDED_PROTO, host, joined};
use super::request_id;
use crate::hop::{Bound, Claims, HopProblem, seal, verified};
use crate::live::{LiveTable, clock};
use crate::model::Keyring;
use crate::routing::{Arrival, FoundBy};
use crate::telemetry::{HopResult, Occasionally};
use crate::tls::ClientIdentity;
use http::header::{AUTHORIZATION, COOKIE, FORWARDED};
use http::{HeaderName, HeaderValue, Method};
use smallvec::SmallVec;
use std::time::Duration;

/// The token. The headers beside it carry what the next edge is to tell the app: a load balancer in front of that edge
/// would change `X-Forwarded-For` and its kin, and these it lets through.
pub(super) const HOMEWARD_HOP: HeaderName = HeaderName::from_static("homeward-hop");
const HOMEWARD_HOP_FOR: HeaderName = HeaderName::from_static("homeward-hop-for");
const HOMEWARD_HOP_PROTO: HeaderName = HeaderName::from_static("homeward-hop-proto");
const HOMEWARD_HOP_HOST: HeaderName = HeaderName::from_static("homeward-hop-host");
const HOMEWARD_HOP_FORWARDED: HeaderName = HeaderName::from_static("homeward-hop-forwarded");
const HOMEWARD_HOP_ID: HeaderName = HeaderName::from_static("homeward-hop-id");

/// RFC 8586: the name of each edge that a request has passed.
pub(super) const CDN_LOOP: HeaderName = HeaderName::from_static("cdn-loop");
/// What edges are called there and in `Via`. All have the same name: it is the fleet that a request must not circle in.
pub(super) const PSEUDONYM: &str = "homeward";

/// How often a request may have passed an edge before it is refused: once more than any that goes right.
pub(super) const MOST_PASSES: usize = 3;

/// A request that another edge has forwarded, on that edge's word.
pub(super) struct Forwarded {
    /// What its token says.
    pub claims: Claims,
    /// Why it was forwarded, as the other edge tells it.
    pub reasons: String,
    /// What the app is told as `X-Forwarded-For`, `-Proto`, `-Host` and `Forwarded`; empty where it is not told.
    pub visitor: [(HeaderName, HeaderValue); 4],
    /// The id of the request.
    pub request_id: String,
}

impl Forwarded {
    /// Where the request comes from, for the decision.
    pub(super) fn arrival(&self) -> Arrival<'_> {
        let by = match (&self.claims.replayed_from, self.claims.by_session) {
            (Some(_), _) => FoundBy::Replay,
            (None, true) => FoundBy::Session,
            (None, false) => FoundBy::Place,
        };
        Arrival::Hop { from: self.claims.from.as_str(), home: self.claims.home.as_str(), by }
    }
}

/// How often the request has passed an edge, by its `CDN-Loop`.
pub(super) fn passes(head: &dyn Head) -> usize {
    let entries = head.all(&CDN_LOOP).into_iter().flat_map(|line| line.split(|byte| *byte == b','));
    let names = entries.map(|entry| entry.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii());
    names.filter(|name| name.eq_ignore_ascii_case(PSEUDONYM.as_bytes())).count()
}

impl Proxy {
    /// What another edge says of a request, where it has a token that is good for it. One that is not is counted, and
    /// changes nothing: it is taken out before anybody sees it, as all headers of Homeward's own are.
    pub(super) fn forwarded(&self, head: &dyn Head, live: &LiveTable) -> Option<Box<Forwarded>> {
        let tokens = head.all(&HOMEWARD_HOP);
        let token = tokens.first()?;
        let metrics = self.edge.metrics();
        let result = match self.edge.hop_keys() {
            None => Err(HopResult::HopsAreOff),
            Some(_) if tokens.len() > 1 => Err(HopResult::Malformed),
            Some(keys) => self.believed(head, live, token, &keys).map_err(HopResult::from),
        };
        match result {
            Ok(forwarded) => {
                metrics.hop_token(HopResult::Valid);
                Some(Box::new(forwarded))
            }
            Err(problem) => {
                metrics.hop_token(problem);
                warn_of_token(problem);
                None
            }
        }
    }

    fn believed(
        &self,
        head: &dyn Head,
        live: &LiveTable,
        token: &[u8],
        keys: &Keyring,
    ) -> Result<Forwarded, HopProblem> {
        let said = |name| head.only(&name).ok_or(HopProblem::Malformed);
        let value = |name| HeaderValue::from_bytes(said(name)?).map_err(|_| HopProblem::Malformed);
        let (reasons, request_id) = (said(HOMEWARD_REASON)?, said(HOMEWARD_HOP_ID)?);
        let visitor = [
            value(HOMEWARD_HOP_FOR)?,
            value(HOMEWARD_HOP_PROTO)?,
            value(HOMEWARD_HOP_HOST)?,
            value(HOMEWARD_HOP_FORWARDED)?,
        ];
        let claims = {
            let cookies = joined(head.all(&COOKIE), &COOKIE);
            let lines = lines(visitor.each_ref().map(HeaderValue::as_bytes), &cookies, |name| head.named(name), live);
            let bound = Asked::of(head).bound(request_id, reasons, &lines);
            verified(token, &bound, keys, self.edge.local(), clock::now())?
        };
        let request_id = request_id::accepted(request_id).ok_or(HopProblem::Malformed)?.to_owned();
        let reasons = std::str::from_utf8(reasons).ok().filter(|reasons| reasons.is_ascii());
        let reasons = reasons.ok_or(HopProblem::Malformed)?.to_owned();
        let [visitor_for, proto, host, whole] = visitor;
        let visitor =
            [(X_FORWARDED_FOR, visitor_for), (X_FORWARDED_PROTO, proto), (X_FORWARDED_HOST, host), (FORWARDED, whole)];
        Ok(Forwarded { claims, reasons, visitor, request_id })
    }
}

/// Any client can send a bad token; but where edges' keys are out of step, every hop comes with one.
fn warn_of_token(problem: HopResult) {
    static WARNED: Occasionally = Occasionally::once_in(Duration::from_mins(1));
    if let Some(more) = WARNED.at(clock::now()) {
        tracing::warn!(
            "a request came with a hop token that is not believed: {} ({more} more since the last warning); where other \
             edges made them, see that hop.key_file says the same keys on all edges, and that their clocks agree",
            problem.as_str()
        );
    }
}

/// Says to the edge that the request goes to what it needs to know, under a token. `fields` have what the app would be told
/// of the visitor already.
///
/// # Errors
/// Where a value is no header value; by their types none can be.
pub(super) fn to_edge(
    fields: &mut impl Fields,
    asked: &Asked<'_>,
    context: &RequestContext,
    live: &LiveTable,
    claims: &Claims,
    keys: &Keyring,
) -> pingora::Result<()> {
    let Some(decided) = &context.decided else { return Ok(()) };
    let reasons = context.reasons(decided).to_string();
    let visitor = [X_FORWARDED_FOR, X_FORWARDED_PROTO, X_FORWARDED_HOST, FORWARDED]
        .map(|name| joined(fields.lines(&name), &name).into_owned());
    let token = {
        let cookies = joined(fields.lines(&COOKIE), &COOKIE);
        let lines = lines(visitor.each_ref().map(Vec::as_slice), &cookies, |name| fields.lines_named(name), live);
        seal(claims, &asked.bound(context.request_id.as_bytes(), reasons.as_bytes(), &lines), keys)
    };
    let names = [HOMEWARD_HOP_FOR, HOMEWARD_HOP_PROTO, HOMEWARD_HOP_HOST, HOMEWARD_HOP_FORWARDED];
    for (name, value) in names.iter().zip(&visitor) {
        fields.set(name, value)?;
    }
    fields.set(&HOMEWARD_HOP_ID, context.request_id.as_bytes())?;
    fields.set(&HOMEWARD_REASON, reasons.as_bytes())?;
    fields.set(&HOMEWARD_HOP, token.as_bytes())
}

/// What is asked for: what is the same of a request in every version of HTTP.
pub(super) struct Asked<'a> {
    pub method: &'a Method,
    /// The host that it is for, where it names one.
    pub host: Option<&'a [u8]>,
    /// Path and query.
    pub target: &'a [u8],
}

impl<'a> Asked<'a> {
    /// By a head.
    pub(super) fn of(head: &'a dyn Head) -> Self {
        Self {
            method: head.method(),
            host: host(head),
            target: head.path_and_query().map_or_else(|| head.target(), str::as_bytes),
        }
    }

    fn bound<'b>(&self, request_id: &'b [u8], reasons: &'b [u8], lines: &'b [&'b [u8]]) -> Bound<'b>
    where
        'a: 'b,
    {
        let Self { method, host, target } = *self;
        let host = host.unwrap_or_default();
        Bound { method: method.as_str().as_bytes(), host, target, request_id, reasons, lines }
    }
}

/// What says where the request comes from, and where it goes: by cookies, a bearer token, or another header that the table
/// reads keys from.
fn lines<'a>(
    visitor: [&'a [u8]; 4],
    cookies: &'a [u8],
    named: impl Fn(&str) -> Lines<'a>,
    live: &'a LiveTable,
) -> SmallVec<[&'a [u8]; 8]> {
    let mut lines: SmallVec<[&[u8]; 8]> = visitor.into_iter().collect();
    lines.push(cookies);
    let keys = live.table.key_headers().iter().map(AsRef::as_ref).filter(|name| *name != AUTHORIZATION.as_str());
    for name in keys.chain([AUTHORIZATION.as_str()]).chain([ClientIdentity::SUBJECT, ClientIdentity::CERTIFICATE]) {
        // With its name in front of each, so that no value can be moved to another header.
        lines.extend(named(name).into_iter().flat_map(|value| [name.as_bytes(), value]));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use pingora::http::RequestHeader;

    #[test]
    fn passes_are_counted_by_name() {
        let head = |lines: &[&str]| {
            let mut head = RequestHeader::build("GET", b"/", None).unwrap();
            lines.iter().for_each(|line| _ = head.append_header("CDN-Loop", *line).unwrap());
            head
        };
        for (lines, count) in [
            (&[][..], 0),
            (&["other.example"], 0),
            (&["homeward"], 1),
            (&["a, Homeward;v=1", "homeward-like", "homeward"], 2),
            (&["homeward,homeward , homeward; x"], 3),
        ] {
            assert_eq!(passes(&head(lines)), count, "{lines:?}");
        }
    }
}
