//! Bytes of a client made fit for a log: one line, no control characters, of bounded length.

use std::fmt::{self, Write as _};

/// The longest text of a client in a log, in bytes before escaping. What is cut off leaves `…`.
pub(super) const LONGEST: usize = 1024;

/// Shows bytes so that they cannot harm a log or the terminal that shows it.
///
/// Valid UTF-8 is shown as it is. Bytes that are none, control characters (C0, DEL, C1), line and paragraph separators
/// and the marks that turn the direction of writing are shown as `\xNN` for each byte. After 1,024 bytes it ends with `…`.
#[derive(Debug, Clone, Copy)]
pub struct Printable<'a>(pub &'a [u8]);

impl fmt::Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_bytes(self.0, &mut Filter::new(f, Quotes::Bare))
    }
}

/// Whether `"` and `\` mean something where the text stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quotes {
    /// They do not, or somebody else takes care of them.
    Bare,
    /// They are preceded by `\`, as Apache and nginx do inside of `"…"`.
    Escaped,
}

/// Passes text on as [`Printable`] promises.
pub(super) struct Filter<'a, W> {
    out: &'a mut W,
    quotes: Quotes,
    left: usize,
    is_cut: bool,
}

impl<'a, W: fmt::Write> Filter<'a, W> {
    pub(super) fn new(out: &'a mut W, quotes: Quotes) -> Self {
        Self { out, quotes, left: LONGEST, is_cut: false }
    }

    fn cut(&mut self) -> fmt::Result {
        if self.is_cut {
            return Ok(());
        }
        self.is_cut = true;
        self.left = 0;
        self.out.write_char('…')
    }

    fn escape(&mut self, bytes: &[u8]) -> fmt::Result {
        for byte in bytes {
            if self.left == 0 {
                return self.cut();
            }
            self.left -= 1;
            write!(self.out, "\\x{byte:02x}")?;
        }
        Ok(())
    }
}

impl<W: fmt::Write> fmt::Write for Filter<'_, W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let fits = &text[..text.floor_char_boundary(self.left)];
        let quotes = self.quotes;
        let is_special = |c: char| is_harmful(c) || (quotes == Quotes::Escaped && matches!(c, '"' | '\\'));
        let mut rest = fits;
        while let Some(at) = rest.find(is_special) {
            let (clean, from) = rest.split_at(at);
            self.out.write_str(clean)?;
            self.left -= clean.len();
            let mut after = from.chars();
            if let Some(special) = after.next() {
                if is_harmful(special) {
                    self.escape(special.encode_utf8(&mut [0; 4]).as_bytes())?;
                } else {
                    self.left -= 1;
                    self.out.write_char('\\')?;
                    self.out.write_char(special)?;
                }
            }
            rest = after.as_str();
        }
        self.out.write_str(rest)?;
        self.left -= rest.len();
        if fits.len() < text.len() { self.cut() } else { Ok(()) }
    }
}

/// Writes `bytes`, of which some may be no UTF-8.
pub(super) fn write_bytes<W: fmt::Write>(bytes: &[u8], filter: &mut Filter<'_, W>) -> fmt::Result {
    // A character more than is shown, so that the filter sees that something was cut.
    let bytes = &bytes[..bytes.len().min(LONGEST + 4)];
    for chunk in bytes.utf8_chunks() {
        filter.write_str(chunk.valid())?;
        filter.escape(chunk.invalid())?;
    }
    Ok(())
}

fn is_harmful(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bare(bytes: &[u8]) -> String {
        Printable(bytes).to_string()
    }

    fn quoted(bytes: &[u8]) -> String {
        let mut out = String::new();
        write_bytes(bytes, &mut Filter::new(&mut out, Quotes::Escaped)).unwrap();
        out
    }

    #[test]
    fn what_could_harm_is_escaped_and_the_rest_is_not() {
        assert_eq!(bare(b"/cart?a=1&b=\"2\""), "/cart?a=1&b=\"2\"");
        assert_eq!(bare("/\u{e9}\u{4e2d}".as_bytes()), "/\u{e9}\u{4e2d}");
        assert_eq!(bare(b"a\r\nb\x1b[31m\x7f\0"), "a\\x0d\\x0ab\\x1b[31m\\x7f\\x00");
        assert_eq!(bare(b"\xff\xc3"), "\\xff\\xc3");
        assert_eq!(bare("\u{85}\u{2028}\u{202e}".as_bytes()), "\\xc2\\x85\\xe2\\x80\\xa8\\xe2\\x80\\xae");
        assert_eq!(quoted(b"say \"hi\" \\ \n"), "say \\\"hi\\\" \\\\ \\x0a");
    }

    #[test]
    fn it_is_cut_where_it_is_too_long() {
        let long = |length: usize| bare("x".repeat(length).as_bytes());
        assert_eq!(long(LONGEST), "x".repeat(LONGEST));
        assert_eq!(long(LONGEST + 1), format!("{}…", "x".repeat(LONGEST)));
        assert_eq!(long(1_000_000).len(), LONGEST + "…".len());
        let two_bytes_each = "é".repeat(LONGEST);
        assert_eq!(bare(two_bytes_each.as_bytes()), format!("{}…", "é".repeat(LONGEST / 2)));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]
        #[test]
        fn whatever_comes_stays_one_bounded_line(bytes in proptest::collection::vec(any::<u8>(), 0..3000)) {
            for text in [bare(&bytes), quoted(&bytes)] {
                prop_assert!(!text.chars().any(is_harmful));
                prop_assert!(text.len() <= LONGEST * 4 + "…".len());
            }
            // Every quote of the client is preceded by an odd number of backslashes.
            let text = quoted(&bytes);
            let mut is_open = true;
            let mut chars = text.chars();
            while let Some(c) = chars.next() {
                match c {
                    '\\' => is_open = chars.next().is_some(),
                    '"' => is_open = false,
                    _ => {}
                }
            }
            prop_assert!(is_open, "{text}");
        }
    }
}
