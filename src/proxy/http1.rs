//! An HTTP/1.1 connection of a client: its request lines are looked at as they come.
//!
//! Where a target holds characters that none may, the engine writes them percent-encoded before any hook sees the head. Other
//! programs on the way of the request do not: to some of them a CR ends the line, or a tab ends the target.

use super::connection::ConnectionState;
use super::layer::Watch;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};

/// What is known of the line of the request that is on a connection, or comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum LineSeen {
    /// The next byte is its first one, or it is not whole yet.
    Awaited = 0,
    /// It holds what a request line may.
    Clean = 1,
    /// It holds something else.
    Odd = 2,
    /// Nothing: where it began was not known, since bytes of a body were still to come.
    Unknown = 3,
}

impl LineSeen {
    pub(super) fn from_bits(bits: u8) -> Self {
        match bits {
            0 => Self::Awaited,
            1 => Self::Clean,
            2 => Self::Odd,
            _ => Self::Unknown,
        }
    }

    /// Whether the line of a request with this target may not have been sent so. A line that nobody has seen is taken for such
    /// a one where its target holds what the engine would have made of it.
    pub(super) fn is_odd(self, target: &[u8]) -> bool {
        match self {
            Self::Awaited | Self::Clean => false,
            Self::Odd => true,
            Self::Unknown => target.windows(3).any(|three| match three {
                [b'%', b'0' | b'1', _] => true,
                [b'%', b'7', low] => low.eq_ignore_ascii_case(&b'f'),
                _ => false,
            }),
        }
    }
}

/// Reads a request line, of which bytes come in pieces.
#[derive(Debug, Default)]
struct RequestLine {
    began: bool,
    is_odd: bool,
    ends_in_cr: bool,
}

impl RequestLine {
    /// What the line is, once its end is there; then another can be read.
    fn read(&mut self, bytes: &[u8]) -> Option<LineSeen> {
        for &byte in bytes {
            match byte {
                b'\r' | b'\n' if !self.began => continue, // empty lines before it are passed over
                b'\n' => {
                    let seen = if self.is_odd { LineSeen::Odd } else { LineSeen::Clean };
                    *self = Self::default();
                    return Some(seen);
                }
                _ => {}
            }
            self.began = true;
            self.is_odd |= self.ends_in_cr; // a CR that is not the end
            self.ends_in_cr = byte == b'\r';
            let is_usual = matches!(byte, b' '..=b'~' | b'\r') && !matches!(byte, b'<' | b'>');
            self.is_odd |= !is_usual;
        }
        None
    }
}

/// Looks at the request lines of a connection. What it sees is told to the connection's state.
pub(super) struct RequestLines {
    state: Arc<ConnectionState>,
    line: RequestLine,
}

impl RequestLines {
    pub(super) fn of(state: Arc<ConnectionState>) -> Self {
        Self { state, line: RequestLine::default() }
    }

    /// Looks at nothing until [`RequestLines::restart`]: whoever reads the bytes sees to their lines as well.
    pub(super) fn pause(&mut self) {
        self.state.saw_line(LineSeen::Clean);
    }

    /// Begins anew, with a request of which these bytes are here already.
    pub(super) fn restart(&mut self, bytes: &[u8]) {
        self.line = RequestLine::default();
        self.state.saw_line(self.line.read(bytes).unwrap_or(LineSeen::Awaited));
    }
}

impl Watch for RequestLines {
    fn received(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.state.line() == LineSeen::Awaited
            && let Some(seen) = self.line.read(bytes)
        {
            self.state.saw_line(seen);
        }
        Ok(())
    }

    fn waiting(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.state.poll_parting(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(line: &str) -> Option<LineSeen> {
        let whole = RequestLine::default().read(line.as_bytes());
        let mut piecemeal = RequestLine::default();
        let mut in_pieces = None;
        for byte in line.as_bytes() {
            in_pieces = in_pieces.or(piecemeal.read(&[*byte]));
        }
        assert_eq!(whole, in_pieces, "{line:?}");
        whole
    }

    #[test]
    fn lines_of_one_meaning_are_clean() {
        for line in [
            "GET / HTTP/1.1\r\n",
            "\r\n\r\nGET / HTTP/1.1\r\nX: \u{1}\r\n",
            "GET /a b HTTP/1.1\r\n",
            "GET / HTTP/1.1\n",
        ] {
            assert_eq!(seen(line), Some(LineSeen::Clean), "{line:?}");
        }
        assert_eq!(seen("GET / HTTP/1.1\r"), None);
    }

    #[test]
    fn lines_that_the_engine_would_mend_are_odd() {
        for inside in ["\r", "\t", "\u{1}", "\0", "\u{7f}", "\u{e9}", "<", ">", "\rHTTP/1.1", "\r\r"] {
            assert_eq!(seen(&format!("GET /a{inside} HTTP/1.1\r\n")), Some(LineSeen::Odd), "{inside:?}");
        }
        assert_eq!(seen("GET / HTTP/1.1\r\r\n"), Some(LineSeen::Odd));
    }

    #[test]
    fn lines_that_nobody_saw_are_odd_by_what_was_made_of_them() {
        for (target, odd) in [("/a%0D", true), ("/a%1f", true), ("/a%7F", true), ("/a%20b%2f", false), ("/a%", false)] {
            assert_eq!(LineSeen::Unknown.is_odd(target.as_bytes()), odd, "{target}");
            assert!(!LineSeen::Clean.is_odd(target.as_bytes()) && LineSeen::Odd.is_odd(target.as_bytes()));
        }
    }
}
