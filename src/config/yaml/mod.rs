//! YAML text as a small tree that knows where everything stands.
//!
//! Only what a configuration file needs is read: texts, lists and maps. Anchors, aliases, tags, merge keys and several
//! documents in one file are refused, as they make a file mean something else than it says.

mod node;
mod parser;
mod refusal;

pub(super) use node::{Entry, Node, Span, Value};
pub(super) use parser::{Document, MOST_NODES, parse};
