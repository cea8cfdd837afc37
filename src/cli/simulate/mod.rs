//! `homeward simulate`

mod blocks;
mod report;
mod tally;

use super::ending::{Ending, Failure};
use super::explain::local_region;
use super::files::{ConfigArg, RegionArg};
use super::output;
use super::style::Style;
use crate::config::Settings;
use crate::geo::Places;
use crate::live::clock;
use crate::model::Timestamp;
use crate::routing::RoutingTable;
use crate::routing::preview::{Comparison, FleetHealth, end_of_ramps};
use crate::source::{load_places, read_source, read_table};
use blocks::{Blocks, Reader, pipe};
use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use report::{Logs, Simulation};
use std::fs::File;
use std::io;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::thread;
use tally::Tally;

/// Tell what a routing table would have done to the requests of access logs
///
/// Takes logged requests through today's table and the new one, with every server taken as healthy: who moves, from where to
/// where, and each region's load against its capacity, over all of the logs and in its busiest minute. Homeward's own lines
/// (JSON) say where sessions are at home. The combined format of Apache, nginx and Homeward does not, nor which host was asked
/// for: say it with --host, and all its visitors count as new ones. Exits with 1 where a region would get more than its
/// capacity.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  homeward simulate --routing new.yaml --log access.log
  homeward simulate --routing new.yaml --log access.log.1 --log access.log --json
  zcat access.log.*.gz | homeward simulate --routing new.yaml --log -
  homeward simulate --routing new.yaml --log nginx.log --host portal.example.com --region us-west")]
pub(super) struct Simulate {
    /// The new routing table's file
    #[arg(long, value_name = "FILE")]
    routing: PathBuf,
    /// An access log, or - for the standard input; may be said several times
    #[arg(long, value_name = "FILE", required = true)]
    log: Vec<PathBuf>,
    /// The file of today's routing table [default: as the settings say]
    #[arg(long, value_name = "FILE")]
    today: Option<PathBuf>,
    /// The host that was asked for, where a line does not say so
    #[arg(long)]
    host: Option<String>,
    /// The moment at which the new table is looked at [default: when all its ramps are over]
    #[arg(long, value_name = "TIME")]
    at: Option<Timestamp>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    config: ConfigArg,
    #[command(flatten)]
    region: RegionArg,
}

impl Simulate {
    pub(super) fn run(self) -> Result<Ending, Failure> {
        let settings = self.config.settings(self.region.region.clone())?;
        let now = clock::now();
        let today = table(self.today.as_ref().unwrap_or(&settings.routing), &settings, now)?;
        let new = table(&self.routing, &settings, now)?;
        let at = self.at.unwrap_or_else(|| end_of_ramps(&new, now));
        let local = local_region(&settings, &today)?;
        let fleet = FleetHealth::well(today.region_name(local), settings.hop_keys.is_some());
        let comparison = Comparison::new((&today, now), (&new, at), &fleet).ok_or_else(|| {
            let known: Vec<_> = new.regions().iter().map(|region| region.name.as_str()).collect();
            let (local, file) = (today.region_name(local), self.routing.display());
            Failure::Said(format!(
                "{file} has no region {local}, in which the edge stands; it has {}",
                known.join(", ")
            ))
        })?;
        let places = load_places(&settings.geoip)?;
        let read = read_logs(&self.log, &comparison, &places, self.host.as_deref())?;
        let simulation = Simulation::of(&comparison, &read, at);
        output::message(&read.complaints());
        if self.json {
            output::json(&simulation)?;
        } else {
            output::result(&simulation.render(Style::new(output::results_are_coloured())))?;
        }
        Ok(if simulation.is_over_capacity() { Ending::NotWell } else { Ending::Well })
    }
}

fn table(file: &Path, settings: &Settings, now: Timestamp) -> Result<RoutingTable, Failure> {
    let parts = read_source(file).and_then(|source| read_table(&source, now, settings.secret_files));
    Ok(RoutingTable::new(parts.map_err(|problems| Failure::of_problems(&problems))?.value))
}

/// Reads all logs, on all cores.
fn read_logs<'a>(
    files: &[PathBuf],
    comparison: &'a Comparison<'a>,
    places: &'a Places,
    host: Option<&'a str>,
) -> Result<Logs<'a>, Failure> {
    let (mut reader, blocks) = pipe();
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    thread::scope(|scope| {
        let count = || tally(&blocks, Tally::new(comparison, places, host));
        let counting: Vec<_> = (0..threads).map(|_| scope.spawn(count)).collect();
        let began = read_files(files, &mut reader);
        drop(reader);
        let mut whole = Tally::new(comparison, places, host);
        for one in counting {
            let found = one.join().map_err(|_| Failure::Said("a thread that read lines has failed".to_owned()))?;
            whole = whole.with(found);
        }
        Ok(Logs { tally: whole, began: began? })
    })
}

fn tally<'a>(blocks: &Blocks, mut tally: Tally<'a>) -> Tally<'a> {
    while let Some(block) = blocks.next() {
        tally.add_block(&block);
        blocks.give_back(block);
    }
    tally
}

/// Reads the files one after the other, and says with which block each begins.
fn read_files(files: &[PathBuf], reader: &mut Reader) -> Result<Vec<(String, usize)>, Failure> {
    let all = files.iter().map(|file| std::fs::metadata(file).map_or(0, |metadata| metadata.len())).sum();
    let bar = progress(all);
    let mut began = Vec::new();
    for file in files {
        let is_input = file.as_os_str() == "-";
        let name = if is_input { "the standard input".to_owned() } else { file.display().to_string() };
        began.push((name.clone(), reader.next()));
        let seen = |bytes| bar.inc(u64::try_from(bytes).unwrap_or(0));
        let read = if is_input { reader.read(&mut io::stdin().lock(), seen) } else { read_file(file, reader, seen) };
        read.map_err(|error| Failure::Said(format!("{name} cannot be read: {error}; correct --log")))?;
    }
    bar.finish_and_clear();
    Ok(began)
}

fn read_file(file: &Path, reader: &mut Reader, seen: impl FnMut(usize)) -> io::Result<()> {
    let mut file = File::open(file)?;
    if file.metadata()?.is_dir() {
        return Err(io::Error::from(io::ErrorKind::IsADirectory));
    }
    reader.read(&mut file, seen)
}

/// A bar on the terminal of the messages; nothing where they go elsewhere.
fn progress(bytes: u64) -> ProgressBar {
    let target = ProgressDrawTarget::stderr_with_hz(10);
    let (length, template) = match bytes {
        0 => (None, "{spinner} {bytes} read, {bytes_per_sec}, {elapsed}"),
        _ => (Some(bytes), "{wide_bar} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left"),
    };
    let bar = ProgressBar::with_draw_target(length, target);
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
