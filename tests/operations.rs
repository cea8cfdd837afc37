//! Alert rules, their tests, runbooks and dashboards are in step with each other and with the metrics.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "a test fails by a panic")]

use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The files of a folder with this extension, in order.
fn files(folder: &str, extension: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path());
    let mut found: Vec<_> = entries.filter(|path| path.extension().is_some_and(|is| is == extension)).collect();
    found.sort();
    assert!(!found.is_empty(), "{folder} has no .{extension}");
    found
}

fn yaml(path: &Path) -> Value {
    serde_saphyr::from_str(&std::fs::read_to_string(path).unwrap())
        .unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_else(|| panic!("no {key} in {value}"))
}

/// All rules of conf/prometheus/rules.
fn rules() -> Vec<Value> {
    let files = files("conf/prometheus/rules", "yaml");
    let groups = files.iter().flat_map(|path| yaml(path)["groups"].as_array().unwrap().clone());
    groups.flat_map(|group| group["rules"].as_array().unwrap().clone()).collect()
}

fn alerts() -> Vec<Value> {
    rules().into_iter().filter(|rule| rule["alert"].is_string()).collect()
}

/// The names of metrics and of recorded series in an expression of PromQL.
fn named(expression: &str) -> BTreeSet<&str> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    expression.split(|c| !is_part(c)).filter(|word| word.contains("homeward_") || word.contains("homeward:")).collect()
}

/// Every series that an expression may name: those of the reference of metrics, and what is recorded.
fn known() -> BTreeSet<String> {
    let reference = std::fs::read_to_string(root().join("docs/reference/metrics.md")).unwrap();
    let mut known = BTreeSet::new();
    for line in reference.lines().filter_map(|line| line.strip_prefix("| `homeward_")) {
        let (name, rest) = line.split_once("` | ").unwrap();
        known.insert(format!("homeward_{name}"));
        if rest.starts_with("histogram") {
            known.extend(["bucket", "sum", "count"].map(|part| format!("homeward_{name}_{part}")));
        }
    }
    assert!(known.len() > 30, "the reference has its form no longer");
    known.extend(rules().iter().filter_map(|rule| rule["record"].as_str().map(str::to_owned)));
    known
}

#[test]
fn every_series_in_rules_and_dashboards_is_there() {
    let known = known();
    let mut checked = 0;
    let mut check = |place: &str, expression: &str| {
        for name in named(expression) {
            assert!(known.contains(name), "{place}: there is no {name}");
            checked += 1;
        }
    };
    for rule in rules() {
        check(text(&rule, if rule["alert"].is_string() { "alert" } else { "record" }), text(&rule, "expr"));
    }
    for path in files("conf/grafana/dashboards", "json") {
        check(&path.display().to_string(), &std::fs::read_to_string(&path).unwrap());
    }
    for path in files("docs/runbooks", "md") {
        let words = std::fs::read_to_string(&path).unwrap();
        for name in words.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':')) {
            if name.starts_with("homeward_") && !name.ends_with('_') || name.contains(":homeward_") {
                assert!(known.contains(name), "{}: there is no {name}", path.display());
            }
        }
    }
    assert!(checked > 100);
}

#[test]
fn every_alert_says_what_to_do() {
    for alert in alerts() {
        let name = text(&alert, "alert");
        assert!(name.starts_with("Homeward"), "{name}");
        assert!(["page", "ticket"].contains(&text(&alert["labels"], "severity")), "{name}");
        let annotations = &alert["annotations"];
        assert!(text(annotations, "summary").len() > 15 && text(annotations, "description").len() > 30, "{name}");
        assert_eq!(text(annotations, "runbook_url"), format!("docs/runbooks/{name}.md"));
        // A condition that holds for a moment wakes nobody, unless it looks back by itself.
        let looks_back = ["increase(", "changes(", "time()"].iter().any(|word| text(&alert, "expr").contains(word));
        assert!(alert["for"].is_string() || looks_back, "{name} has no for:");
    }
}

#[test]
fn each_alert_has_a_runbook_and_each_runbook_an_alert() {
    let sections =
        ["What it means", "Who is hurt", "First look", "What to do", "Over when", "So that it does not come back"];
    let names: BTreeSet<String> = alerts().iter().map(|alert| text(alert, "alert").to_owned()).collect();
    let runbooks: BTreeSet<String> = files("docs/runbooks", "md")
        .iter()
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .filter(|name| name != "README")
        .collect();
    assert_eq!(names, runbooks);
    let index = std::fs::read_to_string(root().join("docs/runbooks/README.md")).unwrap();
    for alert in alerts() {
        let name = text(&alert, "alert");
        let page = std::fs::read_to_string(root().join(format!("docs/runbooks/{name}.md"))).unwrap();
        assert!(
            page.starts_with(&format!("# {name}\n\nSeverity: {}.\n", text(&alert["labels"], "severity"))),
            "{name}"
        );
        let found: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix("## ")).collect();
        assert_eq!(found, sections, "{name}");
        for (section, after) in
            sections.iter().map(|section| (section, page.split_once(&format!("## {section}\n")).unwrap().1))
        {
            let body = after.split("\n## ").next().unwrap().trim();
            assert!(body.len() > 10, "{name}: {section} is empty");
        }
        assert!(index.contains(&format!("[{name}]({name}.md)")), "{name} is not in docs/runbooks/README.md");
    }
}

/// Links of runbooks to other files lead somewhere.
#[test]
fn links_of_runbooks_lead_somewhere() {
    let folder = root().join("docs/runbooks");
    for path in files("docs/runbooks", "md") {
        let page = std::fs::read_to_string(&path).unwrap();
        for link in page.split("](").skip(1).map(|rest| rest.split([')', '#']).next().unwrap()) {
            assert!(folder.join(link).is_file(), "{}: {link}", path.display());
        }
    }
}

#[test]
fn each_alert_is_tested_while_it_fires_and_while_it_does_not() {
    let (mut fires, mut rests) = (BTreeSet::new(), BTreeSet::new());
    let all: BTreeSet<String> = alerts().iter().map(|alert| text(alert, "alert").to_owned()).collect();
    for path in files("conf/prometheus/tests", "yaml") {
        for test in yaml(&path)["tests"].as_array().unwrap() {
            let moments = test["promql_expr_test"].as_array().unwrap().iter();
            let moments = moments.filter(|moment| text(moment, "expr") == "ALERTS{alertstate=\"firing\"}");
            let fire: Vec<BTreeSet<&String>> = moments
                .map(|moment| {
                    let samples = moment["exp_samples"].as_array().map(Vec::as_slice).unwrap_or_default();
                    let labels: Vec<&str> = samples.iter().map(|sample| text(sample, "labels")).collect();
                    let is_named = |name: &String| labels.iter().any(|l| l.contains(&format!("alertname=\"{name}\"")));
                    all.iter().filter(|name| is_named(name)).collect()
                })
                .collect();
            // Of those that fire at some moment of a test, the ones that do not at another moment of the same test, or for
            // which another series is there that does not fire (then the list of what fires is complete all the same).
            for name in fire.iter().flatten() {
                fires.insert((*name).clone());
                if fire.iter().any(|at| !at.contains(name)) {
                    rests.insert((*name).clone());
                }
            }
        }
    }
    assert_eq!(fires, all, "alerts that no test has firing");
    assert_eq!(rests, all, "alerts that no test has at rest");
}

#[test]
fn promtool_is_content() {
    let promtool = |verb: &str, folder: &str| {
        Command::new("promtool").args([verb, "rules"]).args(files(folder, "yaml")).current_dir(root()).output()
    };
    for (verb, folder) in [("check", "conf/prometheus/rules"), ("test", "conf/prometheus/tests")] {
        let Ok(output) = promtool(verb, folder) else {
            println!("promtool is not installed: its check is left out");
            return;
        };
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(output.status.success() && !said.contains("FAILED"), "promtool {verb} rules: {said}");
    }
}
