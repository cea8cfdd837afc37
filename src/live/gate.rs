//! The gate of one service, for requests that wait.

use super::clock;
use super::hash_key::HashKey;
use crate::model::{GateRules, GatedSessions};
use crate::resilience::{Crossing, Entry, Gate, GateSize, Ticket};
use std::fmt;
use std::hash::Hash;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use tokio::sync::Notify;
use tokio::time::timeout;

/// Holds the requests of one session together that come to a server which has to load it first. It outlives the table, and has
/// no memory before the first session comes that has to be held.
pub struct SessionGate {
    rules: GateRules,
    secret: HashKey,
    made: OnceLock<(Gate, Box<[Notify]>)>,
    waiting: AtomicUsize,
}

/// How a request got through.
#[derive(Debug)]
pub enum Passage {
    /// It had not to wait.
    Free,
    /// It has gone ahead. The others wait until this is told how it ended, or dropped.
    Ahead(GoesAhead),
    /// It has waited for another, which was answered.
    Followed,
    /// It has waited for as long as one waits, and goes all the same.
    TimedOut,
}

/// A request that goes ahead of others.
pub struct GoesAhead {
    gate: Arc<SessionGate>,
    ticket: Option<Ticket>,
}

impl SessionGate {
    /// By these rules; `None` where they hold nobody.
    #[must_use]
    pub fn new(rules: GateRules, secret: HashKey) -> Option<Self> {
        (rules.sessions != GatedSessions::None).then(|| Self {
            rules,
            secret,
            made: OnceLock::new(),
            waiting: AtomicUsize::new(0),
        })
    }

    /// By what it holds.
    #[must_use]
    pub fn rules(&self) -> GateRules {
        self.rules
    }

    /// How many requests wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// What the request of the session with `key` crosses that is about to go to `place`.
    #[must_use]
    pub fn crossing(&self, key: &[u8], place: impl Hash) -> Crossing {
        Crossing { session: self.secret.hash(key), place: self.secret.hash(place) }
    }

    /// Gets a request through. `was_moved` says that it is not where it
    /// was before, as far as is known without the gate's own memory.
    pub async fn pass(self: &Arc<Self>, crossing: Crossing, was_moved: bool) -> Passage {
        let is_trusted = !was_moved && self.rules.sessions == GatedSessions::Moved;
        let (gate, woken) = self.made.get_or_init(|| self.make());
        let mut has_waited = false;
        let last = clock::elapsed().saturating_add(self.rules.wait);
        loop {
            // Registered before the look, so that nobody leaves in between unheard.
            let leaves = woken[gate.stripe_of(crossing.session)].notified();
            tokio::pin!(leaves);
            leaves.as_mut().enable();
            let now = clock::elapsed();
            match gate.enter(crossing, is_trusted, now) {
                Entry::Open if has_waited => return Passage::Followed,
                Entry::Open => return Passage::Free,
                Entry::Ahead(ticket) => {
                    return Passage::Ahead(GoesAhead { gate: Arc::clone(self), ticket: Some(ticket) });
                }
                Entry::Waits { .. } if now >= last => return Passage::TimedOut,
                Entry::Waits { until, .. } => {
                    has_waited = true;
                    let _counted = Waiting::at(self);
                    // Whether somebody left or the time is over is seen by the next look.
                    let _ = timeout(until.min(last).saturating_sub(now), leaves).await;
                }
            }
        }
    }

    fn make(&self) -> (Gate, Box<[Notify]>) {
        let GateRules { stripes, settled, wait, .. } = self.rules;
        let woken = std::iter::repeat_with(Notify::new).take(stripes.get() as usize);
        (Gate::new(GateSize { stripes, settled, patience: wait }), woken.collect())
    }
}

/// A request that waits, until this is dropped: its client may leave meanwhile.
struct Waiting<'a>(&'a SessionGate);

impl<'a> Waiting<'a> {
    fn at(gate: &'a SessionGate) -> Self {
        gate.waiting.fetch_add(1, Ordering::Relaxed);
        Self(gate)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

impl fmt::Debug for SessionGate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionGate").field("rules", &self.rules).finish_non_exhaustive()
    }
}

impl GoesAhead {
    /// Lets the others go: the request was answered, so that its session is loaded.
    pub fn answered(mut self) {
        self.leave(true);
    }

    fn leave(&mut self, is_loaded: bool) {
        if let (Some(ticket), Some((gate, woken))) = (self.ticket.take(), self.gate.made.get()) {
            woken[gate.leave(ticket, is_loaded)].notify_waiters();
        }
    }
}

impl Drop for GoesAhead {
    /// It was not answered: the next one goes ahead.
    fn drop(&mut self) {
        self.leave(false);
    }
}

impl fmt::Debug for GoesAhead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GoesAhead")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::num::NonZeroU32;
    use std::time::Duration;

    fn gate(sessions: GatedSessions, wait: Duration) -> Arc<SessionGate> {
        let rules = GateRules { sessions, wait, stripes: NonZeroU32::MIN.saturating_add(9), ..GateRules::default() };
        Arc::new(SessionGate::new(rules, HashKey::fresh()).unwrap())
    }

    #[tokio::test]
    async fn seven_wait_for_the_first() {
        let gate = gate(GatedSessions::Moved, Duration::from_mins(1));
        let Passage::Ahead(first) = gate.pass(gate.crossing(b"east-1", "west"), true).await else { panic!() };
        let others: Vec<_> = (0..7)
            .map(|_| {
                let gate = Arc::clone(&gate);
                tokio::spawn(async move {
                    matches!(gate.pass(gate.crossing(b"east-1", "west"), true).await, Passage::Followed)
                })
            })
            .collect();
        tokio::task::yield_now().await;
        assert!(others.iter().all(|other| !other.is_finished()));
        first.answered();
        for other in others {
            assert!(other.await.unwrap());
        }
        assert!(matches!(gate.pass(gate.crossing(b"east-1", "west"), true).await, Passage::Free));
    }

    #[tokio::test]
    async fn where_the_first_is_dropped_the_next_goes_ahead() {
        let gate = gate(GatedSessions::Moved, Duration::from_mins(1));
        let first = gate.pass(gate.crossing(b"east-1", "west"), true).await;
        let next = {
            let gate = Arc::clone(&gate);
            tokio::spawn(async move { gate.pass(gate.crossing(b"east-1", "west"), true).await })
        };
        tokio::task::yield_now().await;
        drop(first);
        assert!(matches!(next.await.unwrap(), Passage::Ahead(_)));
    }

    #[tokio::test]
    async fn nobody_waits_longer_than_that() {
        let gate = gate(GatedSessions::Moved, Duration::from_millis(20));
        let first = gate.pass(gate.crossing(b"east-1", "west"), true).await;
        let second = gate.pass(gate.crossing(b"east-1", "west"), true).await;
        assert!(matches!(second, Passage::Ahead(_) | Passage::TimedOut), "{second:?}");
        drop(first);
    }

    #[tokio::test]
    async fn who_was_not_moved_is_not_held_unless_all_are() {
        let moved = gate(GatedSessions::Moved, Duration::from_mins(1));
        assert!(matches!(moved.pass(moved.crossing(b"east-1", "one"), false).await, Passage::Free));
        assert!(
            matches!(moved.pass(moved.crossing(b"east-1", "two"), false).await, Passage::Ahead(_)),
            "it was at one before"
        );
        let all = gate(GatedSessions::All, Duration::from_mins(1));
        assert!(matches!(all.pass(all.crossing(b"east-1", "one"), false).await, Passage::Ahead(_)));
        let none = GateRules { sessions: GatedSessions::None, ..GateRules::default() };
        assert!(SessionGate::new(none, HashKey::fresh()).is_none());
    }
}
