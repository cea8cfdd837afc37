//! What is remembered of a name between two look-ups, and what follows from the next one. Pure.

use super::dns::DiscoveryPace;
use super::lookup::Said;
use std::time::{Duration, Instant};

/// The look-ups of one name so far: `N` questions, each of which gives `T`s. For addresses these are A and AAAA.
#[derive(Debug)]
pub(super) struct Memory<T, const N: usize> {
    /// The last answers: where only one of them fails, the other may change without it.
    last: [Vec<T>; N],
    /// Look-ups without an address, in a row.
    failures: u32,
    /// Since when DNS says that there is no address.
    empty_since: Option<Instant>,
}

/// What follows from a look-up.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Verdict<T> {
    /// The addresses from now on; as before where `None`.
    pub(super) addresses: Option<Vec<T>>,
    /// Why the look-up gave none.
    pub(super) failure: Option<String>,
    /// How long to wait for the next look-up.
    pub(super) wait: Duration,
}

impl<T, const N: usize> Default for Memory<T, N> {
    fn default() -> Self {
        Self { last: std::array::from_fn(|_| Vec::new()), failures: 0, empty_since: None }
    }
}

impl<T: Clone, const N: usize> Memory<T, N> {
    /// Whether the last look-up gave no address.
    pub(super) fn is_failing(&self) -> bool {
        self.failures > 0
    }

    /// Judges what DNS said to each question at `now`.
    pub(super) fn judge(&mut self, said: [Said<T>; N], now: Instant, pace: &DiscoveryPace) -> Verdict<T> {
        let ttl = said.iter().filter_map(|said| match said {
            Said::Addresses(_, ttl) => Some(*ttl),
            Said::Nothing(_) | Said::NoAnswer(_) => None,
        });
        match ttl.min() {
            Some(ttl) => self.answered(said, ttl.clamp(pace.floor, pace.ceiling), pace),
            None => self.failed(said, now, pace),
        }
    }

    fn answered(&mut self, said: [Said<T>; N], ttl: Duration, pace: &DiscoveryPace) -> Verdict<T> {
        (self.failures, self.empty_since) = (0, None);
        let mut wait = ttl;
        for (last, said) in self.last.iter_mut().zip(said) {
            match said {
                Said::Addresses(addresses, _) => *last = addresses,
                Said::Nothing(_) => last.clear(),
                Said::NoAnswer(_) => wait = wait.min(pace.last_retry),
            }
        }
        Verdict { addresses: Some(self.last.concat()), failure: None, wait }
    }

    fn failed(&mut self, said: [Said<T>; N], now: Instant, pace: &DiscoveryPace) -> Verdict<T> {
        let doubled = pace.first_retry.saturating_mul(2_u32.saturating_pow(self.failures));
        let wait = doubled.min(pace.last_retry);
        self.failures = self.failures.saturating_add(1);
        let no_answer = said.iter().find_map(|said| match said {
            Said::NoAnswer(why) => Some(why.clone()),
            Said::Addresses(..) | Said::Nothing(_) => None,
        });
        if let Some(why) = no_answer {
            self.empty_since = None;
            return Verdict { addresses: None, failure: Some(why), wait };
        }
        let since = *self.empty_since.get_or_insert(now);
        let believed = now.saturating_duration_since(since) >= pace.disbelief;
        if believed {
            self.last.iter_mut().for_each(Vec::clear);
        }
        let why = said.into_iter().find_map(|said| match said {
            Said::Nothing(why) => Some(why.to_owned()),
            Said::Addresses(..) | Said::NoAnswer(_) => None,
        });
        Verdict { addresses: believed.then(Vec::new), failure: why.or(Some(String::new())), wait }
    }
}
