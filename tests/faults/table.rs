//! The routing table of a scenario, with what the edge under test knows to say of faults.

use crate::client::HOST;
use crate::record::{PREFIXES, REGIONS};
use homeward::config::{routing_schema, settings_schema};
use std::fmt::Write as _;

/// What the service says beside its pools: keys and values.
#[derive(Debug, Clone)]
pub struct Service {
    lines: Vec<(&'static str, String)>,
    settings: Vec<(&'static str, String)>,
}

impl Service {
    /// As an operator would have it who has read the documentation: what is sensible everywhere.
    pub fn usual() -> Self {
        Self { lines: Vec::new(), settings: Vec::new() }
            .with("timeouts", "{connect: 250ms}")
            .with("retries", "{attempts: 3, try_timeout: 1s}")
            .with("health", "{path: /healthz, interval: 1s}")
    }

    /// With a further section of the settings.
    pub fn with_setting(mut self, key: &'static str, value: &str) -> Self {
        self.settings.push((key, value.to_owned()));
        self
    }

    /// With another value of a key.
    pub fn with(mut self, key: &'static str, value: &str) -> Self {
        self = self.without(key);
        self.lines.push((key, value.to_owned()));
        self
    }

    /// Without a key.
    pub fn without(mut self, key: &str) -> Self {
        self.lines.retain(|(known, _)| *known != key);
        self
    }

    /// The keys of it that this edge does not know.
    pub fn unknown(&self) -> Vec<&'static str> {
        let of_service = self.lines.iter().map(|(key, _)| *key).filter(|key| !is_known(key));
        of_service.chain(self.settings.iter().map(|(key, _)| *key).filter(|key| !is_known_setting(key))).collect()
    }

    /// The lines of the settings that this edge knows.
    pub fn settings(&self) -> String {
        let known = self.settings.iter().filter(|(key, _)| is_known_setting(key));
        known.map(|(key, value)| format!("{key}: {value}\n")).collect()
    }
}

/// Whether the edge takes a key of a service.
pub fn is_known(key: &str) -> bool {
    let schema = routing_schema();
    let services = &schema["properties"]["services"]["additionalProperties"];
    services["properties"][key].is_object()
}

fn is_known_setting(key: &str) -> bool {
    settings_schema()["properties"][key].is_object()
}

/// The table: three regions with these servers, whose visitors without a session come from 10.1, 10.2 and 10.3.
pub fn text(service: &Service, pools: &[Vec<String>; 3], more: &str) -> String {
    let mut text = String::from("version: 1\nregions:\n");
    for (region, prefix) in REGIONS.iter().zip(PREFIXES) {
        writeln!(text, "  {region}: {{session_prefix: {prefix}}}").unwrap();
    }
    text.push_str("homes:\n");
    for (nth, region) in (1..).zip(REGIONS) {
        writeln!(text, "  - {{networks: [10.{nth}.0.0/16], region: {region}}}").unwrap();
    }
    writeln!(text, "  - otherwise: {}", REGIONS[0]).unwrap();
    writeln!(text, "services:\n  portal:\n    hosts: [{HOST}]\n    session: {{cookie: sid}}").unwrap();
    for (key, value) in service.lines.iter().filter(|(key, _)| is_known(key)) {
        writeln!(text, "    {key}: {value}").unwrap();
    }
    text.push_str("    pools:\n");
    for (region, servers) in REGIONS.iter().zip(pools) {
        let quoted: Vec<_> = servers.iter().map(|server| format!("\"{server}\"")).collect();
        writeln!(text, "      {region}: [{}]", quoted.join(", ")).unwrap();
    }
    text + more
}
