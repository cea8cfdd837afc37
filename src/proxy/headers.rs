//! What the app server is told of a request, and what the client is not told of an answer.

use super::context::{Decided, RequestContext};
use http::HeaderName;
use http::header::{FORWARDED, HOST, VIA};
use pingora::http::{RequestHeader, ResponseHeader};
use smallvec::SmallVec;
use std::net::IpAddr;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
pub(super) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const HOMEWARD_REGION: HeaderName = HeaderName::from_static("homeward-region");
const HOMEWARD_HOME: HeaderName = HeaderName::from_static("homeward-home");
const HOMEWARD_SESSION: HeaderName = HeaderName::from_static("homeward-session");
const HOMEWARD_REASON: HeaderName = HeaderName::from_static("homeward-reason");

/// All names that only Homeward sets: no client's and no app's header of such a name gets through.
const OWN_PREFIX: &str = "homeward-";

/// Writes what the app server is told: the visitor as far as it is known, and what was decided.
///
/// # Errors
/// Where a value is no header value; by their types none can be.
pub(super) fn to_app(
    head: &mut RequestHeader,
    context: &RequestContext,
    decided: &Decided,
    peer: IpAddr,
) -> pingora::Result<()> {
    let own = head.headers.keys().filter(|name| name.as_str().starts_with(OWN_PREFIX)).cloned();
    remove(own.collect(), |name| _ = head.remove_header(name));

    if !context.is_trusted {
        // What an untrusted client says of where it comes from is replaced, whichever header it uses.
        for name in [X_FORWARDED_FOR, X_FORWARDED_PROTO, X_FORWARDED_HOST, FORWARDED] {
            head.remove_header(&name);
        }
    }
    head.append_header(X_FORWARDED_FOR, peer.to_canonical().to_string())?;
    if !head.headers.contains_key(X_FORWARDED_PROTO) {
        head.insert_header(X_FORWARDED_PROTO, "http")?;
    }
    if !head.headers.contains_key(X_FORWARDED_HOST)
        && let Some(host) = head.headers.get(HOST).cloned()
    {
        head.insert_header(X_FORWARDED_HOST, host)?;
    }
    head.insert_header(X_REQUEST_ID, context.request_id.as_str())?;
    head.append_header(VIA, "1.1 homeward")?;

    let Decided { live, decision } = decided;
    let region = decision.region().unwrap_or(live.local);
    head.insert_header(HOMEWARD_REGION, live.table.region_name(region))?;
    head.insert_header(HOMEWARD_HOME, live.table.region_name(decision.home))?;
    head.insert_header(HOMEWARD_SESSION, decided.session().as_str())?;
    head.insert_header(HOMEWARD_REASON, decision.reasons(&live.table).to_string())
}

/// Takes out of an app's answer what is between the app and Homeward.
pub(super) fn to_client(head: &mut ResponseHeader) {
    let own = head.headers.keys().filter(|name| name.as_str().starts_with(OWN_PREFIX)).cloned();
    remove(own.collect(), |name| _ = head.remove_header(name));
}

fn remove(names: SmallVec<[HeaderName; 4]>, mut remove: impl FnMut(&HeaderName)) {
    names.iter().for_each(&mut remove);
}
