//! What a service says of breakers, and of how much its pools are asked at once.

use crate::config::problem::Findings;
use crate::config::quantity;
use crate::config::yaml::{Node, Value};
use crate::model::{AdaptiveRules, BreakerRules, PoolLimits, Share};
use std::time::Duration;

/// Reads `breaker:` of a service.
pub(super) fn breaker(node: Option<&Node<'_>>, findings: &mut Findings) -> BreakerRules {
    let default = BreakerRules::default();
    let Some(node) = node else { return default };
    if node.text() == Some("off") {
        return BreakerRules::off();
    }
    let open = duration(node, "open").unwrap_or(default.open);
    let longest_open = duration(node, "longest_open");
    if let (Some(longest), Some(entry)) = (longest_open, node.entry("longest_open"))
        && longest < open
    {
        let help = "say a time that is not shorter, or take 'longest_open' away";
        findings.push(entry.value.span, "'longest_open' is shorter than 'open'", help);
    }
    BreakerRules {
        failures: share(node, "failures", findings).unwrap_or(default.failures),
        least: node.get("least").and_then(Node::parse).unwrap_or(default.least),
        window: duration(node, "window").unwrap_or(default.window),
        open,
        longest_open: longest_open.unwrap_or(default.longest_open).max(open),
        trickle: node.get("trickle").and_then(Node::parse).unwrap_or(default.trickle),
        servers: node.get("servers").and_then(Node::parse).unwrap_or(default.servers),
        pool: node.get("pool").and_then(Node::parse).unwrap_or(default.pool),
    }
}

/// Reads `limits:` of a service.
pub(super) fn limits(node: Option<&Node<'_>>, findings: &mut Findings) -> PoolLimits {
    let default = PoolLimits::default();
    let Some(node) = node else { return default };
    PoolLimits {
        requests: node.get("requests").and_then(Node::parse),
        server_requests: node.get("server_requests").and_then(Node::parse),
        pending: node.get("pending").and_then(Node::parse).unwrap_or(default.pending),
        wait: duration(node, "wait").unwrap_or(default.wait),
        new_visitors: share(node, "new_visitors", findings).unwrap_or(default.new_visitors),
        adaptive: node.get("adaptive").and_then(|node| adaptive(node, findings)),
    }
}

fn adaptive(node: &Node<'_>, findings: &mut Findings) -> Option<AdaptiveRules> {
    let default = AdaptiveRules::default();
    if !matches!(node.value, Value::Map(_)) {
        return node.parse::<bool>().unwrap_or(false).then_some(default);
    }
    let least = node.get("least").and_then(Node::parse);
    let most = node.get("most").and_then(Node::parse);
    let rules = AdaptiveRules {
        least: least.unwrap_or(default.least.min(most.unwrap_or(default.least))),
        most: most.unwrap_or(default.most.max(least.unwrap_or(default.most))),
    };
    if rules.least > rules.most
        && let Some(entry) = node.entry("most")
    {
        findings.push(entry.value.span, "'most' is below 'least'", "say a number that is not below it");
    }
    Some(rules)
}

/// A share above none.
fn share(node: &Node<'_>, key: &str, findings: &mut Findings) -> Option<Share> {
    let node = node.get(key)?;
    let share: Share = node.parse()?;
    if share.ratio() <= 0.0 {
        findings.push(node.span, format!("'{key}' is 0%"), "say a share above that, e.g. 50%");
    }
    Some(share)
}

fn duration(node: &Node<'_>, key: &str) -> Option<Duration> {
    quantity::duration(node.get(key)?.text()?).ok()
}
