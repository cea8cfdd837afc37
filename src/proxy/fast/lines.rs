//! Header lines as they came, found by walking along them: for as few as a message has, that is less than to hash their names.

use crate::proxy::fields::Lines;
use bytes::Bytes;
use smallvec::SmallVec;
use std::ops::Range;

/// The most lines of a head.
pub(super) const MOST_LINES: usize = 256;

/// How much of a name tells whether it may start so.
const START: usize = 4;

/// The header lines of a message.
#[derive(Default)]
pub(super) struct HeaderLines {
    /// What they are in.
    bytes: Bytes,
    lines: SmallVec<[Line; 24]>,
    /// Which tags names have, a bit for each.
    tags: u64,
    /// Which starts they may have, by [`bit_of_start`].
    starts: u64,
}

/// Where a line is.
#[derive(Debug, Clone, Copy)]
struct Line {
    name: u32,
    value: u32,
    value_length: u32,
    name_length: u16,
    tag: u8,
    /// Whether it goes on to the other side, and is not between two neighbours.
    goes_on: bool,
}

/// One of 64 for a name, by how long it is and what it ends with, in any case.
pub(super) fn tag(name: &[u8]) -> u8 {
    let last = name.last().map_or(0, |last| last | 0x20);
    ((name.len() * 7 + usize::from(last)) % 64) as u8
}

/// One of 64 bits for a start that is as long as [`START`] at least, in any case; none for a shorter one.
fn bit_of_start(text: &[u8]) -> u64 {
    let Some(&[first, .., last]) = text.first_chunk::<START>() else { return 0 };
    1 << ((usize::from(first | 0x20) * 5 + usize::from(last | 0x20)) % 64)
}

impl Line {
    fn name_range(&self) -> Range<usize> {
        let from = self.name as usize;
        from..from + usize::from(self.name_length)
    }

    fn value_range(&self) -> Range<usize> {
        let from = self.value as usize;
        from..from + self.value_length as usize
    }
}

impl HeaderLines {
    /// Takes a line in behind the others: where its name and its value are. `None` where there are too many, or it is too long
    /// to be one.
    pub(super) fn push(&mut self, name: &[u8], name_at: usize, value: Range<usize>, goes_on: bool) -> Option<()> {
        if self.lines.len() >= MOST_LINES {
            return None;
        }
        let tag = tag(name);
        self.lines.push(Line {
            name: u32::try_from(name_at).ok()?,
            value: u32::try_from(value.start).ok()?,
            value_length: u32::try_from(value.len()).ok()?,
            name_length: u16::try_from(name.len()).ok()?,
            tag,
            goes_on,
        });
        self.tags |= 1 << tag;
        self.starts |= bit_of_start(name);
        Some(())
    }

    /// The bytes that the lines are in. Those that were taken in are where they said.
    pub(super) fn lay_over(&mut self, bytes: Bytes) {
        self.bytes = bytes;
    }

    /// The bytes that the lines are in.
    pub(super) fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Which tags their names have, a bit for each.
    pub(super) fn tags(&self) -> u64 {
        self.tags
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.lines.len()
    }

    fn bytes_at(&self, range: Range<usize>) -> &[u8] {
        self.bytes.get(range).unwrap_or_default()
    }

    /// The lines of this name, which is in lower case and has this tag: which they are.
    #[inline]
    pub(super) fn find<'f>(&'f self, name: &'f [u8], tag: u8) -> Found<'f> {
        let next = if self.tags & (1 << tag) == 0 { self.lines.len() } else { 0 };
        Found { of: self, name, tag, next }
    }

    /// The lines whose names start so, which is in lower case: which they are.
    pub(super) fn find_starting<'f>(&'f self, start: &'f [u8]) -> impl Iterator<Item = usize> + 'f {
        let may_be = start.len() < START || self.starts & bit_of_start(start) != 0;
        let lines = if may_be { &self.lines[..] } else { &[][..] };
        let begins = move |name: &[u8]| name.get(..start.len()).is_some_and(|head| head.eq_ignore_ascii_case(start));
        lines.iter().enumerate().filter(move |(_, line)| begins(self.bytes_at(line.name_range()))).map(|(nth, _)| nth)
    }

    /// The name of a line, as it came; nothing where there is none.
    pub(super) fn name(&self, nth: usize) -> &[u8] {
        self.lines.get(nth).map_or(&[], |line| self.bytes_at(line.name_range()))
    }

    /// The value of a line; nothing where there is none.
    pub(super) fn value(&self, nth: usize) -> &[u8] {
        self.lines.get(nth).map_or(&[], |line| self.bytes_at(line.value_range()))
    }

    /// The same, as a part of the bytes that it came in.
    pub(super) fn shared_value(&self, nth: usize) -> Bytes {
        let range = self.lines.get(nth).map(Line::value_range).filter(|range| range.end <= self.bytes.len());
        range.map_or_else(Bytes::new, |range| self.bytes.slice(range))
    }

    /// The first value of this name, which is in lower case.
    pub(super) fn first(&self, name: &[u8]) -> Option<&[u8]> {
        self.find(name, tag(name)).next().map(|nth| self.value(nth))
    }

    /// The values of this name, which is in lower case, in their order.
    pub(super) fn all(&self, name: &[u8]) -> Lines<'_> {
        let mut lines = Lines::new();
        for nth in self.find(name, tag(name)) {
            lines.push(self.value(nth));
        }
        lines
    }

    /// Whether there is a line of this name, which is in lower case.
    pub(super) fn has(&self, name: &[u8]) -> bool {
        self.find(name, tag(name)).next().is_some()
    }

    /// All names, as they came, and values.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        (0..self.lines.len()).map(|nth| (self.name(nth), self.value(nth)))
    }

    /// Takes out all lines of this name, which is in lower case.
    pub(super) fn remove(&mut self, name: &[u8]) {
        let Self { bytes, lines, .. } = self;
        let is_it = |line: &Line| bytes.get(line.name_range()).is_some_and(|came| came.eq_ignore_ascii_case(name));
        lines.retain(|line| !is_it(line));
    }

    /// Whether a line goes on to the other side.
    pub(super) fn goes_on(&self, nth: usize) -> bool {
        self.lines.get(nth).is_some_and(|line| line.goes_on)
    }

    /// Writes those lines that go on and are not `left_out`, as they came.
    pub(super) fn write(&self, left_out: impl Fn(usize) -> bool, into: &mut Vec<u8>) {
        // Lines that stand behind one another as they are to be written are copied in one piece.
        let mut piece = 0..0;
        let kept = self.lines.iter().enumerate().filter(|(nth, line)| line.goes_on && !left_out(*nth));
        for (_, line) in kept {
            let (name, value) = (line.name_range(), line.value_range());
            let is_as_written =
                self.bytes_at(name.end..value.start) == b": " && self.bytes_at(value.end..value.end + 2) == b"\r\n";
            if is_as_written && piece.end == name.start {
                piece.end = value.end + 2;
                continue;
            }
            into.extend_from_slice(self.bytes_at(piece));
            piece = 0..0;
            if is_as_written {
                piece = name.start..value.end + 2;
                continue;
            }
            for part in [self.bytes_at(name), b": ", self.bytes_at(value), b"\r\n"] {
                into.extend_from_slice(part);
            }
        }
        into.extend_from_slice(self.bytes_at(piece));
    }
}

/// Lines of one name: which they are.
pub(super) struct Found<'f> {
    of: &'f HeaderLines,
    name: &'f [u8],
    tag: u8,
    next: usize,
}

impl Iterator for Found<'_> {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        while let Some(line) = self.of.lines.get(self.next) {
            let nth = self.next;
            self.next += 1;
            if line.tag == self.tag && self.of.bytes_at(line.name_range()).eq_ignore_ascii_case(self.name) {
                return Some(nth);
            }
        }
        None
    }
}
