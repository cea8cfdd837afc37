//! The pairs of a listener, and which of them a client gets.

use super::alpn_challenges::AlpnChallenges;
use super::pair::Pair;
use arc_swap::ArcSwap;
use rustls::SignatureScheme;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// The certificates of a listener.
///
/// A client gets one for the name that it asks for: an exact name goes before `*.`, which stands for one label. For a name
/// that none has, and without a name, the first one is the default. Of several for one name it gets the first that it can
/// verify, and those with elliptic curves are tried before RSA. For a name whose certificate is still awaited it gets none,
/// unless a wildcard is for it: a certificate of another name would only teach people to click warnings away.
#[derive(Debug)]
pub struct Certificates {
    pairs: Vec<Arc<Pair>>,
    /// Places in `pairs`, in the order in which they are tried.
    exact: HashMap<String, Vec<usize>>,
    /// The same by the domain that follows `*.`.
    below: HashMap<String, Vec<usize>>,
    default: Vec<usize>,
    /// Names whose certificates are not there yet.
    awaited: HashSet<String>,
}

impl Certificates {
    /// These pairs, the first of them the default; `None` where there is none.
    #[must_use]
    pub fn new(pairs: Vec<Arc<Pair>>) -> Option<Self> {
        Self::and_awaited(pairs, [])
    }

    /// These pairs, the first of them the default, and names in lower case whose certificates are still awaited; `None` where
    /// there is neither.
    #[must_use]
    pub fn and_awaited(pairs: Vec<Arc<Pair>>, awaited: impl IntoIterator<Item = String>) -> Option<Self> {
        let awaited: HashSet<_> = awaited.into_iter().collect();
        if pairs.is_empty() && awaited.is_empty() {
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
        let mut certificates = Self { pairs, exact, below, default: Vec::new(), awaited };
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

    /// Whether one of them is for `name`, in lower case, or will be; `*.` and a domain is covered by the same.
    #[must_use]
    pub fn covers(&self, name: &str) -> bool {
        match name.strip_prefix("*.") {
            Some(domain) => self.below.contains_key(domain),
            None => self.awaited.contains(name) || self.places(name).next().is_some(),
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
        let is_awaited = name.as_deref().is_some_and(|name| self.awaited.contains(name));
        let candidates = || named().chain(defaults().filter(|_| !is_awaited && named().next().is_none()));
        // Where the client can verify none, the handshake fails with the right alert.
        let place = candidates().find(|at| usable(*at)).or_else(|| candidates().next());
        place.and_then(of).map(|pair| Arc::clone(pair.certified()))
    }
}

/// Certificates that can be exchanged while handshakes go on.
#[derive(Debug)]
pub(super) struct CertificateStore {
    certificates: ArcSwap<Certificates>,
    challenges: Option<Arc<AlpnChallenges>>,
}

impl CertificateStore {
    pub(super) fn new(certificates: Certificates, challenges: Option<Arc<AlpnChallenges>>) -> Self {
        Self { certificates: ArcSwap::from_pointee(certificates), challenges }
    }

    /// Whether handshakes of authorities are answered.
    pub(super) fn answers_challenges(&self) -> bool {
        self.challenges.is_some()
    }

    pub(super) fn set(&self, certificates: Certificates) {
        self.certificates.store(Arc::new(certificates));
    }

    pub(super) fn get(&self) -> Arc<Certificates> {
        self.certificates.load_full()
    }
}

impl ResolvesServerCert for CertificateStore {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        if let Some(answer) = self.challenges.as_ref().and_then(|challenges| challenges.answer(&hello)) {
            return answer;
        }
        self.certificates.load().choose(hello.server_name(), hello.signature_schemes())
    }
}
