//! The tree.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::str::FromStr;

/// A range of bytes of the file's text. The file's size is bounded, so that 32 bits are enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::config) struct Span {
    pub(in crate::config) start: u32,
    pub(in crate::config) end: u32,
}

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::config) struct Node<'a> {
    pub(in crate::config) span: Span,
    pub(in crate::config) value: Value<'a>,
}

/// What a value can be.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::config) enum Value<'a> {
    /// A text; numbers and booleans are texts until somebody asks for one.
    Text {
        /// The text without its quotes and escapes.
        text: Cow<'a, str>,
        /// Whether it stands in quotes or in a block, so that it can be nothing but a text.
        quoted: bool,
    },
    /// `[…]` or lines that start with `-`.
    List(Vec<Node<'a>>),
    /// `{…}` or lines of `key: value`.
    Map(Vec<Entry<'a>>),
    /// Nothing, `~` or `null`.
    Empty,
    /// Something that has already been refused: nobody complains of it again.
    Refused,
}

/// A key and its value.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::config) struct Entry<'a> {
    pub(in crate::config) key: Cow<'a, str>,
    pub(in crate::config) key_span: Span,
    pub(in crate::config) value: Node<'a>,
}

impl<'a> Node<'a> {
    /// The value at `key`, the first one where the key stands twice; `None` where this is no map.
    pub(in crate::config) fn get(&self, key: &str) -> Option<&Self> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// The entry at `key`, the first one where the key stands twice; `None` where this is no map.
    pub(in crate::config) fn entry(&self, key: &str) -> Option<&Entry<'a>> {
        self.entries().iter().find(|entry| entry.key == key)
    }

    /// The entries of a map; none where this is no map.
    pub(in crate::config) fn entries(&self) -> &[Entry<'a>] {
        match &self.value {
            Value::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The items of a list; none where this is no list.
    pub(in crate::config) fn items(&self) -> &[Self] {
        match &self.value {
            Value::List(items) => items,
            _ => &[],
        }
    }

    /// The text, where this is one.
    pub(in crate::config) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text { text, .. } => Some(text),
            _ => None,
        }
    }

    /// The text read as a `T`; `None` where it is none, which the check of the form has reported.
    pub(in crate::config) fn parse<T: FromStr>(&self) -> Option<T> {
        self.text()?.parse().ok()
    }

    /// The path of keys to what stands at `offset`, e.g. `services.portal.pools.us-east[1]`.
    pub(in crate::config) fn path_at(&self, offset: u32) -> String {
        let mut path = String::new();
        let mut node = self;
        loop {
            match &node.value {
                Value::Map(entries) => {
                    let after = entries.partition_point(|entry| entry.key_span.start <= offset);
                    let Some(entry) = after.checked_sub(1).and_then(|at| entries.get(at)) else { break };
                    if !path.is_empty() {
                        path.push('.');
                    }
                    path.extend(entry.key.chars().take(64).filter(|c| !c.is_control()));
                    node = &entry.value;
                    // On the key itself, or before the value begins: the path ends here.
                    if offset < entry.key_span.end || offset < node.span.start {
                        break;
                    }
                }
                Value::List(items) => {
                    let after = items.partition_point(|item| item.span.start <= offset);
                    let Some((at, item)) = after.checked_sub(1).and_then(|at| Some((at, items.get(at)?))) else {
                        break;
                    };
                    let _ = write!(path, "[{at}]"); // writing to a String cannot fail
                    node = item;
                }
                _ => break,
            }
        }
        path
    }
}
