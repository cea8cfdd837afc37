//! A walk over the values of a database's data section.
//!
//! The values of a record are read here rather than by `maxminddb` through `serde`: that is quicker for
//! the few fields that say a place, a value of an unexpected type is no error, and damage costs no allocation. The walk is
//! safe on any bytes: every read is checked, only pointers of asked-for values are followed, one step each, and the
//! values that one record may hold are counted.

/// The most values that are walked over for one record, the skipped ones included. Real ones have under a hundred.
const MOST_VALUES: usize = 4096;

const POINTER: u8 = 1;
const TEXT: u8 = 2;
const DOUBLE: u8 = 3;
const MAP: u8 = 7;
const LIST: u8 = 11;
const BOOL: u8 = 14;
const FLOAT: u8 = 15;

/// The bytes at this offset of the data section break the format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Damaged(pub(super) usize);

/// Stands before a value. Whatever is asked for, the value is then passed; where it is of another type, the answer is
/// that there is none.
pub(super) struct Cursor<'a> {
    section: &'a [u8],
    at: usize,
    left: usize,
}

/// The kind and the size of a value; and, where a pointer led to it, where to go on after it.
struct Head {
    kind: u8,
    size: usize,
    back: Option<usize>,
}

impl<'a> Cursor<'a> {
    /// Before the value at this offset of the data section.
    pub(super) fn new(section: &'a [u8], at: usize) -> Self {
        Self { section, at, left: MOST_VALUES }
    }

    /// The bytes of a text, not checked to be text.
    pub(super) fn text(&mut self) -> Result<Option<&'a [u8]>, Damaged> {
        let head = self.head()?;
        if head.kind != TEXT {
            return self.pass(&head).map(|()| None);
        }
        let text = self.take(head.size)?;
        self.at = head.back.unwrap_or(self.at);
        Ok(Some(text))
    }

    /// A number of single or double precision.
    pub(super) fn number(&mut self) -> Result<Option<f64>, Damaged> {
        let head = self.head()?;
        if !matches!((head.kind, head.size), (DOUBLE, 8) | (FLOAT, 4)) {
            return self.pass(&head).map(|()| None);
        }
        let bytes = self.take(head.size)?;
        self.at = head.back.unwrap_or(self.at);
        let double = bytes.try_into().map(f64::from_be_bytes);
        Ok(double.or_else(|_| bytes.try_into().map(|single| f64::from(f32::from_be_bytes(single)))).ok())
    }

    /// Hands each key of a map to `entry`, which must pass the value that follows. Says whether it was a map.
    pub(super) fn map<F>(&mut self, mut entry: F) -> Result<bool, Damaged>
    where
        F: FnMut(&'a [u8], &mut Self) -> Result<(), Damaged>,
    {
        let head = self.head()?;
        if head.kind != MAP {
            return self.pass(&head).map(|()| false);
        }
        for _ in 0..head.size {
            let start = self.at;
            let key = self.text()?.ok_or(Damaged(start))?;
            entry(key, self)?;
        }
        self.at = head.back.unwrap_or(self.at);
        Ok(true)
    }

    /// Hands the first item of a list to `item`, which must pass it.
    pub(super) fn first<F>(&mut self, item: F) -> Result<(), Damaged>
    where
        F: FnOnce(&mut Self) -> Result<(), Damaged>,
    {
        let head = self.head()?;
        if head.kind != LIST || head.size == 0 {
            return self.pass(&head);
        }
        item(self)?;
        match head.back {
            Some(back) => self.at = back,
            None => self.skip(head.size - 1)?,
        }
        Ok(())
    }

    /// Passes as many values; a pointer counts as one and is not followed.
    pub(super) fn skip(&mut self, count: usize) -> Result<(), Damaged> {
        let mut open = count;
        while open > 0 {
            open -= 1;
            let (kind, size) = self.control()?;
            open = open.saturating_add(self.pass_one(kind, size)?);
            if open > MOST_VALUES {
                return Err(Damaged(self.at));
            }
        }
        Ok(())
    }

    /// Passes the value whose head was read.
    fn pass(&mut self, head: &Head) -> Result<(), Damaged> {
        if let Some(back) = head.back {
            self.at = back;
            return Ok(());
        }
        let inside = self.pass_one(head.kind, head.size)?;
        self.skip(inside)
    }

    /// Passes what follows a control byte, but not the values inside of a map or a list: says how many there are.
    fn pass_one(&mut self, kind: u8, size: usize) -> Result<usize, Damaged> {
        match kind {
            MAP => return Ok(size.saturating_mul(2)),
            LIST => return Ok(size),
            BOOL => {}
            POINTER => drop(self.take((size >> 3) + 1)?),
            _ => drop(self.take(size)?),
        }
        Ok(0)
    }

    /// Reads the head of a value, through one pointer if there is one.
    #[inline(always)]
    fn head(&mut self) -> Result<Head, Damaged> {
        let (kind, size) = self.control()?;
        if kind != POINTER {
            return Ok(Head { kind, size, back: None });
        }
        // The bits that the length of the pointer leaves over are its highest ones.
        let high = size & 7;
        let target = match size >> 3 {
            0 => high << 8 | usize::from(self.byte()?),
            1 => (high << 16 | self.big_endian::<2>()?) + 2048,
            2 => (high << 24 | self.big_endian::<3>()?) + 526_336,
            _ => self.big_endian::<4>()?,
        };
        let back = std::mem::replace(&mut self.at, target);
        match self.control()? {
            (POINTER, _) => Err(Damaged(target)),
            (kind, size) => Ok(Head { kind, size, back: Some(back) }),
        }
    }

    /// Reads the control bytes of a value: its kind and its size. The size of a pointer is its five low bits.
    #[inline(always)]
    fn control(&mut self) -> Result<(u8, usize), Damaged> {
        self.left = self.left.checked_sub(1).ok_or(Damaged(self.at))?;
        let first = self.byte()?;
        let kind = match first >> 5 {
            0 => self.byte()?.saturating_add(7),
            kind => kind,
        };
        let size = match usize::from(first & 0x1f) {
            short if short < 29 || kind == POINTER => short,
            29 => 29 + usize::from(self.byte()?),
            30 => 285 + self.big_endian::<2>()?,
            _ => 65_821 + self.big_endian::<3>()?,
        };
        Ok((kind, size))
    }

    #[inline(always)]
    fn big_endian<const LENGTH: usize>(&mut self) -> Result<usize, Damaged> {
        let bytes =
            self.section.get(self.at..).and_then(|rest| rest.first_chunk::<LENGTH>()).ok_or(Damaged(self.at))?;
        self.at += LENGTH;
        Ok(bytes.iter().fold(0, |number, byte| number << 8 | usize::from(*byte)))
    }

    #[inline(always)]
    fn byte(&mut self) -> Result<u8, Damaged> {
        let byte = *self.section.get(self.at).ok_or(Damaged(self.at))?;
        self.at += 1;
        Ok(byte)
    }

    #[inline(always)]
    fn take(&mut self, length: usize) -> Result<&'a [u8], Damaged> {
        let bytes = self.section.get(self.at..).and_then(|rest| rest.get(..length)).ok_or(Damaged(self.at))?;
        self.at += length;
        Ok(bytes)
    }
}
