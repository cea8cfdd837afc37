//! By what a server is believed to be who it says, and what it believes of the edge.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::path::Path;
use std::sync::Arc;
use zeroize::Zeroizing;

/// The files that a table names for TLS toward the servers of a pool, or toward the edge of a region.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct PeerFiles {
    /// Whose certificates are believed of the servers; those whom the machine believes where missing.
    pub ca: Option<Box<Path>>,
    /// What the edge shows to servers that ask who it is; nothing where missing.
    pub identity: Option<IdentityFiles>,
}

impl PeerFiles {
    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &Path> {
        let identity = self.identity.iter().flat_map(|identity| [&*identity.certificate, &*identity.key]);
        self.ca.iter().map(AsRef::as_ref).chain(identity)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ca.is_none() && self.identity.is_none()
    }
}

/// The files of a certificate that the edge shows to servers.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IdentityFiles {
    /// The file of the chain.
    pub certificate: Box<Path>,
    /// The file of its key; may be the same one.
    pub key: Box<Path>,
}

/// What is in [`PeerFiles`]. Whoever reads them has seen to it that it can be used.
///
/// The default believes nobody, so that a table whose files were not read reaches no server, rather than a wrong one.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct PeerCredentials {
    /// Those whose certificates are believed, each in DER; those whom the machine believes where missing.
    pub authorities: Option<Vec<Box<[u8]>>>,
    /// What the edge shows of itself.
    pub identity: Option<PeerIdentity>,
}

impl Default for PeerCredentials {
    fn default() -> Self {
        Self { authorities: Some(Vec::new()), identity: None }
    }
}

impl fmt::Debug for PeerCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let authorities = self.authorities.as_ref().map(Vec::len);
        f.debug_struct("PeerCredentials").field("authorities", &authorities).field("identity", &self.identity).finish()
    }
}

/// A certificate that the edge shows, and its key. The key is never shown, and wiped from memory when it goes.
#[derive(Clone, PartialEq, Eq)]
pub struct PeerIdentity {
    /// The chain in DER, the edge's own certificate first; never empty.
    pub chain: Vec<Box<[u8]>>,
    key: Arc<Zeroizing<Vec<u8>>>,
}

impl PeerIdentity {
    /// A chain and the key that belongs to its first, in DER: PKCS#8, PKCS#1 or SEC1.
    #[must_use]
    pub fn new(chain: Vec<Box<[u8]>>, key: Vec<u8>) -> Self {
        Self { chain, key: Arc::new(Zeroizing::new(key)) }
    }

    /// The key in DER. Whoever copies it has to wipe the copy.
    #[must_use]
    pub fn key(&self) -> &[u8] {
        &self.key
    }
}

impl Hash for PeerIdentity {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&self.chain, self.key()).hash(state);
    }
}

impl fmt::Debug for PeerIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PeerIdentity({} certificates, with a secret key)", self.chain.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_never_shown_and_nobody_is_believed_by_default() {
        let identity = PeerIdentity::new(vec![vec![1].into()], b"secret".to_vec());
        let credentials = PeerCredentials { identity: Some(identity), ..PeerCredentials::default() };
        let text = format!("{credentials:?}");
        assert!(!text.contains("115") && !text.contains("secret\""), "{text}");
        assert_eq!(credentials.authorities, Some(vec![]));
    }
}
