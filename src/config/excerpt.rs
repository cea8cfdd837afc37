//! The lines of a file that a problem is about, and how a terminal shows them.

use super::problem::{Finding, Problem};
use super::yaml::Span;
use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};
use std::ops::Range;

/// Lines longer than this, in bytes, are cut around what is wrong.
const LONGEST_LINE: usize = 240;
/// Two places that are at most this many lines apart are shown in one piece.
const NEAR: usize = 6;

/// A few lines of a file, with marks.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Excerpt {
    /// Where the first mark is.
    line: usize,
    column: usize,
    /// Whether `text` is a part of a line only.
    cut: bool,
    /// The number of the first line of `text`.
    first_line: usize,
    text: String,
    marks: Vec<Mark>,
}

#[derive(Debug, Clone, PartialEq)]
struct Mark {
    range: Range<usize>,
    /// What stands beside it; the problem itself needs no words, as they stand above.
    label: Option<String>,
}

/// A text with the places of its lines, found out as far as they are asked for.
pub(super) struct Lines<'a> {
    text: &'a str,
    /// A place whose line is known: places are mostly asked for in order.
    known: (usize, usize),
}

/// A place of the text, cut to one line.
struct Position {
    line: usize,
    column: usize,
    /// The bytes of the place.
    range: Range<usize>,
    /// The bytes of its line, without the line break.
    whole: Range<usize>,
}

impl<'a> Lines<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        Self { text, known: (0, 1) }
    }

    fn position(&mut self, span: Span) -> Position {
        let text = self.text;
        let mut start = text.floor_char_boundary((span.start as usize).min(text.len()));
        // The end of a file that ends with a line break is shown behind its last line, not on a line that is not there.
        if start == text.len() {
            start = text.trim_end_matches(['\n', '\r', ' ']).len();
        }
        let breaks = |range: Range<usize>| memchr::memchr_iter(b'\n', &text.as_bytes()[range]).count();
        let (known, line) = self.known;
        let line = if start >= known { line + breaks(known..start) } else { 1 + breaks(0..start) };
        self.known = (start, line);
        let begin = text[..start].rfind('\n').map_or(0, |at| at + 1);
        let end = text[start..].find('\n').map_or(text.len(), |at| start + at);
        let end = begin + text[begin..end].trim_end_matches('\r').len();
        let start = start.min(end);
        let stop = text.floor_char_boundary((span.end as usize).min(end)).max(start);
        let column = 1 + text[begin..start].chars().filter(|c| *c != '\u{feff}').count();
        Position { line, column, range: start..stop, whole: begin..end }
    }

    /// The lines of `marks`, which are near one another, in one piece. Long lines are cut.
    fn excerpt(&self, marks: &[(&Position, Option<String>)]) -> Option<Excerpt> {
        let (first, _) = marks.first()?;
        let begin = marks.iter().map(|(position, _)| position.whole.start).min()?;
        let end = marks.iter().map(|(position, _)| position.whole.end).max()?;
        let long = self.text[begin..end].lines().any(|line| line.len() > LONGEST_LINE);
        if long && marks.len() > 1 {
            return None; // the caller shows them one by one
        }
        let (text, shift) = if long { self.cut(first) } else { (self.text[begin..end].to_owned(), begin) };
        let within = |at: usize| at.saturating_sub(shift).min(text.len());
        let marks = marks
            .iter()
            .map(|(position, label)| Mark {
                range: within(position.range.start)..within(position.range.end),
                label: label.clone(),
            })
            .collect();
        let first_line = self.text[begin..first.whole.start].matches('\n').count();
        Some(Excerpt {
            line: first.line,
            column: first.column,
            cut: long,
            first_line: first.line - first_line,
            text,
            marks,
        })
    }

    /// What stands around a place of a long line, and how many bytes of the text stand before it.
    fn cut(&self, position: &Position) -> (String, usize) {
        let Range { start, end } = position.whole;
        let from = self.text.ceil_char_boundary(position.range.start.saturating_sub(LONGEST_LINE / 3).max(start));
        let to = self.text.floor_char_boundary((position.range.start + LONGEST_LINE * 2 / 3).min(end));
        (self.text[from..to.max(from)].to_owned(), from)
    }
}

/// Brings what was found into the shape in which it is shown.
pub(super) fn problem(lines: &mut Lines<'_>, finding: Finding, key: String) -> Problem {
    let here = lines.position(finding.span);
    let known = lines.known;
    let also = finding.also.map(|(span, label)| (lines.position(span), label));
    lines.known = known;
    let together = also
        .as_ref()
        .filter(|(other, _)| other.line.abs_diff(here.line) <= NEAR)
        .and_then(|(other, label)| lines.excerpt(&[(&here, None), (other, Some(label.clone()))]));
    let excerpts = match together {
        Some(excerpt) => vec![excerpt],
        None => {
            let other = also.and_then(|(other, label)| lines.excerpt(&[(&other, Some(label))]));
            lines.excerpt(&[(&here, None)]).into_iter().chain(other).collect()
        }
    };
    Problem {
        line: here.line,
        column: here.column,
        start: here.range.start,
        end: here.range.end,
        key,
        message: finding.message,
        help: finding.help,
        excerpts,
    }
}

/// The problem as a terminal shows it, without a line break at the end.
pub(super) fn render(file: &str, problem: &Problem, colour: bool) -> String {
    let mut group = Group::with_title(Level::ERROR.primary_title(problem.message.as_str()));
    if problem.excerpts.is_empty() {
        group = group.element(Origin::path(file));
    }
    for excerpt in &problem.excerpts {
        let marks = excerpt.marks.iter().map(|mark| {
            let kind = if mark.label.is_none() { AnnotationKind::Primary } else { AnnotationKind::Context };
            kind.span(mark.range.clone()).label(mark.label.as_deref())
        });
        let snippet = Snippet::source(excerpt.text.as_str()).line_start(excerpt.first_line).annotations(marks);
        // The column of a line that was cut cannot be told from what is left of it.
        group = if excerpt.cut {
            group.element(Origin::path(file).line(excerpt.line).char_column(excerpt.column)).element(snippet)
        } else {
            group.element(snippet.path(file))
        };
    }
    let group = group.element(Level::HELP.message(problem.help.as_str()));
    let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
    renderer.render(&[group])
}
