//! The challenges by which an authority sees that hosts lead to this edge, while they are pending.

use crate::tls::AlpnChallenges;
use arc_swap::ArcSwap;
use std::collections::HashMap;
use std::sync::Arc;

/// Below which path HTTP-01 asks (RFC 8555, 8.3).
const PREFIX: &str = "/.well-known/acme-challenge/";

/// The challenges that are pending. Reading takes no lock.
#[derive(Debug, Default)]
pub struct Challenges {
    tokens: ArcSwap<HashMap<String, Arc<str>>>,
    alpn: Arc<AlpnChallenges>,
}

impl Challenges {
    /// Those of TLS-ALPN-01.
    #[must_use]
    pub fn alpn(&self) -> &Arc<AlpnChallenges> {
        &self.alpn
    }

    /// What is answered to a request for `path`, where it asks for the token of a challenge of HTTP-01 that is pending.
    #[must_use]
    pub fn answer(&self, path: &str) -> Option<Arc<str>> {
        let token = path.strip_prefix(PREFIX)?;
        self.tokens.load().get(token).map(Arc::clone)
    }

    /// Begins to answer requests for `token`.
    pub fn begin(&self, token: &str, answer: &str) {
        self.tokens.rcu(|before| {
            let mut all = HashMap::clone(before);
            all.insert(token.to_owned(), Arc::from(answer));
            all
        });
    }

    /// Ends to answer requests for `token`.
    pub fn end(&self, token: &str) {
        self.tokens.rcu(|before| {
            let mut all = HashMap::clone(before);
            all.remove(token);
            all
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_pending_is_answered() {
        let challenges = Challenges::default();
        let path = "/.well-known/acme-challenge/abc";
        assert_eq!(challenges.answer(path), None);
        challenges.begin("abc", "abc.thumb");
        challenges.begin("", "never");
        challenges.end("");
        assert_eq!(challenges.answer(path).as_deref(), Some("abc.thumb"));
        for other in ["/.well-known/acme-challenge/", "/.well-known/acme-challenge/ab", "/abc", &format!("{path}/")] {
            assert_eq!(challenges.answer(other), None, "{other}");
        }
        challenges.end("abc");
        assert_eq!(challenges.answer(path), None);
    }
}
