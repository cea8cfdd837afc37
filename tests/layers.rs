//! The floors of the house: a file imports its own folder and lower floors only.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

/// The folders of `src/` by floor. Folders of one floor do not know of each other.
const FLOORS: [&[&str]; 9] = [
    &["model"],
    &["capacity", "client", "geo", "hop", "log", "session"],
    &["balance", "resilience", "routing"],
    &["config"],
    &["history", "telemetry", "tls"],
    &["live"],
    &["acme", "admin", "life", "otlp", "proxy", "source", "upstream"],
    &["demo"],
    &["cli"],
];

/// Crates that one folder alone may name, so that they can be replaced there.
const CONFINED: [(&str, &str); 19] = [
    ("opentelemetry_proto", "otlp"),
    ("prost", "otlp"),
    ("pingora", "proxy"),
    ("listenfd", "life"),
    ("rustix", "cli life live proxy source"),
    ("sd_notify", "life"),
    ("hickory_resolver", "upstream"),
    ("instant_acme", "acme"),
    ("notify", "source"),
    ("axum", "admin demo"),
    ("prometheus", "telemetry"),
    ("rustls", "proxy tls"),
    ("tokio_rustls", "acme tls"),
    ("x509_parser", "tls"),
    ("serde_saphyr", "config"),
    ("maxminddb", "geo"),
    ("clap", "cli"),
    ("similar", "history"),
    ("indicatif", "cli"),
];

fn floor(folder: &str) -> Option<usize> {
    FLOORS.iter().position(|folders| folders.contains(&folder))
}

fn sources(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The folders that a text names as `crate::folder`, also inside `use crate::{a::X, b::Y}`.
fn imports(text: &str) -> Vec<String> {
    let word = |text: &str| text.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect::<String>();
    let mut found = Vec::new();
    for (at, _) in text.match_indices("crate::") {
        let preceded = text[..at].chars().next_back().is_some_and(|c| c.is_ascii_alphanumeric() || c == '_');
        if preceded {
            continue;
        }
        let rest = &text[at + "crate::".len()..];
        if let Some(group) = rest.strip_prefix('{') {
            let mut depth = 0;
            let end = group.find(|c| {
                depth += i32::from(c == '{') - i32::from(c == '}');
                depth < 0
            });
            let mut depth = 0;
            for part in group[..end.unwrap_or(group.len())].split_inclusive([',', '{', '}']) {
                if depth == 0 {
                    found.push(word(part.trim()));
                }
                depth += i32::from(part.ends_with('{')) - i32::from(part.ends_with('}'));
            }
        } else {
            found.push(word(rest));
        }
    }
    found.retain(|folder| !folder.is_empty());
    found
}

/// The text without line comments and doc comments: they may speak of anybody.
fn code(text: &str) -> String {
    text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_file_imports_its_own_folder_and_lower_floors_only() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    let mut wrong = Vec::new();
    let mut seen = 0;
    for file in files {
        let inside = file.strip_prefix(&root).unwrap();
        let name = inside.display().to_string();
        let Some(folder) = inside.parent().and_then(|p| p.iter().next()).and_then(|p| p.to_str()) else {
            continue; // lib.rs and main.rs see everything
        };
        let Some(own) = floor(folder) else {
            wrong.push(format!("{name}: the folder {folder} is on no floor; give it one in this test"));
            continue;
        };
        let text = code(&fs::read_to_string(&file).unwrap());
        for import in imports(&text) {
            match floor(&import) {
                Some(other) if other < own || import == folder => seen += 1,
                Some(_) => wrong.push(format!("{name}: imports crate::{import}, which is not below {folder}")),
                None => wrong.push(format!("{name}: imports crate::{import}, which is on no floor")),
            }
        }
        for (krate, folders) in CONFINED {
            let named = text.contains(&format!("use {krate}::")) || text.contains(&format!(" {krate}::"));
            if named && !folders.split(' ').any(|allowed| allowed == folder) {
                wrong.push(format!("{name}: names {krate}, which only {folders} may"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(seen > 50, "only {seen} imports were seen: does this test still read the code?");
}

#[test]
fn the_reader_of_imports_sees_groups_and_ignores_lookalikes() {
    assert_eq!(imports("use crate::live::Edge;"), ["live"]);
    assert_eq!(imports("use crate::{geo, model::{Place, Share}, routing::decide};"), ["geo", "model", "routing"]);
    assert_eq!(imports("let x = crate::config::Source::new(); my_crate::other()"), ["config"]);
}
