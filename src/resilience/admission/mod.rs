//! Who gets a place where there are fewer places than requests: sessions before new visitors.

use std::collections::VecDeque;
use std::time::Duration;

/// For whom a place is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// For a request of a session, whose visitor has something to lose.
    Session,
    /// For one of a new visitor.
    Visitor,
}

/// How many places there are at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Places {
    /// All of them.
    pub all: u32,
    /// Those that new visitors may have; at least one of them is theirs where there is one at all.
    pub of_visitors: u32,
    /// How many may wait for one.
    pub pending: u32,
    /// How long one waits at the most.
    pub wait: Duration,
}

/// Why there is no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoPlace {
    /// All are taken, and nobody may wait.
    Full,
    /// So many wait already.
    TooManyWait,
    /// It is for a new visitor, and sessions wait.
    SessionsFirst,
}

/// The answer to who asks for a place.
#[derive(Debug, PartialEq, Eq)]
pub enum Asked<T> {
    /// It is taken.
    Admitted,
    /// It will be said when there is one.
    Waits {
        /// Names who waits.
        number: u64,
        /// For how long at the most.
        until: Duration,
        /// Who had to make room, where somebody had to.
        displaced: Option<T>,
    },
    /// There is none.
    Refused(NoPlace),
}

#[derive(Debug)]
struct Waiting<T> {
    number: u64,
    until: Duration,
    who: T,
}

/// The places of one pool, and who waits for one. `T` is what tells somebody who waits.
///
/// A place that comes free goes to a session as long as one waits. New visitors have only a part of the places, do not
/// begin to wait while sessions do, and are the first to go where too many wait. Within their kind the first to come is the
/// first to go; where somebody has waited for half of the time that is allowed, it is the last: to those who have waited
/// for long no answer comes in time, and those who have just come get theirs at once.
#[derive(Debug)]
pub struct Admission<T> {
    active: [u32; 2],
    waiting: [VecDeque<Waiting<T>>; 2],
    number: u64,
}

impl<T> Default for Admission<T> {
    fn default() -> Self {
        Self { active: [0; 2], waiting: [VecDeque::new(), VecDeque::new()], number: 0 }
    }
}

impl<T> Admission<T> {
    /// How many places are taken.
    #[must_use]
    pub fn active(&self) -> u32 {
        self.active[0].saturating_add(self.active[1])
    }

    /// How many wait.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.waiting[0].len() + self.waiting[1].len()
    }

    /// Asks for a place at `now`. `who` is called where one has to wait.
    pub fn ask(&mut self, class: Class, who: impl FnOnce() -> T, now: Duration, places: Places) -> Asked<T> {
        self.forget_late(now);
        let sessions_wait = !self.waiting[0].is_empty();
        let is_first = match class {
            Class::Session => !sessions_wait,
            Class::Visitor => self.pending() == 0,
        };
        if is_first && self.has_room(class, places) {
            self.active[class as usize] += 1;
            return Asked::Admitted;
        }
        if places.pending == 0 {
            return Asked::Refused(NoPlace::Full);
        }
        if class == Class::Visitor && sessions_wait {
            return Asked::Refused(NoPlace::SessionsFirst);
        }
        let mut displaced = None;
        if self.pending() >= places.pending as usize {
            // The one that has waited longest is the one that is served in time least.
            if class == Class::Session {
                displaced = self.waiting[1].pop_front().map(|waiting| waiting.who);
            }
            if displaced.is_none() {
                return Asked::Refused(NoPlace::TooManyWait);
            }
        }
        self.number += 1;
        let (number, until) = (self.number, now.saturating_add(places.wait));
        self.waiting[class as usize].push_back(Waiting { number, until, who: who() });
        Asked::Waits { number, until, displaced }
    }

    /// Takes in that this one waits no longer. Whether it did until now: else it has a place, or was told that it gets none.
    pub fn leave(&mut self, class: Class, number: u64) -> bool {
        let waiting = &mut self.waiting[class as usize];
        match waiting.binary_search_by_key(&number, |waiting| waiting.number) {
            Ok(at) => waiting.remove(at).is_some(),
            Err(_) => false,
        }
    }

    /// Takes back a place that was taken.
    pub fn give_back(&mut self, class: Class) {
        let active = &mut self.active[class as usize];
        *active = active.saturating_sub(1);
    }

    /// Who gets a place now, if anybody waits and there is one: to be asked until it says `None`.
    pub fn next(&mut self, now: Duration, places: Places) -> Option<(Class, T)> {
        self.forget_late(now);
        let class =
            [Class::Session, Class::Visitor].into_iter().find(|class| !self.waiting[*class as usize].is_empty())?;
        if !self.has_room(class, places) {
            return None;
        }
        let waiting = &mut self.waiting[class as usize];
        let is_crowded = waiting.front().is_some_and(|first| first.until.saturating_sub(now) < places.wait / 2);
        let next = if is_crowded { waiting.pop_back() } else { waiting.pop_front() }?;
        self.active[class as usize] += 1;
        Some((class, next.who))
    }

    fn has_room(&self, class: Class, places: Places) -> bool {
        let of_class = match class {
            Class::Session => true,
            Class::Visitor => self.active[Class::Visitor as usize] < places.of_visitors.max(1),
        };
        self.active() < places.all && of_class
    }

    /// Those who have waited for as long as they may are no longer counted; each knows by itself when that is.
    fn forget_late(&mut self, now: Duration) {
        for waiting in &mut self.waiting {
            while waiting.front().is_some_and(|first| first.until <= now) {
                waiting.pop_front();
            }
        }
    }
}

#[cfg(test)]
mod tests;
