//! What is to be different from the header lines that came.

use super::client::{buffer, give_buffer};
use super::lines::{HeaderLines, MOST_LINES, tag};
use crate::proxy::fields::{Fields, Lines};
use http::HeaderName;
use pingora::{Error, ErrorType, OrErr, Result};
use smallvec::SmallVec;
use std::ops::Range;

/// The lines that came, which stay as they are, and what is to be different.
pub(super) struct Edits<'h> {
    came: &'h HeaderLines,
    /// Which of them go no further, a bit for each.
    taken_out: [u64; MOST_LINES / 64],
    added: SmallVec<[Added; 16]>,
    /// Which tags their names have, a bit for each.
    added_tags: u64,
    /// What is added, as it is written.
    written: Vec<u8>,
}

/// Where a line is that is added.
struct Added {
    name: u32,
    value: u32,
    /// Where its value ends.
    end: u32,
    tag: u8,
}

impl Added {
    fn name_range(&self) -> Range<usize> {
        self.name as usize..self.value as usize - COLON.len()
    }

    fn value_range(&self) -> Range<usize> {
        self.value as usize..self.end as usize
    }

    /// All of it, as it is written.
    fn range(&self) -> Range<usize> {
        self.name as usize..self.end as usize + END.len()
    }
}

/// Between a name and its value.
const COLON: &[u8] = b": ";

/// Behind each line.
const END: &[u8] = b"\r\n";

/// The bytes that end a line early, or are no text at all (RFC 9110, 5.5).
const IS_NO_TEXT: [bool; 256] = {
    let mut is_none = [false; 256];
    let mut byte = 0;
    while byte < b' ' {
        is_none[byte as usize] = byte != b'\t';
        byte += 1;
    }
    is_none[0x7f] = true;
    is_none
};

impl<'h> Edits<'h> {
    /// Nothing, so far.
    pub(super) fn of(came: &'h HeaderLines) -> Self {
        Self { came, taken_out: Default::default(), added: SmallVec::new(), added_tags: 0, written: Vec::new() }
    }

    /// Whether there may be a line whose name has this tag.
    fn may_have(&self, tag: u8) -> bool {
        (self.came.tags() | self.added_tags) & (1 << tag) != 0
    }

    fn is_taken_out(&self, nth: usize) -> bool {
        self.taken_out.get(nth / 64).is_some_and(|bits| bits & (1 << (nth % 64)) != 0)
    }

    /// Those lines of this name that came and are not taken out: which they are.
    fn left<'e>(&'e self, name: &'e [u8], tag: u8) -> impl Iterator<Item = usize> + 'e {
        self.came.find(name, tag).filter(|nth| !self.is_taken_out(*nth))
    }

    /// Those lines of this name that were added.
    fn added<'e>(&'e self, name: &'e [u8], tag: u8) -> impl Iterator<Item = &'e Added> + 'e {
        let added = if self.added_tags & (1 << tag) == 0 { &[][..] } else { &self.added[..] };
        added.iter().filter(move |added| added.tag == tag && self.written[added.name_range()] == *name)
    }

    /// Takes out what was added and is such a line.
    fn take_out_added(&mut self, is_such: impl Fn(&[u8]) -> bool) {
        let Self { added, written, .. } = self;
        added.retain(|added| !is_such(&written[added.name_range()]));
    }

    /// The lines that go on: names, in any case, and values; and where they are among those that came.
    pub(super) fn outgoing(&self) -> impl Iterator<Item = (&[u8], &[u8], Option<usize>)> {
        let came = (0..self.came.len()).filter(|nth| self.came.goes_on(*nth) && !self.is_taken_out(*nth));
        let came = came.map(|nth| (self.came.name(nth), self.came.value(nth), Some(nth)));
        let of_added = |added: &Added| (&self.written[added.name_range()], &self.written[added.value_range()], None);
        came.chain(self.added.iter().map(of_added))
    }

    /// Writes the lines that go on: those that came, and behind them what is added.
    pub(super) fn write(&self, into: &mut Vec<u8>) {
        self.came.write(|nth| self.is_taken_out(nth), into);
        let all: usize = self.added.iter().map(|added| added.range().len()).sum();
        if all == self.written.len() {
            into.extend_from_slice(&self.written);
            return;
        }
        // Something was added and then taken out.
        for added in &self.added {
            into.extend_from_slice(&self.written[added.range()]);
        }
    }
}

impl Drop for Edits<'_> {
    fn drop(&mut self) {
        if self.written.capacity() > 0 {
            give_buffer(std::mem::take(&mut self.written));
        }
    }
}

impl Fields for Edits<'_> {
    fn has(&self, name: &HeaderName) -> bool {
        self.first(name).is_some()
    }

    fn lines(&self, name: &HeaderName) -> Lines<'_> {
        self.lines_named(name.as_str())
    }

    fn lines_named(&self, name: &str) -> Lines<'_> {
        let name = name.as_bytes();
        let tag = tag(name);
        let mut lines = Lines::new();
        if self.may_have(tag) {
            for nth in self.left(name, tag) {
                lines.push(self.came.value(nth));
            }
            for added in self.added(name, tag) {
                lines.push(&self.written[added.value_range()]);
            }
        }
        lines
    }

    fn first(&self, name: &HeaderName) -> Option<&[u8]> {
        let name = name.as_str().as_bytes();
        let tag = tag(name);
        if !self.may_have(tag) {
            return None;
        }
        if let Some(nth) = self.left(name, tag).next() {
            return Some(self.came.value(nth));
        }
        self.added(name, tag).next().map(|added| &self.written[added.value_range()])
    }

    fn take_out(&mut self, name: &HeaderName) {
        let name = name.as_str().as_bytes();
        let tag = tag(name);
        if !self.may_have(tag) {
            return;
        }
        if self.added_tags & (1 << tag) != 0 {
            self.take_out_added(|added| added == name);
        }
        let came = self.came;
        for nth in came.find(name, tag) {
            self.taken_out[nth / 64] |= 1 << (nth % 64);
        }
    }

    fn take_out_starting(&mut self, start: &str, kept: Option<&HeaderName>) {
        let kept = kept.map(|name| name.as_str().as_bytes());
        if self.added_tags != 0 {
            self.take_out_added(|added| added.starts_with(start.as_bytes()) && Some(added) != kept);
        }
        let came = self.came;
        for nth in came.find_starting(start.as_bytes()) {
            let is_kept = kept.is_some_and(|kept| came.name(nth).eq_ignore_ascii_case(kept));
            if !is_kept {
                self.taken_out[nth / 64] |= 1 << (nth % 64);
            }
        }
    }

    fn add(&mut self, name: &HeaderName, value: &[u8]) -> Result<()> {
        if value.iter().fold(false, |found, byte| found | IS_NO_TEXT[usize::from(*byte)]) {
            return Error::e_explain(ErrorType::InvalidHTTPHeader, "a value for a field");
        }
        let name = name.as_str().as_bytes();
        let tag = tag(name);
        if self.written.capacity() == 0 {
            self.written = buffer();
        }
        self.written.reserve(name.len() + COLON.len() + value.len() + END.len());
        let name_at = self.written.len();
        for part in [name, COLON, value, END] {
            self.written.extend_from_slice(part);
        }
        let value_at = name_at + name.len() + COLON.len();
        // A head that is longer than that has been refused before.
        let narrow = |at| u32::try_from(at).or_err(ErrorType::InvalidHTTPHeader, "too many bytes of fields");
        self.added.push(Added {
            name: narrow(name_at)?,
            value: narrow(value_at)?,
            end: narrow(value_at + value.len())?,
            tag,
        });
        self.added_tags |= 1 << tag;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderMap, HeaderValue};
    use pingora::http::RequestHeader;
    use proptest::prelude::*;

    #[derive(Debug, Clone)]
    enum Edit {
        TakeOut(usize),
        TakeOutOwn,
        Add(usize, String),
        Set(usize, String),
    }

    const NAMES: [&str; 5] = ["cookie", "x-forwarded-for", "homeward-region", "homeward-home", "x-own"];

    fn name(nth: usize) -> HeaderName {
        HeaderName::from_static(NAMES[nth])
    }

    fn edit() -> impl Strategy<Value = Edit> {
        let nth = 0..NAMES.len();
        prop_oneof![
            nth.clone().prop_map(Edit::TakeOut),
            Just(Edit::TakeOutOwn),
            (nth.clone(), "[ -~]{0,9}").prop_map(|(nth, value)| Edit::Add(nth, value)),
            (nth, "[ -~]{0,9}").prop_map(|(nth, value)| Edit::Set(nth, value)),
        ]
    }

    fn make(fields: &mut impl Fields, edit: &Edit) {
        match edit {
            Edit::TakeOut(nth) => fields.take_out(&name(*nth)),
            Edit::TakeOutOwn => fields.take_out_starting("homeward-", Some(&name(3))),
            Edit::Add(nth, value) => fields.add(&name(*nth), value.as_bytes()).unwrap(),
            Edit::Set(nth, value) => fields.set(&name(*nth), value.as_bytes()).unwrap(),
        }
    }

    /// A line on the wire, in one of the ways in which one can be.
    fn line(name: &str, value: &str, form: u8) -> String {
        match form {
            0 => format!("{name}: {value}\r\n"),
            1 => format!("{}:{value}\r\n", name.to_ascii_uppercase()),
            _ => format!("{name}:  {value} \r\n"),
        }
    }

    proptest! {
        #[test]
        fn edits_say_the_same_as_an_edited_head(
            came in prop::collection::vec((0..NAMES.len(), "[!-~]{1,9}", 0..3_u8), 0..6),
            edits in prop::collection::vec(edit(), 0..12),
        ) {
            let mut head = RequestHeader::build("GET", b"/", None).unwrap();
            let (mut wire, mut lines) = (String::from("GET / HTTP/1.1\r\n"), HeaderLines::default());
            for (nth, value, form) in &came {
                head.append_header(name(*nth), value.as_str()).unwrap();
                let (name_at, text) = (wire.len(), line(NAMES[*nth], value, *form));
                let value_at = name_at + text.find(':').unwrap() + 1;
                let value_at = value_at + text[value_at - name_at..].find(|c| c != ' ').unwrap();
                wire.push_str(&text);
                let (name, value) = (NAMES[*nth].as_bytes(), value_at..value_at + value.len());
                lines.push(name, name_at, value, true).unwrap();
            }
            lines.lay_over(wire.into());
            let mut kept = Edits::of(&lines);
            for edit in &edits {
                make(&mut head, edit);
                make(&mut kept, edit);
            }
            for nth in 0..NAMES.len() {
                prop_assert_eq!(kept.lines(&name(nth)), head.lines(&name(nth)));
                prop_assert_eq!(kept.has(&name(nth)), head.has(&name(nth)));
                prop_assert_eq!(kept.first(&name(nth)), Fields::first(&head, &name(nth)));
            }
            // On the wire: what came and is not taken out, and then what is added.
            let read = |wire: &[u8]| {
                let mut lines = [httparse::EMPTY_HEADER; 32];
                let (_, lines) = httparse::parse_headers(wire, &mut lines).unwrap().unwrap();
                lines.iter().map(|line| (line.name.to_ascii_lowercase(), line.value.to_vec())).collect::<Vec<_>>()
            };
            let mut written = Vec::new();
            kept.write(&mut written);
            let outgoing: Vec<_> = kept.outgoing().map(|(name, value, _)| {
                (String::from_utf8_lossy(name).to_ascii_lowercase(), value.trim_ascii().to_vec())
            }).collect();
            written.extend_from_slice(b"\r\n");
            prop_assert_eq!(&read(&written), &outgoing);
            let mut map = HeaderMap::new();
            for (name, value) in &outgoing {
                map.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_bytes(value).unwrap());
            }
            let trimmed = head.headers.iter().map(|(name, value)| {
                (name.clone(), HeaderValue::from_bytes(value.as_bytes().trim_ascii()).unwrap())
            });
            let mut expected = HeaderMap::new();
            trimmed.for_each(|(name, value)| _ = expected.append(name, value));
            prop_assert_eq!(map, expected);
        }
    }

    #[test]
    fn no_value_ends_its_line_early() {
        let lines = HeaderLines::default();
        for value in ["a\r\nb: c", "a\nb", "a\0", "\u{7f}"] {
            assert!(Edits::of(&lines).set(&name(4), value.as_bytes()).is_err(), "{value:?}");
        }
        assert!(Edits::of(&lines).set(&name(4), b"a\tb\xe9").is_ok());
    }
}
