//! The form of both files, said once: which keys there are, what they hold, and what they mean.
//!
//! The check of a file, the JSON schema and the reference are all made from this description.

mod acme;
mod auto_drain;
mod check;
mod dns;
mod failover;
mod guard;
mod health;
mod limits;
mod outliers;
mod pools;
mod reference;
mod regions;
mod resilience;
mod retries;
mod routing;
mod scalar;
mod schema;
mod services;
mod settings;
mod tls;
mod tracing;

pub(super) use check::check;
pub(super) use reference::reference;
pub(super) use routing::{DRAINS, HOMES, ROUTING};
pub(super) use scalar::{Scalar, degrees, network};
pub(super) use schema::schema;
pub(super) use settings::SETTINGS;

/// What stands at a place of a file.
#[derive(Debug, Clone, Copy)]
pub(super) enum Form {
    /// One value.
    Scalar(Scalar),
    /// A list.
    List {
        of: &'static Form,
        /// How many items there must be at least and may be at most.
        least: usize,
        most: usize,
    },
    /// A map of names that the user gives.
    Named(&'static Named),
    /// A map of keys that are given here.
    Record(&'static Record),
    /// One of these, told apart by whether it is a value, a list or a map.
    Either(&'static [Form]),
}

/// A map of names that the user gives.
#[derive(Debug)]
pub(super) struct Named {
    /// What a name is.
    pub(super) name: Scalar,
    /// What stands at a name.
    pub(super) of: Form,
    pub(super) least: usize,
    pub(super) most: usize,
    /// What may stand at a name, behind the colon.
    pub(super) example: &'static str,
}

/// A map of known keys.
#[derive(Debug)]
pub(super) struct Record {
    /// What it is, with its article: 'a region'.
    pub(super) noun: &'static str,
    /// What it is for; empty where its key has said it.
    pub(super) doc: &'static str,
    /// Its keys, in the order in which they are explained.
    pub(super) keys: &'static [Key],
    /// Of which keys there must be one.
    pub(super) choices: &'static [Choice],
}

/// One key of a few must be there.
#[derive(Debug)]
pub(super) struct Choice {
    /// The keys.
    pub(super) of: &'static [&'static str],
    /// Whether several of them may.
    pub(super) several: bool,
    /// With this key, none of them may be there.
    pub(super) unless: Option<&'static str>,
}

/// A key of a record.
#[derive(Debug, Clone, Copy)]
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) doc: &'static str,
    pub(super) form: Form,
    pub(super) presence: Presence,
    /// What its value may look like, as it stands behind the colon.
    pub(super) example: &'static str,
}

/// Whether a key must be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Presence {
    Required,
    /// It may be missing; then this holds, in words.
    Optional(&'static str),
    /// It may be missing; then this value stands for it.
    Default(&'static str),
}

impl Key {
    const fn new(name: &'static str, form: Form, presence: Presence, example: &'static str, doc: &'static str) -> Self {
        Self { name, doc, form, presence, example }
    }
}

use Presence::{Default as Or, Optional as Else, Required};

const fn list(of: &'static Form, least: usize, most: usize) -> Form {
    Form::List { of, least, most }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by a panic")]

    use super::*;
    use crate::config::problem::{Findings, Source};
    use crate::config::yaml;

    fn each_key(form: &'static Form, visit: &mut impl FnMut(&'static Key)) {
        match form {
            Form::Scalar(_) => {}
            Form::List { of, .. } => each_key(of, visit),
            Form::Named(named) => each_key(&named.of, visit),
            Form::Either(forms) => forms.iter().for_each(|form| each_key(form, visit)),
            Form::Record(record) => {
                for key in record.keys {
                    visit(key);
                    each_key(&key.form, visit);
                }
            }
        }
    }

    /// Examples stand in the reference and in messages, and defaults in the schema: they must be good themselves.
    #[test]
    fn examples_and_defaults_are_good() {
        static ALL: [Form; 3] = [Form::Record(&SETTINGS), Form::Record(&ROUTING), Form::Record(&DRAINS)];
        let mut count = 0;
        for form in &ALL {
            each_key(form, &mut |key| {
                let default = match key.presence {
                    Presence::Default(default) => Some(default),
                    _ => None,
                };
                for value in [Some(key.example), default].into_iter().flatten() {
                    let source = Source::new(key.name, format!("{}: {value}", key.name));
                    let mut findings = Findings::default();
                    let root = yaml::parse(&source.text, &mut findings).unwrap().root;
                    check::check_value(root.get(key.name).unwrap(), key, &mut findings);
                    assert!(findings.is_empty(), "{}", findings.into_problems(&source, Some(&root)).render(false));
                    count += 1;
                }
                assert!(key.doc.ends_with('.'), "{}", key.name);
            });
        }
        assert!(count > 60, "{count}");
    }

    /// A choice names keys of its record, and such keys are not needed by themselves.
    #[test]
    fn choices_are_between_keys_that_exist() {
        let mut count = 0;
        static TABLE: Form = Form::Record(&ROUTING);
        each_key(&TABLE, &mut |key| {
            let record = match &key.form {
                Form::List { of: Form::Record(record), .. } | Form::Record(record) => *record,
                _ => return, // a named map is visited by what stands at its names
            };
            for choice in record.choices {
                for name in choice.of.iter().chain(&choice.unless) {
                    let key = record.keys.iter().find(|key| key.name == *name);
                    assert!(key.is_some_and(|key| key.presence != Required), "{name}");
                    count += 1;
                }
            }
        });
        assert_eq!(count, 16);
    }
}
