//! How TLS is spoken on a listener.

use super::acme::{Acme, AcmeCertificate, AcmeChallenge};
use crate::config::problem::{Findings, quoted};
use crate::config::yaml::{Node, Span};
use std::collections::HashMap;
use std::path::PathBuf;

/// How TLS is spoken on a listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// The certificates; no two the same, and at least one where none is had by ACME. The first is the default.
    pub certificates: Vec<CertificateFiles>,
    /// Those that are had by ACME.
    pub acme: Vec<AcmeCertificate>,
    /// Versions and suites.
    pub profile: TlsProfile,
    /// Whose certificates clients are asked for; they are asked for none where missing.
    pub clients: Option<ClientAuthority>,
}

/// The files of a certificate.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CertificateFiles {
    /// The file of the chain.
    pub certificate: PathBuf,
    /// The file of the key; may be the same one.
    pub key: PathBuf,
}

/// Whose certificates clients are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientAuthority {
    /// The file of those who are believed.
    pub ca: PathBuf,
    /// Whether a client must have one.
    pub certificates: ClientCertificates,
}

/// Whether a client must have a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ClientCertificates {
    /// Those without one are let in too.
    Optional,
    /// Without one there is no connection.
    #[default]
    Required,
}

/// Versions and suites, by Mozilla's guideline for servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TlsProfile {
    /// TLS 1.3 alone.
    Modern,
    /// TLS 1.2 and 1.3.
    #[default]
    Intermediate,
}

/// Reads the TLS of a listener; reports keys that make no sense together.
pub(super) fn read(node: &Node<'_>, acme: Option<&Acme>, findings: &mut Findings) -> Tls {
    let path = |node: &Node<'_>, key: &str| node.get(key).and_then(Node::text).map(PathBuf::from);
    belong_together(node, findings);
    let one = files(node).map(|(files, _)| files);
    let mut first: HashMap<CertificateFiles, Span> = HashMap::new();
    let mut several = Vec::new();
    for (files, span) in node.get("certificates").map(Node::items).unwrap_or_default().iter().filter_map(files) {
        if let Some(at) = first.get(&files) {
            let message = format!("{} stands twice in this list", quoted(&files.certificate.to_string_lossy()));
            findings.push_with(span, message, "take one of the two away", (*at, "first here"));
            continue;
        }
        first.insert(files.clone(), span);
        several.push(files);
    }
    let ca = path(node, "client_ca");
    let acme_certificates = acme_certificates(node, acme, findings);
    Tls {
        acme: acme_certificates,
        certificates: one.into_iter().chain(several).collect(),
        profile: match node.get("profile").and_then(Node::text) {
            Some("modern") => TlsProfile::Modern,
            _ => TlsProfile::default(),
        },
        clients: ca.map(|ca| ClientAuthority {
            ca,
            certificates: match node.get("client_certificates").and_then(Node::text) {
                Some("optional") => ClientCertificates::Optional,
                _ => ClientCertificates::default(),
            },
        }),
    }
}

/// The files of one certificate, and where the first of them is named.
fn files(node: &Node<'_>) -> Option<(CertificateFiles, Span)> {
    let (certificate, key) = (node.get("certificate")?, node.get("key")?);
    let files = CertificateFiles { certificate: certificate.text()?.into(), key: key.text()?.into() };
    Some((files, certificate.span))
}

/// The certificates that are to be had by ACME; reports names that stand twice, and that nobody is there to issue them.
fn acme_certificates(node: &Node<'_>, acme: Option<&Acme>, findings: &mut Findings) -> Vec<AcmeCertificate> {
    let Some(entry) = node.entry("acme") else { return Vec::new() };
    let mut first: HashMap<String, Span> = HashMap::new();
    let mut all = Vec::new();
    for item in entry.value.items() {
        let one = std::slice::from_ref(item);
        let list = if item.items().is_empty() { one } else { item.items() };
        let mut names = Vec::new();
        for node in list {
            let Some(name) = node.text().map(|name| name.trim_end_matches('.').to_ascii_lowercase()) else { continue };
            if let Some(at) = first.get(&name) {
                let message = format!("{} stands twice in this list", quoted(&name));
                findings.push_with(node.span, message, "take one of the two away", (*at, "first here"));
                continue;
            }
            first.insert(name.clone(), node.span);
            names.push(name);
        }
        if let (Some(acme), false) = (acme, names.is_empty()) {
            all.push(AcmeCertificate::new(names, acme));
        }
    }
    match acme {
        None => findings.push(
            entry.key_span,
            "nothing says who issues these certificates",
            "add acme: {directory: https://acme-v02.api.letsencrypt.org/directory, terms_accepted: true} to the settings",
        ),
        Some(acme) => {
            let asks = node.get("client_ca").is_some()
                && node.get("client_certificates").is_none_or(|word| word.text() != Some("optional"));
            if asks && acme.challenges == [AcmeChallenge::TlsAlpn01] {
                findings.push(
                    entry.key_span,
                    "the authority has no certificate of a client, so that it cannot make the handshake of tls-alpn-01 here",
                    "add http-01 to the challenges of acme:, or write client_certificates: optional",
                );
            }
        }
    }
    all
}

fn belong_together(node: &Node<'_>, findings: &mut Findings) {
    let (certificate, key) = (node.entry("certificate"), node.entry("key"));
    match (certificate, key) {
        (Some(certificate), None) => findings.push(
            certificate.key_span,
            "'key' is missing: a certificate is of no use without its key",
            "add key: conf/tls/edge.key; where both are in one file, name that file twice",
        ),
        (None, Some(key)) if node.get("certificates").is_some() => findings.push(
            key.key_span,
            "'key' cannot stand beside 'certificates'",
            "each entry of 'certificates' has a key of its own: take this one away",
        ),
        // Without either, the form has said what is missing.
        _ => {}
    }
    if let (Some(one), Some(several)) = (certificate, node.entry("certificates")) {
        findings.push_with(
            several.key_span,
            "'certificates' cannot stand beside 'certificate'",
            "write all of them in 'certificates'",
            (one.key_span, "beside this"),
        );
    }
    if let (Some(clients), None) = (node.entry("client_certificates"), node.entry("client_ca")) {
        findings.push(
            clients.key_span,
            "'client_certificates' says nothing without 'client_ca'",
            "add client_ca: conf/tls/clients.pem, with those who issue certificates to clients, or take it away",
        );
    }
}
