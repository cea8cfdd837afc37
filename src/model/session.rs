//! Where a service's session keys are, and how they are written.

use super::secret::SecretSource;
use std::time::Duration;

/// Who makes the session key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MintedBy {
    /// The app sets a key that already starts with its region's prefix.
    #[default]
    App,
    /// The edge: it puts the prefix in front of the value that the app sets, and takes it off before the app sees it.
    Edge,
}

/// What is learned of sessions whose keys name no region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Learning {
    /// How many sessions are remembered at the most.
    pub entries: u32,
    /// For how long one is.
    pub ttl: Duration,
}

/// Where a service's session keys are, and how they are written. At least one of `cookie`, `header` and `bearer` is there;
/// where the edge mints, it is the cookie alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionKeys {
    /// The name of the cookie that holds the key (an RFC 9110 token).
    pub cookie: Option<Box<str>>,
    /// The name of the header that holds it, in lower case.
    pub header: Option<Box<str>>,
    /// Whether a bearer token (RFC 6750, 2.1) may hold it.
    pub bearer: bool,
    /// What stands between the prefix and what comes behind it. One to eight bytes that may stand in a cookie.
    pub separator: Box<str>,
    /// Who makes the key.
    pub minted_by: MintedBy,
    /// Where the keyring is that keys are signed with; they are not where it is missing.
    pub keyring: Option<SecretSource>,
    /// What is learned of keys that name no region; nothing where it is missing.
    pub learn: Option<Learning>,
}

impl SessionKeys {
    /// Those in a cookie of this name that the app mints, with `-` behind the prefix, and unsigned.
    #[must_use]
    pub fn in_cookie(name: &str) -> Self {
        Self {
            cookie: Some(name.into()),
            header: None,
            bearer: false,
            separator: "-".into(),
            minted_by: MintedBy::App,
            keyring: None,
            learn: None,
        }
    }
}
