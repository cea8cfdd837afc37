//! How it is said what is tried again.

use super::words::Says;
use crate::config::quantity::write_duration;
use crate::model::{RetryCause, RetryOn, RetryRules};

pub(super) fn retries(says: &mut Says, rules: &RetryRules) {
    let RetryRules { attempts, retry_on, statuses, back_off, try_timeout, timeout, budget, budget_floor } = rules;
    let usual = RetryRules::default();
    says.word_beside("attempts", attempts, usual.attempts);
    let causes = |of: RetryOn| {
        let words: Vec<_> = of.iter().map(RetryCause::as_str).collect();
        words.join(", ")
    };
    says.word_beside("retried causes", causes(*retry_on), causes(usual.retry_on));
    says.set("retried statuses", statuses.iter());
    says.word_beside("back-off base", write_duration(back_off.base), write_duration(usual.back_off.base));
    says.word_beside("longest back-off", write_duration(back_off.longest), write_duration(usual.back_off.longest));
    says.word("timeout of a try", try_timeout.map(write_duration));
    says.word("timeout of all tries", timeout.map(write_duration));
    says.word_beside("retry budget", budget, usual.budget);
    says.word_beside("floor of the retry budget", budget_floor, usual.budget_floor);
}
