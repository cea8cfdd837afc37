//! From events to the tree.

use super::refusal;
use super::{Entry, Node, Span, Value};
use crate::config::problem::Findings;
use serde_saphyr::granit_parser::{self, Event, Parser, ScalarStyle};
use std::borrow::Cow;

/// How deep lists and maps may stand in one another. The deepest form of ours has six floors.
const DEEPEST: usize = 32;
/// How many values, keys and ends of lists and maps a file may have: a table with 100,000 home rules has about 800,000.
pub(in crate::config) const MOST_NODES: usize = 2_000_000;

/// What a text says.
pub(in crate::config) struct Document<'a> {
    pub(in crate::config) root: Node<'a>,
    /// What it has of that of which there may be [`MOST_NODES`].
    pub(in crate::config) nodes: usize,
}

/// Reads `text`. `None` where it is no YAML, or none that is read here; `findings` then says why.
pub(in crate::config) fn parse<'a>(text: &'a str, findings: &mut Findings) -> Option<Document<'a>> {
    let options = granit_parser::options! {
        emit_comments: false,
        emit_anchor_events: true,
        emit_unresolved_aliases: true,
        flow_nesting_limit: DEEPEST,
        block_nesting_limit: DEEPEST,
        disallow_directives: true,
    };
    let mut tree = Tree { stack: Vec::new(), root: None, nodes: 0 };
    let mut documents = 0;
    for next in Parser::new_from_str_with_options(text, options) {
        let (event, span) = match next {
            Ok(next) => next,
            Err(error) => {
                refusal::of_syntax(&error, text, findings);
                return None;
            }
        };
        if let Some(tag) = span.tag_span() {
            findings.push(bytes(tag), "a tag stands here, and tags are not read", "take the word with '!' away");
        }
        let at = bytes(span);
        match event {
            Event::DocumentStart(..) => {
                documents += 1;
                if documents > 1 {
                    findings.push(
                        at,
                        "a second document starts here",
                        "a file holds one document: take the line '---' away, or move what follows into a file of its own",
                    );
                    return None;
                }
            }
            Event::Scalar(text, style, ..) => tree.scalar(at, text, style, findings),
            Event::SequenceStart(..) => tree.stack.push(Frame::List(at, Vec::new())),
            Event::MappingStart(..) => tree.stack.push(Frame::Map(at, Vec::new(), Key::Awaited, false)),
            Event::SequenceEnd | Event::MappingEnd => tree.close(at, findings),
            Event::Alias(_) => {
                refusal::of_alias(at, text, findings);
                tree.add(Node { span: at, value: Value::Refused }, findings);
            }
            Event::UnresolvedAlias(_) => {
                refusal::of_alias(at, text, findings);
                tree.add(Node { span: at, value: Value::Refused }, findings);
            }
            Event::Anchor(..) => {
                findings.push(
                    at,
                    "an anchor stands here, and anchors are not read",
                    "take the word with '&' away, and write the value out where it is needed",
                );
            }
            _ => {}
        }
        tree.nodes += 1;
        if tree.nodes > MOST_NODES {
            findings.push(
                at,
                format!("the file has more than {MOST_NODES} values"),
                "split it, or write networks in larger blocks",
            );
            return None;
        }
        if tree.stack.len() > DEEPEST {
            refusal::of_depth(at, findings);
            return None;
        }
    }
    if tree.root.is_none() {
        findings.push(Span::default(), "the file is empty", "start it with the line 'version: 1'");
    }
    let nodes = tree.nodes;
    tree.root.map(|root| Document { root, nodes })
}

/// A list or a map whose end has not come yet.
enum Frame<'a> {
    List(Span, Vec<Node<'a>>),
    /// With what it waits for, and whether one of its keys was refused.
    Map(Span, Vec<Entry<'a>>, Key<'a>, bool),
}

/// What a map waits for.
enum Key<'a> {
    /// Its next key.
    Awaited,
    /// The value of this key.
    Is(Cow<'a, str>, Span),
    /// The value of a key that was refused.
    Refused,
}

struct Tree<'a> {
    stack: Vec<Frame<'a>>,
    root: Option<Node<'a>>,
    nodes: usize,
}

impl<'a> Tree<'a> {
    fn scalar(&mut self, span: Span, text: Cow<'a, str>, style: ScalarStyle, findings: &mut Findings) {
        if let Some(Frame::Map(_, _, key @ Key::Awaited, refused)) = self.stack.last_mut() {
            *key = if text.is_empty() {
                findings.push(span, "a key is missing here", "write 'key: value'");
                *refused = true;
                Key::Refused
            } else {
                Key::Is(text, span)
            };
            return;
        }
        let quoted = style != ScalarStyle::Plain;
        let value = if !quoted && matches!(&*text, "" | "~" | "null" | "Null" | "NULL") {
            Value::Empty
        } else {
            Value::Text { text, quoted }
        };
        self.add(Node { span, value }, findings);
    }

    fn add(&mut self, node: Node<'a>, findings: &mut Findings) {
        match self.stack.last_mut() {
            None => self.root = Some(node),
            Some(Frame::List(_, items)) => items.push(node),
            Some(Frame::Map(_, entries, key, refused)) => match std::mem::replace(key, Key::Awaited) {
                Key::Is(key, key_span) => entries.push(Entry { key, key_span, value: node }),
                Key::Refused => {}
                Key::Awaited => {
                    if node.value != Value::Refused {
                        findings.push(node.span, "a key must be a word", "write 'key: value'");
                    }
                    *key = Key::Refused;
                    *refused = true;
                }
            },
        }
    }

    fn close(&mut self, end: Span, findings: &mut Findings) {
        let (start, first, last, value) = match self.stack.pop() {
            None => return,
            Some(Frame::List(span, items)) => (span, None, items.last().map(|item| item.span.end), Value::List(items)),
            Some(Frame::Map(span, entries, _, refused)) => (
                span,
                entries.first().map(|entry| entry.key_span.start),
                entries.last().map(|entry| entry.value.span.end.max(entry.key_span.end)),
                if refused && entries.is_empty() { Value::Refused } else { Value::Map(entries) },
            ),
        };
        // The event at the end of a block stands at whatever comes next; that of '[…]' and '{…}' is its bracket.
        let flow = end.end > end.start;
        let start = if flow { start.start } else { first.unwrap_or(start.start) };
        let end = if flow { end.end } else { last.unwrap_or(start) };
        self.add(Node { span: Span { start, end: end.max(start) }, value }, findings);
    }
}

/// The bytes of a span of the parser. It always knows them, as it was given a text.
fn bytes(span: granit_parser::Span) -> Span {
    let range = span.byte_range().unwrap_or_default();
    let narrow = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
    let start = narrow(range.start);
    Span { start, end: narrow(range.end).max(start) }
}
