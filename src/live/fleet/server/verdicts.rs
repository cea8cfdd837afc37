//! What is known of a server: two verdicts, of probes and of deep ones, and what requests say of it.

use super::Server;
use crate::live::clock;
use crate::live::fleet::care::Care;
use crate::model::{OutlierRules, Timestamp};
use crate::resilience::{EjectionWhy, Health, HealthLimits, Observation, ProbeFailure, Standing};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::sync::Notify;

/// Which of the two verdicts on a server somebody speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProbeKind {
    /// A connection, or one request.
    Plain,
    /// What a visitor does.
    Deep,
}

impl ProbeKind {
    /// Both of them.
    pub const ALL: [Self; 2] = [Self::Plain, Self::Deep];
}

impl Server {
    /// What is known of its health: what probes say, unless deep ones say that it is unhealthy.
    #[must_use]
    pub fn standing(&self) -> Standing {
        let (plain, deep) = (self.standing_by(ProbeKind::Plain), self.standing_by(ProbeKind::Deep));
        if deep == Standing::Unhealthy { deep } else { plain }
    }

    /// What one kind of probe says of it. Of a kind that is not made nothing is known.
    #[must_use]
    pub fn standing_by(&self, kind: ProbeKind) -> Standing {
        Health::from_bits(self.verdict(kind).load(Ordering::Acquire)).standing()
    }

    /// Whether every kind of probe that is made has said something.
    pub(in crate::live::fleet) fn is_tried(&self) -> bool {
        let has_deep = self.care.load().health.deep.is_some();
        self.standing_by(ProbeKind::Plain) != Standing::Untried
            && (!has_deep || self.standing_by(ProbeKind::Deep) != Standing::Untried)
    }

    fn verdict(&self, kind: ProbeKind) -> &AtomicU32 {
        match kind {
            ProbeKind::Plain => &self.health,
            ProbeKind::Deep => &self.deep,
        }
    }

    /// Whether it is fit for requests: no kind of probe knows it to be unhealthy. Two atomic loads.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        ProbeKind::ALL.iter().all(|kind| self.standing_by(*kind) != Standing::Unhealthy)
    }

    /// Whether new requests should go there at `now` of [`clock::elapsed`]: it is healthy, and not ejected.
    #[must_use]
    pub fn is_open(&self, now: Duration) -> bool {
        self.is_healthy() && !self.outlier.is_ejected(now)
    }

    /// When it is ejected; never where missing.
    pub(in crate::live::fleet) fn outlier_rules(&self) -> Option<OutlierRules> {
        self.care.load().outliers
    }

    /// Why it is unhealthy, where it is and a probe has said why.
    #[must_use]
    pub fn reason(&self) -> Option<Arc<ProbeFailure>> {
        let failing = ProbeKind::ALL.into_iter().rev().find(|kind| self.standing_by(*kind) == Standing::Unhealthy)?;
        self.reasons.get(failing as usize)?.load_full()
    }

    /// Why it is ejected, and when that ends; `None` where it is not.
    #[must_use]
    pub fn ejection(&self) -> Option<(Timestamp, EjectionWhy)> {
        let now = clock::elapsed();
        let (until, why) = self.outlier.ejection(now)?;
        let left = i64::try_from(until.saturating_sub(now).as_millis()).unwrap_or(i64::MAX);
        let end = clock::now().as_millisecond().saturating_add(left);
        Some((Timestamp::from_millisecond(end).unwrap_or_default(), why))
    }

    /// Is looked after as `care` says from now on. Whether it is healthy or unhealthy by that where it was not before.
    pub(in crate::live::fleet) fn take_care(&self, care: &Arc<Care>) -> bool {
        let before = self.care.swap(Arc::clone(care));
        if Arc::ptr_eq(&before, care) || *before == **care {
            return false;
        }
        let was_healthy = self.is_healthy();
        if care.health.deep.is_none() {
            self.deep.store(Health::UNTRIED.to_bits(), Ordering::Release);
        }
        if care.outliers.is_none() {
            self.outlier.pardon();
        }
        self.stirred.iter().for_each(Notify::notify_one);
        let changed = self.is_healthy() != was_healthy;
        if changed {
            self.warm_up(clock::elapsed());
            let _ = self.take_change(); // a table that takes a probe away says so itself
        }
        changed
    }

    /// Completes when the server becomes unhealthy, or is to be looked after in another way, for the one task that makes
    /// probes of this kind; at once where it became so since the last time.
    pub async fn stirred(&self, kind: ProbeKind) {
        if let Some(stirred) = self.stirred.get(kind as usize) {
            stirred.notified().await;
        }
    }

    /// Takes in what a request saw; the standing before and after. A connection says nothing where a probe asks for more:
    /// the answer to that is not known. Where nothing changes, nothing is written.
    pub(in crate::live::fleet) fn observe(&self, observation: Observation) -> (Standing, Standing) {
        let care = self.care.load();
        if observation == Observation::Reached && !care.is_satisfied_by_connections() {
            let standing = self.standing_by(ProbeKind::Plain);
            return (standing, standing);
        }
        let change = self.judge(ProbeKind::Plain, observation, (&care.health.pace).into());
        if change.0 != change.1 && change.1 == Standing::Unhealthy {
            self.give_reason(ProbeKind::Plain, None);
        }
        change
    }

    /// Takes in how a probe ended; the standing before and after.
    pub(in crate::live::fleet) fn probed(
        &self,
        kind: ProbeKind,
        result: Result<(), ProbeFailure>,
    ) -> (Standing, Standing) {
        let care = self.care.load();
        let limits = match (kind, &care.health.deep) {
            (ProbeKind::Plain, _) => &care.health.pace,
            (ProbeKind::Deep, Some(deep)) => &deep.pace,
            // It was under way when a table came that has none.
            (ProbeKind::Deep, None) => return (Standing::Untried, Standing::Untried),
        };
        match result {
            Ok(()) => self.judge(kind, Observation::Reached, limits.into()),
            Err(why) => {
                self.give_reason(kind, Some(why));
                self.judge(kind, Observation::Unreachable, limits.into())
            }
        }
    }

    fn give_reason(&self, kind: ProbeKind, why: Option<ProbeFailure>) {
        if let Some(reason) = self.reasons.get(kind as usize) {
            reason.store(why.map(Arc::new));
        }
    }

    fn judge(&self, kind: ProbeKind, observation: Observation, limits: HealthLimits) -> (Standing, Standing) {
        let verdict = self.verdict(kind);
        let mut bits = verdict.load(Ordering::Acquire);
        loop {
            let before = Health::from_bits(bits);
            let after = before.observe(observation, limits);
            if before == after {
                return (before.standing(), after.standing());
            }
            let exchanged = verdict.compare_exchange_weak(bits, after.to_bits(), Ordering::AcqRel, Ordering::Acquire);
            match exchanged {
                Ok(_) => {
                    if after.is_healthy() && !before.is_healthy() {
                        self.warm_up(clock::elapsed());
                    }
                    if before.is_healthy() && !after.is_healthy() {
                        self.falls.fetch_add(1, Ordering::Relaxed);
                    }
                    return (before.standing(), after.standing());
                }
                Err(newer) => bits = newer,
            }
        }
    }

    /// What it became, if it changed between healthy and unhealthy since the last call. For calls under the fleet's
    /// lock, so that of two changes at the same time both are told in the order in which they happened, or none.
    pub(in crate::live::fleet) fn take_change(&self) -> Option<bool> {
        let healthy = self.is_healthy();
        if self.told.swap(healthy, Ordering::Relaxed) == healthy {
            return None;
        }
        self.since.store(clock::now().as_millisecond(), Ordering::Relaxed);
        if !healthy {
            self.stirred.iter().for_each(Notify::notify_one);
        }
        Some(healthy)
    }
}
