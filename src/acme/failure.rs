//! Why something was not to be had, in words for people.

use super::schedule::Kind;
use crate::telemetry::AcmeResult;
use instant_acme::{Error, Problem};

/// The longest text of an authority that is passed on, in bytes.
const LONGEST: usize = 1_000;

/// Why a certificate was not to be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    pub kind: Kind,
    /// What was wrong, and what to do.
    pub text: String,
}

impl Failure {
    /// Before anything was asked for.
    pub(super) fn before(text: impl Into<String>) -> Self {
        Self { kind: Kind::Unreachable, text: text.into() }
    }

    /// After the authority was asked.
    pub(super) fn after(text: impl Into<String>) -> Self {
        Self { kind: Kind::Refused, text: text.into() }
    }

    /// The authority could not be asked for anything.
    pub(super) fn of_account(error: &Error, directory: &str) -> Self {
        match error {
            Error::Api(problem) => of_problem(problem),
            Error::Json(_) => Self::before(format!(
                "what answers at {directory} is no ACME directory: correct directory: under acme:"
            )),
            other => Self::before(format!(
                "{}; see that {directory} can be reached from here, and that its certificate is believed (ca_file: under \
                 acme:)",
                printable(&other.to_string())
            )),
        }
    }

    /// In the midst of an order.
    pub(super) fn of_order(error: &Error) -> Self {
        match error {
            Error::Api(problem) => of_problem(problem),
            Error::Timeout(_) => Self::after("the authority did not come to an end with the order in time"),
            other => Self::after(printable(&other.to_string())),
        }
    }

    pub(super) fn result(&self) -> AcmeResult {
        match self.kind {
            Kind::Unreachable => AcmeResult::Unreachable,
            Kind::Refused | Kind::RateLimited => AcmeResult::Refused,
        }
    }
}

/// What a problem document says (RFC 8555, 6.7), and what to do.
pub(super) fn of_problem(problem: &Problem) -> Failure {
    let word = problem.r#type.as_deref().unwrap_or_default();
    let word = word.strip_prefix("urn:ietf:params:acme:error:").unwrap_or(word);
    let mut said: Vec<&str> = problem.detail.as_deref().into_iter().collect();
    said.extend(problem.subproblems.iter().filter_map(|sub| sub.detail.as_deref()));
    let help = match word {
        "connection" | "tls" => {
            "let port 443 (tls-alpn-01) or port 80 (http-01) of the host lead to this edge, for everybody"
        }
        "dns" => "let the host's DNS name lead to this edge, for everybody",
        "unauthorized" | "incorrectResponse" => {
            "somebody else answered: let the host lead to this edge alone, or get the certificate by other means"
        }
        "caa" => "let the CAA record of the host name this authority",
        "rateLimited" => "wait, or use the authority's staging directory while trying things out",
        "externalAccountRequired" => "get a key of the authority, and name it in external_account: under acme:",
        "rejectedIdentifier" | "unsupportedIdentifier" => "this authority does not issue for such hosts: take another",
        "userActionRequired" | "agreementRequired" => "read the authority's new terms, and accept them there",
        _ => "",
    };
    let mut text = format!("the authority says: {}", printable(&said.join("; ")));
    if !word.is_empty() {
        text.push_str(&format!(" ({})", printable(word)));
    }
    if !help.is_empty() {
        text.push_str(&format!("; {help}"));
    }
    let kind = if word == "rateLimited" { Kind::RateLimited } else { Kind::Refused };
    Failure { kind, text }
}

/// What somebody else says, in one line of bounded length.
fn printable(text: &str) -> String {
    let cut = text.get(..text.floor_char_boundary(LONGEST)).unwrap_or_default();
    cut.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
