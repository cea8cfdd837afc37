//! Secret keys: what session keys and hop tokens are signed with, and how a key is exchanged for a newer one.

use super::secret::Secret;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use std::fmt;
use std::str::FromStr;
use zeroize::Zeroizing;

/// Why a text holds no keys. The message is written for the person who made the file, and holds nothing of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {why}")]
pub struct BadKeyring {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong there.
    pub why: &'static str,
}

/// What an HMAC-SHA256 is computed with: 256 bits. Never shown, and wiped from memory when it goes. In a box, as a value that
/// is moved leaves a copy of itself behind.
#[derive(Clone, PartialEq, Eq)]
struct SecretKey(Box<Zeroizing<[u8; 32]>>);

impl SecretKey {
    fn of_hex(text: &str) -> Option<Self> {
        let mut key = Box::new(Zeroizing::new([0; 32]));
        if text.len() != 2 * key.len() {
            return None;
        }
        for (byte, pair) in key.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            let digit = |at: usize| char::from(*pair.get(at)?).to_digit(16);
            *byte = u8::try_from(digit(0)? * 16 + digit(1)?).ok()?;
        }
        Some(Self(key))
    }

    /// `None` never happens: HMAC takes keys of any length.
    fn mac(&self, message: &[&[u8]]) -> Option<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0[..]).ok()?;
        message.iter().for_each(|part| mac.update(part));
        Some(mac)
    }
}

/// The keys of one purpose: the first signs, all of them are good for verifying.
///
/// As text it is one key a line, each 64 hexadecimal digits; empty lines and lines that begin with `#` say nothing. At least
/// one key and at most [`Keyring::MOST`].
///
/// A key is exchanged in three steps, each of them on every edge before the next: the new key goes below the old one, so
/// that all edges believe it; then above it, so that it signs; then the old one goes, once nothing that it signed is of use
/// any more. With fewer steps one edge would sign with what another does not know yet.
#[derive(Clone, PartialEq, Eq)]
pub struct Keyring {
    keys: Vec<SecretKey>,
}

/// Which key of a keyring something was signed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignedWith {
    /// The first: the one that signs now.
    CurrentKey,
    /// One behind it, which is on its way out.
    OlderKey,
}

impl Keyring {
    /// The most keys. Each one costs a verification for everything that is not signed with those before it.
    pub const MOST: usize = 8;

    /// The HMAC-SHA256 of the parts of `message`, one behind the other, under the current key.
    #[must_use]
    pub fn sign(&self, message: &[&[u8]]) -> [u8; 32] {
        let mac = self.keys.first().and_then(|key| key.mac(message));
        mac.map(|mac| mac.finalize().into_bytes().into()).unwrap_or_default()
    }

    /// Which key makes a signature of `message` that begins with `start`; `None` where none does, and where `start` has
    /// fewer than 16 bytes. Takes the same time wherever a wrong signature differs.
    #[must_use]
    pub fn verify(&self, message: &[&[u8]], start: &[u8]) -> Option<SignedWith> {
        if !(16..=32).contains(&start.len()) {
            return None;
        }
        let is_of = |key: &SecretKey| key.mac(message).is_some_and(|mac| mac.verify_truncated_left(start).is_ok());
        match self.keys.iter().position(is_of)? {
            0 => Some(SignedWith::CurrentKey),
            _ => Some(SignedWith::OlderKey),
        }
    }
}

impl Keyring {
    /// The keys that a file or a variable holds.
    ///
    /// # Errors
    /// As [`Keyring::from_str`], and where `secret` is no text.
    pub fn of_secret(secret: &Secret) -> Result<Self, BadKeyring> {
        let whole = secret.expose();
        std::str::from_utf8(whole).map_err(|bad| not_text(whole, bad.valid_up_to()))?.parse()
    }
}

/// That what stands at this place is no text.
pub(super) fn not_text(whole: &[u8], at: usize) -> BadKeyring {
    let before = whole.get(..at).unwrap_or_default();
    BadKeyring { line: 1 + memchr::memchr_iter(b'\n', before).count(), why: "it is no text: save it as UTF-8" }
}

impl FromStr for Keyring {
    type Err = BadKeyring;
    fn from_str(text: &str) -> Result<Self, BadKeyring> {
        let mut keys: Vec<SecretKey> = Vec::new();
        for (line, number) in text.lines().zip(1..) {
            let bad = |why| BadKeyring { line: number, why };
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let key = SecretKey::of_hex(line)
                .ok_or(bad("a key is 64 hexadecimal digits, as 'homeward key generate' makes it"))?;
            if key.0.iter().all(|byte| *byte == 0) {
                return Err(bad("a key of zeroes is no secret: make one with 'homeward key generate'"));
            }
            if keys.contains(&key) {
                return Err(bad("this key stands there twice: take one of the two away"));
            }
            if keys.len() == Self::MOST {
                return Err(bad("at most 8 keys are read: take out those that are no longer needed"));
            }
            keys.push(key);
        }
        if keys.is_empty() {
            let why = "there is no key: put one in, 64 hexadecimal digits, as 'homeward key generate' makes it";
            return Err(BadKeyring { line: 1, why });
        }
        Ok(Self { keys })
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keyring({} secret)", self.keys.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
    const NEW: &str = "FFFEFDFCFBFAF9F8F7F6F5F4F3F2F1F0EFEEEDECEBEAE9E8E7E6E5E4E3E2E1E0";

    fn keyring(text: &str) -> Keyring {
        text.parse().unwrap()
    }

    #[test]
    fn a_signature_is_hmac_sha256() {
        // RFC 4231's test case 4 has a key of 25 bytes; this one was computed by OpenSSL:
        // printf 'message' | openssl dgst -sha256 -mac HMAC -macopt hexkey:0001…1f
        let signature = keyring(OLD).sign(&[b"mess", b"age"]);
        let hex: String = signature.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, "6297b77508a1a30ea4dfadd8f847c31b49aba45de10a79daf721d3f7ec112a24");
    }

    #[test]
    fn a_key_is_exchanged_without_a_break() {
        let (old, both, new) = (keyring(OLD), keyring(&format!("# new\n{NEW}\n\n{OLD}\n")), keyring(NEW));
        let message: &[&[u8]] = &[b"a"];
        let (of_old, of_new) = (old.sign(message), both.sign(message));
        assert_eq!(of_new, new.sign(message), "the first one signs");
        assert_eq!(both.verify(message, &of_old), Some(SignedWith::OlderKey));
        assert_eq!(both.verify(message, &of_new), Some(SignedWith::CurrentKey));
        assert_eq!(new.verify(message, &of_old), None);
        assert_eq!(both.verify(message, &of_new[..16]), Some(SignedWith::CurrentKey), "truncated");
        assert_eq!(both.verify(message, &of_new[..15]), None, "too short to be worth anything");
        assert_eq!(both.verify(message, &[&of_new[..], b"x"].concat()), None);
        assert_eq!(both.verify(&[b"b"], &of_new), None);
        for bit in 0..256 {
            let mut forged = of_new;
            forged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(both.verify(message, &forged), None, "bit {bit}");
        }
    }

    #[test]
    fn what_is_no_keyring_is_refused_and_never_shown() {
        let many: String = (0..9_u8).map(|n| format!("{n:02x}{}\n", &OLD[2..])).collect();
        for (text, line) in [
            ("", 1),
            ("# nothing\n\n", 1),
            ("abc", 1),
            (&*format!("{OLD}\n{}", &NEW[1..]), 2),
            (&*format!("{OLD} {NEW}"), 1),
            (&*format!("{}é", &OLD[2..]), 1),
            (&*format!("{OLD}\n{OLD}"), 2),
            (&*many, 9),
            (&*"0".repeat(64), 1),
        ] {
            let error = text.parse::<Keyring>().unwrap_err();
            assert_eq!(error.line, line, "{text}");
            assert!(!error.to_string().contains("0001"), "{error}");
        }
        assert_eq!(format!("{:?}", keyring(OLD)), "Keyring(1 secret)");
        let error = Keyring::of_secret(&Secret::new(b"# a\n\xff\n".to_vec())).unwrap_err();
        assert_eq!(error.line, 2);
    }
}
