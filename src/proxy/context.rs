//! What is kept of one request while it is served.

use super::refusal::Refusal;
use crate::live::{ActiveRequest, Edge, LiveTable, clock};
use crate::model::{RegionId, Timestamp};
use crate::routing::{Decision, SessionState};
use crate::telemetry::OpenRequest;
use smallvec::SmallVec;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// One request, from its head to its line in the access log.
pub(crate) struct RequestContext {
    /// When it came, for people.
    pub(super) time: Timestamp,
    /// When it came, for measuring.
    pub(super) began: Instant,
    /// The visitor's address.
    pub(super) client: IpAddr,
    /// Whether what the peer says of the visitor is believed.
    pub(super) is_trusted: bool,
    /// Its name in all logs.
    pub(super) request_id: String,
    /// The table that it is served by, with what was decided.
    pub(super) decided: Option<Decided>,
    /// Why the edge answers itself, where it does.
    pub(super) refusal: Option<Refusal>,
    /// Where it was tried.
    pub(super) attempts: Attempts,
    /// Bytes of its body so far.
    pub(super) body_received: u64,
    _open: OpenRequest,
}

/// A decision and the table that it was made from.
pub(super) struct Decided {
    pub live: Arc<LiveTable>,
    pub decision: Decision,
}

impl Decided {
    /// What becomes of the session.
    pub(super) fn session(&self) -> SessionState {
        self.decision.session(self.live.local)
    }
}

/// The servers that a request was tried on.
#[derive(Default)]
pub(super) struct Attempts {
    /// How many there were.
    pub count: u8,
    /// Those that failed, of the region that is tried.
    pub failed: SmallVec<[SocketAddr; 4]>,
    /// The region that is tried.
    pub region: Option<RegionId>,
    /// The server that is tried or that answered.
    pub server: Option<ActiveRequest>,
    /// When the last one began.
    pub began: Option<Instant>,
    /// How long its answer took to begin.
    pub first_byte: Option<Duration>,
}

impl RequestContext {
    pub(super) fn new(edge: &Arc<Edge>) -> Self {
        Self {
            time: clock::now(),
            began: clock::monotonic(),
            client: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            is_trusted: false,
            request_id: String::new(),
            decided: None,
            refusal: None,
            attempts: Attempts::default(),
            body_received: 0,
            _open: edge.metrics().open_request(),
        }
    }
}
