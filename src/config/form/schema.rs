//! The form as a JSON schema (draft 2020-12), for editors.

use super::{Form, Key, Presence, Record};
use serde_json::{Map, Value as Json, json};

/// The schema of a file that has the form of `record`.
pub(in crate::config) fn schema(record: &'static Record, title: &str) -> Json {
    let mut schema = Map::new();
    schema.insert("$schema".into(), json!("https://json-schema.org/draft/2020-12/schema"));
    schema.insert("title".into(), json!(title));
    schema.extend(of_record(record));
    Json::Object(schema)
}

fn of_form(form: &'static Form) -> Json {
    match form {
        Form::Scalar(scalar) => scalar.schema(),
        Form::List { of, least, most } => {
            json!({"type": "array", "items": of_form(of), "minItems": least, "maxItems": most})
        }
        Form::Named(named) => json!({
            "type": "object",
            "propertyNames": named.name.schema(),
            "additionalProperties": of_form(&named.of),
            "minProperties": named.least,
            "maxProperties": named.most,
        }),
        Form::Record(record) => Json::Object(of_record(record)),
        Form::Either(forms) => json!({"anyOf": forms.iter().map(of_form).collect::<Vec<_>>()}),
    }
}

fn of_record(record: &'static Record) -> Map<String, Json> {
    let mut schema = Map::new();
    schema.insert("type".into(), json!("object"));
    let properties: Map<_, _> = record.keys.iter().map(|key| (key.name.to_owned(), of_key(key))).collect();
    schema.insert("properties".into(), Json::Object(properties));
    schema.insert("additionalProperties".into(), json!(false));
    let required: Vec<_> =
        record.keys.iter().filter(|key| key.presence == Presence::Required).map(|key| key.name).collect();
    if !required.is_empty() {
        schema.insert("required".into(), json!(required));
    }
    let choices: Vec<_> = record
        .choices
        .iter()
        .map(|choice| {
            let mut ways: Vec<_> = choice.of.iter().map(|key| json!({"required": [key]})).collect();
            ways.extend(choice.unless.map(|key| json!({"required": [key]})));
            json!({"oneOf": ways})
        })
        .collect();
    if !choices.is_empty() {
        schema.insert("allOf".into(), json!(choices));
    }
    schema
}

fn of_key(key: &'static Key) -> Json {
    let mut schema = of_form(&key.form);
    if let Json::Object(fields) = &mut schema {
        fields.insert("description".into(), json!(key.doc));
        if let Presence::Default(default) = key.presence {
            fields.insert("default".into(), plain(default));
        }
    }
    schema
}

/// A default of the description, which is YAML in one line, as JSON.
fn plain(text: &str) -> Json {
    match text {
        "true" | "false" => json!(text == "true"),
        _ => match text.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')) {
            Some(inner) => json!([plain(inner)]),
            None => text.parse::<u64>().map_or_else(|_| json!(text.trim_matches('"')), |number| json!(number)),
        },
    }
}
