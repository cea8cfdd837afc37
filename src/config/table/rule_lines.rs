//! Where the home rules of a text stand, found by its lines alone.
//!
//! What is found here is a guess that whoever reads the rules must hold against what they find: lines do not tell what stands
//! in quotes.

use memchr::memmem;
use std::ops::Range;
use std::sync::Arc;

/// The key of the rules, at the beginning of its line.
const KEY: &str = "homes:";

/// How many lines or rules are looked at, and how many bytes compared, in about a tenth of a millisecond.
const MANY: usize = 2048;
const MUCH: usize = 256 << 10;

/// Home rules in a block of lines that holds nothing else: from the line of their key to that of the next one, or to the end.
#[derive(Debug, Clone)]
pub(super) struct RuleLines {
    /// The lines of all.
    block: Range<usize>,
    /// Where the lines of each rule begin, behind the beginning of the block. The first ones are those of the key too.
    starts: Arc<[u32]>,
}

impl RuleLines {
    /// Those of `text`; `None` where there is no such block. It rests whenever it has done much.
    pub(super) fn of(text: &str, rest: fn()) -> Option<Self> {
        let from = start_of_key(text)?;
        let (mut starts, mut indent, mut at, mut lines) = (Vec::new(), None, from, 0);
        let until = loop {
            let Some(line) = line_at(text, at) else { break text.len() };
            lines += 1;
            if lines % MANY == 0 {
                rest();
            }
            if memchr::memchr(b'\r', line.as_bytes()).is_some_and(|end| end + 1 < line.len()) {
                // YAML takes it for the end of a line.
                return None;
            }
            if at == from {
                line.strip_prefix(KEY).filter(|behind| is_blank(behind) && !behind.starts_with('#'))?;
                at = next_line(text, at);
                continue;
            }
            let words = line.trim_start_matches(' ');
            let (deep, is_item) = (line.len() - words.len(), is_item(words));
            let of_rules = *indent.get_or_insert(deep);
            if is_blank(line) {
                if starts.is_empty() {
                    indent = None;
                }
            } else if deep == of_rules && is_item {
                starts.push(u32::try_from(at - from).ok()?);
            } else if deep <= of_rules || starts.is_empty() {
                let is_key = deep == 0 && words.starts_with(|first: char| first.is_ascii_lowercase());
                break Some(at).filter(|_| is_key)?;
            }
            at = next_line(text, at);
        };
        *starts.first_mut()? = 0;
        Some(Self { block: from..until, starts: starts.into() })
    }

    /// The same rules in `text`, where they stand there as they stand in `known`, whose rules these are.
    pub(super) fn again(&self, known: &str, text: &str, rest: fn()) -> Option<Self> {
        let (from, block) = (start_of_key(text)?, known.get(self.block.clone())?);
        let until = from + block.len();
        let (here, behind) = (text.get(from..until)?, text.get(until..)?);
        let ends =
            behind.is_empty() || block.ends_with('\n') && behind.starts_with(|first: char| first.is_ascii_lowercase());
        let mut pieces = here.as_bytes().chunks(MUCH).zip(block.as_bytes().chunks(MUCH));
        let is_same = ends
            && pieces.all(|(here, block)| {
                rest();
                here == block
            });
        is_same.then(|| Self { block: from..until, starts: Arc::clone(&self.starts) })
    }

    /// Where the block stands.
    pub(super) fn block(&self) -> Range<usize> {
        self.block.clone()
    }

    /// How many rules there are: at least one.
    pub(super) fn len(&self) -> usize {
        self.starts.len()
    }

    /// The lines of these rules in `text`, whose rules these are.
    pub(super) fn lines<'t>(&self, text: &'t str, rules: Range<usize>) -> Option<&'t str> {
        let start = |nth: usize| match self.starts.get(nth) {
            Some(start) => self.block.start + *start as usize,
            None => self.block.end,
        };
        text.get(start(rules.start)..start(rules.end))
    }

    /// How many rules at the beginning and at the end have the same lines in two texts.
    pub(super) fn in_common(&self, text: &str, other: &Self, of: &str, rest: fn()) -> (usize, usize) {
        if Arc::ptr_eq(&self.starts, &other.starts) {
            // Found again.
            return (self.len(), 0);
        }
        let (ours, theirs) = (self.len(), other.len());
        let least = ours.min(theirs);
        let is_same = |looked_at: usize, our: usize, their: usize| {
            if looked_at % MANY == MANY - 1 {
                rest();
            }
            self.lines(text, our..our + 1) == other.lines(of, their..their + 1)
        };
        let before = (0..least).take_while(|nth| is_same(*nth, *nth, *nth)).count();
        let behind = (0..least - before).take_while(|nth| is_same(*nth, ours - nth - 1, theirs - nth - 1)).count();
        (before, behind)
    }
}

/// Where the line of the key starts.
fn start_of_key(text: &str) -> Option<usize> {
    if text.starts_with(KEY) {
        return Some(0);
    }
    memmem::find(text.as_bytes(), b"\nhomes:").map(|end| end + 1)
}

/// The line that starts at `at`, without its end; `None` behind the last one.
fn line_at(text: &str, at: usize) -> Option<&str> {
    let rest = text.get(at..).filter(|rest| !rest.is_empty())?;
    let end = memchr::memchr(b'\n', rest.as_bytes()).unwrap_or(rest.len());
    rest.get(..end)
}

/// Where the line behind the one that starts at `at` starts.
fn next_line(text: &str, at: usize) -> usize {
    let rest = text.as_bytes().get(at..).unwrap_or_default();
    memchr::memchr(b'\n', rest).map_or(text.len(), |end| at + end + 1)
}

/// Whether nothing stands on a line but a comment.
pub(super) fn is_blank(line: &str) -> bool {
    let words = line.trim_matches([' ', '\r']);
    words.is_empty() || words.starts_with('#')
}

/// Whether an entry of a list begins so.
fn is_item(words: &str) -> bool {
    words.strip_prefix('-').is_some_and(|behind| behind.is_empty() || behind.starts_with([' ', '\r']))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(text: &str) -> Option<Vec<&str>> {
        let lines = RuleLines::of(text, || ())?;
        let all: Vec<_> = (0..lines.len()).map(|nth| lines.lines(text, nth..nth + 1).unwrap()).collect();
        assert_eq!(all.concat(), text[lines.block()], "nothing is lost");
        Some(all)
    }

    #[test]
    fn the_lines_of_a_rule_go_to_the_next_one() {
        let text = "version: 1\nhomes: # who\n  # first\n\n  - a\n    b\n # of a\n  -\n    - c\n# of c\nservices: {}\n";
        assert_eq!(
            rules(text).unwrap(),
            ["homes: # who\n  # first\n\n  - a\n    b\n # of a\n", "  -\n    - c\n# of c\n"]
        );
        assert_eq!(rules("homes:\n- a\n-\r\n- c").unwrap(), ["homes:\n- a\n", "-\r\n", "- c"]);
        assert_eq!(rules("homes:\n- a\nx: 1\nhomes:\n- b\n").unwrap(), ["homes:\n- a\n"]);
    }

    #[test]
    fn what_lines_do_not_tell_is_nobodys() {
        for text in [
            "",
            "homes:",
            "homes:\n# none\n",
            "homes: [{otherwise: a}]\n",
            "homes:#\n  - a\n",
            "homes:\n  a: b\n",
            "homes:\n  --- a\n",
            "homes:\n  - a\n c\n",
            "homes:\n  - a\n  c\n",
            "homes:\n  - a\n- b\n",
            "homes:\n  - a\n\t- b\n",
            "homes:\n  - a\n\"b\": c\n",
            "homes:\n  - a\n---\n",
            "homes: #\r  - a\n  - b\n",
            "homes:\n  - a\r  - b\n",
            "homes:\n  - a # c\rb: d\n",
            "a: {homes:\n  - a\n}\n",
            " homes:\n  - a\n",
        ] {
            assert_eq!(rules(text), None, "{text:?}");
        }
    }

    #[test]
    fn the_same_rules_are_found_elsewhere() {
        let (known, rest) = ("a: 1\nhomes:\n  - a\n  - b\nb: 2\n", (|| ()) as fn());
        let lines = RuleLines::of(known, rest).unwrap();
        for (text, expected) in [
            ("aa: 1\n\nhomes:\n  - a\n  - b\nc: 2\n", Some(7)),
            ("homes:\n  - a\n  - b\n", Some(0)),
            ("homes:\n  - a\n  - b", None),
            ("homes:\n  - a\n  - b\n  - c\n", None),
            ("homes:\n  - a\n  - b\n# c\n", None),
            ("homes:\n  - a\n  - c\nb: 2\n", None),
            ("b: 2\n", None),
        ] {
            assert_eq!(lines.again(known, text, rest).map(|lines| lines.block().start), expected, "{text:?}");
        }
    }

    #[test]
    fn what_two_texts_have_in_common_is_not_counted_twice() {
        let text = |rules: &str| {
            rules.chars().fold("homes:\n".to_owned(), |text, rule| text + "- " + &rule.to_string() + "\n")
        };
        for (ours, theirs, expected) in [
            ("abc", "abc", (3, 0)),
            ("abc", "abxc", (2, 1)),
            ("abxc", "abc", (2, 1)),
            ("abc", "xbc", (0, 2)),
            ("aa", "aaa", (2, 0)),
            ("aaa", "aa", (2, 0)),
            ("a", "b", (0, 0)),
        ] {
            let (ours, theirs) = (text(ours), text(theirs));
            let [a, b] = [&ours, &theirs].map(|text| RuleLines::of(text, || ()).unwrap());
            assert_eq!(a.in_common(&ours, &b, &theirs, || ()), expected, "{ours:?} {theirs:?}");
        }
    }
}
