//! Half past four: a region is down, and somebody who has never done this sends its people elsewhere.
//!
//! `UPDATE_GOLDEN=1 cargo test --test end_to_end operator` writes the transcript anew, for a person to read before it is
//! committed.

use crate::routing::World;
use crate::support::{Client, EdgeProcess};
use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::process::{Command, Output};

const TRANSCRIPT: &str = "tests/transcripts/operator.txt";

/// What a terminal would show: results as they are, messages behind `! `, the exit code behind `? `.
fn transcript(edge: &EdgeProcess, line: &str) -> String {
    let mut words = Vec::new();
    for (at, part) in line.split('\'').enumerate() {
        match at % 2 {
            0 => words.extend(part.split_whitespace().map(str::to_owned)),
            _ => words.push(part.to_owned()),
        }
    }
    let Output { status, stdout, stderr } = Command::new(env!("CARGO_BIN_EXE_homeward"))
        .args(&words[1..])
        .current_dir(edge.directory.path())
        .env_clear()
        .envs([("HOMEWARD_CONFIG", "homeward.yaml"), ("USER", "ann")])
        .output()
        .unwrap();
    let mut text = format!("$ {line}\n");
    for line in String::from_utf8(stdout).unwrap().lines() {
        writeln!(text, "{}", settled(line)).unwrap();
    }
    for line in String::from_utf8(stderr).unwrap().lines() {
        writeln!(text, "{}", format!("! {}", settled(line)).trim_end()).unwrap();
    }
    writeln!(text, "? {}\n", status.code().unwrap()).unwrap();
    text
}

/// A line without what differs from run to run: times, revisions, measured numbers and what these do to columns.
fn settled(line: &str) -> String {
    let indent = line.len() - line.trim_start().len();
    let mut out = " ".repeat(indent);
    let mut rest = line.trim();
    while let Some(word) = rest.split(' ').next().filter(|_| !rest.is_empty()) {
        out.push_str(&settled_word(word));
        rest = &rest[word.len()..];
        let gap = rest.len() - rest.trim_start().len();
        rest = rest.trim_start();
        out.push_str(if gap > 1 {
            "  "
        } else if gap == 1 {
            " "
        } else {
            ""
        });
    }
    for (before, after) in [(", up ", ","), (", live for ", ","), (" s of requests, ", " of them")] {
        let Some(at) = out.find(before) else { continue };
        let end = out[at + before.len()..].find(after).map_or(out.len(), |end| at + before.len() + end);
        out.replace_range(at + before.len()..end, "N");
        if before.starts_with(" s of") {
            out.replace_range(..at, "N");
        }
    }
    out
}

fn settled_word(word: &str) -> String {
    let body = word.trim_matches(|c: char| "(),;:".contains(c));
    let is_time = body.len() >= 20 && body.contains('T') && body.ends_with('Z') && body.starts_with("20");
    let is_revision = body.len() == 12 && body.bytes().all(|b| b.is_ascii_hexdigit());
    let is_measured = body.contains('.') && body.trim_end_matches("/s").parse::<f64>().is_ok();
    let kind = if is_time {
        "TIME"
    } else if is_revision {
        "REVISION"
    } else if is_measured {
        "N"
    } else {
        return word.to_owned();
    };
    word.replacen(body, kind, 1)
}

#[tokio::test]
async fn a_new_operator_moves_a_region_by_help_alone() {
    let world = World::start("", "").await;
    for network in 0..20 {
        let visitor = IpAddr::V4(Ipv4Addr::new(127, 11, network, 1));
        let mut visitor = Client::connect(world.edge.address, visitor).await;
        for cookie in ["", "sid=west-1", "sid=east-1"] {
            let headers: &[(&str, &str)] = if cookie.is_empty() { &[] } else { &[("cookie", cookie)] };
            assert_eq!(visitor.get("/", headers).await.status, 200);
        }
    }
    // Rates are of seconds that are over.
    world.edge.status_where("rates", |status| status["regions"][2]["requests_per_second"].as_f64() > Some(0.0)).await;

    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(TRANSCRIPT);
    let wanted = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<_> = wanted.lines().filter_map(|line| line.strip_prefix("$ ")).collect();
    assert!(lines.len() > 10, "{TRANSCRIPT} asks for little");
    let text: String = lines.into_iter().map(|line| transcript(&world.edge, line)).collect();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &text).unwrap();
    } else {
        let mut pairs = wanted.lines().zip(text.lines()).enumerate();
        let other = pairs.find(|(_, (wanted, told))| wanted != told);
        assert_eq!(other, None, "where the answer is right: UPDATE_GOLDEN=1 cargo test --test end_to_end operator");
        assert_eq!(wanted.len(), text.len());
    }
}
