//! The page. Pure.

use crate::figures::median;
use crate::scenarios::Scenario;
use serde_json::Value;
use std::fmt::Write as _;

/// All of it: the method, then a table for each scenario that has results.
pub fn page(results: &Value, scenarios: &[Scenario]) -> String {
    let mut text = include_str!("method.md").to_owned();
    for scenario in scenarios {
        let entry = &results["scenarios"][scenario.name];
        writeln!(text, "\n## {}\n\n{}.", scenario.name, scenario.about).unwrap();
        if let Some(why) = entry["left_out"].as_str() {
            writeln!(text, "\nNot run: {why}.").unwrap();
            continue;
        }
        match entry["proxies"].as_object() {
            Some(proxies) => section(&mut text, proxies),
            None => text.push_str("\nNot run yet.\n"),
        }
    }
    text
}

fn runs(proxy: &Value) -> &[Value] {
    proxy["runs"].as_array().map_or(&[], Vec::as_slice)
}

fn section(text: &mut String, proxies: &serde_json::Map<String, Value>) {
    let Some(columns) = proxies.values().find_map(|proxy| runs(proxy).first()?["figures"].as_array()) else {
        return;
    };
    text.push_str("\n| |");
    for column in columns {
        let (name, unit) = (column["name"].as_str().unwrap_or("?"), column["unit"].as_str().unwrap_or(""));
        let unit = if unit.is_empty() { String::new() } else { format!(", {unit}") };
        write!(text, " {name}{unit} |").unwrap();
    }
    writeln!(text, " bounds |\n|---|{}---|", "---|".repeat(columns.len())).unwrap();
    for (name, proxy) in proxies {
        write!(text, "| {name} |").unwrap();
        if let Some(why) = proxy["left_out"].as_str() {
            writeln!(text, "{} {why} |", " |".repeat(columns.len())).unwrap();
            continue;
        }
        columns.iter().for_each(|column| write!(text, " {} |", cell(runs(proxy), column)).unwrap());
        writeln!(text, " {} |", verdict(runs(proxy))).unwrap();
    }
    for (name, proxy) in proxies {
        said_of(text, name, proxy);
    }
}

/// The median of all runs, and the worst of them where it is another.
fn cell(runs: &[Value], column: &Value) -> String {
    let name = &column["name"];
    let find = |run: &Value| run["figures"].as_array()?.iter().find(|figure| figure["name"] == *name).map(value);
    let values: Vec<f64> = runs.iter().filter_map(find).collect();
    let Some(worst) = values.iter().copied().reduce(if column["worst"] == "low" { f64::min } else { f64::max }) else {
        return String::new();
    };
    let unit = column["unit"].as_str().unwrap_or("");
    let (middle, worst) = (number(median(&values), unit), number(worst, unit));
    if middle == worst { middle } else { format!("{middle} ({worst})") }
}

fn value(figure: &Value) -> f64 {
    figure["value"].as_f64().unwrap_or(f64::INFINITY)
}

fn number(value: f64, unit: &str) -> String {
    let digits = match unit {
        _ if !value.is_finite() => return "never".into(),
        "%" => 3,
        "ms" | "s" => 1,
        _ if value.fract() == 0.0 => 0,
        _ => 3,
    };
    format!("{value:.digits$}")
}

/// Whether all bounds were kept in all runs.
fn verdict(runs: &[Value]) -> String {
    let checks = || runs.iter().flat_map(|run| run["checks"].as_array().into_iter().flatten());
    let broken = checks().filter(|check| check["kept"] != true).count();
    match (broken, checks().count()) {
        (_, 0) => String::new(),
        (0, _) => "kept".into(),
        (broken, all) => format!("**{broken} of {all} not kept**"),
    }
}

/// What does not go into a table: bounds, what failed and how, when it was run.
fn said_of(text: &mut String, name: &str, proxy: &Value) {
    let runs = runs(proxy);
    let Some(first) = runs.first() else { return };
    let scale = proxy["scale"].as_f64().filter(|scale| *scale != 1.0);
    let scale = scale.map(|scale| format!(", all times × {scale} (only a trial)")).unwrap_or_default();
    let (version, ran, machine) = (said(proxy, "version"), said(proxy, "ran"), said(proxy, "machine"));
    let seeds = runs.len();
    writeln!(text, "\n**{name}** {version}, {ran}, seeds 1 to {seeds}{scale}, on {machine}.").unwrap();
    for check in first["checks"].as_array().into_iter().flatten() {
        let (what, bound) = (said(check, "what"), said(check, "bound"));
        let of_all =
            |run: &Value| run["checks"].as_array()?.iter().find(|other| other["what"] == check["what"]).cloned();
        let all: Vec<_> = runs.iter().filter_map(of_all).collect();
        let values: Vec<_> = all.iter().map(|check| number(value(check), "")).collect();
        let is_kept = all.iter().all(|check| check["kept"] == true);
        let verdict = if is_kept { "kept" } else { "**not kept**" };
        writeln!(text, "- {what}: {bound}; {verdict} ({})", values.join(", ")).unwrap();
    }
    for run in runs {
        let failures = said(run, "failures");
        if !failures.is_empty() {
            writeln!(text, "- failures with seed {}: {failures}", run["seed"]).unwrap();
        }
    }
    let mut notes: Vec<&str> = Vec::new();
    for note in runs.iter().flat_map(|run| run["notes"].as_array().into_iter().flatten()).filter_map(Value::as_str) {
        if !notes.contains(&note) {
            notes.push(note);
            writeln!(text, "- {note}").unwrap();
        }
    }
}

fn said<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}
