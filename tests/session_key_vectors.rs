//! Session keys as other programs make and read them: `tests/vectors/session_keys.json`, which a program in Python made
//! that shares no code with Homeward, is what Homeward and the programs in `docs/session-keys.md` are held against.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by a panic")]
#![allow(clippy::print_stderr, reason = "what could not be run is said aloud")]

use homeward::model::{Keyring, RegionId, SignedWith};
use homeward::session::{KeyFormat, KeyProblem, Octets, PrefixIndex};
use serde_json::Value;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn vectors() -> Value {
    serde_json::from_str(&fs::read_to_string(path("tests/vectors/session_keys.json")).unwrap()).unwrap()
}

fn cases<'v>(vectors: &'v Value, kind: &str) -> &'v [Value] {
    vectors[kind].as_array().unwrap()
}

fn text<'v>(case: &'v Value, field: &str) -> &'v str {
    case[field].as_str().unwrap_or_else(|| panic!("{field} of {case}"))
}

fn bytes_of_hex(hex: &str) -> Vec<u8> {
    let digits = hex.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
    digits.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
}

/// The key of a case, whose bytes may be no text.
fn key_of(case: &Value) -> Vec<u8> {
    match case["key_hex"].as_str() {
        Some(hex) => bytes_of_hex(hex),
        None => text(case, "key").as_bytes().to_vec(),
    }
}

fn format_of(case: &Value) -> KeyFormat {
    let lines: Vec<_> = cases(case, "keys").iter().map(|key| key.as_str().unwrap()).collect();
    let keyring = (!lines.is_empty()).then(|| Arc::new(lines.join("\n").parse::<Keyring>().unwrap()));
    KeyFormat::new(text(case, "separator"), keyring)
}

/// What Homeward reads in the key of a case: the region, the id in hexadecimal, and which key has signed.
fn read(vectors: &Value, case: &Value) -> Result<(String, String, Option<&'static str>), &'static str> {
    let regions = vectors["regions"].as_object().unwrap();
    let index: PrefixIndex =
        regions.keys().enumerate().map(|(at, prefix)| (prefix.as_str(), RegionId::at(at).unwrap())).collect();
    let octets = if case["minted_by"] == "edge" { Octets::Any } else { Octets::OfCookies };
    let key = key_of(case);
    match index.open(&key, &format_of(case), octets) {
        Ok((region, opened)) => {
            let region = regions.values().nth(region.index()).unwrap().as_str().unwrap().to_owned();
            let signed = opened.signed.map(|key| match key {
                SignedWith::CurrentKey => "current_key",
                SignedWith::OlderKey => "older_key",
            });
            Ok((region, opened.id.iter().map(|byte| format!("{byte:02x}")).collect(), signed))
        }
        Err(KeyProblem::Malformed) => Err("malformed"),
        Err(KeyProblem::UnknownPrefix) => Err("unknown_prefix"),
        Err(KeyProblem::BadSignature) => Err("bad_signature"),
    }
}

#[test]
fn homeward_mints_what_the_vectors_say() {
    let vectors = vectors();
    assert!(cases(&vectors, "mint").len() >= 10);
    for case in cases(&vectors, "mint") {
        let random = bytes_of_hex(text(case, "random")).try_into().unwrap();
        let key = format_of(case).mint(&text(case, "prefix").parse().unwrap(), random);
        assert_eq!(key, text(case, "key"), "{}", case["name"]);
    }
}

#[test]
fn homeward_reads_what_the_vectors_say() {
    let vectors = vectors();
    assert!(cases(&vectors, "read").len() >= 15);
    for case in cases(&vectors, "read") {
        let wanted = (text(case, "region").into(), text(case, "id_hex").into(), case["signed_with"].as_str());
        let (region, id, signed) = read(&vectors, case).unwrap_or_else(|problem| panic!("{problem}: {case}"));
        assert_eq!((region, id, signed), wanted, "{}", case["name"]);
    }
}

#[test]
fn no_bad_key_names_a_region() {
    let vectors = vectors();
    let bad = cases(&vectors, "bad");
    let signed = bad.iter().filter(|case| !cases(case, "keys").is_empty()).count();
    assert!(signed >= 25 && bad.len() - signed >= 25, "{signed} of {}", bad.len());
    for case in bad {
        assert_eq!(read(&vectors, case), Err(text(case, "problem")), "{}", case["name"]);
    }
}

/// Every byte of a signed key, and every place where it could be cut.
#[test]
fn a_signed_key_is_whole_or_nothing() {
    let vectors = vectors();
    for case in cases(&vectors, "read").iter().filter(|case| case["signed_with"].is_string()) {
        let good = key_of(case);
        let opens = |key: &[u8]| {
            let mut case = case.clone();
            case.as_object_mut().unwrap().shift_remove("key");
            case["key_hex"] = key.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into();
            read(&vectors, &case).is_ok()
        };
        assert!(opens(&good));
        for at in 0..good.len().min(80) {
            assert!(!opens(&good[..at]), "{} cut at {at}", case["name"]);
            let mut forged = good.clone();
            forged[at] ^= 1;
            assert!(!opens(&forged), "{} with another byte at {at}", case["name"]);
        }
    }
}

/// Runs `program` on a script; `None`, said aloud, where it is not installed.
fn run(program: &str, arguments: &[&str], script: &str) -> Option<String> {
    let child = Command::new(program)
        .args(arguments)
        .current_dir(path("."))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut child) = child else {
        eprintln!("{program} is not installed: what is written in its language was not run");
        return None;
    };
    // One that ends early says why itself.
    let _ = child.stdin.take().unwrap().write_all(script.as_bytes());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap())
}

/// The program of the document in a language.
fn program(language: &str) -> String {
    let document = fs::read_to_string(path("docs/session-keys.md")).unwrap();
    let block = document.split_once(&format!("```{language}\n")).unwrap().1;
    block.split_once("```").unwrap().0.to_owned()
}

#[test]
fn the_vectors_are_those_that_the_independent_program_writes() {
    let Some(printed) = run("python3", &["tests/vectors/session_keys.py", "--print"], "") else { return };
    let kept = fs::read_to_string(path("tests/vectors/session_keys.json")).unwrap();
    assert_eq!(kept, printed, "run tests/vectors/session_keys.py");
}

#[test]
fn the_documents_python_agrees() {
    let rest = r#"
import json
v = json.load(open("tests/vectors/session_keys.json"))
key = lambda c: bytes.fromhex(c["key_hex"]) if "key_hex" in c else c["key"].encode()
keys = lambda c: [bytes.fromhex(k) for k in c["keys"]]
name = {None: None, 0: "current_key"}
for c in v["mint"]:
    made = mint(c["prefix"], c["separator"], keys(c), bytes.fromhex(c["random"]))
    assert made == c["key"], (c["name"], made)
for c in v["read"]:
    region, id, signed = read(key(c), v["regions"], c["separator"], keys(c), c["minted_by"] == "edge")
    assert (region, id.hex(), name.get(signed, "older_key")) == (c["region"], c["id_hex"], c["signed_with"]), c["name"]
for c in v["bad"]:
    try:
        found = read(key(c), v["regions"], c["separator"], keys(c), c["minted_by"] == "edge")
    except ValueError as problem:
        found = str(problem)
    assert found == c["problem"], (c["name"], found)
assert read(mint("east").encode(), v["regions"])[0] == "us-east"
print(len(v["mint"]) + len(v["read"]) + len(v["bad"]))
"#;
    let Some(count) = run("python3", &["-"], &(program("python") + rest)) else { return };
    assert!(count.trim().parse::<usize>().unwrap() >= 75, "{count}");
}

#[test]
fn the_documents_javascript_agrees() {
    let rest = r#"
import { readFileSync } from "node:fs";
import { strictEqual } from "node:assert";
const v = JSON.parse(readFileSync("tests/vectors/session_keys.json", "utf8"));
const key = (c) => ("key_hex" in c ? Buffer.from(c.key_hex, "hex") : Buffer.from(c.key));
const keys = (c) => c.keys.map((k) => Buffer.from(k, "hex"));
for (const c of v.mint) {
  strictEqual(mint(c.prefix, c.separator, keys(c), Buffer.from(c.random, "hex")), c.key, c.name);
}
for (const c of v.read) {
  const found = read(key(c), v.regions, c.separator, keys(c), c.minted_by === "edge");
  const signed = found.signedWith === null ? null : found.signedWith === 0 ? "current_key" : "older_key";
  strictEqual([found.region, found.id.toString("hex"), signed].join(), [c.region, c.id_hex, c.signed_with].join(), c.name);
}
for (const c of v.bad) {
  let found;
  try {
    found = read(key(c), v.regions, c.separator, keys(c), c.minted_by === "edge").region;
  } catch (problem) {
    found = problem.message;
  }
  strictEqual(found, c.problem, c.name);
}
strictEqual(read(Buffer.from(mint("east")), v.regions).region, "us-east");
console.log(v.mint.length + v.read.length + v.bad.length);
"#;
    let Some(count) = run("node", &["--input-type=module", "-"], &(program("javascript") + rest)) else { return };
    assert!(count.trim().parse::<usize>().unwrap() >= 75, "{count}");
}
