//! `retries:` of a service.

use super::resilience::duration;
use crate::config::problem::{Findings, quoted};
use crate::config::quantity::write_duration;
use crate::config::yaml::Node;
use crate::model::{BackOffRules, RetryCause, RetryRules};

/// Reads the rules, and reports keys that do not fit each other.
pub(super) fn read(node: Option<&Node<'_>>, findings: &mut Findings) -> RetryRules {
    let default = RetryRules::default();
    let Some(node) = node else { return default };
    let causes = node.get("retry_on").map(|list| {
        let words = list.items().iter().filter_map(Node::text);
        words.filter_map(|word| RetryCause::ALL.iter().copied().find(|cause| cause.as_str() == word)).collect()
    });
    let statuses = node.get("statuses").map(Node::items).unwrap_or_default();
    let rules = RetryRules {
        attempts: node.get("attempts").and_then(Node::parse).unwrap_or(default.attempts),
        retry_on: causes.unwrap_or(default.retry_on),
        statuses: statuses.iter().filter_map(Node::parse).collect(),
        back_off: back_off(node.get("back_off"), default.back_off, findings),
        try_timeout: duration(node, "try_timeout"),
        timeout: duration(node, "timeout"),
        budget: node.get("budget").and_then(Node::parse).unwrap_or(default.budget),
        budget_floor: node.get("budget_floor").and_then(Node::parse).unwrap_or(default.budget_floor),
    };
    statuses_are_asked_for(node, &rules, findings);
    if let (Some(one), Some(all)) = (rules.try_timeout, rules.timeout)
        && one >= all
        && let (Some(one), Some(other)) = (node.entry("try_timeout"), node.entry("timeout"))
    {
        findings.push_with(
            one.value.span,
            format!(
                "one try may take as long as all together, {}, so that there is never a second",
                write_duration(all)
            ),
            "take a shorter try_timeout, or a longer timeout",
            (other.value.span, "all together"),
        );
    }
    rules
}

fn statuses_are_asked_for(node: &Node<'_>, rules: &RetryRules, findings: &mut Findings) {
    let word = RetryCause::NamedStatus.as_str();
    match (node.entry("statuses"), rules.retry_on.has(RetryCause::NamedStatus)) {
        (Some(statuses), false) => findings.push(
            statuses.key_span,
            format!("these statuses are not tried again, as retry_on does not say {}", quoted(word)),
            format!("add {word} to retry_on, or take statuses away"),
        ),
        (None, true) => {
            if let Some(causes) = node.entry("retry_on") {
                findings.push(
                    causes.key_span,
                    format!("{} needs to be told which", quoted(word)),
                    "add statuses: [429, 503]",
                );
            }
        }
        _ => {}
    }
}

fn back_off(node: Option<&Node<'_>>, default: BackOffRules, findings: &mut Findings) -> BackOffRules {
    let Some(node) = node else { return default };
    let [base, longest] = ["base", "longest"].map(|key| duration(node, key));
    let rules = BackOffRules { base: base.unwrap_or(default.base), longest: longest.unwrap_or(default.longest) };
    if rules.base > rules.longest
        && let Some(entry) = node.entry("base").or_else(|| node.entry("longest"))
    {
        let (base, longest) = (write_duration(rules.base), write_duration(rules.longest));
        findings.push(
            entry.value.span,
            format!("the wait begins with up to {base}, and may never be longer than {longest}"),
            "take a base that is not above longest (250ms where nothing is said)",
        );
    }
    BackOffRules { longest: rules.longest.max(rules.base), ..rules }
}
