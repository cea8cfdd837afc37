//! What a service says of faults.

use super::{failover, health, limits, retries};
use crate::config::problem::Findings;
use crate::config::quantity;
use crate::config::yaml::Node;
use crate::model::{GateRules, GatedSessions, HealthRules, Resilience};
use std::time::Duration;

/// Reads what stands at a service; reports what contradicts itself.
pub(super) fn read(service: &Node<'_>, findings: &mut Findings) -> Resilience {
    Resilience {
        failover: failover::read(service.get("failover"), findings),
        gate: gate(service.get("gate")),
        retries: retries::read(service.get("retries"), findings),
        health: service.get("health").map_or_else(HealthRules::default, |node| health::health(node, findings)),
        outliers: health::outliers(service.get("outliers"), findings),
        breaker: limits::breaker(service.get("breaker"), findings),
        limits: limits::limits(service.get("limits"), findings),
    }
}

fn gate(node: Option<&Node<'_>>) -> GateRules {
    let default = GateRules::default();
    let Some(node) = node else { return default };
    GateRules {
        sessions: match node.get("sessions").and_then(Node::text) {
            Some("all") => GatedSessions::All,
            Some("none") => GatedSessions::None,
            _ => GatedSessions::Moved,
        },
        wait: duration(node, "wait").unwrap_or(default.wait),
        stripes: node.get("stripes").and_then(Node::parse).unwrap_or(default.stripes),
        settled: node.get("settled").and_then(Node::parse).unwrap_or(default.settled),
    }
}

pub(super) fn duration(node: &Node<'_>, key: &str) -> Option<Duration> {
    quantity::duration(node.get(key)?.text()?).ok()
}
