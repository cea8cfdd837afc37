//! All keys: a table that neither grows nor is walked through.

use super::pace::{LimitPace, Verdict};
use std::sync::{Mutex, PoisonError};

/// The table is in so many parts, each behind a lock of its own.
const PARTS: usize = 64;
/// Each part has so many rows.
const ROWS: usize = 128;
/// And each row has a place for so many keys.
const PLACES: usize = 8;

/// A key's hash, and the moment at which it is paid off.
type Place = (u64, u64);
type Rows = Box<[[Place; PLACES]]>;

/// What was let through, by key, for up to [`RateTable::KEYS`] keys that are not paid off.
///
/// A key that is paid off is as one that never came, so its place is free. Where all places of a row are taken, the key that
/// would be paid off first makes room: that one begins with a whole burst again. It is a megabyte at the most, which comes
/// as keys do, 16 KiB at a time.
#[derive(Debug)]
pub struct RateTable {
    pace: LimitPace,
    parts: Box<[Mutex<Option<Rows>>]>,
}

impl RateTable {
    /// How many keys have a place.
    pub const KEYS: usize = PARTS * ROWS * PLACES;

    /// A table in which nothing was let through yet.
    #[must_use]
    pub fn new(pace: LimitPace) -> Self {
        Self { pace, parts: std::iter::repeat_with(Mutex::default).take(PARTS).collect() }
    }

    /// The pace that it keeps.
    #[must_use]
    pub fn pace(&self) -> LimitPace {
        self.pace
    }

    /// Whether one more of the key with this hash may go at `now`, in nanoseconds of any clock that does not go back. Keys
    /// with one hash are one key: the hash must be one that nobody can choose.
    pub fn take(&self, hash: u64, now: u64) -> Verdict {
        self.ask(hash, now, true)
    }

    /// The same, without counting one.
    #[must_use]
    pub fn look(&self, hash: u64, now: u64) -> Verdict {
        self.ask(hash, now, false)
    }

    fn ask(&self, hash: u64, now: u64, counts: bool) -> Verdict {
        let asked = self.with_place(hash, |place| {
            let paid_off = if place.0 == hash { place.1 } else { 0 };
            let (verdict, paid_off) = self.pace.take(paid_off, now);
            if counts && verdict == Verdict::Allowed {
                *place = (hash, paid_off);
            }
            verdict
        });
        asked.unwrap_or(Verdict::Allowed)
    }

    /// Calls `with` for the place of this hash: its own, or the one that is to make room for it. There is always one.
    fn with_place<R>(&self, hash: u64, with: impl FnOnce(&mut Place) -> R) -> Option<R> {
        // Nothing that could panic is done under the lock.
        let mut part = self.parts.get(hash as usize % PARTS)?.lock().unwrap_or_else(PoisonError::into_inner);
        let rows = part.get_or_insert_with(|| vec![[(0, 0); PLACES]; ROWS].into());
        let row = rows.get_mut(hash as usize / PARTS % ROWS)?;
        let mut place = 0;
        for at in 0..PLACES {
            if row[at].0 == hash {
                place = at;
                break;
            }
            if row[at].1 < row[place].1 {
                place = at;
            }
        }
        row.get_mut(place).map(with)
    }

    /// The hashes that are not paid off at `now`, and in how many nanoseconds each is. It looks at all of them.
    #[must_use]
    pub fn debts(&self, now: u64) -> Vec<(u64, u64)> {
        let mut debts = Vec::new();
        for part in &self.parts {
            let part = part.lock().unwrap_or_else(PoisonError::into_inner);
            let places = part.iter().flat_map(|rows| rows.iter().flatten());
            debts
                .extend(places.filter(|(_, paid_off)| *paid_off > now).map(|(hash, paid_off)| (*hash, paid_off - now)));
        }
        debts
    }

    /// Takes in that a hash is paid off so many nanoseconds after `now`; never more than a burst costs.
    pub fn recall(&self, hash: u64, ahead: u64, now: u64) {
        self.with_place(hash, |place| *place = (hash, now.saturating_add(self.pace.at_most(ahead))));
    }

    /// How many keys are not paid off at `now`. It looks at all of them.
    #[must_use]
    pub fn keys(&self, now: u64) -> usize {
        let of_part = |part: &Mutex<Option<Rows>>| {
            let part = part.lock().unwrap_or_else(PoisonError::into_inner);
            let places = part.iter().flat_map(|rows| rows.iter().flatten());
            places.filter(|(_, paid_off)| *paid_off > now).count()
        };
        self.parts.iter().map(of_part).sum()
    }
}
