//! From sheets to figures: the proxies of a point are started together and measured in turn, round after round, so that what changes on
//! the machine meanwhile meets all of them.

use crate::load::plan::{Outcome, Plan};
use crate::machine;
use crate::options::Options;
use crate::proxies::{self, Ground, Kind, Places, Proxy};
use crate::sheets::{self, Point, Sheet, Way};
use crate::statistics::Spread;
use crate::table::{Table, number};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};

/// What was seen in a round, by name.
pub type Figures = BTreeMap<&'static str, f64>;

/// Where it is measured.
pub struct Stage {
    pub ground: Ground,
    /// The cores of proxies, load and apps.
    pub cores: [usize; 3],
    apps: Child,
    _files: tempfile::TempDir,
}

/// Runs what is asked for.
pub fn run(options: &Options) -> ExitCode {
    let sheets = sheets::all(options.is_quick);
    if let Some(stranger) = options.sheets.iter().find(|name| sheets.iter().all(|sheet| sheet.name != **name)) {
        eprintln!("peers: there is no sheet {stranger}");
        return ExitCode::from(2);
    }
    let kinds = kinds(options);
    let stage = Stage::set(options);
    println!("On {}; load average {:.1}.", machine::words(), machine::load_average());
    kinds.iter().for_each(|kind| println!("  {:<12} {}", kind.name(), kind.version()));
    for mut sheet in sheets {
        if !options.sheets.is_empty() && options.sheets.iter().all(|name| name != sheet.name) {
            continue;
        }
        sheet.rounds = options.rounds.unwrap_or(sheet.rounds);
        sheet.seconds = options.seconds.unwrap_or(sheet.seconds);
        println!("\n{}: {} ({} rounds of {} s)\n", sheet.name, sheet.about, sheet.rounds, sheet.seconds);
        run_sheet(&sheet, &kinds, &stage);
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

fn run_sheet(sheet: &Sheet, kinds: &[Kind], stage: &Stage) {
    let mut table = Table::default();
    for point in &sheet.points {
        let mut rows: Vec<(String, Vec<Figures>)> = Vec::new();
        let mut running = Vec::new();
        for kind in kinds {
            match kind
                .can(&point.scene)
                .map_err(str::to_owned)
                .and_then(|()| Proxy::start(kind, &point.scene, &stage.ground, stage.cores[0]))
            {
                Ok(proxy) => {
                    rows.push((kind.name().to_owned(), Vec::new()));
                    running.push(proxy);
                }
                Err(why) => eprintln!("  {}: left out: {why}", kind.name()),
            }
        }
        for _ in 0..sheet.rounds {
            for (proxy, (_, rounds)) in running.iter().zip(&mut rows) {
                match stage.measure(point, proxy, sheet.seconds) {
                    Ok(outcome) => rounds.push(figures(&outcome)),
                    Err(why) => eprintln!("  {}: {why}", proxy.kind.name()),
                }
            }
        }
        for (name, rounds) in rows {
            let cell = |figure: &str| {
                let values: Vec<f64> = rounds.iter().filter_map(|round| round.get(figure).copied()).collect();
                Spread::of(&values).map_or("–".into(), |spread| {
                    format!("{} ({}–{})", number(spread.median), number(spread.least), number(spread.most))
                })
            };
            let mut row = vec![format!("{} {name}", point.label)];
            row.extend(["cpu", "rate", "p50", "p99", "p999", "core", "failed"].map(cell));
            table.rows.push(row);
        }
    }
    table.columns =
        ["", "CPU µs/req", "req/s", "p50 µs", "p99 µs", "p99.9 µs", "core %", "failed"].map(String::from).to_vec();
    print!("{}", table.plain());
    let _ = Way::Closed;
}

/// What an outcome tells.
pub fn figures(outcome: &Outcome) -> Figures {
    let answers = outcome.answers.max(1) as f64;
    let mut figures = Figures::new();
    figures.insert("cpu", outcome.busy as f64 / answers / 1e3);
    figures.insert("rate", outcome.answers as f64 / outcome.seconds);
    figures.insert("p50", outcome.times.at(0.5) as f64 / 1e3);
    figures.insert("p99", outcome.times.at(0.99) as f64 / 1e3);
    figures.insert("p999", outcome.times.at(0.999) as f64 / 1e3);
    figures.insert("core", outcome.busy as f64 / outcome.seconds / 1e7);
    figures.insert("failed", outcome.failed() as f64);
    figures
}

impl Stage {
    fn set(options: &Options) -> Self {
        let files = raise_files();
        let cores = options.cores.unwrap_or_else(|| match machine::cores() {
            1 => [0, 0, 0],
            2 => [0, 1, 1],
            _ => [0, 1, 2],
        });
        let mut apps = pinned(cores[2], &std::env::current_exe().unwrap());
        let mut apps = apps.arg("apps").stdout(Stdio::piped()).spawn().expect("setpriv and taskset are there");
        let mut ports = String::new();
        BufReader::new(apps.stdout.take().unwrap()).read_line(&mut ports).unwrap();
        let ports: Vec<u16> = serde_json::from_str(&ports).unwrap();
        let directory = tempfile::tempdir().unwrap();
        let [certificate, key, both, hop_key] = secrets(directory.path());
        let ground = Ground {
            servers: ports.into_iter().map(|port| ([127, 0, 0, 1], port).into()).collect(),
            places: Places::make(&proxies::made()),
            certificate,
            key,
            both,
            hop_key,
            files,
            modules: "/usr/lib/nginx/modules".into(),
        };
        Self { ground, cores, apps, _files: directory }
    }

    /// One round of a proxy.
    pub fn measure(&self, point: &Point, proxy: &Proxy, seconds: f64) -> Result<Outcome, String> {
        let plan = Plan { window: seconds, ..self.plan(point, proxy) };
        let load = self.load(&plan);
        outcome(load)
    }

    /// The load of a point for a proxy.
    pub fn plan(&self, point: &Point, proxy: &Proxy) -> Plan {
        Plan {
            target: proxy.address,
            certificate: point.scene.tls.then(|| self.ground.certificate.clone()),
            watched: proxy.processes(),
            ..point.plan.clone()
        }
    }

    /// Starts a load.
    pub fn load(&self, plan: &Plan) -> Child {
        let plan = serde_json::to_string(plan).unwrap();
        let mut load = pinned(self.cores[1], &std::env::current_exe().unwrap());
        load.arg("load").arg(plan).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap()
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let _ = self.apps.kill();
        let _ = self.apps.wait();
    }
}

/// What a load writes at its end.
pub fn outcome(load: Child) -> Result<Outcome, String> {
    let said = load.wait_with_output().map_err(|error| error.to_string())?;
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    let last = said.lines().last().ok_or("the load has said nothing")?;
    let outcome: Outcome = serde_json::from_str(last).map_err(|error| error.to_string())?;
    for (why, count) in &outcome.failures {
        eprintln!("  {count} × {why}");
    }
    Ok(outcome)
}

/// A program on a core, which ends with this one.
fn pinned(core: usize, program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "taskset", "-c", &core.to_string()]).arg(program);
    command
}

/// Lets processes have as many files open as they may; how many that is.
fn raise_files() -> u64 {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    const WANTED: u64 = 65_536;
    let all = Rlimit { current: Some(WANTED), maximum: Some(WANTED) };
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= WANTED) || setrlimit(Resource::Nofile, all).is_ok() {
        return WANTED;
    }
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
    limit.maximum.unwrap_or(WANTED)
}

/// A certificate, its key, both in one file, and a key for hops.
fn secrets(directory: &Path) -> [PathBuf; 4] {
    let made = rcgen::generate_simple_self_signed([crate::load::plan::HOST.to_owned()]).unwrap();
    let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    let files = [
        ("edge.pem", certificate.clone()),
        ("edge.key", key.clone()),
        ("both.pem", certificate + &key),
        ("hop.key", "8f".repeat(32) + "\n"),
    ];
    files.map(|(name, text)| {
        let path = directory.join(name);
        std::fs::write(&path, text).unwrap();
        path
    })
}
