//! The gate before a server that has to load a session first: of the requests of one session one goes ahead, and the others
//! wait until it was answered.

use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How a gate is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GateSize {
    /// Over how many stripes sessions are spread; of each, one request goes ahead at a time.
    pub stripes: NonZeroU32,
    /// How many sessions are remembered for having been loaded, at the most; at least one on each stripe.
    pub settled: NonZeroU32,
    /// After so long a request that went ahead is no longer waited for. A request that waits goes after as long.
    pub patience: Duration,
}

/// A session and where its request is about to go, both as hashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Crossing {
    /// The session. Hashed under a secret: who could choose two alike could make strangers wait for each other.
    pub session: u64,
    /// The server, or the region, that has to have it loaded.
    pub place: u64,
}

/// What becomes of a request that comes to the gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    /// It goes: its session is loaded there, as far as is known.
    Open,
    /// It goes ahead of others. What it was given is to be handed back to [`Gate::leave`].
    Ahead(Ticket),
    /// It waits until somebody leaves the stripe, at most until this moment, and comes again.
    Waits {
        /// The stripe.
        stripe: usize,
        /// When the one that went ahead is no longer waited for.
        until: Duration,
    },
}

/// The right of one request to go ahead on its stripe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ticket {
    crossing: Crossing,
    number: u64,
}

/// The gate. Its memory is bounded by its size: 16 bytes a settled session, and about 70 a stripe. Each look takes the lock of one
/// stripe for a few comparisons.
///
/// A stripe that two sessions share by chance costs the second one a wait, as long as the first one's, and nothing else.
#[derive(Debug)]
pub struct Gate {
    patience: Duration,
    settled_each: usize,
    stripes: Box<[Mutex<Stripe>]>,
}

#[derive(Debug, Default)]
struct Stripe {
    /// Who has gone ahead and was not answered yet; and until when that is waited for.
    ahead: Option<(u64, Duration)>,
    /// How many tickets there were.
    tickets: u64,
    /// The sessions that are loaded, each with where; the oldest first.
    settled: VecDeque<Crossing>,
}

impl Gate {
    /// A gate that nobody has come to.
    #[must_use]
    pub fn new(size: GateSize) -> Self {
        let stripes = std::iter::repeat_with(Mutex::default).take(size.stripes.get() as usize);
        Self {
            patience: size.patience,
            settled_each: (size.settled.get() / size.stripes).max(1) as usize,
            stripes: stripes.collect(),
        }
    }

    /// Comes to the gate at `now`, by any clock that does not go back. Where a session that nothing is known of
    /// `is_trusted`, it counts as loaded where it goes.
    #[must_use]
    pub fn enter(&self, crossing: Crossing, is_trusted: bool, now: Duration) -> Entry {
        let at = self.stripe_of(crossing.session);
        let mut stripe = self.stripe(at);
        match stripe.place_of(crossing.session) {
            Some(place) if place == crossing.place => return Entry::Open,
            None if is_trusted => {
                stripe.settle(crossing, self.settled_each);
                return Entry::Open;
            }
            _ => {}
        }
        if let Some((_, until)) = stripe.ahead.filter(|(_, until)| now < *until) {
            return Entry::Waits { stripe: at, until };
        }
        stripe.tickets = stripe.tickets.wrapping_add(1);
        let number = stripe.tickets;
        stripe.ahead = Some((number, now.saturating_add(self.patience)));
        Entry::Ahead(Ticket { crossing, number })
    }

    /// Takes in that a request that went ahead is over; with `is_loaded` its session is loaded where it went. The stripe
    /// whose requests may come again.
    pub fn leave(&self, ticket: Ticket, is_loaded: bool) -> usize {
        let at = self.stripe_of(ticket.crossing.session);
        let mut stripe = self.stripe(at);
        if stripe.ahead.is_some_and(|(number, _)| number == ticket.number) {
            stripe.ahead = None;
        }
        if is_loaded {
            stripe.settle(ticket.crossing, self.settled_each);
        }
        at
    }

    /// The stripe of a session.
    #[must_use]
    pub fn stripe_of(&self, session: u64) -> usize {
        (session % self.stripes.len().max(1) as u64) as usize
    }

    /// How many sessions are remembered for having been loaded.
    #[must_use]
    pub fn settled(&self) -> usize {
        (0..self.stripes.len()).map(|at| self.stripe(at).settled.len()).sum()
    }

    /// Nothing that could panic is done under the lock.
    fn stripe(&self, at: usize) -> MutexGuard<'_, Stripe> {
        self.stripes[at].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stripe {
    fn place_of(&self, session: u64) -> Option<u64> {
        self.settled.iter().find(|settled| settled.session == session).map(|settled| settled.place)
    }

    fn settle(&mut self, crossing: Crossing, most: usize) {
        if let Some(known) = self.settled.iter_mut().find(|settled| settled.session == crossing.session) {
            known.place = crossing.place;
            return;
        }
        if self.settled.len() >= most {
            self.settled.pop_front();
        }
        self.settled.push_back(crossing);
    }
}

#[cfg(test)]
mod tests;
