//! The files under `tests/configs`: good ones are read, and for bad ones every word of the answer is fixed.
//!
//! `UPDATE_GOLDEN=1 cargo test --test configs` writes the answers anew, for a person to read before they are committed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by a panic")]

use homeward::config::{Problems, Source, read_drains, read_routing, read_settings};
use homeward::model::Timestamp;
use homeward::routing::RoutingTable;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

/// When all tests take place.
fn now() -> Timestamp {
    "2026-11-22T05:00:00Z".parse().unwrap()
}

/// The YAML files of a folder in the order of their names.
fn files(folder: &str) -> Vec<PathBuf> {
    let folder = root().join("tests/configs").join(folder);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "yaml"));
    files.sort();
    files
}

fn source(file: &Path) -> Source {
    let name = file.file_name().unwrap().to_string_lossy();
    let bytes = fs::read(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    Source::from_bytes(name, bytes).unwrap_or_else(|problems| panic!("{}", problems.render(false)))
}

/// Compares `text` with the file at `path`, or writes it there where that is asked for.
fn golden(path: &Path, text: &str, failures: &mut Vec<String>) {
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(path, text).unwrap();
        return;
    }
    let name = path.strip_prefix(root()).unwrap().display();
    match fs::read_to_string(path) {
        Err(_) => failures.push(format!("{name} is missing")),
        Ok(wanted) if wanted != text => failures.push(format!("{name} says\n{wanted}\nand the answer is\n{text}")),
        Ok(_) => {}
    }
}

fn fail_with(failures: &[String]) {
    let advice = "where the answer is right: UPDATE_GOLDEN=1 cargo test --test configs";
    assert!(failures.is_empty(), "{}\n{advice}", failures.join("\n"));
}

/// Reads every file of `folder`, which must all be bad, and compares what is said of them.
fn bad_files(folder: &str, read: impl Fn(&Source) -> Option<Problems>) {
    let files = files(folder);
    let mut failures = Vec::new();
    for file in &files {
        match read(&source(file)) {
            None => failures.push(format!("{} is read without a problem", file.display())),
            Some(problems) => golden(&file.with_extension("txt"), &problems.render(false), &mut failures),
        }
    }
    fail_with(&failures);
    assert!(!files.is_empty(), "{folder} is empty");
}

#[test]
fn bad_settings() {
    bad_files("invalid/settings", |source| read_settings(source).err());
}

#[test]
fn bad_tables() {
    bad_files("invalid/routing", |source| read_routing(source, now()).err());
}

#[test]
fn bad_drains() {
    bad_files("invalid/drains", |source| read_drains(source).err());
}

#[test]
fn enough_bad_files() {
    let count: usize =
        ["settings", "routing", "drains"].map(|kind| files(&format!("invalid/{kind}")).len()).iter().sum();
    assert!(count >= 45, "{count}");
}

#[test]
fn good_settings() {
    for file in files("valid/settings").iter().chain([&root().join("conf/homeward.yaml")]) {
        read_settings(&source(file)).unwrap_or_else(|problems| panic!("{}", problems.render(false)));
    }
}

#[test]
fn good_tables() {
    for file in files("valid/routing").iter().chain([&root().join("conf/routing.yaml")]) {
        let parts = read_routing(&source(file), now()).unwrap_or_else(|problems| panic!("{}", problems.render(false)));
        assert!(!parts.regions.is_empty() && !parts.homes.is_empty() && !parts.services.is_empty());
        drop(RoutingTable::new(parts));
    }
}
