//! What is wrong with a file: all of it, each with its place and what to do.

use super::excerpt::{self, Excerpt};
use super::masking::masked;
use super::yaml::{Node, Span};
use serde::ser::{Serialize, SerializeStruct, Serializer};
use std::fmt;
use std::str::{Utf8Error, from_utf8};
use std::sync::Arc;

/// A file's text and its name, the path as the user typed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The path as the user typed it: it stands in front of every message.
    pub name: String,
    /// The text. It is large, so that it is shared as it was read.
    pub text: Arc<String>,
}

impl Source {
    /// The largest file that is read, in bytes. A table with 100,000 home rules has about 7 MiB.
    pub const LARGEST: usize = 16 << 20;

    /// The source with this name and text.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self { name: name.into(), text: Arc::new(text.into()) }
    }

    /// The source with this name, and the text that `bytes` are.
    ///
    /// # Errors
    /// Where `bytes` are no UTF-8, with the place of the first byte that is not.
    pub fn from_bytes(name: impl Into<String>, bytes: Vec<u8>) -> Result<Self, Problems> {
        let name = name.into();
        match String::from_utf8(bytes) {
            Ok(text) => Ok(Self::new(name, text)),
            Err(error) => {
                let good = error.utf8_error().valid_up_to();
                let source = Self::new(name, String::from_utf8_lossy(error.as_bytes()));
                let at = u32::try_from(good).unwrap_or(u32::MAX);
                let mut findings = Findings::default();
                let span = Span { start: at, end: at };
                findings.push(span, "the file is not UTF-8 from here on", "save the file as UTF-8 text");
                Err(findings.into_problems(&source, None))
            }
        }
    }
}

/// The text of a file that comes in pieces, each of which is looked at when it comes.
#[derive(Debug, Default)]
pub struct Pieces {
    text: String,
    /// What is behind the last whole character: at most three bytes of the next one, or from the first byte on that belongs to
    /// none, all.
    behind: Vec<u8>,
}

impl Pieces {
    /// Room for this many bytes, before the first ones come.
    #[must_use]
    pub fn with_room(bytes: usize) -> Self {
        Self { text: String::with_capacity(bytes), behind: Vec::new() }
    }

    /// Takes the next piece.
    pub fn take(&mut self, piece: &[u8]) {
        if self.behind.is_empty() {
            let text = whole(piece);
            self.text.push_str(text);
            self.behind.extend_from_slice(piece.get(text.len()..).unwrap_or_default());
        } else {
            self.behind.extend_from_slice(piece);
            let text = whole(&self.behind);
            self.text.push_str(text);
            let length = text.len();
            self.behind.drain(..length);
        }
    }

    /// The source with this name, and the text that all pieces are.
    ///
    /// # Errors
    /// Where they are no UTF-8, with the place of the first byte that is not.
    pub fn into_source(self, name: impl Into<String>) -> Result<Source, Problems> {
        if self.behind.is_empty() {
            return Ok(Source::new(name, self.text));
        }
        let mut bytes = self.text.into_bytes();
        bytes.extend(self.behind);
        Source::from_bytes(name, bytes)
    }
}

/// The whole characters that `bytes` begin with.
fn whole(bytes: &[u8]) -> &str {
    let good = |error: Utf8Error| bytes.get(..error.valid_up_to()).and_then(|good| from_utf8(good).ok());
    from_utf8(bytes).or_else(|error| good(error).ok_or(error)).unwrap_or_default()
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Problem {
    /// The line, from 1; 0 where the problem is with the file as a whole.
    pub line: usize,
    /// The column, from 1, in characters; 0 where the problem is with the file as a whole.
    pub column: usize,
    /// The first byte of what is wrong.
    pub start: usize,
    /// The byte behind what is wrong, on the same line; `start` where it is a point.
    pub end: usize,
    /// The path of keys to it, e.g. `services.portal.pools.us-east[1]`; empty at the top.
    pub key: String,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: String,
    /// The lines to show, cut out of the text, so that the text itself need not be kept.
    #[serde(skip)]
    pub(super) excerpts: Vec<Excerpt>,
}

/// What is wrong with one file: at least one problem, in the order of the file, bounded in number.
#[derive(Debug, Clone, PartialEq)]
pub struct Problems {
    file: String,
    problems: Vec<Problem>,
    more: usize,
}

impl Problems {
    /// How many problems are kept; the others are counted.
    pub const MOST: usize = 100;

    /// One problem with the file as a whole, e.g. that it cannot be read.
    pub fn of_file(file: impl Into<String>, message: impl Into<String>, help: impl Into<String>) -> Self {
        let problem = Problem {
            line: 0,
            column: 0,
            start: 0,
            end: 0,
            key: String::new(),
            message: message.into(),
            help: help.into(),
            excerpts: Vec::new(),
        };
        Self { file: file.into(), problems: vec![problem], more: 0 }
    }

    /// The file's name, as the user typed it.
    #[must_use]
    pub fn file(&self) -> &str {
        &self.file
    }

    /// The problems in the order of the file.
    pub fn iter(&self) -> std::slice::Iter<'_, Problem> {
        self.problems.iter()
    }

    /// How many problems there are, those included that are only counted. Never 0.
    #[must_use]
    pub fn count(&self) -> usize {
        self.problems.len() + self.more
    }

    /// The first problem in one line, and how many others there are: `conf/routing.yaml:12:5: region … (and 2 more)`.
    #[must_use]
    pub fn summary(&self) -> String {
        let mut line = self.file.clone();
        if let Some(first) = self.problems.first() {
            if first.line > 0 {
                line.push_str(&format!(":{}:{}", first.line, first.column));
            }
            line.push_str(": ");
            line.push_str(&first.message);
        }
        match self.count() {
            0 | 1 => line,
            count => format!("{line} (and {} more)", count - 1),
        }
    }

    /// All problems for a person: file, line and column, the line itself, and what to do. Ends with a line break.
    #[must_use]
    pub fn render(&self, colour: bool) -> String {
        let mut text = String::new();
        for problem in &self.problems {
            text.push_str(&excerpt::render(&self.file, problem, colour));
            text.push_str("\n\n");
        }
        let problems = if self.count() == 1 { "1 problem".into() } else { format!("{} problems", self.count()) };
        text.push_str(&format!("{}: {problems}", self.file));
        if self.more > 0 {
            text.push_str(&format!(", of which the first {} are shown", self.problems.len()));
        }
        text.push('\n');
        text
    }
}

impl<'a> IntoIterator for &'a Problems {
    type Item = &'a Problem;
    type IntoIter = std::slice::Iter<'a, Problem>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for Problems {
    /// [`Problems::summary`]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.summary())
    }
}

impl std::error::Error for Problems {}

impl Serialize for Problems {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Problems", 3)?;
        fields.serialize_field("file", &self.file)?;
        fields.serialize_field("count", &self.count())?;
        fields.serialize_field("problems", &self.problems)?;
        fields.end()
    }
}

/// Something wrong, not yet brought into the shape in which it is shown.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Finding {
    pub(super) span: Span,
    pub(super) message: String,
    pub(super) help: String,
    /// Another place that has to do with it, and what is there.
    pub(super) also: Option<(Span, String)>,
}

/// What was found so far, in any order. Bounded: what comes after the first few thousand is only counted.
#[derive(Debug, Default)]
pub(super) struct Findings {
    found: Vec<Finding>,
    more: usize,
}

impl Findings {
    const MOST: usize = 5_000;

    /// Notes that `message` is wrong at `span`, and what to do about it.
    pub(super) fn push(&mut self, span: Span, message: impl Into<String>, help: impl Into<String>) {
        self.add(Finding { span, message: message.into(), help: help.into(), also: None });
    }

    /// Notes the same, with another place that has to do with it.
    pub(super) fn push_with(
        &mut self,
        span: Span,
        message: impl Into<String>,
        help: impl Into<String>,
        (other, label): (Span, &str),
    ) {
        self.add(Finding { span, message: message.into(), help: help.into(), also: Some((other, label.into())) });
    }

    fn add(&mut self, finding: Finding) {
        if self.found.len() < Self::MOST {
            let message = masked(&finding.message).into_owned();
            // Words of the file may stand in what is to be done, and a terminal might obey them.
            let help = masked(&finding.help).chars().flat_map(escaped).collect();
            self.found.push(Finding { message, help, ..finding });
        } else {
            self.more += 1;
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// Whether so much was found that it is not worth the time to look for better words.
    pub(super) fn is_flood(&self) -> bool {
        self.found.len() > 2 * Problems::MOST
    }

    /// The problems of `source`, whose tree is `root` as far as it has one.
    pub(super) fn into_problems(mut self, source: &Source, root: Option<&Node<'_>>) -> Problems {
        self.found.sort_by_key(|finding| (finding.span.start, finding.span.end)); // stable
        self.found.dedup_by(|a, b| a.span == b.span && a.message == b.message);
        let more = self.more + self.found.len().saturating_sub(Problems::MOST);
        // Whoever writes a key where its file should stand must not find it in a log.
        let text = masked(&source.text);
        let mut lines = excerpt::Lines::of(&text);
        let problems = self.found.into_iter().take(Problems::MOST).map(|finding| {
            let key = root.map(|root| root.path_at(finding.span.start)).unwrap_or_default();
            excerpt::problem(&mut lines, finding, masked(&key).into_owned())
        });
        let problems: Vec<_> = problems.collect();
        if problems.is_empty() {
            // Nothing was found and yet nothing could be made: that would be a mistake of ours, and must be said.
            let help = "please report this, with the file";
            return Problems::of_file(&source.name, "the file was refused without a reason", help);
        }
        Problems { file: source.name.clone(), problems, more }
    }
}

/// `text` as it may stand in a message: in quotes, without control characters, cut where it is long.
pub(super) fn quoted(text: &str) -> String {
    const MOST: usize = 60;
    // Before it is cut: a part of a secret may not look like one.
    let text = &*masked(text);
    let mut short: String = text.chars().take(MOST).flat_map(escaped).collect();
    if text.chars().nth(MOST).is_some() {
        short.push('…');
    }
    format!("'{short}'")
}

/// The character itself or, where a terminal would take it for a command or not show it, its escape.
fn escaped(c: char) -> impl Iterator<Item = char> {
    let hidden = c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}');
    let (plain, escape) = if hidden { (None, Some(c.escape_unicode())) } else { (Some(c), None) };
    plain.into_iter().chain(escape.into_iter().flatten())
}
