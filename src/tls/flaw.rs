//! Why files cannot be used, and what should worry an operator though they can.

use crate::model::Timestamp;

/// Which of the files something is wrong with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The file of certificates.
    Certificate,
    /// The file of the key, or the two files together.
    Key,
}

/// Why files cannot be used. Holds nothing of a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct Flaw {
    /// Which file it is about.
    pub part: Part,
    /// What is wrong, in one line.
    pub what: String,
    /// What to do about it.
    pub help: String,
}

impl Flaw {
    pub(super) fn of_certificate(what: impl Into<String>, help: impl Into<String>) -> Self {
        Self { part: Part::Certificate, what: what.into(), help: help.into() }
    }

    pub(super) fn of_key(what: impl Into<String>, help: impl Into<String>) -> Self {
        Self { part: Part::Key, what: what.into(), help: help.into() }
    }
}

/// What should worry an operator. The certificate is used all the same: a visitor who is warned by a browser is better off
/// than one who gets no answer, and the clock may be what is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Warning {
    /// Its time is over.
    #[error("{} has expired at {at}: renew it", of(.position))]
    Expired {
        /// Its place in the file, from 1.
        position: usize,
        /// The end of its time.
        at: Timestamp,
    },
    /// Its time has not come.
    #[error("{} is not valid before {at}: check the clock of this machine, or wait with it", of(.position))]
    NotYetValid {
        /// Its place in the file, from 1.
        position: usize,
        /// The beginning of its time.
        at: Timestamp,
    },
    /// No client can find a name of its own in it.
    #[error("the certificate names no host, so no client accepts it: have one made with a subjectAltName")]
    NoNames,
    /// The chain is in no order in which a client could follow it.
    #[error(
        "certificate {position} of the file is not the issuer of the one before it, so that some clients do not find the \
         way to a root: put each issuer behind what it issued"
    )]
    ChainOrder {
        /// The first place that is wrong, from 1.
        position: usize,
    },
    /// It is signed in a way that can be forged.
    #[error("{} is signed with {algorithm}, which clients refuse: have it made anew", of(.position))]
    WeakSignature {
        /// Its place in the file, from 1.
        position: usize,
        /// How.
        algorithm: &'static str,
    },
    /// Others can get at the file of its key: who, and what to do.
    #[error("{0}")]
    KeyFile(Box<str>),
}

fn of(position: &usize) -> String {
    match position {
        1 => "the certificate".to_owned(),
        _ => format!("certificate {position} of the file"),
    }
}
