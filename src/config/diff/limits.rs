//! How it is said when requests are kept from what fails, and how many a pool has at once.

use super::words::Says;
use crate::config::quantity::write_duration;
use crate::model::{BreakerRules, PoolLimits};

pub(super) fn breaker(says: &mut Says, rules: &BreakerRules) {
    let usual = BreakerRules::default();
    let BreakerRules { failures, least, window, open, longest_open, trickle, servers, pool } = rules;
    let on = |on: bool| if on { "on" } else { "off" };
    says.word_beside("breakers of servers", on(*servers), on(usual.servers));
    says.word_beside("breakers of pools", on(*pool), on(usual.pool));
    says.word_beside("failures that open a breaker", failures, usual.failures);
    says.word_beside("attempts that a breaker needs", least, usual.least);
    says.word_beside("window of breakers", write_duration(*window), write_duration(usual.window));
    says.word_beside("time that breakers are open", write_duration(*open), write_duration(usual.open));
    says.word_beside(
        "longest time that breakers are open",
        write_duration(*longest_open),
        write_duration(usual.longest_open),
    );
    says.word_beside("trickle of breakers", trickle, usual.trickle);
}

pub(super) fn limits(says: &mut Says, limits: &PoolLimits) {
    let usual = PoolLimits::default();
    let PoolLimits { requests, server_requests, pending, wait, new_visitors, adaptive } = limits;
    says.word("limit of requests", requests.as_ref());
    says.word("limit of requests to a server", server_requests.as_ref());
    says.word("adaptive limit", adaptive.map(|rules| format!("{} to {}", rules.least, rules.most)));
    says.word_beside("requests that may wait", pending, usual.pending);
    says.word_beside("wait for a place", write_duration(*wait), write_duration(usual.wait));
    says.word_beside("places of new visitors", new_visitors, usual.new_visitors);
}
