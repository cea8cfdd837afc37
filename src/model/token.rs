//! Tokens by which somebody may read or change an edge.

use super::keyring::{BadKeyring, not_text};
use super::secret::Secret;
use sha2::{Digest, Sha256};
use std::fmt;
use std::str::FromStr;
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

/// What somebody may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// See everything and change nothing.
    Read,
    /// Change things too.
    Operate,
}

impl Role {
    /// The word in files.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Operate => "operate",
        }
    }

    /// Whether somebody with this role may do what `needed` may.
    #[must_use]
    pub fn may(self, needed: Self) -> bool {
        self >= needed
    }
}

impl FromStr for Role {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        [Self::Read, Self::Operate].into_iter().find(|role| role.as_str() == text).ok_or(())
    }
}

/// The tokens of the admin address: who has one may do what its role says.
///
/// As text it is one token a line, `read:TOKEN` or `operate:TOKEN`; empty lines and lines that begin with `#` say nothing. At
/// least one token and at most [`AccessTokens::MOST`]. Only hashes of them are kept: what is in the memory of the edge opens
/// nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct AccessTokens {
    tokens: Vec<(Role, [u8; 32])>,
}

impl AccessTokens {
    /// The most tokens: each of them is compared with every token that somebody sends.
    pub const MOST: usize = 64;

    /// The shortest token, in characters. A shorter one could be guessed.
    pub const SHORTEST: usize = 24;

    /// The longest token, in characters.
    pub const LONGEST: usize = 512;

    /// The tokens that a file or a variable holds.
    ///
    /// # Errors
    /// What is wrong in which line. The message holds nothing of it.
    pub fn of_secret(secret: &Secret) -> Result<Self, BadKeyring> {
        let whole = secret.expose();
        std::str::from_utf8(whole).map_err(|bad| not_text(whole, bad.valid_up_to()))?.parse()
    }

    /// What somebody with this token may do; `None` where it is none of these. It takes the same time wherever a wrong
    /// token differs, and whichever a good one is.
    #[must_use]
    pub fn role_of(&self, token: &[u8]) -> Option<Role> {
        let given = digest(token);
        let mut found = 0_u8;
        for (role, known) in &self.tokens {
            let is_it: Choice = given.ct_eq(known);
            found.conditional_assign(&(1 + *role as u8), is_it);
        }
        match found {
            0 => None,
            1 => Some(Role::Read),
            _ => Some(Role::Operate),
        }
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.tokens.len()
    }
}

/// A token cannot be guessed, so that its hash needs neither salt nor many rounds.
fn digest(token: &[u8]) -> [u8; 32] {
    Sha256::digest(token).into()
}

/// Whether `token` can be sent as `Authorization: Bearer` (RFC 6750, 2.1).
fn is_sendable(token: &str) -> bool {
    let body = token.trim_end_matches('=');
    !body.is_empty() && body.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~+/".contains(&b))
}

impl FromStr for AccessTokens {
    type Err = BadKeyring;
    fn from_str(text: &str) -> Result<Self, BadKeyring> {
        let mut tokens: Vec<(Role, [u8; 32])> = Vec::new();
        for (line, number) in text.lines().zip(1..) {
            let bad = |why| BadKeyring { line: number, why };
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let role_and_token =
                line.split_once(':').and_then(|(role, token)| Some((role.parse().ok()?, token.trim())));
            let (role, token): (Role, &str) = role_and_token.ok_or(bad(
                "a line is read:TOKEN or operate:TOKEN, as 'homeward key generate --kind token' makes it",
            ))?;
            if !is_sendable(token) {
                return Err(bad("a token has letters, digits and - . _ ~ + / only, with = at its end"));
            }
            if token.len() < Self::SHORTEST {
                return Err(bad("a token of less than 24 characters can be guessed: \
                                make one with 'homeward key generate --kind token'"));
            }
            if token.len() > Self::LONGEST {
                return Err(bad("a token has at most 512 characters"));
            }
            let digest = digest(token.as_bytes());
            if tokens.iter().any(|(_, known)| *known == digest) {
                return Err(bad("this token stands there twice: take one of the two away"));
            }
            if tokens.len() == Self::MOST {
                return Err(bad("at most 64 tokens are read: take out those that are no longer needed"));
            }
            tokens.push((role, digest));
        }
        if tokens.is_empty() {
            let why = "there is no token: put one in, as 'homeward key generate --kind token' makes it";
            return Err(BadKeyring { line: 1, why });
        }
        Ok(Self { tokens })
    }
}

impl fmt::Debug for AccessTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AccessTokens({} secret)", self.tokens.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "homeward_One000000000000000000000000";
    const TWO: &str = "homeward_Two000000000000000000000000=";

    #[test]
    fn a_token_has_its_role() {
        let tokens: AccessTokens = format!("# ours\n\n read:{ONE}\r\noperate: {TWO} \n").parse().unwrap();
        assert_eq!(tokens.count(), 2);
        assert_eq!(tokens.role_of(ONE.as_bytes()), Some(Role::Read));
        assert_eq!(tokens.role_of(TWO.as_bytes()), Some(Role::Operate));
        for wrong in
            ["", "read", &ONE[1..], &TWO[..36], &format!("{ONE} "), &format!("read:{ONE}"), &ONE.to_uppercase()]
        {
            assert_eq!(tokens.role_of(wrong.as_bytes()), None, "{wrong}");
        }
        assert!(Role::Operate.may(Role::Read) && Role::Read.may(Role::Read) && !Role::Read.may(Role::Operate));
        assert_eq!(format!("{tokens:?}"), "AccessTokens(2 secret)");
    }

    #[test]
    fn what_holds_no_tokens_is_refused_and_never_shown() {
        let many: String = (0..65).map(|n| format!("read:{ONE}{n}\n")).collect();
        for (text, line) in [
            ("", 1),
            ("# nothing\n", 1),
            (ONE, 1),
            (&*format!("read:{ONE}\nroot:{TWO}"), 2),
            (&*format!("read:{ONE}\noperate:{ONE}"), 2),
            (&*format!("read:{}", &ONE[..23]), 1),
            (&*format!("read:{ONE} {TWO}"), 1),
            (&*format!("read:{ONE}\n\nread:{ONE}é"), 3),
            ("read:========================", 1),
            (&*format!("read:{}", "a".repeat(513)), 1),
            (&*many, 65),
        ] {
            let error = text.parse::<AccessTokens>().unwrap_err();
            assert_eq!(error.line, line, "{text}");
            assert!(!error.to_string().contains("One0"), "{error}");
        }
    }
}
