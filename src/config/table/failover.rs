//! What a service says of pools with too few healthy servers.

use crate::config::problem::Findings;
use crate::config::quantity::{self, write_duration};
use crate::config::yaml::Node;
use crate::model::{FailoverRules, Fewest};
use std::time::Duration;

/// Reads what stands at a service; reports what contradicts itself.
pub(super) fn read(node: Option<&Node<'_>>, findings: &mut Findings) -> FailoverRules {
    let default = FailoverRules::default();
    let Some(node) = node else { return default };
    let duration = |key: &str| -> Option<Duration> { quantity::duration(node.get(key)?.text()?).ok() };
    let away_below = node.get("away_below").and_then(Node::parse).unwrap_or(default.away_below);
    let back_above = node.get("back_above").and_then(Node::parse);
    let is_below = match (away_below, back_above) {
        (Fewest::Servers(away), Some(Fewest::Servers(back))) => back < away,
        (Fewest::Share(away), Some(Fewest::Share(back))) => back < away,
        // Which is more depends on how many servers there are: it is back with the larger of both.
        _ => false,
    };
    if let (true, Some(back)) = (is_below, node.get("back_above")) {
        let message = format!("a pool that is away below {away_below} would go again at once");
        findings.push(back.span, message, format!("write {away_below} or more, or take 'back_above' away"));
    }
    let hold = duration("hold").unwrap_or(default.hold);
    let longest_hold = duration("longest_hold").unwrap_or(default.longest_hold.max(hold));
    if let (true, Some(longest)) = (longest_hold < hold, node.get("longest_hold")) {
        let help = format!("write {} or more, or a shorter 'hold'", write_duration(hold));
        findings.push(longest.span, "the longest hold is shorter than the first one", help);
    }
    FailoverRules { away_below, back_above, hold, longest_hold }
}
