//! A chain of certificates and its key, out of PEM bytes.

use super::facts::Facts;
use super::flaw::{Flaw, Warning};
use super::profile;
use crate::model::Timestamp;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{Error, SignatureAlgorithm};
use std::fmt;
use std::sync::Arc;

/// The most certificates of a file. Each one goes to every new client, and a chain has three or four.
const LONGEST_CHAIN: usize = 16;

/// What a key may be; the rest cannot be signed with.
const KINDS: &str = "ECDSA on P-256 or P-384, Ed25519, and RSA of 2048 to 4096 bits";

/// A chain of certificates and the key that belongs to its first.
pub struct Pair {
    certified: Arc<CertifiedKey>,
    chain: Vec<Facts>,
    key_warning: Option<Box<str>>,
}

impl Pair {
    /// Reads a chain and a key: PEM, the key as PKCS#8, PKCS#1 or SEC1, without a passphrase. Both may stand in one file,
    /// then `certificate` and `key` are the same. The bytes of the key are wiped as far as they are held here.
    ///
    /// # Errors
    /// Why the two cannot be used. That a certificate has expired, or is not valid yet, is none: see [`Pair::warnings`].
    pub fn from_pem(certificate: &[u8], key: &[u8]) -> Result<Self, Flaw> {
        let (certificates, chain) = chain(certificate)?;
        let key = private_key(key)?;
        if let Some(bits) = chain.first().and_then(|leaf| leaf.rsa_bits).filter(|bits| !(2047..=4096).contains(bits)) {
            let what = format!("the certificate has an RSA key of {bits} bits, which cannot be used");
            return Err(Flaw::of_certificate(what, format!("have one made for another key: {KINDS}")));
        }
        // The provider wipes what it is given.
        let signing = profile::ring().key_provider.load_private_key(key).map_err(|_| {
            // What the provider says of it might be of use to nobody but an attacker.
            Flaw::of_key("the key in the file cannot be used", format!("what can be used: {KINDS}"))
        })?;
        let certified = CertifiedKey::new(certificates, signing);
        match certified.keys_match() {
            Ok(()) | Err(Error::InconsistentKeys(rustls::InconsistentKeys::Unknown)) => {}
            Err(Error::InconsistentKeys(_)) => return Err(mismatch(&certified)),
            Err(error) => {
                let help = "have one made anew: version 3, with a subjectAltName";
                return Err(Flaw::of_certificate(format!("the certificate cannot be used: {error}"), help));
            }
        }
        Ok(Self { certified: Arc::new(certified), chain, key_warning: None })
    }

    /// The same, with what should worry somebody about the file that the key came from.
    #[must_use]
    pub fn with_key_warning(self, warning: Option<String>) -> Self {
        Self { key_warning: warning.map(Into::into), ..self }
    }

    /// What should worry somebody about the file of its key.
    #[must_use]
    pub fn key_warning(&self) -> Option<&str> {
        self.key_warning.as_deref()
    }

    /// What the certificate says that clients look at: the first of the chain.
    #[must_use]
    pub fn facts(&self) -> Option<&Facts> {
        self.chain.first()
    }

    /// The names that the certificate is for.
    #[must_use]
    pub fn names(&self) -> &[String] {
        self.facts().map_or(&[], |facts| &facts.names)
    }

    /// What should worry an operator at `now`.
    #[must_use]
    pub fn warnings(&self, now: Timestamp) -> Vec<Warning> {
        let mut warnings = warnings(&self.chain, now);
        warnings.extend(self.key_warning.clone().map(Warning::KeyFile));
        if self.names().is_empty() {
            warnings.push(Warning::NoNames);
        }
        let pairs = self.chain.iter().zip(self.chain.iter().skip(1));
        if let Some(at) = pairs.clone().position(|(one, next)| !one.is_issued_by(next)) {
            warnings.push(Warning::ChainOrder { position: at + 2 });
        }
        warnings
    }

    /// Whether the other one has the same certificates, and with them a key to the same public key.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        self.certified.cert == other.certified.cert
    }

    pub(super) fn certified(&self) -> &Arc<CertifiedKey> {
        &self.certified
    }

    /// Whether it has an RSA key: larger and slower than the others, and known to every client.
    pub(super) fn is_rsa(&self) -> bool {
        self.certified.key.algorithm() == SignatureAlgorithm::RSA
    }
}

impl fmt::Debug for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pair({:?}, with a secret key)", self.names())
    }
}

/// What is wrong with the times and the signatures of these certificates.
pub(super) fn warnings(chain: &[Facts], now: Timestamp) -> Vec<Warning> {
    let mut warnings = Vec::new();
    for (facts, position) in chain.iter().zip(1..) {
        if facts.not_after < now {
            warnings.push(Warning::Expired { position, at: facts.not_after });
        }
        if facts.not_before > now {
            warnings.push(Warning::NotYetValid { position, at: facts.not_before });
        }
        if let (Some(algorithm), false) = (facts.weak_signature, facts.is_root()) {
            warnings.push(Warning::WeakSignature { position, algorithm });
        }
    }
    warnings
}

/// The certificates of a file, and what they say; at least one.
pub(super) fn certificates(bytes: &[u8], most: usize) -> Result<(Vec<CertificateDer<'static>>, Vec<Facts>), Flaw> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(bytes).take(most + 1).collect();
    let found = found.map_err(|error| {
        let what = format!("the file of the certificate is {}", damage(&error));
        Flaw::of_certificate(what, "copy it anew, with every line from -----BEGIN to END CERTIFICATE-----")
    })?;
    if found.is_empty() {
        let help = if bytes.first() == Some(&0x30) {
            "it looks like DER: turn it into PEM with openssl x509 -inform der"
        } else {
            "it must have a part from -----BEGIN CERTIFICATE----- to -----END CERTIFICATE-----"
        };
        return Err(Flaw::of_certificate("there is no certificate in the file", help));
    }
    if found.len() > most {
        let what = format!("there are more than {most} certificates in the file");
        return Err(Flaw::of_certificate(what, "leave those that are needed"));
    }
    let read = |(certificate, position): (&CertificateDer<'_>, usize)| {
        Facts::of(certificate).ok_or_else(|| {
            let what = format!("certificate {position} of the file cannot be read");
            Flaw::of_certificate(what, "look at it with openssl x509 -text, and copy it anew")
        })
    };
    let facts = found.iter().zip(1..).map(read).collect::<Result<Vec<_>, _>>()?;
    Ok((found, facts))
}

fn chain(bytes: &[u8]) -> Result<(Vec<CertificateDer<'static>>, Vec<Facts>), Flaw> {
    certificates(bytes, LONGEST_CHAIN)
}

pub(super) fn private_key(bytes: &[u8]) -> Result<PrivateKeyDer<'static>, Flaw> {
    PrivateKeyDer::from_pem_slice(bytes).map_err(|error| match error {
        pem::Error::NoItemsFound if holds(bytes, b"-----BEGIN ENCRYPTED PRIVATE KEY-----") => Flaw::of_key(
            "the key is encrypted with a passphrase, which nobody could type when the edge starts",
            "write it without one, for the user of homeward alone: (umask 077; openssl pkey -in OLD -out NEW)",
        ),
        pem::Error::NoItemsFound if bytes.first() == Some(&0x30) => Flaw::of_key(
            "there is no key in PEM form in the file",
            "it looks like DER: turn it into PEM with openssl pkey -inform der",
        ),
        pem::Error::NoItemsFound => Flaw::of_key(
            "there is no private key in the file",
            "it must have a part from -----BEGIN PRIVATE KEY----- (or RSA or EC PRIVATE KEY) to its END",
        ),
        // Never with what stands there.
        error => Flaw::of_key(
            format!("the file of the key is {}", damage(&error)),
            "copy it anew, with every line from -----BEGIN to END",
        ),
    })
}

/// What is wrong with a PEM file, without a byte of it.
fn damage(error: &pem::Error) -> &'static str {
    match error {
        pem::Error::MissingSectionEnd { .. } => "cut off: a part of it has no END line",
        _ => "damaged: a part of it is no base64",
    }
}

/// Why the key does not belong to the first certificate.
fn mismatch(certified: &CertifiedKey) -> Flaw {
    let belongs = |certificate: &CertificateDer<'static>| {
        CertifiedKey::new(vec![certificate.clone()], Arc::clone(&certified.key)).keys_match().is_ok()
    };
    match certified.cert.iter().position(belongs) {
        Some(at) => Flaw::of_certificate(
            format!("the certificate of the key stands at place {} of the file, and must be the first", at + 1),
            "put it first, then who issued it, then who issued that",
        ),
        None => Flaw::of_key(
            "the key does not belong to the certificate",
            "write both of the same renewal; openssl x509 -pubkey and openssl pkey -pubout show what must be equal",
        ),
    }
}

fn holds(bytes: &[u8], part: &[u8]) -> bool {
    memchr::memmem::find(bytes, part).is_some()
}
