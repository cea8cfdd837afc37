//! The header fields of a message, as they are edited on its way.
//!
//! What is told on the way is written once, over [`Fields`], whatever holds the message: the engine's own heads, or [`Edits`],
//! which leaves the head as it came and keeps what is to be different.

use http::{HeaderMap, HeaderName, HeaderValue};
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::{Error, ErrorType, OrErr, Result};
use smallvec::SmallVec;

/// All lines of one name.
pub(super) type Lines<'f> = SmallVec<[&'f [u8]; 4]>;

/// Header fields that can be edited.
pub(super) trait Fields {
    /// Whether there is a line of this name.
    fn has(&self, name: &HeaderName) -> bool;

    /// The lines of this name, in their order.
    fn lines(&self, name: &HeaderName) -> Lines<'_>;

    /// The first of them.
    fn first(&self, name: &HeaderName) -> Option<&[u8]> {
        self.lines(name).first().copied()
    }

    /// Takes out all lines of this name.
    fn take_out(&mut self, name: &HeaderName);

    /// Takes out all lines whose names start so, but those of the name that is `kept`.
    fn take_out_starting(&mut self, start: &str, kept: Option<&HeaderName>);

    /// Adds a line.
    ///
    /// # Errors
    /// Where the value is no header value.
    fn add(&mut self, name: &HeaderName, value: &[u8]) -> Result<()>;

    /// Has one line of this name, and no other.
    ///
    /// # Errors
    /// Where the value is no header value.
    fn set(&mut self, name: &HeaderName, value: &[u8]) -> Result<()> {
        self.take_out(name);
        self.add(name, value)
    }
}

/// The names in `fields` that start so, but the one that is `kept`.
fn starting(fields: &HeaderMap, start: &str, kept: Option<&HeaderName>) -> SmallVec<[HeaderName; 8]> {
    fields.keys().filter(|name| name.as_str().starts_with(start) && Some(*name) != kept).cloned().collect()
}

macro_rules! engine_fields {
    ($head:ty) => {
        impl Fields for $head {
            fn has(&self, name: &HeaderName) -> bool {
                self.headers.contains_key(name)
            }

            fn lines(&self, name: &HeaderName) -> Lines<'_> {
                self.headers.get_all(name).iter().map(HeaderValue::as_bytes).collect()
            }

            fn take_out(&mut self, name: &HeaderName) {
                self.remove_header(name);
            }

            fn take_out_starting(&mut self, start: &str, kept: Option<&HeaderName>) {
                for name in starting(&self.headers, start, kept) {
                    self.remove_header(&name);
                }
            }

            fn add(&mut self, name: &HeaderName, value: &[u8]) -> Result<()> {
                let value =
                    HeaderValue::from_bytes(value).or_err(ErrorType::InvalidHTTPHeader, "a value for a field")?;
                self.append_header(name.clone(), value).map(drop)
            }

            fn set(&mut self, name: &HeaderName, value: &[u8]) -> Result<()> {
                let value =
                    HeaderValue::from_bytes(value).or_err(ErrorType::InvalidHTTPHeader, "a value for a field")?;
                self.insert_header(name.clone(), value)
            }
        }
    };
}

engine_fields!(RequestHeader);
engine_fields!(ResponseHeader);

/// What is to be different from the fields that came.
pub(super) struct Edits<'h> {
    of: &'h HeaderMap,
    /// Which names may be among them, by [`bit`]: most that are asked for are not.
    names: u64,
    /// Which starts of names may be, by [`bit_of_start`].
    starts: u64,
    /// The same as `names`, of what was added.
    added_names: u64,
    taken_out: SmallVec<[HeaderName; 8]>,
    added: SmallVec<[Added; 16]>,
    /// The values of what is added, one behind the other.
    values: SmallVec<[u8; 512]>,
}

/// A line that is added.
struct Added {
    name: HeaderName,
    /// Where its value is.
    from: usize,
    to: usize,
}

/// One of 64 bits for a name, by how long it is and what it ends with.
fn bit(name: &HeaderName) -> u64 {
    let text = name.as_str().as_bytes();
    let last = text.last().copied().unwrap_or(0);
    1 << ((text.len() * 7 + usize::from(last)) % 64)
}

/// The same for a start that is as long as [`START`] at least; none for a shorter one.
fn bit_of_start(text: &str) -> u64 {
    let Some(&[first, .., last]) = text.as_bytes().first_chunk::<START>() else { return 0 };
    1 << ((usize::from(first) * 5 + usize::from(last)) % 64)
}

/// How much of a name tells whether it may start so.
const START: usize = 4;

impl<'h> Edits<'h> {
    /// Nothing, so far.
    pub(super) fn of(fields: &'h HeaderMap) -> Self {
        let (names, starts) = fields
            .keys()
            .fold((0, 0), |(names, starts), name| (names | bit(name), starts | bit_of_start(name.as_str())));
        Self {
            of: fields,
            names,
            starts,
            added_names: 0,
            taken_out: SmallVec::new(),
            added: SmallVec::new(),
            values: SmallVec::new(),
        }
    }

    /// Whether lines of this name came.
    fn came(&self, name: &HeaderName) -> bool {
        self.names & bit(name) != 0 && self.of.contains_key(name)
    }

    /// Whether lines of this name may have been added.
    fn may_be_added(&self, name: &HeaderName) -> bool {
        self.added_names & bit(name) != 0
    }

    /// Whether lines of this name that came go no further.
    pub(super) fn is_taken_out(&self, name: &[u8]) -> bool {
        self.taken_out.iter().any(|out| out.as_str().as_bytes().eq_ignore_ascii_case(name))
    }

    /// What is added, in its order, behind what came.
    pub(super) fn added(&self) -> impl Iterator<Item = (&HeaderName, &[u8])> {
        self.added.iter().map(|added| (&added.name, &self.values[added.from..added.to]))
    }
}

impl Fields for Edits<'_> {
    fn has(&self, name: &HeaderName) -> bool {
        (self.came(name) && !self.taken_out.contains(name))
            || (self.may_be_added(name) && self.added.iter().any(|added| added.name == *name))
    }

    fn lines(&self, name: &HeaderName) -> Lines<'_> {
        let mut lines = Lines::new();
        if self.came(name) && !self.taken_out.contains(name) {
            lines.extend(self.of.get_all(name).iter().map(HeaderValue::as_bytes));
        }
        if self.may_be_added(name) {
            lines.extend(self.added().filter(|(added, _)| *added == name).map(|(_, value)| value));
        }
        lines
    }

    fn take_out(&mut self, name: &HeaderName) {
        if self.may_be_added(name) {
            self.added.retain(|added| added.name != *name);
        }
        if self.came(name) && !self.taken_out.contains(name) {
            self.taken_out.push(name.clone());
        }
    }

    fn first(&self, name: &HeaderName) -> Option<&[u8]> {
        if self.came(name) && !self.taken_out.contains(name) {
            return self.of.get(name).map(HeaderValue::as_bytes);
        }
        if !self.may_be_added(name) {
            return None;
        }
        self.added().find(|(added, _)| *added == name).map(|(_, value)| value)
    }

    fn take_out_starting(&mut self, start: &str, kept: Option<&HeaderName>) {
        self.added.retain(|added| !added.name.as_str().starts_with(start) || Some(&added.name) == kept);
        if start.len() < START || self.starts & bit_of_start(start) != 0 {
            for name in starting(self.of, start, kept) {
                self.take_out(&name);
            }
        }
    }

    fn add(&mut self, name: &HeaderName, value: &[u8]) -> Result<()> {
        // What would end a line early, or is no text at all (RFC 9110, 5.5). All bytes are looked at, many at once.
        let is_none = |byte: &u8| (*byte < b' ' && *byte != b'\t') || *byte == 0x7f;
        if value.iter().fold(false, |found, byte| found | is_none(byte)) {
            return Error::e_explain(ErrorType::InvalidHTTPHeader, "a value for a field");
        }
        let from = self.values.len();
        self.values.extend_from_slice(value);
        self.added_names |= bit(name);
        self.added.push(Added { name: name.clone(), from, to: self.values.len() });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
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

    proptest! {
        #[test]
        fn edits_say_the_same_as_an_edited_head(
            came in prop::collection::vec((0..NAMES.len(), "[!-~]{1,9}"), 0..6),
            edits in prop::collection::vec(edit(), 0..12),
        ) {
            let mut head = RequestHeader::build("GET", b"/", None).unwrap();
            for (nth, value) in &came {
                head.append_header(name(*nth), value.as_str()).unwrap();
            }
            let before = head.headers.clone();
            let mut kept = Edits::of(&before);
            for edit in &edits {
                make(&mut head, edit);
                make(&mut kept, edit);
            }
            for nth in 0..NAMES.len() {
                prop_assert_eq!(kept.lines(&name(nth)), head.lines(&name(nth)));
                prop_assert_eq!(kept.has(&name(nth)), head.has(&name(nth)));
                prop_assert_eq!(kept.first(&name(nth)), head.first(&name(nth)));
            }
            // On the wire: what came and is not taken out, and then what is added.
            let passed = before.iter().filter(|(name, _)| !kept.is_taken_out(name.as_str().as_bytes()));
            let mut written = HeaderMap::new();
            for (name, value) in passed.map(|(name, value)| (name, value.as_bytes())).chain(kept.added()) {
                written.append(name.clone(), HeaderValue::from_bytes(value).unwrap());
            }
            prop_assert_eq!(written, head.headers.clone());
        }
    }

    #[test]
    fn no_value_ends_its_line_early() {
        let fields = HeaderMap::new();
        for value in ["a\r\nb: c", "a\nb", "a\0", "\u{7f}"] {
            assert!(Edits::of(&fields).set(&name(4), value.as_bytes()).is_err(), "{value:?}");
        }
        assert!(Edits::of(&fields).set(&name(4), b"a\tb\xe9").is_ok());
    }
}
