//! What is said of a text that is no YAML, or none that is read here.

use super::Span;
use crate::config::problem::{Findings, quoted};
use serde_saphyr::granit_parser::{ErrorKind, ScanError};

/// Reports a text that is no YAML.
pub(super) fn of_syntax(error: &ScanError, text: &str, findings: &mut Findings) {
    let at = u32::try_from(error.marker().byte_offset().unwrap_or(0)).unwrap_or(u32::MAX);
    let span = Span { start: at, end: at };
    let (message, help): (String, &str) = match error.kind() {
        ErrorKind::RecursionLimitExceeded => return of_depth(span, findings),
        ErrorKind::MissingAnchorOrAliasName => return of_alias(span, text, findings),
        ErrorKind::TabNotAllowed
        | ErrorKind::TabInBlockIndentation
        | ErrorKind::TabInIndentation
        | ErrorKind::TabAtBlockScalarStart
        | ErrorKind::InvalidBlockEntryWhitespace
        | ErrorKind::InvalidMappingValueWhitespace
        | ErrorKind::TabInPlainScalar => (
            "a tab stands where only spaces may stand".into(),
            "replace the tab by spaces: YAML does not indent with tabs",
        ),
        ErrorKind::UnclosedFlowCollection { open } => (
            format!("the '{open}' is never closed"),
            "close it with ']' or '}', and check the commas between the entries",
        ),
        ErrorKind::UnexpectedEofFlowSequence | ErrorKind::ExpectedFlowSequenceSeparator => {
            ("a '[' is not closed, or a comma between two entries is missing".into(), "write a list as [first, second]")
        }
        ErrorKind::UnexpectedEofFlowMapping
        | ErrorKind::UnexpectedEofImplicitFlowMapping
        | ErrorKind::ExpectedFlowMappingSeparator => (
            "a '{' is not closed, or a comma between two entries is missing".into(),
            "write a map as {key: value, other: value}",
        ),
        ErrorKind::MisplacedFlowCollectionEnd | ErrorKind::MismatchedFlowCollectionEnd { .. } => {
            ("this bracket closes nothing".into(), "take it away, or open it with '[' or '{' first")
        }
        ErrorKind::UnclosedQuotedScalar
        | ErrorKind::DocumentIndicatorInQuotedScalar
        | ErrorKind::InvalidQuotedScalarIndent => {
            ("a quoted text is never closed".into(), "end the text with the quote that it began with")
        }
        ErrorKind::InvalidTrailingSingleQuotedScalar | ErrorKind::InvalidTrailingDoubleQuotedScalar => (
            "something stands behind the end of a quoted text".into(),
            "put the whole text in quotes, or separate the two with a comma",
        ),
        ErrorKind::UnknownQuotedScalarEscape => (
            "an unknown escape stands in a text in double quotes".into(),
            "write a backslash as \\\\, or use single quotes",
        ),
        ErrorKind::MappingValueNotAllowed | ErrorKind::InvalidColonPlacement => (
            "a ':' stands where no key can be".into(),
            "put a text that holds ': ' in quotes; check that no bracket above is left open, and that this line is not indented \
             deeper than the one above",
        ),
        ErrorKind::SimpleKeyExpected | ErrorKind::InvalidSimpleKey => (
            "this line is neither 'key: value' nor an entry of a list".into(),
            "write 'key: value' with a space behind the ':', and check the indentation",
        ),
        ErrorKind::ExpectedBlockMappingKey
        | ErrorKind::ExpectedBlockSequenceEntry
        | ErrorKind::InvalidIndentation
        | ErrorKind::MappingKeyNotAllowed
        | ErrorKind::BlockSequenceEntryNotAllowed
        | ErrorKind::ExpectedDocumentStart
        | ErrorKind::ExpectedNodeContent => (
            "this line does not belong to what stands above it".into(),
            "indent it exactly like the entries beside it; lists start every entry with '- '",
        ),
        ErrorKind::BlockEntryInFlowCollection => {
            ("a '- ' stands inside of brackets".into(), "write either [first, second] or one '- entry' a line")
        }
        ErrorKind::DirectiveDisallowed => {
            ("a line with '%' stands here, and directives are not read".into(), "take the line away")
        }
        ErrorKind::CommentNotSeparated => {
            ("a comment touches what stands before it".into(), "put a space before the '#', or the text in quotes")
        }
        ErrorKind::UnexpectedCharacter { character } => (
            format!("a text cannot start with {}", quoted(&character.to_string())),
            "put the text in quotes, or take the character away",
        ),
        ErrorKind::MultipleDocumentsUnsupported | ErrorKind::InvalidDocumentEnd => {
            ("a second document starts here".into(), "a file holds one document: take the '---' or '...' away")
        }
        _ => (format!("this is not YAML: {}", error.kind()), "check the quotes, the brackets and the indentation here"),
    };
    findings.push(span, message, help);
}

/// Reports a file that is nested too deep.
pub(super) fn of_depth(span: Span, findings: &mut Findings) {
    findings.push(
        span,
        "lists and maps stand too deep in one another",
        "no value of this file needs that: check the indentation and the brackets",
    );
}

/// Reports an alias, which nearly always is a host pattern without its quotes.
pub(super) fn of_alias(span: Span, text: &str, findings: &mut Findings) {
    let rest = text.get(span.start as usize..).unwrap_or_default();
    let word = rest.split([',', ']', '}', ' ', '\n', '\r', '\t']).next().unwrap_or_default();
    let end = span.start + u32::try_from(word.len()).unwrap_or(0);
    let span = Span { start: span.start, end: end.max(span.end) };
    if word.starts_with("*.") || word == "*" {
        findings.push(
            span,
            format!("the '*' of {} must stand in quotes", quoted(word)),
            format!("write \"{}\": without quotes, YAML takes the '*' for a reference", word.escape_debug()),
        );
    } else {
        findings.push(
            span,
            format!("{} refers to an anchor, and anchors are not read", quoted(word)),
            "write the value out; where '*' belongs to the text, put the text in quotes",
        );
    }
}
