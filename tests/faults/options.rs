//! What the harness is asked for. Pure.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// What the arguments ask for.
#[derive(Debug, Clone, PartialEq)]
pub enum Asked {
    /// A list of tests: there are none.
    List,
    /// How it is used.
    Usage,
    /// To be an app server.
    Server {
        /// Where it listens.
        listen: SocketAddr,
        /// Whose it is.
        region: String,
    },
    /// To run scenarios.
    Run(Options),
}

/// How scenarios are run.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// Which ones, by name; all but the soak where there is none.
    pub scenarios: Vec<String>,
    /// How often each is run, where it does not say better.
    pub seeds: u32,
    /// By how much all spans of time are multiplied, for trying out.
    pub scale: f64,
    /// How long the soak takes.
    pub soak: Option<Duration>,
    /// Which proxies, by name.
    pub against: Vec<String>,
    /// The page.
    pub report: PathBuf,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            scenarios: Vec::new(),
            seeds: 3,
            scale: 1.0,
            soak: None,
            against: ["homeward", "haproxy", "envoy", "envoy-tuned"].map(String::from).to_vec(),
            report: PathBuf::from("docs/faults.md"),
        }
    }
}

/// Reads the arguments.
///
/// # Errors
/// What is wrong with them.
pub fn read(arguments: &[String]) -> Result<Asked, String> {
    if arguments.iter().any(|argument| argument == "--list") {
        return Ok(Asked::List);
    }
    let mut rest = arguments.iter().skip_while(|argument| !["run", "server"].contains(&argument.as_str()));
    match rest.next().map(String::as_str) {
        Some("server") => read_server(rest),
        Some("run") => read_run(rest),
        _ => Ok(Asked::Usage),
    }
}

fn read_server<'a>(mut rest: impl Iterator<Item = &'a String>) -> Result<Asked, String> {
    let (mut listen, mut region) = (None, String::new());
    while let Some(name) = rest.next() {
        let value = rest.next().ok_or_else(|| format!("{name} needs a value"))?;
        match name.as_str() {
            "--listen" => listen = Some(value.parse().map_err(|_| format!("{value} is no address"))?),
            "--region" => region.clone_from(value),
            _ => return Err(format!("a server knows no {name}")),
        }
    }
    Ok(Asked::Server { listen: listen.ok_or("a server needs --listen")?, region })
}

fn read_run<'a>(mut rest: impl Iterator<Item = &'a String>) -> Result<Asked, String> {
    let mut options = Options::default();
    while let Some(word) = rest.next() {
        if !word.starts_with("--") {
            options.scenarios.push(word.clone());
            continue;
        }
        let value = rest.next().ok_or_else(|| format!("{word} needs a value"))?;
        let bad = || format!("{word} cannot be {value}");
        match word.as_str() {
            "--seeds" => {
                options.seeds = value.parse().ok().filter(|seeds| (1..=100).contains(seeds)).ok_or_else(bad)?
            }
            "--seconds-scale" => {
                options.scale = value.parse().ok().filter(|scale| (0.01..=10.0).contains(scale)).ok_or_else(bad)?;
            }
            "--soak" => options.soak = Some(duration(value).ok_or_else(bad)?),
            "--against" => options.against = value.split(',').map(str::to_owned).collect(),
            "--report" => options.report = PathBuf::from(value),
            _ => return Err(format!("there is no {word}")),
        }
    }
    Ok(Asked::Run(options))
}

/// A span such as `90s`, `10m` or `1h`, up to a day.
fn duration(text: &str) -> Option<Duration> {
    let unit = match text.chars().last()? {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        _ => return None,
    };
    let seconds = text[..text.len() - 1].parse::<u64>().ok()?.checked_mul(unit)?;
    (1..=86_400).contains(&seconds).then(|| Duration::from_secs(seconds))
}
