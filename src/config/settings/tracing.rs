//! Where traces are sent.

use crate::config::yaml::Node;
use crate::model::Share;
use std::path::PathBuf;

/// Where traces are sent, and how many.
#[derive(Debug, Clone, PartialEq)]
pub struct Tracing {
    /// The URL of the collector, `http://` or `https://`, without `/v1/traces`.
    pub endpoint: String,
    /// The part of the traces that begin here that is recorded.
    pub sample: Share,
    /// The file of the token that the collector wants.
    pub token_file: Option<PathBuf>,
}

/// Reads the section.
pub(super) fn read(root: &Node<'_>) -> Option<Tracing> {
    let node = root.get("tracing")?;
    Some(Tracing {
        endpoint: node.get("endpoint").and_then(Node::text).unwrap_or_default().to_owned(), // missing: was reported
        sample: node.get("sample").and_then(Node::parse).or_else(|| Share::from_ratio(0.01).ok())?,
        token_file: node.get("token_file").and_then(Node::text).map(PathBuf::from),
    })
}
