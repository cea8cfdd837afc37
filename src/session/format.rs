//! How a session key is written: `<prefix><separator><id>` or, signed, `<prefix><separator><tag><separator><id>`.
//!
//! This is all that an app or another program needs to make, read and check session keys; `docs/session-keys.md` is the
//! specification, with vectors for other languages.

use super::KeyProblem;
use crate::model::{Keyring, SessionPrefix, SignedWith};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use std::sync::Arc;

/// The length of a tag as text: 128 bits in base64url (RFC 4648, 5) without padding.
pub const TAG_LENGTH: usize = 22;

/// What is signed begins with this, so that no signature of another kind ever passes for a tag.
const PURPOSE: &[u8] = b"homeward-session-v1\0";

/// How the session keys of one service are written.
///
/// ```
/// use homeward::session::KeyFormat;
///
/// let format = KeyFormat::new("-", None);
/// let random = [0x9f; 16]; // 128 bits from a secure source
/// let key = format.mint(&"east".parse()?, random);
/// assert_eq!(key, "east-9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f");
/// assert_eq!(format.id(b"east", key.as_bytes())?.id, &key.as_bytes()[5..]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct KeyFormat {
    separator: Box<[u8]>,
    keyring: Option<Arc<Keyring>>,
}

/// A session key that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opened<'k> {
    /// What stands behind prefix and tag. Where the edge mints, it is the app's own value.
    pub id: &'k [u8],
    /// The key that signed it; `None` where keys are not signed.
    pub signed: Option<SignedWith>,
}

impl KeyFormat {
    /// Keys with `separator` between their parts, signed where there is a `keyring`.
    #[must_use]
    pub fn new(separator: &str, keyring: Option<Arc<Keyring>>) -> Self {
        Self { separator: separator.as_bytes().into(), keyring }
    }

    /// What stands between the parts.
    #[must_use]
    pub fn separator(&self) -> &[u8] {
        &self.separator
    }

    /// A new session key for a session that is at home in the region with this prefix.
    ///
    /// `random` must come from a source that nobody can foresee: it is all that keeps the key from being guessed. It
    /// stands in the key as 32 hexadecimal digits.
    #[must_use]
    pub fn mint(&self, prefix: &SessionPrefix, random: [u8; 16]) -> String {
        let id = random.iter().flat_map(|byte| [byte >> 4, byte & 15]).filter_map(|d| char::from_digit(d.into(), 16));
        let id: String = id.collect();
        let mut key = self.opening(prefix.as_str().as_bytes(), id.as_bytes());
        key.extend_from_slice(id.as_bytes());
        // A prefix, a separator and a tag are ASCII.
        String::from_utf8_lossy(&key).into_owned()
    }

    /// What stands in front of `id` in a key with this prefix.
    #[must_use]
    pub fn opening(&self, prefix: &[u8], id: &[u8]) -> Vec<u8> {
        let mut opening = Vec::with_capacity(prefix.len() + 2 * self.separator.len() + TAG_LENGTH);
        opening.extend_from_slice(prefix);
        opening.extend_from_slice(&self.separator);
        if let Some(keyring) = &self.keyring {
            let signature = keyring.sign(&[PURPOSE, prefix, b"\0", id]);
            opening.extend_from_slice(&tag_of(&signature));
            opening.extend_from_slice(&self.separator);
        }
        opening
    }

    /// Reads `key`, which begins with `prefix`.
    ///
    /// # Errors
    /// [`KeyProblem::Malformed`] where `prefix` and the separator do not stand in front, or nothing behind them;
    /// [`KeyProblem::BadSignature`] where keys are signed and this one is not, or by nobody who may.
    pub fn id<'k>(&self, prefix: &[u8], key: &'k [u8]) -> Result<Opened<'k>, KeyProblem> {
        let rest = key.strip_prefix(prefix).and_then(|rest| rest.strip_prefix(&*self.separator));
        self.id_in(prefix, rest.filter(|rest| !rest.is_empty()).ok_or(KeyProblem::Malformed)?)
    }

    /// The same of a key of which the prefix and the separator behind it are known to be there; `rest` is what follows.
    pub(super) fn id_in<'k>(&self, prefix: &[u8], rest: &'k [u8]) -> Result<Opened<'k>, KeyProblem> {
        let Some(keyring) = &self.keyring else { return Ok(Opened { id: rest, signed: None }) };
        let verified = || {
            let (tag, rest) = rest.split_at_checked(TAG_LENGTH)?;
            let id = rest.strip_prefix(&*self.separator).filter(|id| !id.is_empty())?;
            let mut signature = [0; 18]; // room for what 22 characters could hold
            let length = BASE64_URL_SAFE_NO_PAD.decode_slice(tag, &mut signature).ok()?;
            let signed = keyring.verify(&[PURPOSE, prefix, b"\0", id], signature.get(..length)?)?;
            Some(Opened { id, signed: Some(signed) })
        };
        verified().ok_or(KeyProblem::BadSignature)
    }
}

/// The first 128 bits of a signature as text.
fn tag_of(signature: &[u8; 32]) -> [u8; TAG_LENGTH] {
    let mut tag = [0; TAG_LENGTH];
    // 16 bytes are 22 characters: there is always room.
    let _ = BASE64_URL_SAFE_NO_PAD.encode_slice(&signature[..16], &mut tag);
    tag
}
