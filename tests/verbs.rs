//! The verbs as people meet them: the real program, with every word of its answers fixed.
//!
//! `UPDATE_GOLDEN=1 cargo test --test verbs` writes the answers anew, for a person to read before they are committed.
//! Nothing here needs a running edge.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by a panic")]

#[path = "verbs/capacity_page.rs"]
mod capacity_page;
#[path = "verbs/plot.rs"]
mod plot;

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

/// The program, in the folder of the transcripts' files, without anything of the surrounding shell.
fn homeward() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_homeward"));
    command.current_dir(root().join("tests/transcripts/files")).env_clear().stdin(Stdio::null());
    command
}

/// The words of a line; those in single quotes stay together.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (at, part) in line.split('\'').enumerate() {
        match at % 2 {
            0 => words.extend(part.split_whitespace().map(str::to_owned)),
            _ => words.push(part.to_owned()),
        }
    }
    words
}

/// What a terminal would show, told apart: results as they are, messages behind `! `, the exit code behind `? `.
fn transcript(line: &str) -> String {
    let Output { status, stdout, stderr } = homeward().args(&words(line)[1..]).output().unwrap();
    let mut text = format!("$ {line}\n");
    let (stdout, stderr) = (String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap());
    assert!(!stdout.contains('\x1b') && !stderr.contains('\x1b'), "colours without a terminal: {line}");
    for line in stdout.lines() {
        writeln!(text, "{}", line.trim_end()).unwrap();
    }
    for line in stderr.lines() {
        writeln!(text, "{}", format!("! {line}").trim_end()).unwrap();
    }
    writeln!(text, "? {}\n", status.code().unwrap()).unwrap();
    text
}

/// Compares `text` with the file at `path`, or writes it there where that is asked for.
fn golden(path: &Path, text: &str) {
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(path, text).unwrap();
        return;
    }
    let wanted = fs::read_to_string(path).unwrap_or_default();
    let first = wanted.lines().zip(text.lines()).position(|(a, b)| a != b);
    let line = first.unwrap_or_else(|| wanted.lines().count().min(text.lines().count()));
    assert!(
        wanted == text,
        "{}:{}: the file says\n{}\nand the answer is\n{}\n\
         where the answer is right: UPDATE_GOLDEN=1 cargo test --test verbs",
        path.strip_prefix(root()).unwrap().display(),
        line + 1,
        wanted.lines().nth(line).unwrap_or("(nothing more)"),
        text.lines().nth(line).unwrap_or("(nothing more)"),
    );
}

fn replay(name: &str) {
    let path = root().join("tests/transcripts").join(name);
    let wanted = fs::read_to_string(&path).unwrap();
    let lines: Vec<_> = wanted.lines().filter_map(|line| line.strip_prefix("$ ")).collect();
    assert!(lines.len() > 5, "{name} asks for little");
    golden(&path, &lines.into_iter().map(transcript).collect::<String>());
}

#[test]
fn check() {
    replay("check.txt");
}

#[test]
fn explain() {
    replay("explain.txt");
}

#[test]
fn diff() {
    replay("diff.txt");
}

#[test]
fn simulate() {
    replay("simulate.txt");
}

#[test]
fn capacity() {
    replay("capacity.txt");
}

#[test]
fn usage() {
    replay("usage.txt");
}

#[test]
fn the_reference_says_what_help_says() {
    golden(&root().join("docs/reference/verbs.md"), &homeward::cli::verbs_reference());
}

#[test]
fn every_help_shows_an_example() {
    let reference = homeward::cli::verbs_reference();
    for section in reference.split("\n## ").skip(1) {
        assert!(section.contains("\nExample"), "{section}");
    }
}

fn result_of(args: &[&str]) -> String {
    let Output { status, stdout, stderr } = homeward().args(args).output().unwrap();
    assert!(status.success() && stderr.is_empty(), "{args:?}: {}", String::from_utf8_lossy(&stderr));
    String::from_utf8(stdout).unwrap()
}

#[test]
fn schemas_are_those_of_the_files() {
    let schema = |file: &str| serde_json::from_str::<serde_json::Value>(&result_of(&["schema", file])).unwrap();
    assert_eq!(schema("settings"), homeward::config::settings_schema());
    assert_eq!(schema("routing"), homeward::config::routing_schema());
}

#[test]
fn every_shell_has_completions() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = result_of(&["completions", shell]);
        assert!(script.contains("explain") && !script.is_empty(), "{shell}");
    }
}

#[test]
fn every_verb_has_a_manual_page() {
    assert!(result_of(&["man"]).contains(".TH homeward 1"));
    let directory = tempfile::tempdir().unwrap();
    let pages = directory.path().join("man1");
    assert_eq!(result_of(&["man", pages.to_str().unwrap()]), "");
    for page in ["homeward.1", "homeward-run.1", "homeward-explain.1"] {
        assert!(fs::read_to_string(pages.join(page)).unwrap().contains("SYNOPSIS"), "{page}");
    }
}

#[test]
fn a_closed_pipe_is_no_failure() {
    for args in [&["schema", "routing"][..], &["completions", "bash"], &["check", "--config", "homeward.yaml"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let Output { status, stderr, .. } = homeward().args(args).stdout(writer).output().unwrap();
        assert_eq!((status.code(), String::from_utf8(stderr).unwrap()), (Some(0), String::new()), "{args:?}");
    }
}
