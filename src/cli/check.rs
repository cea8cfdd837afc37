//! `homeward check`

mod certificates;

use super::ending::{Ending, Failure};
use super::files::{ConfigArg, DEFAULT_CONFIG, RegionArg, settings};
use super::output;
use super::style::{Cell, Columns, Style};
use crate::config::{Problems, SecretFiles, Settings, did_you_mean};
use crate::live::{Revision, clock};
use crate::model::{AccessTokens, RegionName};
use crate::routing::TableParts;
use crate::source::{Read, load_places, read_keyring, read_source, read_table, read_tokens};
use clap::Args;
use serde::Serialize;
use std::fmt::Display;
use std::path::{Path, PathBuf};

/// Report every problem of the settings and of every file that they name
///
/// All problems of all files come in one go, each with its place and what to do. Exits with 1 where there is one.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  homeward check
  homeward check --config /etc/homeward/homeward.yaml --routing new-routing.yaml
  homeward check --json | jq '.files[].problems[]'")]
pub(super) struct Check {
    #[command(flatten)]
    config: ConfigArg,
    /// The routing table's file [default: as the settings say]
    #[arg(long, value_name = "FILE")]
    routing: Option<PathBuf>,
    #[command(flatten)]
    region: RegionArg,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What was checked, and what came of it.
#[derive(Debug, Default, Serialize)]
struct Report {
    /// Whether no file has a problem.
    ok: bool,
    /// How many problems there are in all.
    problems: usize,
    /// The region that the edge would stand in.
    region: Option<RegionName>,
    files: Vec<Checked>,
    /// What could not be checked, and why.
    notes: Vec<String>,
}

/// One file.
#[derive(Debug, Serialize)]
struct Checked {
    file: String,
    kind: Kind,
    ok: bool,
    /// What is in it, where it is good.
    summary: Option<String>,
    problems: Vec<crate::config::Problem>,
    /// What should worry somebody though the file is good.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
    /// The same for people.
    #[serde(skip)]
    shown: String,
}

#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Settings,
    Routing,
    Places,
    Keys,
    Tokens,
    Certificate,
    #[serde(rename = "client_ca")]
    ClientCa,
    #[serde(rename = "server_ca")]
    ServerCa,
    Acme,
}

impl Check {
    pub(super) fn run(self) -> Result<Ending, Failure> {
        let mut report = Report::default();
        let settings = self.check_settings(&mut report);
        report.region = self.region.region.clone().or_else(|| settings.as_ref().and_then(|s| s.region.clone()));
        let rule = settings.as_ref().map(|settings| settings.secret_files).unwrap_or_default();
        let mut table = None;
        match self.table_file(settings.as_ref(), &mut report) {
            Some(file) => {
                table = report.check_table(&file, rule);
                if settings.is_some() && report.region.is_none() {
                    report.notes.push(
                        "nothing says which region the edge stands in (region:, --region, HOMEWARD_REGION), so it was not \
                         looked for in the table"
                            .to_owned(),
                    );
                }
            }
            None => report.notes.push("the routing table was not checked: say where it is with --routing".to_owned()),
        }
        for file in settings.iter().flat_map(|settings| &settings.geoip) {
            report.check_places(file);
        }
        if let Some(settings) = &settings {
            report.check_secrets(settings);
        }
        if let Some(settings) = &settings {
            report.check_certificates(settings, table.as_ref());
        }
        if let Some(acme) = settings.as_ref().and_then(|settings| settings.acme.as_ref()) {
            report.check_acme(acme, rule);
        }
        if let Some(table) = &table {
            report.check_peers(table, rule);
        }
        report.problems = report.files.iter().map(|file| file.problems.len()).sum();
        report.ok = report.files.iter().all(|file| file.ok);
        if self.json {
            output::json(&report)?;
        } else {
            report.print()?;
        }
        Ok(if report.ok { Ending::Well } else { Ending::NotWell })
    }

    /// The settings, where they are good. A table can be checked without any.
    fn check_settings(&self, report: &mut Report) -> Option<Settings> {
        let file = &self.config.config;
        if self.routing.is_some() && *file == Path::new(DEFAULT_CONFIG) && !file.exists() {
            report.notes.push(format!("there are no settings at {DEFAULT_CONFIG}: only the table was checked"));
            return None;
        }
        let read = settings(file);
        let summary = |settings: &Settings| {
            let region = settings.region.as_ref().map_or_else(|| "no region".to_owned(), |r| format!("region {r}"));
            let listen: Vec<_> = settings.listen.iter().map(|listener| listener.address.to_string()).collect();
            format!("{region}, listens on {}, admin on {}", listen.join(", "), settings.admin.address)
        };
        report.add(&file.display(), Kind::Settings, read, summary)
    }

    /// The table's file: as the command line or the settings say. Where neither does, the one beside the settings is
    /// checked too, so that all problems come in one go.
    fn table_file(&self, settings: Option<&Settings>, report: &mut Report) -> Option<PathBuf> {
        let said = self.routing.clone().or_else(|| settings.map(|settings| settings.routing.clone()));
        said.or_else(|| {
            let beside = self.config.config.with_file_name("routing.yaml");
            let note = format!("the settings do not say where the table is, so {} was checked", beside.display());
            beside.exists().then(|| {
                report.notes.push(note);
                beside
            })
        })
    }
}

impl Report {
    fn check_secrets(&mut self, settings: &Settings) {
        let rule = settings.secret_files;
        if let Some(source) = &settings.hop_keys {
            let read = self.add(source, Kind::Keys, read_keyring(source, rule), |_| "hop keys".to_owned());
            self.warn(read.map(|read| read.warnings));
        }
        if let Some(source) = &settings.admin.tokens {
            let summary = |read: &Read<AccessTokens>| count(read.value.count(), "admin token");
            let read = self.add(source, Kind::Tokens, read_tokens(source, rule), summary);
            self.warn(read.map(|read| read.warnings));
        }
    }

    /// Says of the last file what should worry somebody.
    fn warn(&mut self, warnings: Option<Vec<String>>) {
        if let (Some(file), Some(warnings)) = (self.files.last_mut(), warnings) {
            file.warnings.extend(warnings);
        }
    }

    fn check_table(&mut self, file: &Path, rule: SecretFiles) -> Option<TableParts> {
        let mut revision = None;
        let region = self.region.clone();
        let read = read_source(file).and_then(|source| {
            revision = Some(Revision::of(source.text.as_bytes()));
            let read = read_table(&source, clock::now(), rule)?;
            match &region {
                Some(region) => in_table(region, &read.value, &source.name).map(|()| read),
                None => Ok(read),
            }
        });
        let revision = revision.map(|revision| format!(", revision {revision}")).unwrap_or_default();
        let summary = |read: &Read<TableParts>| {
            let parts = &read.value;
            let pools = parts.services.iter().flat_map(|service| &service.pools);
            let servers = pools.clone().map(|(_, pool)| pool.servers.len()).sum();
            format!(
                "{}, {}, {}, {}, {}, {}{revision}",
                count(parts.regions.len(), "region"),
                count(parts.homes.len(), "home rule"),
                count(parts.services.len(), "service"),
                count(pools.count(), "pool"),
                count(servers, "server"),
                count(parts.drains.len(), "drain"),
            )
        };
        let read = self.add(&file.display(), Kind::Routing, read, summary)?;
        self.warn(Some(read.warnings));
        Some(read.value)
    }

    fn check_places(&mut self, file: &Path) {
        let read = load_places(&[file.to_owned()]);
        let read = read.map_err(|problem| {
            let help =
                "put a place database there; without geoip in the settings, only networks and 'otherwise' find a home";
            Problems::of_file(problem.file, problem.why, help)
        });
        self.add(&file.display(), Kind::Places, read, |places| {
            let of = places.databases().first().map_or_else(String::new, |database| database.database_type());
            let built = places.build_timestamp().map(|built| built.strftime(", built %Y-%m-%d").to_string());
            format!("{of}{}", built.unwrap_or_default())
        });
    }

    fn add<T>(
        &mut self,
        file: &impl Display,
        kind: Kind,
        read: Result<T, Problems>,
        summary: impl FnOnce(&T) -> String,
    ) -> Option<T> {
        let file = file.to_string();
        match read {
            Ok(value) => {
                let summary = Some(summary(&value));
                let (problems, warnings, shown) = (Vec::new(), Vec::new(), String::new());
                self.files.push(Checked { file, kind, ok: true, summary, problems, warnings, shown });
                Some(value)
            }
            Err(problems) => {
                let shown = problems.render(output::messages_are_coloured());
                let problems = problems.iter().cloned().collect();
                let warnings = Vec::new();
                self.files.push(Checked { file, kind, ok: false, summary: None, problems, warnings, shown });
                None
            }
        }
    }

    fn print(&self) -> Result<(), Failure> {
        let style = Style::new(output::results_are_coloured());
        let mut columns = Columns::default();
        for file in &self.files {
            let state = match &file.summary {
                Some(_) => Cell::text("ok").painted(Style::good),
                None => Cell::text("refused").painted(Style::bad),
            };
            let said = file.summary.clone().unwrap_or_else(|| count(file.problems.len(), "problem"));
            columns.row([Cell::text(&file.file), state, Cell::text(said)]);
        }
        for file in &self.files {
            output::message(&file.shown);
            for warning in &file.warnings {
                output::message(&format!("warning: {}: {warning}\n", file.file));
            }
        }
        for note in &self.notes {
            output::message(&format!("homeward: {note}\n"));
        }
        output::result(&columns.render(style))
    }
}

/// # Errors
/// Where the table does not have the region that the edge stands in.
fn in_table(region: &RegionName, parts: &TableParts, file: &str) -> Result<(), Problems> {
    let known = || parts.regions.iter().map(|region| region.name.as_str());
    if known().any(|known| known == region.as_str()) {
        return Ok(());
    }
    let near = did_you_mean(region.as_str(), known()).map(|near| format!("did you mean '{near}'? "));
    let message = format!(
        "the table has no region {region}, in which this edge stands; it has {}",
        known().collect::<Vec<_>>().join(", "),
    );
    let help = format!(
        "{}Name the edge's region (region: in the settings, --region or HOMEWARD_REGION), or add it to the table",
        near.unwrap_or_default()
    );
    Err(Problems::of_file(file, message, help))
}

fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}
