//! What the edge believes of servers, and shows to them, out of PEM bytes.

use super::facts::Facts;
use super::flaw::{Flaw, Warning};
use super::pair::{Pair, certificates, private_key, warnings};
use crate::model::{PeerIdentity, Timestamp};
use rustls::RootCertStore;
use rustls::pki_types::PrivateKeyDer;

/// The most authorities of a file. A machine's own list has some 150.
const MOST: usize = 512;

/// The most certificates of a chain that the edge shows.
const LONGEST_CHAIN: usize = 16;

/// Those whose certificates are believed of servers; at least one.
#[derive(Debug, Clone)]
pub struct Authorities {
    /// Each in DER, in the order of the file.
    pub certificates: Vec<Box<[u8]>>,
    /// What they say, in the same order.
    pub facts: Vec<Facts>,
}

impl Authorities {
    /// What should worry an operator at `now`.
    #[must_use]
    pub fn warnings(&self, now: Timestamp) -> Vec<Warning> {
        warnings(&self.facts, now)
    }
}

/// Reads those whose certificates are believed of servers: PEM, one or several.
///
/// # Errors
/// Why they cannot be used.
pub fn read_authorities(bytes: &[u8]) -> Result<Authorities, Flaw> {
    let (found, facts) = certificates(bytes, MOST)?;
    for (certificate, position) in found.iter().zip(1..) {
        RootCertStore::empty().add(certificate.clone()).map_err(|error| {
            let what = format!("certificate {position} of the file cannot be an authority: {error}");
            Flaw::of_certificate(what, "leave the certificates of those who issue to the servers, and no others")
        })?;
    }
    Ok(Authorities { certificates: found.iter().map(|certificate| certificate.as_ref().into()).collect(), facts })
}

/// Reads what the edge shows of itself: a chain and its key, PEM, as those of a listener.
///
/// # Errors
/// Why the two cannot be used.
pub fn read_identity(certificate: &[u8], key: &[u8]) -> Result<(PeerIdentity, Pair), Flaw> {
    let pair = Pair::from_pem(certificate, key)?;
    let (chain, _) = certificates(certificate, LONGEST_CHAIN)?;
    let key = private_key(key)?;
    // The engine is given the bytes alone, and has to find out what they are.
    if PrivateKeyDer::try_from(key.secret_der()).is_err() {
        return Err(Flaw::of_key(
            "the key in the file cannot be used",
            "write it as PKCS#8: openssl pkcs8 -topk8 -nocrypt",
        ));
    }
    let chain = chain.iter().map(|certificate| certificate.as_ref().into()).collect();
    Ok((PeerIdentity::new(chain, key.secret_der().to_vec()), pair))
}
