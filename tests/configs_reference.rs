//! The pages of the reference and the schemas say what the reader does.
//!
//! `UPDATE_GOLDEN=1 cargo test --test configs_reference` writes the pages anew.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by a panic")]

use homeward::config::{
    Source, read_routing, read_settings, routing_reference, routing_schema, settings_reference, settings_schema,
};
use serde_json::Value;
use std::fs;
use std::path::Path;

fn page(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reference").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, text).unwrap();
    }
    let advice = "UPDATE_GOLDEN=1 cargo test --test configs_reference";
    let wanted = fs::read_to_string(&path).unwrap_or_else(|_| panic!("{} is missing: {advice}", path.display()));
    assert!(wanted == text, "{} is not what the form says: {advice}", path.display());
}

#[test]
fn pages_are_current() {
    page("settings.md", &settings_reference());
    page("routing.md", &routing_reference());
}

/// The paths of all keys that a schema knows, e.g. `services.*.pools.*.servers`.
fn keys(schema: &Value, path: &str, found: &mut Vec<String>) {
    for (key, inner) in schema["properties"].as_object().into_iter().flatten() {
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        keys(inner, &path, found);
        found.push(path);
    }
    if schema["additionalProperties"].is_object() {
        keys(&schema["additionalProperties"], &format!("{path}.*"), found);
    }
    if schema["items"].is_object() {
        keys(&schema["items"], &format!("{path}[]"), found);
    }
    for way in schema["anyOf"].as_array().into_iter().flatten() {
        keys(way, path, found);
    }
}

#[test]
fn schemas_know_every_key() {
    let mut settings = Vec::new();
    keys(&settings_schema(), "", &mut settings);
    let mut routing = Vec::new();
    keys(&routing_schema(), "", &mut routing);
    for key in ["listen[].address", "listen[].tls.certificates[].key", "admin.socket", "limits.head", "geoip.database"]
    {
        assert!(settings.iter().any(|known| known == key), "{key}");
    }
    for key in ["regions.*.location.latitude", "homes[].otherwise", "services.*.pools.*.tls.sni", "drains[].ramp"] {
        assert!(routing.iter().any(|known| known == key), "{key}");
    }
}

/// Each key of the schema, put where it belongs with a value that is a map of one unknown key, is known to the reader:
/// what it complains of is the value.
#[test]
fn the_reader_knows_every_key_of_the_schema() {
    for (schema, is_routing) in [(settings_schema(), false), (routing_schema(), true)] {
        let mut paths = Vec::new();
        keys(&schema, "", &mut paths);
        for path in paths {
            let mut text = String::from("null");
            for step in path.rsplit('.') {
                let (step, list) = step.strip_suffix("[]").map_or((step, false), |step| (step, true));
                let step = if step == "*" { "us-east" } else { step };
                text = if list { format!("{{{step}: [{text}]}}") } else { format!("{{{step}: {text}}}") };
            }
            let source = Source::new("one.yaml", text);
            let problems = if is_routing {
                read_routing(&source, "2026-11-22T05:00:00Z".parse().unwrap()).unwrap_err()
            } else {
                read_settings(&source).unwrap_err()
            };
            assert!(
                problems.iter().all(|problem| !problem.message.contains("is not a key")),
                "{}",
                problems.render(false)
            );
            assert!(
                problems.iter().any(|problem| problem.message.ends_with("has no value")),
                "{}",
                problems.render(false)
            );
        }
    }
}
