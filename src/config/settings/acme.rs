//! Who issues certificates by ACME, and how it is asked.

use super::Listener;
use crate::config::problem::Findings;
use crate::config::yaml::Node;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// An authority that issues certificates by ACME (RFC 8555), and what it is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acme {
    /// The URL of its directory, `https://`.
    pub directory: String,
    /// Where it may write to: mail addresses.
    pub contact: Vec<String>,
    /// How it is shown that hosts lead here, in the order in which that is tried; at least one, no two the same.
    pub challenges: Vec<AcmeChallenge>,
    /// The directory of the account and the certificates.
    pub state: PathBuf,
    /// By whom the directory itself is verified; those whom the machine believes where missing.
    pub ca: Option<PathBuf>,
    /// The account with the authority that the new one belongs to.
    pub external_account: Option<ExternalAccount>,
}

/// How it is shown that a host leads here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AcmeChallenge {
    /// By a certificate for this purpose alone, on port 443.
    TlsAlpn01,
    /// By a text below `/.well-known/acme-challenge/`, on port 80.
    Http01,
}

/// An account with an authority that an ACME account belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExternalAccount {
    /// The name of its key.
    pub key_id: String,
    /// The file of its key.
    pub key_file: PathBuf,
}

/// A certificate that is had by ACME.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AcmeCertificate {
    /// The hosts that it is for, in lower case; at least one, no two the same.
    pub names: Vec<String>,
    /// The file of its chain and its key. Of another authority, and for other names, it is another one.
    pub file: PathBuf,
}

impl AcmeCertificate {
    pub(super) fn new(names: Vec<String>, acme: &Acme) -> Self {
        let mut sorted: Vec<_> = names.iter().map(String::as_str).collect();
        sorted.sort_unstable();
        let tag = tag(&format!("{}\n{}", acme.directory, sorted.join("\n")));
        let first = names.first().map_or("", String::as_str);
        let file = acme.state.join(format!("{first}-{tag}.pem"));
        Self { names, file }
    }
}

impl Acme {
    /// The file of the account.
    #[must_use]
    pub fn account_file(&self) -> PathBuf {
        self.state.join(format!("account-{}.json", tag(&self.directory)))
    }
}

/// Tells files of different things apart.
fn tag(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    digest.iter().take(4).fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}"); // writing to a String cannot fail
        text
    })
}

/// Reads the section; reports terms that are not accepted.
pub(super) fn read(root: &Node<'_>, state: &Path, findings: &mut Findings) -> Option<Acme> {
    let node = root.get("acme")?;
    let text = |node: &Node<'_>, key: &str| node.get(key).and_then(Node::text).map(str::to_owned);
    if let Some(terms) = node.get("terms_accepted").filter(|terms| terms.text() == Some("false")) {
        let help = "read them (the directory names them), and write terms_accepted: true";
        findings.push(terms.span, "the authority issues nothing to those who do not accept its terms", help);
    }
    let words = node.get("challenges").map(Node::items).unwrap_or_default();
    let mut challenges = Vec::new();
    for word in words {
        let challenge = match word.text() {
            Some("tls-alpn-01") => AcmeChallenge::TlsAlpn01,
            Some("http-01") => AcmeChallenge::Http01,
            _ => continue,
        };
        if challenges.contains(&challenge) {
            findings.push(word.span, "this challenge stands twice in this list", "take one of the two away");
        } else {
            challenges.push(challenge);
        }
    }
    if challenges.is_empty() {
        challenges = vec![AcmeChallenge::TlsAlpn01, AcmeChallenge::Http01];
    }
    Some(Acme {
        directory: text(node, "directory").unwrap_or_default(), // where it is missing, that has been reported
        contact: node
            .get("contact")
            .map(Node::items)
            .unwrap_or_default()
            .iter()
            .filter_map(|item| Some(item.text()?.to_owned()))
            .collect(),
        challenges,
        state: text(node, "state").map_or_else(|| state.join("acme"), PathBuf::from),
        ca: text(node, "ca_file").map(PathBuf::from),
        external_account: node.get("external_account").and_then(|account| {
            Some(ExternalAccount { key_id: text(account, "key_id")?, key_file: text(account, "key_file")?.into() })
        }),
    })
}

/// Reports an authority that is asked for nothing.
pub(super) fn is_used(root: &Node<'_>, listen: &[Listener], findings: &mut Findings) {
    let wants = |listener: &Listener| listener.tls.as_ref().is_some_and(|tls| !tls.acme.is_empty());
    // What is wrong with the names of a listener has been reported there.
    let says = |node: &Node<'_>| node.get("tls").is_some_and(|tls| tls.get("acme").is_some());
    let said = root.get("listen").map(Node::items).unwrap_or_default().iter().any(says);
    if let (Some(entry), false, false) = (root.entry("acme"), said, listen.iter().any(wants)) {
        findings.push(
            entry.key_span,
            "no listener wants a certificate by ACME",
            "name the hosts at a listener, e.g. tls: {acme: [portal.example.com]}, or take 'acme' away",
        );
    }
}
