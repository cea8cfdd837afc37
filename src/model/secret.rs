//! What nobody else may see, and where it is kept.

use std::fmt;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Bytes that nobody else may see: a file of keys or tokens, or what is sent to prove who asks.
///
/// Its memory is wiped when it goes, all that it reserved included. It cannot be shown, copied or serialized by accident:
/// whoever needs the bytes says so with [`Secret::expose`].
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes the bytes over.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The bytes. They go nowhere from where they could be read: no message, no log, no answer.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl From<Zeroizing<Vec<u8>>> for Secret {
    fn from(bytes: Zeroizing<Vec<u8>>) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not even how long it is.
        f.write_str("Secret")
    }
}

/// Where a secret is kept.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SecretSource {
    /// In a file, which is read again when it changes.
    File(PathBuf),
    /// In the environment variable of this name, as it was when the process started.
    Environment(Box<str>),
}

impl SecretSource {
    /// The file, where it is one.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Environment(_) => None,
        }
    }
}

impl fmt::Display for SecretSource {
    /// The path, or the variable as shells write it: `$NAME`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Environment(name) => write!(f, "${name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{AccessTokens, Keyring};

    /// Says by which of two functions of one name is found whether a type has a trait: its own goes before the trait's.
    macro_rules! has {
        ($kind:ty: $bound:path) => {{
            struct Probe<T>(std::marker::PhantomData<T>);
            #[allow(dead_code, reason = "only found where the trait is missing")]
            trait Otherwise {
                const HAS: bool = false;
            }
            impl<T> Otherwise for Probe<T> {}
            #[allow(dead_code, reason = "only found where the trait is there")]
            impl<T: $bound> Probe<T> {
                const HAS: bool = true;
            }
            <Probe<$kind>>::HAS
        }};
    }

    /// Checked when this is compiled: nothing of these types can be printed or serialized.
    const _: () = {
        assert!(has!(String: fmt::Display) && has!(String: serde::Serialize) && has!(String: Clone), "the probe works");
        assert!(!has!(Secret: fmt::Display) && !has!(Secret: serde::Serialize) && !has!(Secret: Clone));
        assert!(!has!(Keyring: fmt::Display) && !has!(Keyring: serde::Serialize));
        assert!(!has!(AccessTokens: fmt::Display) && !has!(AccessTokens: serde::Serialize));
    };

    #[test]
    fn a_secret_is_not_shown() {
        let secret = Secret::new(b"hunter2".to_vec());
        assert_eq!(format!("{secret:?} {:?}", Some(&secret)), "Secret Some(Secret)");
        assert_eq!(format!("{secret:#?}"), "Secret");
        assert_eq!(secret.expose(), b"hunter2");
    }

    #[test]
    fn a_source_is_named_as_people_know_it() {
        assert_eq!(SecretSource::File("conf/hop.key".into()).to_string(), "conf/hop.key");
        assert_eq!(SecretSource::Environment("HOP_KEY".into()).to_string(), "$HOP_KEY");
    }
}
