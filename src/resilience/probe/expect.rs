//! Whether an answer is what a probe expects, and why not, in words.

use crate::model::Expected;
use std::fmt::{self, Write as _};

/// An answer to a probe.
#[derive(Debug, Clone, Default)]
pub struct ProbeAnswer {
    /// Its status.
    pub status: u16,
    /// Its headers in order, names in lower case.
    pub headers: Vec<(Box<str>, Box<[u8]>)>,
    /// What was read of its body: [`Expected::LONGEST_LOOK`] bytes at most.
    pub body: Vec<u8>,
}

impl ProbeAnswer {
    /// The values of a header, whose name is in lower case.
    pub(super) fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.headers.iter().filter(move |(known, _)| **known == *name).map(|(_, value)| &**value)
    }
}

/// Why a probe failed, in words for an operator: one line of visible characters, [`Self::LONGEST`] bytes at most.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbeFailure(Box<str>);

impl ProbeFailure {
    /// How long it may be, in bytes: it goes into logs and pages.
    pub const LONGEST: usize = 240;
    const CUT: &str = "…";

    /// What `text` says, cut where it is too long; what cannot be shown becomes a space.
    #[must_use]
    pub fn new(text: impl fmt::Display) -> Self {
        let mut line = Line(String::new());
        // It ends where the line is full, which is no failure of ours.
        let _ = write!(line, "{text}");
        Self(line.0.into())
    }

    /// The words.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ProbeFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Takes no more than fits.
struct Line(String);

impl fmt::Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for letter in text.chars() {
            if self.0.len() + letter.len_utf8() > ProbeFailure::LONGEST - ProbeFailure::CUT.len() {
                self.0.push_str(ProbeFailure::CUT);
                return Err(fmt::Error);
            }
            self.0.push(if is_shown(letter) { letter } else { ' ' });
        }
        Ok(())
    }
}

/// What turns the direction of a line around is no more for a log than what ends it.
fn is_shown(letter: char) -> bool {
    !letter.is_control()
        && !matches!(letter, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Whether `answer` is what is expected of it.
///
/// # Errors
/// What is wrong with it, as it is said behind the request: `answered 200 without "Welcome"`.
pub(super) fn check(expected: &Expected, answer: &ProbeAnswer) -> Result<(), String> {
    let status = answer.status;
    if !expected.status.iter().any(|pattern| pattern.has(status)) {
        let wanted: Vec<_> = expected.status.iter().take(5).map(ToString::to_string).collect();
        return Err(format!("answered {status}, not {}", wanted.join(" or ")));
    }
    for (name, value) in &expected.headers {
        let mut given = answer.values(name).peekable();
        let Some(first) = given.peek().copied() else {
            return Err(format!("answered {status} without the header {name}"));
        };
        if !given.any(|given| given == value.as_bytes()) {
            let first = String::from_utf8_lossy(first);
            return Err(format!("answered {status} with {name}: {first}, not {value}"));
        }
    }
    if let Some(text) = &expected.contains
        && memchr::memmem::find(&answer.body, text.as_bytes()).is_none()
    {
        return Err(format!("answered {status} without \"{text}\""));
    }
    Ok(())
}
