//! Names of regions and services, and the small numbers that stand for them inside one table.

use std::fmt;
use std::str::FromStr;

/// Why a text is not a name. The message is written for the person who typed it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadName(&'static str);

/// The longest name, in bytes: that of a DNS label (RFC 1035, 2.3.4), so that names can stand in host names.
const LONGEST_NAME: usize = 63;

fn check_name(text: &str) -> Result<(), BadName> {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let outer = |b: Option<&u8>| b.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    let bytes = text.as_bytes();
    if bytes.is_empty() {
        Err(BadName("a name cannot be empty"))
    } else if bytes.len() > LONGEST_NAME {
        Err(BadName("a name has at most 63 characters"))
    } else if !bytes.iter().copied().all(inner) || !outer(bytes.first()) || !outer(bytes.last()) {
        Err(BadName("a name has lower-case letters, digits and '-', and neither starts nor ends with '-'"))
    } else {
        Ok(())
    }
}

macro_rules! name {
    ($(#[$doc:meta])* $type:ident) => {
        $(#[$doc])*
        ///
        /// One to 63 lower-case letters, digits and `-`, neither first nor last a `-`.
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
        pub struct $type(Box<str>);

        impl $type {
            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $type {
            type Err = BadName;
            fn from_str(text: &str) -> Result<Self, BadName> {
                check_name(text).map(|()| Self(text.into()))
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name!(
    /// The name of a region: a full, independent copy of the app servers and their session store.
    RegionName
);
name!(
    /// The name of a service: what a host and a path prefix lead to.
    ServiceName
);

/// What stands in front of a session key to name its home, e.g. `east` in `east-9f2c…`.
///
/// One to 32 bytes of `A-Z a-z 0-9 . _ ~ -`: all of them stand in a cookie without quotes (RFC 6265, 4.1.1).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
pub struct SessionPrefix(Box<str>);

impl SessionPrefix {
    /// The longest prefix, in bytes.
    pub const LONGEST: usize = 32;

    /// The prefix as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for SessionPrefix {
    type Err = BadName;
    fn from_str(text: &str) -> Result<Self, BadName> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'~' | b'-');
        if text.is_empty() || text.len() > Self::LONGEST {
            Err(BadName("a session prefix has 1 to 32 characters"))
        } else if !text.bytes().all(allowed) {
            Err(BadName("a session prefix has letters, digits and '.', '_', '~', '-' only, as it stands in a cookie"))
        } else {
            Ok(Self(text.into()))
        }
    }
}

impl fmt::Display for SessionPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

macro_rules! id {
    ($(#[$doc:meta])* $type:ident) => {
        $(#[$doc])*
        /// It means something only together with the table that gave it: another table may number differently.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $type(u16);

        impl $type {
            /// The id of the entry at `position`; `None` past 65,535.
            #[must_use]
            pub fn at(position: usize) -> Option<Self> {
                u16::try_from(position).ok().map(Self)
            }

            /// The position of the entry in its table.
            #[must_use]
            pub fn index(self) -> usize {
                usize::from(self.0)
            }
        }
    };
}

id!(
    /// A region's position in one routing table.
    RegionId
);
id!(
    /// A service's position in one routing table.
    ServiceId
);
