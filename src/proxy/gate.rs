//! The gate before a server that has to load a request's session first.

use super::Proxy;
use super::context::{Decided, RequestContext};
use super::head::Head;
use crate::live::{Passage, SessionGate, clock};
use crate::model::{GatedSessions, RegionName};
use crate::routing::{SessionState, Way};
use crate::telemetry::GatePassage;
use http::StatusCode;
use std::net::SocketAddr;
use std::sync::Arc;

/// Where a session has to be loaded: on one server where its requests keep to that, else in the region.
#[derive(Hash)]
struct Place<'a> {
    region: &'a RegionName,
    server: Option<SocketAddr>,
}

impl Proxy {
    /// Waits, before an attempt at the server that was chosen, for another request of the same session that is loading it
    /// there, where there is one.
    pub(super) async fn pass_gate(&self, head: &dyn Head, context: &mut RequestContext) {
        let Some((gate, was_moved)) = self.gate_before(head, context) else { return };
        let (Some(Decided { live, decision }), Some(active)) = (&context.decided, &context.attempts.server) else {
            return;
        };
        let (Some(sessions), Some(service)) =
            (live.table.sessions(decision.service), live.table.service(decision.service))
        else {
            return;
        };
        let server = service.balance.by.is_keyed().then(|| active.server().address());
        let place = Place { region: active.server().region(), server };
        let crossing = self
            .with_facts(live, head, "", context, |facts| sessions.key_of(facts).map(|key| gate.crossing(key, place)));
        let Some(crossing) = crossing else { return };
        let passage = gate.pass(crossing, was_moved).await;
        let counted = match &passage {
            Passage::Free => None,
            Passage::Ahead(_) => Some(GatePassage::Ahead),
            Passage::Followed => Some(GatePassage::Followed),
            Passage::TimedOut => Some(GatePassage::TimedOut),
        };
        if let Some(counted) = counted {
            live.meters.gate(decision.service, counted);
        }
        if let Passage::Ahead(ahead) = passage {
            context.attempts.goes_ahead = Some(ahead);
        }
        // What was waited here is not the server's.
        context.attempts.began = Some(clock::monotonic());
    }

    /// The gate that the attempt has to pass, and whether its session was moved, as far as the fleet tells. `None` where there
    /// is nothing to wait for.
    fn gate_before(&self, head: &dyn Head, context: &RequestContext) -> Option<(Arc<SessionGate>, bool)> {
        let Decided { live, decision } = context.decided.as_ref()?;
        let gate = live.gate(decision.service)?;
        let (region, way) = (context.attempts.region?, context.attempts.way?);
        let session = decision.session(live.local);
        if way == Way::Edge || session == SessionState::New {
            return None; // the edge before the server has a gate of its own
        }
        let service = live.table.service(decision.service)?;
        let key = self.affinity_key(head, context).filter(|_| service.balance.by.is_keyed());
        let is_orphan = session == SessionState::Orphaned;
        if key.is_none() && !is_orphan && gate.rules().sessions == GatedSessions::Moved {
            return None; // all servers of a region have its sessions
        }
        let server = context.attempts.server.as_ref()?.server();
        let pool = live.pools.get(decision.service, region)?;
        let is_displaced = key.is_some_and(|key| pool.is_displaced(&service.balance, key, server.address()));
        Some((Arc::clone(gate), is_orphan || is_displaced))
    }
}

impl RequestContext {
    /// Takes in that the attempt was answered with `status`: then its session is loaded, unless the app has failed.
    pub(super) fn gate_answered(&mut self, status: StatusCode) {
        if let Some(ahead) = self.attempts.goes_ahead.take()
            && !status.is_server_error()
        {
            ahead.answered();
        }
    }
}
