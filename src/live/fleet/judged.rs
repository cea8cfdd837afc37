//! An attempt at a server, and what the breakers are told of it.

use super::entrance::{Entrance, Place, log_change};
use super::server::Server;
use crate::live::{clock, entropy};
use crate::resilience::{AttemptEnd, Pass};
use std::sync::Arc;
use std::time::Duration;

/// What was heard of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// An answer of its app, whatever it says.
    Answer,
    /// An answer that says that it cannot serve: 502, 503 or 504.
    CannotServe,
    /// Nothing: no connection was made, or it ended before an answer, or what came is no HTTP.
    Nothing,
    /// Nothing for as long as it was waited for.
    NothingInTime,
}

/// An attempt that is under way. Where it goes without that anything was heard, nothing is said of the server.
#[derive(Debug)]
pub struct Judged {
    server: Arc<Server>,
    entrance: Arc<Entrance>,
    /// As what it went past the server's breaker; `None` where that has no say in it.
    entry: Option<Pass>,
}

impl Judged {
    /// An attempt that begins now.
    #[must_use]
    pub fn begin(server: &Arc<Server>, entrance: &Arc<Entrance>) -> Self {
        // One that is sent past an open breaker, for want of another server, is none of the trickle.
        let entry = if entrance.breaker_rules().servers { server.breaker.enter(clock::elapsed()) } else { None };
        Self { server: Arc::clone(server), entrance: Arc::clone(entrance), entry }
    }

    /// Takes in what was heard after how long; `place` is the place of its request.
    pub fn heard(mut self, heard: Heard, took: Duration, place: Option<&mut Place>) {
        let (of_server, of_pool) = match heard {
            Heard::Answer => (AttemptEnd::Success, AttemptEnd::Success),
            Heard::CannotServe => (AttemptEnd::Failure, AttemptEnd::Success),
            Heard::Nothing | Heard::NothingInTime => (AttemptEnd::Failure, AttemptEnd::Failure),
        };
        self.tell(of_server);
        if let Some(place) = place {
            place.tell(of_pool);
        }
        if heard != Heard::Nothing {
            self.entrance.answered(took);
        }
    }

    fn tell(&mut self, end: AttemptEnd) {
        let Some(entry) = self.entry.take() else { return };
        let rules = self.entrance.breaker_rules();
        let now = clock::elapsed();
        if let Some(change) = self.server.breaker.ended(entry, end, now, entropy::random_u64(), &rules) {
            let (address, purpose, region) = (self.server.address(), self.server.purpose(), self.server.region());
            let thing = format_args!("server {address} of {purpose} in {region}");
            log_change(&thing, change, self.server.breaker.open_for(now));
        }
    }
}

impl Drop for Judged {
    fn drop(&mut self) {
        self.tell(AttemptEnd::Unknown);
    }
}
