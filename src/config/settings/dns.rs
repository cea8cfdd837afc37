//! How names are looked up.

use crate::config::problem::Findings;
use crate::config::quantity::{self, write_duration};
use crate::config::yaml::Node;
use std::net::SocketAddr;
use std::time::Duration;

/// How names are looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dns {
    /// The name servers; those of this machine where there is none.
    pub servers: Vec<SocketAddr>,
    /// The shortest time to the next look-up of a name, whatever the TTL of its answer is; more than zero.
    pub shortest_ttl: Duration,
    /// The longest; not shorter than the shortest.
    pub longest_ttl: Duration,
}

impl Default for Dns {
    fn default() -> Self {
        Self { servers: Vec::new(), shortest_ttl: Duration::from_secs(1), longest_ttl: Duration::from_mins(5) }
    }
}

/// Reads what stands in the settings; reports what contradicts itself.
pub(super) fn read(root: &Node<'_>, findings: &mut Findings) -> Dns {
    let usual = Dns::default();
    let Some(dns) = root.get("dns") else { return usual };
    let duration = |key: &str| quantity::duration(dns.get(key)?.text()?).ok();
    let servers = dns.get("servers").map(Node::items).unwrap_or_default().iter().filter_map(Node::parse).collect();
    let shortest_ttl = duration("shortest_ttl").unwrap_or(usual.shortest_ttl);
    let longest_ttl = duration("longest_ttl").unwrap_or(usual.longest_ttl.max(shortest_ttl));
    if let (true, Some(longest)) = (longest_ttl < shortest_ttl, dns.get("longest_ttl")) {
        let help = format!("write {} or more, or a smaller 'shortest_ttl'", write_duration(shortest_ttl));
        findings.push(longest.span, "the longest TTL is below the shortest", help);
    }
    Dns { servers, shortest_ttl, longest_ttl: longest_ttl.max(shortest_ttl) }
}
