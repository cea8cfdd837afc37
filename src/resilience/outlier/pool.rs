//! Who of a pool may be ejected.

use super::rate::worse_than_others;
use super::track::{Ejection, EjectionWhy, OutlierTrack};
use crate::model::OutlierRules;
use std::time::Duration;

/// A server of the pool.
#[derive(Debug, Clone, Copy)]
pub struct Member<'t> {
    /// What was seen of it.
    pub track: &'t OutlierTrack,
    /// Whether it is healthy.
    pub is_healthy: bool,
}

impl Member<'_> {
    fn is_open(&self, now: Duration) -> bool {
        self.is_healthy && !self.track.is_ejected(now)
    }
}

/// Ejects the member at `place`, of which so many requests in a row failed, where that is allowed and does some good: another
/// one must be there that is open and does better. For one caller at a time.
pub fn eject_for_failures(
    members: &[Member<'_>],
    place: usize,
    now: Duration,
    rules: &OutlierRules,
) -> Option<Ejection> {
    let limit = rules.consecutive_failures.get();
    let does_better = |(other, member): (usize, &Member<'_>)| {
        other != place && member.is_open(now) && member.track.row() < limit.div_ceil(2)
    };
    let another_does_better = members.iter().enumerate().any(does_better);
    let member = members.get(place).filter(|_| another_does_better && may_eject(members, place, now, rules))?;
    Some(member.track.eject(EjectionWhy::ConsecutiveFailures, now, rules))
}

/// One round, at the end of an interval: ejects those whose success rate is below the others', as far as that is allowed, and
/// forgets an ejection of those that have none. The places of those that are ejected now. For one caller at a time.
pub fn judge(members: &[Member<'_>], now: Duration, rules: &OutlierRules) -> Vec<(usize, Ejection)> {
    let counts: Vec<_> = members.iter().map(|member| member.track.take_counts()).collect();
    let mut ejected = Vec::new();
    for place in worse_than_others(&counts, &rules.success_rate) {
        if let Some(member) = members.get(place).filter(|_| may_eject(members, place, now, rules)) {
            ejected.push((place, member.track.eject(EjectionWhy::SuccessRate, now, rules)));
        }
    }
    members.iter().filter(|member| !member.track.is_ejected(now)).for_each(|member| member.track.forget_one());
    ejected
}

/// Whether the member at `place` is open, another one stays, and no more are out than may be.
fn may_eject(members: &[Member<'_>], place: usize, now: Duration, rules: &OutlierRules) -> bool {
    let is_open = members.get(place).is_some_and(|member| member.is_open(now));
    let another = members.iter().enumerate().any(|(other, member)| other != place && member.is_open(now));
    let out = members.iter().filter(|member| member.track.is_ejected(now)).count();
    is_open && another && out < most_of(members.len(), rules)
}

/// How many of so many servers may be ejected at once.
fn most_of(servers: usize, rules: &OutlierRules) -> usize {
    ((servers as f64 * rules.most_ejected.ratio()) as usize).max(1)
}

/// Whether so few of a pool's servers are `open`, healthy and not ejected, that ejections are ignored.
#[must_use]
pub fn panics(servers: usize, open: usize, rules: &OutlierRules) -> bool {
    (open as f64) < servers as f64 * rules.panic_below.ratio()
}
