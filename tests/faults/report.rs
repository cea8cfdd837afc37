//! What was found, kept as JSON between runs, and the page that is made of it.

use crate::checks::Findings;
use crate::proxies::Kind;
use crate::scenarios::{ALL, Scenario};
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};

mod page;

/// The results of all scenarios that were ever run: those that are run now replace their own, and the others stay, also those
/// that another run beside this one adds.
pub struct Results {
    page: PathBuf,
    data: PathBuf,
    /// What this run found.
    own: Map<String, Value>,
}

impl Results {
    /// Those beside a page.
    pub fn open(page: &Path) -> Self {
        Self { page: page.to_owned(), data: page.with_extension("json"), own: Map::new() }
    }

    fn scenario(&mut self, name: &str) -> &mut Map<String, Value> {
        let entry = self.own.entry(name).or_insert_with(|| json!({"left_out": null, "proxies": {}}));
        entry.as_object_mut().unwrap()
    }

    /// A proxy is put through a scenario: what was found of it before goes.
    pub fn begin(&mut self, scenario: &Scenario, kind: Kind, scale: f64) {
        let ran = jiff::Timestamp::now().strftime("%Y-%m-%d %H:%M UTC").to_string();
        let machine = machine();
        let entry = self.scenario(scenario.name);
        entry["left_out"] = Value::Null;
        entry["proxies"][kind.name()] =
            json!({"ran": ran, "scale": scale, "version": kind.version(), "machine": machine, "runs": []});
    }

    /// A scenario could not be run.
    pub fn leave_out(&mut self, scenario: &str, why: &str) {
        self.scenario(scenario)["left_out"] = json!(why);
    }

    /// A proxy could not be put through a scenario.
    pub fn leave_proxy_out(&mut self, scenario: &str, kind: Kind, why: &str) {
        self.scenario(scenario)["proxies"][kind.name()] = json!({"left_out": why, "runs": []});
    }

    /// Adds what a run found.
    pub fn add(&mut self, scenario: &str, kind: Kind, seed: u32, findings: &Findings) {
        let runs = &mut self.scenario(scenario)["proxies"][kind.name()]["runs"];
        runs.as_array_mut().unwrap().push(findings.to_json(seed));
    }

    /// Writes both files.
    pub fn write(&self) {
        let kept = std::fs::read_to_string(&self.data).ok().and_then(|text| serde_json::from_str::<Value>(&text).ok());
        let mut all = kept.filter(Value::is_object).unwrap_or_else(|| json!({}));
        for (name, entry) in &self.own {
            let old = &mut all["scenarios"][name];
            if !old.is_object() {
                *old = json!({"proxies": {}});
            }
            old["left_out"] = entry["left_out"].clone();
            // Only what ran through it is replaced: other proxies may have been put through it at another time.
            for (proxy, found) in entry["proxies"].as_object().into_iter().flatten() {
                old["proxies"][proxy] = found.clone();
            }
        }
        let text = serde_json::to_string_pretty(&all).unwrap() + "\n";
        for (path, text) in [(&self.data, text), (&self.page, page::page(&all, ALL))] {
            if let Err(error) = std::fs::write(path, text) {
                eprintln!("faults: {}: {error}", path.display());
            }
        }
    }
}

fn machine() -> String {
    let processors = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = processors.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ")).map(|(_, m)| m);
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let kernel = kernel.trim().split('-').next().unwrap_or_default().to_owned();
    format!("{cores} cores of {}, Linux {kernel}", model.unwrap_or("an unknown processor"))
}
