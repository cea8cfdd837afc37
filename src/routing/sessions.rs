//! One service's session keys: where they are in a request, what they say, and how the edge mints them.

use super::facts::RequestFacts;
use super::parts::TableParts;
use crate::model::{MintedBy, RegionId, Service, SessionKeys, SignedWith};
use crate::routing::SessionKey;
use crate::session::{
    CookieFinder, CookieName, KeyFormat, KeyProblem, MOST_VALUES, Minted, Octets, Opened, PrefixIndex, bearer_token,
    minted, without_prefixes,
};
use std::sync::Arc;

/// The session keys of one service of a table.
#[derive(Debug)]
pub struct ServiceSessions {
    keys: SessionKeys,
    /// Missing where keys are signed and the keyring is not there: then no key is good.
    format: Option<KeyFormat>,
    cookie: Option<CookieFinder>,
    prefixes: Arc<PrefixIndex>,
}

impl ServiceSessions {
    pub(super) fn new(service: &Service, parts: &TableParts, prefixes: &Arc<PrefixIndex>) -> Option<Self> {
        let keys = service.session.clone()?;
        let format = match &keys.keyring {
            None => Some(KeyFormat::new(&keys.separator, None)),
            Some(source) => {
                parts.keyrings.get(source).map(|keyring| KeyFormat::new(&keys.separator, Some(keyring.clone())))
            }
        };
        let chunks = keys.minted_by == MintedBy::Edge;
        let cookie = keys.cookie.as_ref().map(|name| CookieFinder::new(CookieName { name: name.as_bytes(), chunks }));
        Some(Self { keys, format, cookie, prefixes: Arc::clone(prefixes) })
    }

    /// The values that may be session keys, in the order in which they count.
    pub fn values<'a>(&'a self, facts: &'a RequestFacts<'a>) -> impl Iterator<Item = &'a [u8]> {
        let in_cookie = |finder: &'a CookieFinder| facts.cookies.iter().flat_map(|line| finder.values(line));
        self.cookie.iter().flat_map(in_cookie).chain(self.values_in_headers(facts)).take(MOST_VALUES)
    }

    fn values_in_headers<'a>(&'a self, facts: &'a RequestFacts<'a>) -> impl Iterator<Item = &'a [u8]> {
        let lines_of = |wanted: Option<&'a str>| {
            facts.headers.iter().filter(move |(name, _)| Some(*name) == wanted).map(|(_, value)| value.trim_ascii())
        };
        let bearer = self.keys.bearer.then_some(AUTHORIZATION);
        lines_of(self.keys.header.as_deref()).chain(lines_of(bearer).filter_map(bearer_token))
    }

    /// The session key that counts: the first value that names a region or, where none does, the first that is not empty.
    #[must_use]
    pub fn key_of<'a>(&'a self, facts: &'a RequestFacts<'a>) -> Option<&'a [u8]> {
        let named = self.values(facts).find(|value| self.open(value).is_ok());
        named.or_else(|| self.values(facts).find(|value| !value.is_empty()))
    }

    /// What the first value says that names a region or, where none does, what is wrong with the first one.
    pub(super) fn key_in(&self, facts: &RequestFacts<'_>) -> SessionKey {
        let mut first = SessionKey::Missing;
        if facts.cookies.is_empty() && facts.headers.is_empty() {
            return first; // a new visitor
        }
        let mut left = MOST_VALUES;
        let mut named_by = |value| {
            left = left.checked_sub(1)?;
            let key = self.read(value);
            if key.home().is_none() && first == SessionKey::Missing {
                first = key;
            }
            key.home().map(|_| key)
        };
        // Loops, as every request comes here: one chain of iterators takes a third longer.
        if let Some(finder) = &self.cookie {
            for line in facts.cookies {
                for value in finder.values(line) {
                    if let Some(key) = named_by(value) {
                        return key;
                    }
                }
            }
        }
        if !facts.headers.is_empty()
            && let Some(key) = self.values_in_headers(facts).find_map(named_by)
        {
            return key;
        }
        first
    }

    fn read(&self, value: &[u8]) -> SessionKey {
        match self.open(value) {
            Ok((home, Opened { signed: Some(SignedWith::OlderKey), .. })) => SessionKey::NamesByOlderKey(home),
            Ok((home, _)) => SessionKey::Names(home),
            Err(problem) => SessionKey::Unusable(problem),
        }
    }

    /// Whether the edge remembers what apps say of sessions whose keys name no region.
    #[must_use]
    pub fn learns(&self) -> bool {
        self.keys.learn.is_some()
    }

    /// Whether the app sees its session cookie as other than it came: [`ServiceSessions::to_app`] may change a line.
    #[must_use]
    pub fn rewrites(&self) -> bool {
        self.minted_cookie().is_some()
    }

    /// A `Cookie` header's value as the app is to see it; `None` where that is as it came.
    #[must_use]
    pub fn to_app(&self, cookies: &[u8]) -> Option<Vec<u8>> {
        let name = self.minted_cookie()?;
        without_prefixes(cookies, name, |value| self.open(value).ok().map(|(_, opened)| opened))
    }

    /// What becomes of a `Set-Cookie` line of an app whose region has this `prefix`.
    #[must_use]
    pub fn to_client(&self, set_cookie: &[u8], prefix: &str) -> Minted {
        match (self.minted_cookie(), &self.format) {
            (Some(name), Some(format)) => {
                minted(set_cookie, name, format, prefix.as_bytes(), |value| self.open(value).is_ok())
            }
            _ => Minted::Untouched,
        }
    }

    /// The cookie, where it is the edge that mints it.
    fn minted_cookie(&self) -> Option<CookieName<'_>> {
        self.cookie.as_ref().filter(|_| self.keys.minted_by == MintedBy::Edge).map(CookieFinder::name)
    }

    fn open<'k>(&self, value: &'k [u8]) -> Result<(RegionId, Opened<'k>), KeyProblem> {
        let octets = match self.keys.minted_by {
            MintedBy::App => Octets::OfCookies,
            MintedBy::Edge => Octets::Any,
        };
        self.prefixes.open(value, self.format.as_ref().ok_or(KeyProblem::BadSignature)?, octets)
    }
}

/// The name of the header of bearer tokens, in lower case.
const AUTHORIZATION: &str = "authorization";

/// The headers that the services of `parts` read session keys from, each once, in lower case.
pub(super) fn key_headers(parts: &TableParts) -> Vec<Box<str>> {
    let sessions = || parts.services.iter().filter_map(|service| service.session.as_ref());
    let mut headers: Vec<Box<str>> = sessions().filter_map(|keys| keys.header.clone()).collect();
    if sessions().any(|keys| keys.bearer) {
        headers.push(AUTHORIZATION.into());
    }
    headers.sort_unstable();
    headers.dedup();
    headers
}
