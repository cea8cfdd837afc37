//! How many retries a pool takes at once: where everything fails, retries are what would keep it down.

use crate::model::Share;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The requests of one pool that are under way, and how many of them are retries. Whoever holds a guard counts.
#[derive(Debug, Default)]
pub struct RetryBudget {
    /// The active requests in the upper half, the retries in the lower: so that both are seen at one moment.
    counts: AtomicU64,
}

const ONE_ACTIVE: u64 = 1 << 32;
const RETRIES: u64 = ONE_ACTIVE - 1;

impl RetryBudget {
    /// Counts a request as under way until what is returned goes.
    #[must_use]
    pub fn begin(self: &Arc<Self>) -> BudgetedRequest {
        // 4 billion at once are more than a machine has room for.
        self.counts.fetch_add(ONE_ACTIVE, Ordering::Relaxed);
        BudgetedRequest(Arc::clone(self))
    }

    /// A retry, which counts until what is returned goes; `None` where as many are under way as may be: `share` of the
    /// active requests, and in any case `floor`.
    #[must_use]
    pub fn acquire(self: &Arc<Self>, share: Share, floor: u32) -> Option<BudgetedRetry> {
        let taken = self.counts.fetch_update(Ordering::AcqRel, Ordering::Acquire, |counts| {
            (retries(counts) < most(active(counts), share, floor)).then_some(counts + 1)
        });
        taken.is_ok().then(|| BudgetedRetry(Arc::clone(self)))
    }

    /// How much of the budget is left, from 0 (nothing) to 1 (all of it, and where there is none to begin with).
    #[must_use]
    pub fn remaining(&self, share: Share, floor: u32) -> f64 {
        let counts = self.counts.load(Ordering::Relaxed);
        let most = most(active(counts), share, floor);
        if most == 0 { 1.0 } else { f64::from(most.saturating_sub(retries(counts))) / f64::from(most) }
    }
}

fn active(counts: u64) -> u32 {
    u32::try_from(counts >> 32).unwrap_or(u32::MAX)
}

fn retries(counts: u64) -> u32 {
    u32::try_from(counts & RETRIES).unwrap_or(u32::MAX)
}

/// How many retries may be under way.
fn most(active: u32, share: Share, floor: u32) -> u32 {
    // Between 0 and `active`, so that nothing is cut off but what is behind the point.
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it lies between 0 and a number of 32 bits"
    )]
    let part = (f64::from(active) * share.ratio()) as u32;
    part.max(floor)
}

/// A request that is under way. It counts until it goes.
#[derive(Debug)]
pub struct BudgetedRequest(Arc<RetryBudget>);

impl Drop for BudgetedRequest {
    fn drop(&mut self) {
        self.0.counts.fetch_sub(ONE_ACTIVE, Ordering::Relaxed);
    }
}

/// A retry that is under way, or about to be. It counts until it goes.
#[derive(Debug)]
pub struct BudgetedRetry(Arc<RetryBudget>);

impl Drop for BudgetedRetry {
    fn drop(&mut self) {
        self.0.counts.fetch_sub(1, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::sync::Barrier;
    use std::thread;

    fn share(ratio: f64) -> Share {
        Share::from_ratio(ratio).unwrap()
    }

    #[test]
    fn a_fifth_of_the_requests_or_three() {
        let budget = Arc::new(RetryBudget::default());
        let fifth = share(0.2);
        let mut few: Vec<_> = (0..3).map(|_| budget.acquire(fifth, 3).unwrap()).collect();
        assert!(budget.acquire(fifth, 3).is_none());
        assert!(budget.remaining(fifth, 3).abs() < 1e-9);
        let active: Vec<_> = (0..24).map(|_| budget.begin()).collect();
        few.push(budget.acquire(fifth, 3).expect("4 are a fifth of 24, cut to a whole"));
        assert!(budget.acquire(fifth, 3).is_none());
        drop(few);
        assert!((budget.remaining(fifth, 3) - 1.0).abs() < 1e-9);
        drop(active);
        assert_eq!(budget.counts.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn nobody_may_where_nothing_is_left_to_retries() {
        let budget = Arc::new(RetryBudget::default());
        let _active: Vec<_> = (0..100).map(|_| budget.begin()).collect();
        assert!(budget.acquire(Share::NONE, 0).is_none());
        assert!((budget.remaining(Share::NONE, 0) - 1.0).abs() < 1e-9);
    }

    #[derive(Debug, Clone, Copy)]
    enum Step {
        Begin,
        End,
        Acquire,
        Release,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![Just(Step::Begin), Just(Step::End), Just(Step::Acquire), Just(Step::Release)];
        prop::collection::vec(step, 0..200)
    }

    proptest! {
        #[test]
        fn it_grants_as_long_as_there_is_room_and_never_beyond(steps in steps(), ratio in 0.0_f64..=1.0, floor in 0_u32..5) {
            let (budget, share) = (Arc::new(RetryBudget::default()), share(ratio));
            let (mut active, mut retries) = (Vec::new(), Vec::new());
            for step in steps {
                match step {
                    Step::Begin => active.push(budget.begin()),
                    Step::End => drop(active.pop()),
                    Step::Release => drop(retries.pop()),
                    Step::Acquire => {
                        let room = most(u32::try_from(active.len()).unwrap(), share, floor) as usize;
                        let granted = budget.acquire(share, floor);
                        prop_assert_eq!(granted.is_some(), retries.len() < room);
                        retries.extend(granted);
                    }
                }
                prop_assert!((0.0..=1.0).contains(&budget.remaining(share, floor)));
            }
            drop((active, retries));
            prop_assert_eq!(budget.counts.load(Ordering::Relaxed), 0);
        }
    }

    /// Whatever threads do at the same time: with so many active requests there are never more retries than their part.
    #[test]
    fn threads_together_never_exceed_it() {
        const THREADS: usize = 8;
        let budget = Arc::new(RetryBudget::default());
        let fifth = share(0.2);
        let active: Vec<_> = (0..25).map(|_| budget.begin()).collect();
        let start = Arc::new(Barrier::new(THREADS));
        let threads: Vec<_> = (0..THREADS)
            .map(|_| {
                let (budget, start) = (Arc::clone(&budget), Arc::clone(&start));
                thread::spawn(move || {
                    start.wait();
                    let mut most = 0;
                    for _ in 0..10_000 {
                        if let Some(_guard) = budget.acquire(fifth, 3) {
                            most = most.max(retries(budget.counts.load(Ordering::Acquire)));
                        }
                    }
                    most
                })
            })
            .collect();
        let seen = threads.into_iter().map(|thread| thread.join().unwrap()).max();
        assert!(seen.is_some_and(|seen| (1..=5).contains(&seen)), "{seen:?}");
        drop(active);
        assert_eq!(budget.counts.load(Ordering::Relaxed), 0);
    }
}
