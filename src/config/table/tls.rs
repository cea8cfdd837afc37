//! `tls:` of pools and of regions' edges.

use crate::config::problem::Findings;
use crate::config::yaml::Node;
use crate::model::{IdentityFiles, PeerFiles, Pool, PoolTls};
use std::path::Path;

/// How TLS is spoken to the servers of a pool.
pub(super) fn of_pool(node: &Node<'_>, findings: &mut Findings) -> Option<PoolTls> {
    let verify = node.get("verify").and_then(Node::parse).unwrap_or(true);
    if let (false, Some(ca)) = (verify, node.entry("ca_file")) {
        findings.push(
            ca.key_span,
            "'ca_file' says nothing with 'verify: false'",
            "take verify: away: the certificates of the servers are verified by this file then",
        );
    }
    let files = files(node, findings);
    Some(PoolTls { sni: node.get("sni")?.text()?.into(), verify, files })
}

/// How TLS is spoken to an edge, where its URL says that it is.
pub(super) fn of_edge(node: &Node<'_>, door: &mut Pool, findings: &mut Findings) {
    let Some(entry) = node.entry("tls") else { return };
    let files = files(&entry.value, findings);
    let Some(tls) = &mut door.tls else {
        let help = "write the URL with https://, or take 'tls' away";
        findings.push(entry.key_span, "'tls' says nothing of an edge that is reached by http://", help);
        return;
    };
    if let Some(sni) = entry.value.get("sni").and_then(Node::text) {
        tls.sni = sni.into();
    }
    tls.files = files;
}

fn files(node: &Node<'_>, findings: &mut Findings) -> PeerFiles {
    let path = |key: &str| node.get(key).and_then(Node::text).map(|text| Box::from(Path::new(text)));
    match (node.entry("certificate"), node.entry("key")) {
        (Some(certificate), None) => findings.push(
            certificate.key_span,
            "'key' is missing: a certificate is of no use without its key",
            "add key: conf/tls/client.key; where both are in one file, name that file twice",
        ),
        (None, Some(key)) => findings.push(
            key.key_span,
            "'certificate' is missing: a key is of no use without its certificate",
            "add certificate: conf/tls/client.pem; where both are in one file, name that file twice",
        ),
        _ => {}
    }
    let identity = path("certificate").zip(path("key")).map(|(certificate, key)| IdentityFiles { certificate, key });
    PeerFiles { ca: path("ca_file"), identity }
}
