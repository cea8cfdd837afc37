//! From sheets to figures: the proxies of a point are started together and measured in turn, round after round, so that what changes on
//! the machine meanwhile meets all of them.

mod instructions;
mod memory;
mod reload;

use crate::load::plan::Outcome;
use crate::machine;
use crate::options::Options;
use crate::page;
use crate::proxies::{Kind, Proxy};
use crate::results::{Figures, Found, Results, Row};
use crate::sheets::{self, Pace, Point, Sheet, Way};
use crate::stage::Stage;
use crate::statistics::Spread;
use crate::table::number;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

/// Seconds that it takes to know what a proxy can do, twice.
const TRIAL: f64 = 1.0;

/// Runs what is asked for.
pub fn run(options: &Options) -> ExitCode {
    let files = machine::raise_files();
    // Both ends of each are a proxy's files, and it has some others.
    let most = (files / 2 - 500) as usize;
    let sheets = sheets::all(options.is_quick, most);
    if let Some(stranger) = options.sheets.iter().find(|name| sheets.iter().all(|sheet| sheet.name != **name)) {
        eprintln!("peers: there is no sheet {stranger}");
        return ExitCode::from(2);
    }
    let kinds = kinds(options);
    let stage = Stage::set(options, files);
    println!("{}; load average {}", machine::words(), number(machine::load_average()));
    kinds.iter().for_each(|kind| println!("  {:<12} {}", kind.name(), kind.version()));
    for mut sheet in sheets.clone() {
        let is_named = options.sheets.iter().any(|name| name == sheet.name);
        if !is_named && (sheet.is_extra() || !options.sheets.is_empty()) {
            continue;
        }
        sheet.rounds = options.rounds.filter(|_| sheet.rounds > 1).unwrap_or(sheet.rounds);
        sheet.seconds = options.seconds.unwrap_or(sheet.seconds);
        println!("\n{}: {} ({} × {} s)", sheet.name, sheet.about, sheet.rounds, sheet.seconds);
        let began = Instant::now();
        let found = run_sheet(&sheet, &kinds, &stage);
        print!("\n{}", page::table(&sheet, &found).plain());
        println!("({} s)", number(began.elapsed().as_secs_f64()));
        if let Some(path) = &options.page
            && let Err(why) = write(path, &sheets, &sheet, found)
        {
            eprintln!("peers: {why}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

fn kinds(options: &Options) -> Vec<Kind> {
    let usual = || vec![("homeward".to_owned(), PathBuf::from(env!("CARGO_BIN_EXE_homeward")))];
    let builds = if options.homeward.is_empty() { usual() } else { options.homeward.clone() };
    let mut kinds: Vec<Kind> = builds.into_iter().map(|(name, path)| Kind::Homeward(name, path)).collect();
    kinds.extend(options.against.iter().filter_map(|name| Kind::of(name)));
    kinds.retain(|kind| {
        let is_there = kind.program().is_some();
        if !is_there {
            eprintln!("peers: {} is not installed; it is left out", kind.name());
        }
        is_there
    });
    kinds
}

/// Adds a sheet to what is kept, and writes page and plots.
fn write(path: &Path, sheets: &[Sheet], sheet: &Sheet, found: Found) -> Result<(), String> {
    let data = path.with_extension("json");
    let name = path.file_stem().and_then(|name| name.to_str()).ok_or("the page has no name")?;
    let mut results = Results::read(&data)?;
    let plot = page::plot(sheet, &found);
    results.sheets.insert(sheet.name.to_owned(), found);
    let text = if path.exists() {
        std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?
    } else {
        page::empty()
    };
    let text = page::put(&text, name, sheets, &results)?;
    let data_text = serde_json::to_string_pretty(&results).map_err(|error| error.to_string())? + "\n";
    let plot = plot.map(|plot| (path.with_file_name(page::plot_name(name, sheet)), plot));
    for (path, text) in [(path.to_owned(), text), (data, data_text)].into_iter().chain(plot) {
        std::fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(())
}

fn run_sheet(sheet: &Sheet, kinds: &[Kind], stage: &Stage) -> Found {
    let versions = kinds.iter().map(|kind| (kind.name().to_owned(), kind.version()));
    let mut found = Found {
        ran: jiff::Timestamp::now().strftime("%Y-%m-%d %H:%M UTC").to_string(),
        machine: machine::words(),
        rounds: sheet.rounds,
        seconds: sheet.seconds,
        versions: versions.collect::<BTreeMap<_, _>>(),
        rows: Vec::new(),
        left_out: Vec::new(),
    };
    for point in &sheet.points {
        let could: Vec<&Kind> = kinds.iter().filter(|kind| is_able(kind, point, &mut found)).collect();
        let rows = match sheet.way {
            Way::Closed => together(sheet, point, &could, stage, &mut found, closed),
            Way::Paced(paces) => {
                together(sheet, point, &could, stage, &mut found, |sheet, point, running, stage, _| {
                    paced(sheet, point, running, stage, paces)
                })
            }
            Way::Memory => could.iter().filter_map(|kind| memory::row(point, kind, stage, &mut found)).collect(),
            Way::Instructions => {
                could.iter().filter_map(|kind| instructions::row(sheet, point, kind, stage, &mut found)).collect()
            }
            Way::Reload => could.iter().filter_map(|kind| reload::row(sheet, point, kind, stage, &mut found)).collect(),
        };
        found.rows.extend(rows);
    }
    found
}

fn is_able(kind: &Kind, point: &Point, found: &mut Found) -> bool {
    match kind.can(&point.scene) {
        Ok(()) => true,
        // Nobody expects more of the floors.
        Err(_) if kind.is_floor() => false,
        Err(why) => {
            found.left_out.push(format!("{} with {}: {why}", kind.name(), point.label));
            false
        }
    }
}

/// Starts all of them at once.
fn together(
    sheet: &Sheet,
    point: &Point,
    kinds: &[&Kind],
    stage: &Stage,
    found: &mut Found,
    measure: impl FnOnce(&Sheet, &Point, &[Proxy], &Stage, &mut Found) -> Vec<Row>,
) -> Vec<Row> {
    let mut running = Vec::new();
    for kind in kinds {
        match Proxy::start(kind, &point.scene, &stage.ground, stage.cores[0]) {
            Ok(proxy) => running.push(proxy),
            Err(why) => left_out(found, kind, point, &why),
        }
    }
    measure(sheet, point, &running, stage, found)
}

/// Says that a proxy could not be measured: all of it here, the first line of it on the page.
fn left_out(found: &mut Found, kind: &Kind, point: &Point, why: &str) {
    eprintln!("  {}: {why}", kind.name());
    let first = why.lines().next().unwrap_or_default().trim_end_matches(':');
    found.left_out.push(format!("{} with {}: {first}", kind.name(), point.label));
}

fn row(point: &str, proxy: &Proxy) -> Row {
    Row { point: point.to_owned(), proxy: proxy.kind.name().to_owned(), rounds: Vec::new() }
}

fn closed(sheet: &Sheet, point: &Point, running: &[Proxy], stage: &Stage, _: &mut Found) -> Vec<Row> {
    let mut rows: Vec<Row> = running.iter().map(|proxy| row(&point.label, proxy)).collect();
    for _ in 0..sheet.rounds {
        for (proxy, row) in running.iter().zip(&mut rows) {
            match stage.measure(&stage.plan(point, proxy, sheet.seconds)) {
                Ok(outcome) => row.rounds.push(figures(&outcome)),
                Err(why) => eprintln!("  {}: {why}", row.proxy),
            }
        }
    }
    rows
}

fn paced(sheet: &Sheet, point: &Point, running: &[Proxy], stage: &Stage, paces: &[Pace]) -> Vec<Row> {
    // What each can do: in turn, too.
    let mut rates = vec![Vec::new(); running.len()];
    for _ in 0..2 {
        for (proxy, rates) in running.iter().zip(&mut rates) {
            let outcome = stage.measure(&stage.plan(point, proxy, TRIAL));
            rates.extend(outcome.map(|outcome| outcome.answers as f64 / outcome.seconds));
        }
    }
    let most: Vec<f64> = rates.iter().map(|rates| Spread::of(rates).map_or(0.0, |spread| spread.median)).collect();
    let mut rows = Vec::new();
    for pace in paces {
        let label = match pace {
            Pace::Share(percent) => format!("at {percent} %"),
            Pace::Rate(rate) => format!("at {}/s", number(f64::from(*rate))),
        };
        let mut of_pace: Vec<Row> = running.iter().map(|proxy| row(&label, proxy)).collect();
        for _ in 0..sheet.rounds {
            for ((proxy, row), most) in running.iter().zip(&mut of_pace).zip(&most) {
                let rate = match pace {
                    Pace::Share(percent) => most * f64::from(*percent) / 100.0,
                    Pace::Rate(rate) => f64::from(*rate),
                };
                if rate < 1.0 {
                    continue;
                }
                let mut plan = stage.plan(point, proxy, sheet.seconds);
                plan.pace = Some(rate);
                match stage.measure(&plan) {
                    Ok(outcome) => row.rounds.push(figures(&outcome)),
                    Err(why) => eprintln!("  {}: {why}", row.proxy),
                }
            }
        }
        rows.append(&mut of_pace);
    }
    rows
}

/// What an outcome tells.
fn figures(outcome: &Outcome) -> Figures {
    let answers = outcome.answers as f64;
    let time = |share| outcome.times.at(share) as f64 / 1e3;
    let figures = [
        ("cpu", outcome.busy as f64 / answers / 1e3),
        ("rate", answers / outcome.seconds),
        ("p50", time(0.5)),
        ("p99", time(0.99)),
        ("p999", time(0.999)),
        ("core", outcome.busy as f64 / outcome.seconds / 1e7),
        ("load", outcome.own as f64 / outcome.seconds / 1e7),
        ("failed", outcome.failed() as f64),
    ];
    // What is no number, as nanoseconds for each of no answers, cannot be written down either.
    figures.into_iter().filter(|(_, value)| value.is_finite()).map(|(name, value)| (name.to_owned(), value)).collect()
}
