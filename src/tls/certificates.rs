//! The pairs of a listener, and which of them a client gets.

use super::pair::Pair;
use arc_swap::ArcSwap;
use rustls::SignatureScheme;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

/// The certificates of a listener; at least one.
///
/// A client gets one for the name that it asks for: an exact name goes before `*.`, which stands for one label. For a name
/// that none has, and without a name, the first one is the default. Of several for one name it gets the first that it can
/// verify, and those with elliptic curves are tried before RSA.
#[derive(Debug)]
pub struct Certificates {
    pairs: Vec<Arc<Pair>>,
    /// Places in `pairs`, in the order in which they are tried.
    exact: HashMap<String, Vec<usize>>,
    /// The same by the domain that follows `*.`.
    below: HashMap<String, Vec<usize>>,
    default: Vec<usize>,
}

impl Certificates {
    /// These pairs, the first of them the default; `None` where there is none.
    #[must_use]
    pub fn new(pairs: Vec<Arc<Pair>>) -> Option<Self> {
        if pairs.is_empty() {
            return None;
        }
        let (mut exact, mut below) = (HashMap::<_, Vec<usize>>::new(), HashMap::<_, Vec<usize>>::new());
        for (at, pair) in pairs.iter().enumerate() {
            for name in pair.names() {
                let (by, name) = name.strip_prefix("*.").map_or((&mut exact, &**name), |domain| (&mut below, domain));
                let places = by.entry(name.to_owned()).or_default();
                if !places.contains(&at) {
                    places.push(at);
                }
            }
        }
        for places in exact.values_mut().chain(below.values_mut()) {
            places.sort_by_key(|at| pairs.get(*at).is_some_and(|pair| pair.is_rsa())); // stable
        }
        let mut certificates = Self { pairs, exact, below, default: Vec::new() };
        certificates.default = certificates.defaults();
        Some(certificates)
    }

    /// The first one, and those of other keys for the same name.
    fn defaults(&self) -> Vec<usize> {
        let first = self.pairs.first().and_then(|pair| pair.names().first());
        let same = first.and_then(|name| match name.strip_prefix("*.") {
            Some(domain) => self.below.get(domain),
            None => self.exact.get(name),
        });
        same.cloned().unwrap_or_else(|| vec![0])
    }

    /// Whether one of them is for `name`, in lower case; `*.` and a domain is covered by the same.
    #[must_use]
    pub fn covers(&self, name: &str) -> bool {
        match name.strip_prefix("*.") {
            Some(domain) => self.below.contains_key(domain),
            None => self.places(name).next().is_some(),
        }
    }

    /// The places of those for a name: the exact ones, then the wildcards.
    fn places(&self, name: &str) -> impl Iterator<Item = usize> {
        let domain = name.split_once('.').filter(|(label, _)| !label.is_empty()).map(|(_, domain)| domain);
        let exact = self.exact.get(name);
        let below = domain.and_then(|domain| self.below.get(domain));
        exact.into_iter().chain(below).flatten().copied()
    }

    /// The one for a client that asks for `name` and verifies signatures by `schemes`.
    pub(super) fn choose(&self, name: Option<&str>, schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        let name = name.map(|name| match name.bytes().any(|byte| byte.is_ascii_uppercase()) {
            true => Cow::Owned(name.to_ascii_lowercase()),
            false => Cow::Borrowed(name),
        });
        let named = || name.iter().flat_map(|name| self.places(name));
        let defaults = || self.default.iter().copied();
        let of = |at: usize| self.pairs.get(at);
        let usable = |at: usize| of(at).is_some_and(|pair| pair.certified().key.choose_scheme(schemes).is_some());
        let candidates = || named().chain(defaults().filter(|_| named().next().is_none()));
        // Where the client can verify none, the handshake fails with the right alert.
        let place = candidates().find(|at| usable(*at)).or_else(|| candidates().next());
        place.and_then(of).map(|pair| Arc::clone(pair.certified()))
    }
}

/// Certificates that can be exchanged while handshakes go on.
#[derive(Debug)]
pub(super) struct CertificateStore(ArcSwap<Certificates>);

impl CertificateStore {
    pub(super) fn new(certificates: Certificates) -> Self {
        Self(ArcSwap::from_pointee(certificates))
    }

    pub(super) fn set(&self, certificates: Certificates) {
        self.0.store(Arc::new(certificates));
    }

    pub(super) fn get(&self) -> Arc<Certificates> {
        self.0.load_full()
    }
}

impl ResolvesServerCert for CertificateStore {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.0.load().choose(hello.server_name(), hello.signature_schemes())
    }
}
