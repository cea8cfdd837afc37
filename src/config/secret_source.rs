//! Where a secret is kept, as both files say it: `key_file` or `key_env`, `token_file` or `token_env`.

use super::problem::{Findings, quoted};
use super::yaml::Node;
use crate::model::SecretSource;

/// Where the secret `what` of `node` is kept, where it says so.
pub(super) fn secret_source(node: &Node<'_>, what: &str) -> Option<SecretSource> {
    let text = |way: &str| node.get(&format!("{what}_{way}")).and_then(Node::text);
    let file = text("file").map(|path| SecretSource::File(path.into()));
    file.or_else(|| text("env").map(|name| SecretSource::Environment(name.into())))
}

/// Reports two places for one secret.
pub(super) fn one_source(node: &Node<'_>, what: &str, findings: &mut Findings) {
    let entry = |way: &str| node.entry(&format!("{what}_{way}"));
    if let (Some(file), Some(variable)) = (entry("file"), entry("env")) {
        findings.push_with(
            variable.key_span,
            format!("{} cannot stand beside {}", quoted(&variable.key), quoted(&file.key)),
            "a secret has one place: take one of the two away",
            (file.key_span, "beside this"),
        );
    }
}
