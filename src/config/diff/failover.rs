//! How it is said when the pools of a service are away.

use super::words::Says;
use crate::config::quantity::write_duration;
use crate::model::FailoverRules;

pub(super) fn failover(says: &mut Says, rules: &FailoverRules) {
    let usual = FailoverRules::default();
    says.word_beside("away_below", rules.away_below, usual.away_below);
    says.word("back_above", rules.back_above);
    says.word_beside("hold", write_duration(rules.hold), write_duration(usual.hold));
    says.word_beside("longest_hold", write_duration(rules.longest_hold), write_duration(usual.longest_hold));
}
