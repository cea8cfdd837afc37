//! The form as a page of the reference.

use super::{Form, Key, Presence, Record};
use std::fmt::Write as _;

/// The page for a file that has the form of `record`: `title`, `introduction` and a table for each map of keys.
pub(in crate::config) fn reference(record: &'static Record, title: &str, introduction: &str) -> String {
    let mut page = format!("<!-- Made from src/config/form: change it there. -->\n\n# {title}\n\n{introduction}\n");
    section(&mut page, "", record);
    page
}

fn section(page: &mut String, path: &str, record: &'static Record) {
    // Writing to a String cannot fail.
    let heading = if path.is_empty() { "The keys of the file".to_owned() } else { format!("`{path}`") };
    let _ = write!(page, "\n## {heading}\n\n");
    if !record.doc.is_empty() {
        let _ = write!(page, "{}\n\n", record.doc);
    }
    page.push_str("| key | value | where it is missing | what it says | example |\n|---|---|---|---|---|\n");
    for key in record.keys {
        row(page, key);
    }
    for key in record.keys {
        let path = if path.is_empty() { key.name.to_owned() } else { format!("{path}.{}", key.name) };
        records(&path, &key.form, &mut |path, record| section(page, path, record));
    }
}

fn row(page: &mut String, key: &Key) {
    let missing = match key.presence {
        Presence::Required => "**must be there**".to_owned(),
        Presence::Optional("") => "see above".to_owned(),
        Presence::Optional(words) => words.to_owned(),
        Presence::Default(value) => format!("`{value}`"),
    };
    let _ = writeln!(
        page,
        "| `{}` | {} | {missing} | {} | `{}: {}` |",
        key.name,
        value(&key.form).replace('|', "\\|"),
        key.doc,
        key.name,
        key.example
    );
}

fn value(form: &Form) -> String {
    match form {
        Form::Scalar(scalar) => scalar.description(),
        Form::List { of: Form::Record(record), .. } => format!("list, each entry {}", record.noun),
        Form::List { of, .. } => format!("list; each entry: {}", value(of)),
        Form::Named(named) => {
            format!("map; each key: {}; each value: {}", named.name.description(), value(&named.of))
        }
        Form::Record(record) => format!("{}, see below", record.noun),
        Form::Either(forms) => forms.iter().map(value).collect::<Vec<_>>().join("; or "),
    }
}

/// Finds the records inside of a form, with the paths to them.
fn records(path: &str, form: &Form, found: &mut impl FnMut(&str, &'static Record)) {
    match form {
        Form::Scalar(_) => {}
        Form::Record(record) => found(path, record),
        Form::List { of, .. } => records(&format!("{path}[]"), of, found),
        Form::Named(named) => records(&format!("{path}.<name>"), &named.of, found),
        Form::Either(forms) => forms.iter().for_each(|form| records(path, form, found)),
    }
}
