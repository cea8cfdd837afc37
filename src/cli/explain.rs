//! `homeward explain`

use super::client::{Client, Credentials, Door, encoded};
use super::ending::{Ending, Failure};
use super::files::{ConfigArg, RegionArg};
use super::output;
use super::style::{Cell, Columns, Style, plain};
use crate::admin::Question;
use crate::config::Settings;
use crate::live::{CountingFinder, LivePlaces, clock};
use crate::model::{RegionId, ServiceId};
use crate::routing::{FleetView, RoutingTable};
use crate::source::{load_places, read_source, read_table};
use clap::Args;
use serde::Deserialize;
use serde_json::Value;
use std::path::PathBuf;
use std::sync::Arc;

/// Tell where one visitor goes, step by step, and why
///
/// From the files it takes every server as healthy and every region as within its capacity. With --live it asks the
/// running edge, which knows better. Exits with 1 where nothing could serve the visitor.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  homeward explain --ip 203.0.113.7
  homeward explain --ip 203.0.113.7 --path /checkout --cookie 'sid=east-9f2c'
  homeward explain --ip 2001:db8::1 --host portal.example.com --region us-west --json
  homeward explain --ip 203.0.113.7 --live")]
pub(super) struct Explain {
    /// The visitor's address
    #[arg(long, value_name = "ADDRESS")]
    ip: String,
    /// The host that it asks for [default: one that leads to the table's first service]
    #[arg(long)]
    host: Option<String>,
    /// The path that it asks for [default: /]
    #[arg(long)]
    path: Option<String>,
    /// Its Cookie header, e.g. 'sid=east-9f2c'
    #[arg(long)]
    cookie: Option<String>,
    /// A header line that may hold its session key, e.g. 'X-Session-Id: east-9f2c'
    #[arg(long, value_name = "LINE")]
    header: Option<String>,
    /// Ask the running edge, about its own region, instead of the files
    #[arg(long, conflicts_with = "routing")]
    live: bool,
    /// Where the running edge is: its Unix socket, its admin address, or the URL of that [default: as the settings say]
    #[arg(long, value_name = "SOCKET|ADDRESS|URL", requires = "live")]
    admin: Option<Door>,
    #[command(flatten)]
    credentials: Credentials,
    /// The routing table's file [default: as the settings say]
    #[arg(long, value_name = "FILE")]
    routing: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    config: ConfigArg,
    #[command(flatten)]
    region: RegionArg,
}

/// What is shown of an explanation.
#[derive(Debug, Deserialize)]
struct Told {
    host: String,
    path: String,
    client: String,
    region: Option<String>,
    session: Option<String>,
    reasons: Vec<String>,
    steps: Vec<ToldStep>,
}

#[derive(Debug, Deserialize)]
struct ToldStep {
    step: String,
    finding: String,
}

impl Explain {
    pub(super) fn run(self) -> Result<Ending, Failure> {
        let question = Question::new(&self.ip, self.host.as_deref(), self.path.as_deref(), self.cookie.as_deref())
            .and_then(|question| match &self.header {
                Some(header) => question.with_header(header),
                None => Ok(question),
            })
            .map_err(|error| Failure::Usage(format!("--{error}")))?;
        let answer = if self.live { self.ask_the_edge()? } else { self.ask_the_files(&question)? };
        let told: Told = serde_json::from_value(answer.clone())?;
        if self.json {
            output::json(&answer)?;
        } else {
            output::result(&told.render(Style::new(output::results_are_coloured())))?;
        }
        Ok(if told.region.is_some() { Ending::Well } else { Ending::NotWell })
    }

    fn ask_the_edge(&self) -> Result<Value, Failure> {
        let client = match &self.admin {
            Some(door) => Client::at(door.clone(), &self.credentials)?,
            None => Client::of(&self.config.settings(None)?.admin, &self.credentials)?,
        };
        let mut target = format!("/api/v1/explain?ip={}", encoded(&self.ip));
        for (key, value) in
            [("host", &self.host), ("path", &self.path), ("cookie", &self.cookie), ("header", &self.header)]
        {
            if let Some(value) = value {
                target.push_str(&format!("&{key}={}", encoded(value)));
            }
        }
        client.get(&target)
    }

    fn ask_the_files(&self, question: &Question) -> Result<Value, Failure> {
        let settings = self.config.settings(self.region.region.clone())?;
        let file = self.routing.as_ref().unwrap_or(&settings.routing);
        let now = clock::now();
        let parts = read_source(file).and_then(|source| read_table(&source, now, settings.secret_files));
        let table = RoutingTable::new(parts.map_err(|problems| Failure::of_problems(&problems))?.value);
        let local = local_region(&settings, &table)?;
        let places = load_places(&settings.geoip)?;
        let finder = CountingFinder::new(Arc::new(LivePlaces { places, ..LivePlaces::default() }), None);
        let explanation = question.ask(&table, &AllIsWell { local, hops: settings.hop_keys.is_some() }, &finder, now);
        output::message(&format!(
            "homeward: seen from {}, with every server taken as healthy; --live asks the running edge\n",
            table.region_name(local)
        ));
        Ok(serde_json::to_value(&explanation)?)
    }
}

/// The region of `table` that the edge stands in.
pub(super) fn local_region(settings: &Settings, table: &RoutingTable) -> Result<RegionId, Failure> {
    let known = || table.regions().iter().map(|region| region.name.as_str()).collect::<Vec<_>>().join(", ");
    let Some(region) = &settings.region else {
        return Err(Failure::Usage(format!("say where the request arrives: --region, one of {}", known())));
    };
    table
        .region_id(region.as_str())
        .ok_or_else(|| Failure::Usage(format!("the table has no region {region}; it has {}: say --region", known())))
}

/// A fleet without a trouble.
struct AllIsWell {
    local: RegionId,
    hops: bool,
}

impl FleetView for AllIsWell {
    fn local_region(&self) -> RegionId {
        self.local
    }

    fn is_healthy(&self, _service: ServiceId, _region: RegionId) -> bool {
        true
    }

    fn is_over_capacity(&self, _region: RegionId) -> bool {
        false
    }

    fn is_edge_healthy(&self, _service: ServiceId, _region: RegionId) -> Option<bool> {
        self.hops.then_some(true)
    }
}

impl Told {
    fn render(&self, style: Style) -> String {
        let asks = format!("{} asks for {}{}", self.client, plain(&self.host), plain(&self.path));
        let mut steps = Columns::default();
        for step in &self.steps {
            steps.row([
                Cell::text("  ".to_owned() + &step.step).painted(Style::faint),
                Cell::text(plain(&step.finding)),
            ]);
        }
        let end = match &self.region {
            Some(region) => style.good(&format!("{region} serves")),
            None => style.bad("nobody serves"),
        };
        let mut text = format!("{}\n{}{end}\n", style.strong(&asks), steps.render(style));
        let mut facts = Columns::default();
        if let Some(session) = &self.session {
            facts.row([Cell::text("  Homeward-Session").painted(Style::faint), Cell::text(session)]);
            facts.row([Cell::text("  Homeward-Reason").painted(Style::faint), Cell::text(self.reasons.join(", "))]);
        }
        text.push_str(&facts.render(style));
        text
    }
}
