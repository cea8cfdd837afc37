//! A certificate that is looked after.

use super::schedule;
use super::store::{self, Tries};
use crate::config::AcmeCertificate;
use crate::live::{AcmeProblem, AcmeStanding, clock, entropy};
use crate::model::Timestamp;
use crate::tls::{Facts, Pair};

/// A certificate that is looked after.
pub(super) struct Wanted {
    pub certificate: AcmeCertificate,
    /// What the one that is there says.
    pub facts: Option<Facts>,
    /// When it is asked for next; `None` while it is asked for.
    pub next: Option<Timestamp>,
    /// When the authority is asked next when to renew it.
    pub advice: Option<Timestamp>,
    pub tries: Tries,
    pub problem: Option<AcmeProblem>,
}

impl Wanted {
    /// As it stands on disk.
    pub(super) fn new(certificate: AcmeCertificate) -> Self {
        let tries = Tries::read(&certificate.file);
        let mut this = Self { certificate, facts: None, next: None, advice: None, tries, problem: None };
        this.look(clock::now());
        if let (Some(next), true) = (this.tries.next, this.next.is_none_or(|next| next <= clock::now())) {
            this.next = Some(next); // it failed before this start
        }
        this
    }

    /// Takes in what is on disk at `now`: another process, or somebody, may have renewed it.
    pub(super) fn look(&mut self, now: Timestamp) {
        let bytes = store::read(&self.certificate.file);
        let pair = bytes.ok().and_then(|bytes| Pair::from_pem(&bytes, &bytes).ok());
        let facts = pair.as_ref().and_then(Pair::facts).cloned();
        let is_for = |facts: &Facts| self.certificate.names.iter().all(|name| facts.names.contains(name));
        let facts = facts.filter(is_for);
        if facts.is_none() || facts != self.facts {
            self.take(now, facts);
        }
    }

    /// Takes in a certificate, or that there is none, at `now`.
    pub(super) fn take(&mut self, now: Timestamp, facts: Option<Facts>) {
        let due = facts.as_ref().map(|facts| schedule::renewal(facts.not_before, facts.not_after, entropy::ratio()));
        self.next = Some(due.unwrap_or(now));
        self.advice = facts.as_ref().and(Some(now));
        self.facts = facts;
    }

    /// How it stands, for people.
    pub(super) fn standing(&self) -> AcmeStanding {
        AcmeStanding {
            names: self.certificate.names.clone(),
            file: self.certificate.file.clone(),
            expires: self.facts.as_ref().map(|facts| facts.not_after),
            next: self.next,
            failures: self.tries.failures,
            problem: self.problem.clone(),
        }
    }

    /// Its hosts in one line.
    pub(super) fn names(&self) -> String {
        self.certificate.names.join(", ")
    }

    /// Forgets what failed: it is there since `now`.
    pub(super) fn succeeded(&mut self, now: Timestamp) {
        self.tries = Tries::default();
        self.tries.write(&self.certificate.file);
        self.problem = None;
        self.next = self.next.map(|due| schedule::after_success(now, due));
    }
}
