//! What is kept of one request while it is served.

use super::connection::{ConnectionState, Phase};
use super::deadline::{Cutter, Deadline};
use super::hop::Forwarded;
use super::judge::Answered;
use super::refusal::{Refusal, UpstreamFailure};
use super::replay::Replayed;
use super::trace::Trace;
use crate::live::{ActiveRequest, Edge, GoesAhead, Judged, LiveTable, OpenStream, Place, clock};
use crate::model::{GrpcStatus, RegionId, RegionName, Service, Timestamp};
use crate::resilience::{BudgetedRequest, BudgetedRetry, Patience};
use crate::routing::{Decision, Reasons, SessionState, Way};
use crate::telemetry::Open;
use smallvec::SmallVec;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// One request, from its head to its line in the access log.
pub(crate) struct RequestContext {
    /// The connection that it came on.
    pub(super) connection: Option<Arc<ConnectionState>>,
    /// When it came, for people.
    pub(super) time: Timestamp,
    /// When it came, for measuring.
    pub(super) began: Instant,
    /// The visitor's address.
    pub(super) client: IpAddr,
    /// Whether what the peer says of the visitor is believed.
    pub(super) is_trusted: bool,
    /// What a trusted proxy says of the visitor in `Forwarded`, where that is where it is said.
    pub(super) told: Option<Told>,
    /// Between which addresses its connection is.
    pub(super) ends: Ends,
    /// Its name in all logs.
    pub(super) request_id: String,
    /// What another edge has said of it, where it came from one.
    pub(super) forwarded: Option<Box<Forwarded>>,
    /// Whether it may be going in circles: it has passed an edge, and comes without a good token.
    pub(super) in_circle: bool,
    /// The table that it is served by, with what was decided.
    pub(super) decided: Option<Decided>,
    /// Why the edge answers itself, where it does.
    pub(super) refusal: Option<Refusal>,
    /// Whether the table before, which is held while the new one is watched, would have served it as the new one does not.
    pub(super) is_lost: bool,
    /// Which trace it belongs to, where there are traces.
    pub(super) trace: Option<Box<Trace>>,
    /// Where it was tried.
    pub(super) attempts: Attempts,
    /// Its place in the pool that it goes to.
    pub(super) place: Option<Place>,
    /// That its app asked for it to be replayed in another region.
    pub(super) replay: Option<Box<Replayed>>,
    /// Whether the answer that was just left is no failure, and the request goes once more.
    pub(super) goes_again: bool,
    /// Whether it is carried by a request within the process, which is counted in its place.
    pub(super) is_carried: bool,
    /// How it ended, where it is a gRPC call and that was said.
    pub(super) grpc_status: Option<GrpcStatus>,
    /// Bytes of its body so far.
    pub(super) body_received: u64,
    /// When all of it had come.
    pub(super) whole_since: Option<Instant>,
    /// How long its body was waited for, where that is for the request to say and not for its connection.
    pub(super) upload: Option<Patience>,
    /// Whether its region's traffic has it.
    pub(super) is_counted: bool,
    /// Whether its connection is its own while it is served.
    pub(super) has_connection: bool,
    /// What counts it as a stream, where it is one.
    pub(super) stream: Option<OpenStream>,
    _open: Open,
}

/// What is said of a visitor in `Forwarded`, beside its address.
#[derive(Debug)]
pub(super) struct Told {
    /// The protocol that it speaks.
    pub proto: Option<Box<str>>,
    /// Whether it cannot be read.
    pub is_malformed: bool,
}

/// The two ends of a client's connection, as far as they are known.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Ends {
    /// Where it comes from.
    pub client: Option<SocketAddr>,
    /// Where it was taken.
    pub edge: Option<SocketAddr>,
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
    /// How many there were in the region that is tried.
    pub in_region: u8,
    /// How many of these found no server.
    pub unreached: u8,
    /// How many of them were made because the one before had failed.
    pub retries: u8,
    /// How long is waited before the next one.
    pub wait: Duration,
    /// What counts the last one as under way.
    pub budgeted: Option<BudgetedRequest>,
    /// That the next one waits for room in the budget; and what the last one failed by.
    pub awaits_budget: Option<UpstreamFailure>,
    /// What counts it as a retry, where it is one that the budget has room for.
    pub budgeted_retry: Option<BudgetedRetry>,
    /// What its connection can be ended by, until the request has come whole.
    pub cutter: Option<Cutter>,
    /// What ends the last one where no answer comes in time.
    pub deadline: Option<Deadline>,
    /// Those that failed, of the region that is tried.
    pub failed: SmallVec<[SocketAddr; 4]>,
    /// The region that is tried.
    pub region: Option<RegionId>,
    /// How it is reached.
    pub way: Option<Way>,
    /// The server that is tried or that answered.
    pub server: Option<ActiveRequest>,
    /// The last one, until something is heard of the server.
    pub judged: Option<Judged>,
    /// What holds back other requests of its session until it is answered.
    pub goes_ahead: Option<GoesAhead>,
    /// Whether the last one is not over yet.
    pub is_under_way: bool,
    /// Whether it is made on a connection that had been kept from an earlier request.
    pub is_reused: bool,
    /// What was answered to the last one.
    pub answered: Option<Answered>,
    /// Whether its connection was used for long enough.
    pub is_worn: bool,
    /// Whether the head of an answer was passed on.
    pub has_answered: bool,
    /// When the last one began.
    pub began: Option<Instant>,
    /// How long its answer took to begin.
    pub first_byte: Option<Duration>,
}

impl RequestContext {
    pub(super) fn new(edge: &Arc<Edge>) -> Self {
        Self {
            connection: None,
            time: clock::now(),
            began: clock::monotonic(),
            client: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            is_trusted: false,
            told: None,
            ends: Ends::default(),
            request_id: String::new(),
            forwarded: None,
            in_circle: false,
            decided: None,
            refusal: None,
            is_lost: false,
            trace: None,
            attempts: Attempts::default(),
            place: None,
            replay: None,
            goes_again: false,
            is_carried: false,
            grpc_status: None,
            body_received: 0,
            whole_since: None,
            upload: None,
            is_counted: false,
            has_connection: false,
            stream: None,
            _open: edge.metrics().open_request(),
        }
    }

    /// What the table says of its service.
    pub(super) fn service(&self) -> Option<&Service> {
        let Decided { live, decision } = self.decided.as_ref()?;
        live.table.service(decision.service)
    }

    /// Who is at the other end of its connection.
    pub(super) fn peer(&self) -> IpAddr {
        let peer = self.connection.as_ref().map(|connection| connection.peer.ip());
        peer.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED))
    }

    /// The same as text.
    pub(super) fn peer_in_words(&self) -> &str {
        self.connection.as_ref().map_or("0.0.0.0", |connection| &connection.peer_in_words)
    }

    /// Says what the next bytes of its connection are.
    pub(super) fn enter(&self, phase: Phase) {
        if let Some(connection) = &self.connection {
            connection.enter(phase);
        }
    }

    /// The reasons of what was decided, behind those of the edge that forwarded the request.
    pub(super) fn reasons<'a>(&'a self, decided: &'a Decided) -> AllReasons<'a> {
        AllReasons {
            before: self.forwarded.as_ref().map(|forwarded| &*forwarded.reasons),
            here: decided.decision.reasons(&decided.live.table),
        }
    }

    /// The region whose app asked for this request to be replayed here.
    pub(super) fn replayed_from(&self) -> Option<&RegionName> {
        match (&self.forwarded, &self.replay) {
            (Some(forwarded), _) => forwarded.claims.replayed_from.as_ref(),
            (None, Some(replayed)) => Some(&replayed.from).filter(|_| !replayed.has_failed),
            (None, None) => None,
        }
    }
}

/// All reasons why a request is where it is, across a hop; written as those of one decision are.
pub(super) struct AllReasons<'a> {
    before: Option<&'a str>,
    here: Reasons<'a>,
}

impl fmt::Display for AllReasons<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(before) = self.before {
            f.write_str(before)?;
            f.write_str(", ")?;
        }
        self.here.fmt(f)
    }
}
