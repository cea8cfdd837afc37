//! docs/capacity.md says what the command says: its figures, tables and plots are made by it.

use super::plot::{Curve, Plot};
use super::{golden, root};
use homeward::capacity::{Costs, DEFAULT_COSTS};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

/// What a line of a shell prints, with the program on its path.
fn shell(line: &str) -> String {
    let program = Path::new(env!("CARGO_BIN_EXE_homeward"));
    let path = format!("{}:/usr/bin:/bin", program.parent().unwrap().display());
    let mut command = Command::new("sh");
    command.args(["-c", line]).current_dir(root()).env_clear().env("PATH", path).stdin(Stdio::null());
    let output = command.output().unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(complaint.is_empty(), "{line}: {complaint}");
    String::from_utf8(output.stdout).unwrap()
}

fn json(arguments: &str) -> Value {
    serde_json::from_str(&shell(&format!("homeward capacity {arguments} --json"))).expect(arguments)
}

/// The page with every block of a console run again, and every table between marks made again.
fn made_again(page: &str) -> String {
    let mut text = String::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        text.push_str(line);
        text.push('\n');
        if line == "```console" {
            let mut command = String::new();
            for line in lines.by_ref() {
                text.push_str(line);
                text.push('\n');
                command.push_str(line.strip_prefix("$ ").unwrap_or(line).trim_end_matches('\\'));
                if !line.ends_with('\\') {
                    break;
                }
            }
            assert!(command.starts_with("homeward capacity "), "{command}");
            text.push_str(&shell(&command));
            assert!(lines.by_ref().any(|line| line == "```"), "a block has no end");
            text.push_str("```\n");
        } else if let Some(name) = line.strip_prefix("<!-- made: ").and_then(|rest| rest.strip_suffix(" -->")) {
            text.push_str(&table(name));
            assert!(lines.by_ref().any(|line| line == "<!-- end -->"), "{name} has no end");
            text.push_str("<!-- end -->\n");
        }
    }
    text
}

fn table(name: &str) -> String {
    match name {
        "costs" => costs(),
        "cores" => cores(),
        _ => panic!("nobody makes {name}"),
    }
}

fn costs() -> String {
    let file: Value = serde_json::from_str(DEFAULT_COSTS).unwrap();
    let mut text = "| cost | | how it was measured |\n|---|---|---|\n".to_owned();
    for name in Costs::NAMES {
        let cost = &file["costs"][*name];
        text.push_str(&format!("| `{name}` | {} | {} |\n", cost["value"], cost["how"].as_str().unwrap()));
    }
    text
}

/// Cores by load and kind of load.
fn cores() -> String {
    let kinds = [
        ("HTTP/1.1, no TLS, 1 KiB", "--tls 0% --http2 0% --answer-body 1KiB"),
        ("TLS, half of it HTTP/2, 10 KiB", ""),
        ("the same, every fifth request by a hop", "--hops 20%"),
        ("the same, 100 KiB, no hop", "--answer-body 100KiB"),
    ];
    let mut text = "| | 10,000/s | 100,000/s | 1,000,000/s |\n|---|---|---|---|\n".to_owned();
    for (what, options) in kinds {
        let of = |rate: &str| json(&format!("--requests {rate}/s {options}"))["cores"].as_f64().unwrap();
        let [a, b, c] = ["10000", "100000", "1000000"].map(of);
        text.push_str(&format!("| {what} | {a:.1} | {b:.0} | {c:.0} |\n"));
    }
    text
}

#[test]
fn the_page_of_capacity_says_what_the_command_says() {
    let file = root().join("docs/capacity.md");
    let page = fs::read_to_string(&file).unwrap();
    assert!(page.matches("```console\n").count() >= 3, "the page asks for little");
    golden(&file, &made_again(&page));
}

/// The load of the plots and of the page's second answer.
const STORM: &str = "--requests 1000000/s --connections 10000000 --websockets 50% --servers 500 \
                     --most-connections 2000000 --file-handles 4000000 --memory 256GiB";

fn curve(name: &str, answer: &Value, y: &str, times: f64) -> Curve {
    let moments = answer["loss"]["moments"].as_array().unwrap();
    let point = |moment: &Value| (moment["second"].as_f64().unwrap(), moment[y].as_f64().unwrap() * times);
    Curve { name: name.to_owned(), points: moments.iter().map(point).collect() }
}

#[test]
fn the_plots_show_what_the_command_says() {
    let folder = root().join("docs/capacity");
    let ways = [
        ("lost at once, redirected at once", "--redirect 0s"),
        ("lost at once, redirected within 30 s", ""),
        ("drained over 30 s", "--ramp 30s"),
        ("drained over 2 min", "--ramp 2m"),
    ];
    let answers = ways.map(|(name, options)| (name, json(&format!("{STORM} {options}"))));
    let plot = |title: &str, unit: &str, widest: f64, y: &str, times: f64| Plot {
        title: title.to_owned(),
        x: "seconds after the loss, or after the drain began".to_owned(),
        y: unit.to_owned(),
        widest,
        curves: answers.iter().map(|(name, answer)| curve(name, answer, y, times)).collect(),
    };
    let cpu = plot("CPU of an edge that is left", "% of its cores", 150.0, "utilisation", 100.0);
    golden(&folder.join("loss-cpu.svg"), &cpu.draw());
    let delay = plot("How long a handshake waits for a core", "s", 30.0, "delay_seconds", 1.0);
    golden(&folder.join("loss-delay.svg"), &delay.draw());

    let busy = (1..=18).map(|step| step * 10_000);
    let points: Vec<_> = busy
        .map(|rate| {
            json(&format!(
                "--requests {rate}/s --regions 1 --edges 1 --most-connections 4000000 --file-handles 8000000"
            ))
        })
        .filter(|answer| answer["regions"][0]["added_p99_seconds"].is_f64())
        .collect();
    let of = |name: &str, key: &str| Curve {
        name: name.to_owned(),
        points: points
            .iter()
            .map(|answer| &answer["regions"][0])
            .map(|region| (region["utilisation"].as_f64().unwrap() * 100.0, region[key].as_f64().unwrap() * 1e3))
            .collect(),
    };
    let added = Plot {
        title: "What an edge adds to a request".to_owned(),
        x: "% of its cores that are busy".to_owned(),
        y: "ms".to_owned(),
        widest: 100.0,
        curves: vec![of("p50", "added_p50_seconds"), of("p99", "added_p99_seconds")],
    };
    golden(&folder.join("added.svg"), &added.draw());
}
