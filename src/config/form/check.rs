//! Whether a file has the form, with every problem in one pass.

use super::{Form, Key, Presence, Record, Scalar};
use crate::config::masking;
use crate::config::problem::{Findings, quoted};
use crate::config::suggestion::{did_you_mean, listed};
use crate::config::yaml::{Entry, Node, Span, Value};
use std::collections::HashMap;
use std::fmt;

/// Checks that `root` has the form of `record`; what has not is in `findings` afterwards.
pub(in crate::config) fn check(root: &Node<'_>, record: &'static Record, findings: &mut Findings) {
    let place = Place { span: root.span, what: What::File, example: "" };
    let mut check = Check { findings };
    match &root.value {
        Value::Map(entries) => check.record(record, entries, place),
        Value::Empty => check.findings.push(root.span, EMPTY.0, EMPTY.1),
        _ => check.findings.push(
            root.span,
            format!("{} stands here instead of keys and values", stands(&root.value)),
            "a file is made of lines like 'version: 1', with a space behind the ':'",
        ),
    }
}

/// Checks one value against the form of its key.
#[cfg(test)]
pub(super) fn check_value(node: &Node<'_>, key: &'static Key, findings: &mut Findings) {
    let place = Place { span: node.span, what: What::ValueOf(key.name), example: key.example };
    Check { findings }.form(node, &key.form, place);
}

/// Where a value stands, for messages about it.
#[derive(Clone, Copy)]
struct Place<'k> {
    /// What to point at where the value itself is not there: its key.
    span: Span,
    what: What<'k>,
    /// What the value may look like.
    example: &'static str,
}

#[derive(Clone, Copy)]
enum What<'k> {
    File,
    /// The value of this key.
    ValueOf(&'k str),
    /// An entry of the list at this key.
    EntryOf(&'k str),
}

impl fmt::Display for What<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File => f.write_str("the file"),
            Self::ValueOf(key) => f.write_str(&quoted(key)),
            Self::EntryOf(key) => write!(f, "an entry of {}", quoted(key)),
        }
    }
}

struct Check<'f> {
    findings: &'f mut Findings,
}

impl Check<'_> {
    fn form(&mut self, node: &Node<'_>, form: &'static Form, place: Place<'_>) {
        match (form, &node.value) {
            (_, Value::Refused) => {}
            (_, Value::Empty) => self.empty(node, form, place),
            (Form::Scalar(scalar), Value::Text { text, quoted }) => self.scalar(node.span, *scalar, text, *quoted),
            (Form::List { of, least, most }, Value::List(items)) => {
                self.bounds(node, items.len(), (*least, *most), place, |at| items.get(at).map(|item| item.span));
                let What::ValueOf(key) = place.what else { return };
                for item in items {
                    // A record is pointed at by its first key: the dash before it is not worth a look.
                    let span = item.entries().first().map_or(item.span, |first| first.key_span);
                    self.form(item, of, Place { span, what: What::EntryOf(key), example: place.example });
                }
            }
            (Form::Named(named), Value::Map(entries)) => {
                self.bounds(node, entries.len(), (named.least, named.most), place, |at| {
                    entries.get(at).map(|e| e.key_span)
                });
                self.duplicates(entries);
                for entry in entries {
                    if entry.key == "<<" {
                        self.merge_key(entry);
                        continue;
                    }
                    self.scalar(entry.key_span, named.name, &entry.key, false);
                    let what = What::ValueOf(&entry.key);
                    self.form(&entry.value, &named.of, Place { span: entry.key_span, what, example: named.example });
                }
            }
            (Form::Record(record), Value::Map(entries)) => self.record(record, entries, place),
            (Form::Either(forms), value) => match forms.iter().find(|form| fits(form, value)) {
                Some(form) => self.form(node, form, place),
                None => self.kind(node, form, place),
            },
            _ => self.kind(node, form, place),
        }
    }

    fn scalar(&mut self, span: Span, scalar: Scalar, text: &str, quotes: bool) {
        if let Err(help) = scalar.check(text, quotes) {
            let message = match scalar {
                Scalar::SecretFile | Scalar::Variable if masking::is_secret(text) => {
                    format!("a secret itself stands here, and not {}", scalar.noun())
                }
                _ => format!("{} is not {}", quoted(text), scalar.noun()),
            };
            self.findings.push(span, message, help);
        }
    }

    fn record(&mut self, record: &'static Record, entries: &[Entry<'_>], place: Place<'_>) {
        self.duplicates(entries);
        for entry in entries {
            if entry.key == "<<" {
                self.merge_key(entry);
            } else if let Some(key) = record.keys.iter().find(|key| key.name == entry.key) {
                let what = What::ValueOf(key.name);
                self.form(&entry.value, &key.form, Place { span: entry.key_span, what, example: key.example });
            } else {
                self.unknown(record, entry);
            }
        }
        let has = |name: &str| entries.iter().any(|entry| entry.key == name);
        for key in record.keys.iter().filter(|key| key.presence == Presence::Required && !has(key.name)) {
            // A key that is there with a slip has been reported as such.
            let slipped = entries.iter().take(MOST_SLIPS).any(|entry| slip(record, &entry.key) == Some(key.name));
            if !slipped {
                let message = format!("{} is missing: {} must have it", quoted(key.name), record.noun);
                self.findings.push(place.span, message, format!("add {}: {}", key.name, key.example));
            }
        }
        for choice in record.choices {
            let mut there = entries.iter().filter(|entry| choice.of.contains(&&*entry.key));
            let unless = choice.unless.and_then(|unless| entries.iter().find(|entry| entry.key == unless));
            let words = choice.of.join(", ");
            match (there.next(), there.next(), unless) {
                (Some(first), _, Some(unless)) => self.findings.push_with(
                    first.key_span,
                    format!("{} cannot stand beside {}", quoted(&first.key), quoted(&unless.key)),
                    format!("{} says already where they go: take {} away", quoted(&unless.key), quoted(&first.key)),
                    (unless.key_span, "beside this"),
                ),
                (Some(first), Some(second), None) if first.key != second.key && !choice.several => {
                    self.findings.push_with(
                        second.key_span,
                        format!("{} cannot stand beside {}", quoted(&second.key), quoted(&first.key)),
                        format!("{} has exactly one of {words}: take one of the two away", record.noun),
                        (first.key_span, "beside this"),
                    )
                }
                (None, _, None) => {
                    let slipped = entries
                        .iter()
                        .take(MOST_SLIPS)
                        .any(|entry| slip(record, &entry.key).is_some_and(|meant| choice.of.contains(&meant)));
                    if !slipped {
                        let message = format!("{} needs one of {words}", record.noun);
                        let example = record.keys.iter().find(|key| choice.of.contains(&key.name));
                        let help = example.map(|key| format!("add one, e.g. {}: {}", key.name, key.example));
                        self.findings.push(place.span, message, help.unwrap_or_default());
                    }
                }
                _ => {}
            }
        }
    }

    fn unknown(&mut self, record: &'static Record, entry: &Entry<'_>) {
        let near = if self.findings.is_flood() { None } else { slip(record, &entry.key) };
        let help = match near {
            Some(near) => format!("did you mean '{near}'?"),
            None => format!("its keys are: {}", record.keys.iter().map(|key| key.name).collect::<Vec<_>>().join(", ")),
        };
        self.findings.push(entry.key_span, format!("{} is not a key of {}", quoted(&entry.key), record.noun), help);
    }

    fn merge_key(&mut self, entry: &Entry<'_>) {
        let help = "write out the keys that it should bring in";
        self.findings.push(entry.key_span, "merge keys ('<<') are not read", help);
    }

    fn duplicates(&mut self, entries: &[Entry<'_>]) {
        let mut first: HashMap<&str, Span> = HashMap::with_capacity(entries.len());
        for entry in entries {
            if let Some(at) = first.get(&*entry.key) {
                self.findings.push_with(
                    entry.key_span,
                    format!("{} stands twice", quoted(&entry.key)),
                    "only one of the two can hold: merge them, or take one away",
                    (*at, "first here"),
                );
            } else {
                first.insert(&entry.key, entry.key_span);
            }
        }
    }

    fn bounds(
        &mut self,
        node: &Node<'_>,
        count: usize,
        (least, most): (usize, usize),
        place: Place<'_>,
        span_of: impl Fn(usize) -> Option<Span>,
    ) {
        if count < least {
            let help = match place.what {
                What::ValueOf(key) => format!("name at least one, e.g. {key}: {}", place.example),
                _ => "name at least one".into(),
            };
            self.findings.push(node.span, format!("{} is empty", place.what), help);
        } else if count > most {
            let span = span_of(most).unwrap_or(node.span);
            self.findings.push(
                span,
                format!("{} has {count} entries, and at most {most} are read", place.what),
                "take those away that are not needed",
            );
        }
    }

    fn empty(&mut self, node: &Node<'_>, form: &'static Form, place: Place<'_>) {
        let (message, help) = match place.what {
            What::File => (EMPTY.0.into(), EMPTY.1.into()),
            What::ValueOf(key) => {
                let help = match form {
                    Form::Record(record) if record.keys.iter().all(|key| key.presence != Presence::Required) => {
                        format!("write {key}: {{}} where there is nothing to say, or take the key away")
                    }
                    _ => format!("write {key}: {}, or take the key away", place.example),
                };
                (format!("{} has no value", quoted(key)), help)
            }
            What::EntryOf(key) => {
                (format!("an entry of {} is empty", quoted(key)), "write a value, or take the entry away".into())
            }
        };
        // An empty value has no place of its own: the key is what can be seen. '~' and 'null' can be seen too.
        let span = if node.span.start == node.span.end { place.span } else { node.span };
        self.findings.push(span, message, help);
    }

    fn kind(&mut self, node: &Node<'_>, form: &'static Form, place: Place<'_>) {
        let help = match (form, &node.value, place.what) {
            (
                Form::List { of: Form::Scalar(scalar) | Form::Either([Form::Scalar(scalar), ..]), .. },
                Value::Text { text, quoted },
                What::ValueOf(key),
            ) if scalar.check(text, *quoted).is_ok() && text.chars().all(|c| c.is_ascii_graphic()) => {
                let text = if text.starts_with('*') { format!("\"{text}\"") } else { text.to_string() };
                format!("put it in brackets: {key}: [{text}]")
            }
            (_, _, What::ValueOf(key)) => format!("write it like this: {key}: {}", place.example),
            (_, _, What::EntryOf(key)) => format!("write the list like this: {key}: {}", place.example),
            (_, _, What::File) => EMPTY.1.into(),
        };
        let message = format!("{} must be {}, and here stands {}", place.what, describe(form), stands(&node.value));
        self.findings.push(node.span, message, help);
    }
}

/// How many keys of a record are looked at for slips: no record has more keys.
const MOST_SLIPS: usize = 32;

/// What is said of a file in which nothing stands.
const EMPTY: (&str, &str) = ("the file is empty", "start it with the line 'version: 1'");

/// What stands somewhere, in words.
fn stands(value: &Value<'_>) -> String {
    match value {
        Value::Text { text, .. } => quoted(text),
        Value::List(_) => "a list".into(),
        Value::Map(_) => "a map of keys and values".into(),
        Value::Empty | Value::Refused => "nothing".into(),
    }
}

/// The key of `record` that was likely meant by `word`, where `word` is none.
fn slip(record: &'static Record, word: &str) -> Option<&'static str> {
    let names = || record.keys.iter().map(|key: &Key| key.name);
    if names().any(|name| name == word) { None } else { did_you_mean(word, names()) }
}

fn fits(form: &Form, value: &Value<'_>) -> bool {
    matches!(
        (form, value),
        (Form::Scalar(_), Value::Text { .. })
            | (Form::List { .. }, Value::List(_))
            | (Form::Named(_) | Form::Record(_), Value::Map(_))
    )
}

fn describe(form: &Form) -> String {
    match form {
        Form::Scalar(scalar) => scalar.noun(),
        Form::List { .. } => "a list".into(),
        Form::Named(_) => "a map of names".into(),
        Form::Record(record) => format!("a map with keys ({})", listed(record.keys.iter().map(|key| key.name))),
        Form::Either(forms) => forms.iter().map(describe).collect::<Vec<_>>().join(" or "),
    }
}
