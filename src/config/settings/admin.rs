//! Whether the admin address is one that may be bound.

use super::Admin;
use crate::config::one_source;
use crate::config::problem::Findings;
use crate::config::yaml::Node;

/// Reports an address that others can reach without TLS and tokens, and keys that make no sense together.
pub(super) fn is_safe(root: &Node<'_>, admin: &Admin, findings: &mut Findings) {
    let Some(node) = root.get("admin") else { return };
    one_source(node, "token", findings);
    if let (Some(entry), None) = (node.entry("socket_for"), node.entry("socket")) {
        let help = "add socket: run/homeward.sock, or take it away";
        findings.push(entry.key_span, "'socket_for' says nothing without 'socket'", help);
    }
    let Some(address) = node.get("address").filter(|_| admin.is_public()) else { return };
    // What stands there and is wrong has been reported: it counts as being there.
    let has_tls = node.entry("tls").is_some();
    let has_tokens = node.entry("token_file").is_some() || node.entry("token_env").is_some();
    let missing = match (has_tls, has_tokens) {
        (true, true) => return,
        (false, true) => "'tls' is",
        (true, false) => "'token_file' is",
        (false, false) => "'tls' and 'token_file' are",
    };
    findings.push(
        address.span,
        format!("others than this machine can reach {}, and {missing} missing", admin.address),
        "add tls: {certificate: ..., key: ...} and token_file: conf/admin.tokens (homeward key generate --kind token \
         --out conf/admin.tokens), or keep to this machine: 127.0.0.1:9901 and the Unix socket",
    );
}
