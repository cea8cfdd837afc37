//! How it is said what a service does where its servers fail.

use super::failover::failover;
use super::limits;
use super::words::Says;
use crate::config::quantity::write_duration;
use crate::model::{GateRules, GatedSessions, Resilience};

pub(super) fn resilience(says: &mut Says, resilience: &Resilience) {
    let Resilience { failover: falls, gate: rules, retries, health, outliers, breaker, limits: of_pool } = resilience;
    failover(says, falls);
    gate(says, rules);
    super::retries::retries(says, retries);
    super::health::health(says, "", health);
    super::health::outliers(says, outliers.as_ref());
    limits::breaker(says, breaker);
    limits::limits(says, of_pool);
}

fn gate(says: &mut Says, rules: &GateRules) {
    let usual = GateRules::default();
    let of = |sessions| match sessions {
        GatedSessions::Moved => "moved",
        GatedSessions::All => "all",
        GatedSessions::None => "none",
    };
    says.word_beside("gated sessions", of(rules.sessions), of(usual.sessions));
    says.word_beside("wait at the gate", write_duration(rules.wait), write_duration(usual.wait));
    says.word_beside("stripes of the gate", rules.stripes, usual.stripes);
    says.word_beside("settled sessions", rules.settled, usual.settled);
}
