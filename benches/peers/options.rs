//! What the program is asked for. Pure.

use crate::load::plan::Plan;
use std::net::SocketAddr;
use std::path::PathBuf;

/// What the arguments ask for.
#[derive(Debug, Clone, PartialEq)]
pub enum Asked {
    /// How it is used.
    Usage,
    /// To run sheets.
    Run(Options),
    /// To be the load.
    Load(Box<Plan>),
    /// To be the app servers.
    Apps,
    /// To pass bytes on.
    Splice {
        /// Where it listens.
        listen: SocketAddr,
        /// Where they go.
        server: SocketAddr,
    },
    /// To pass requests on.
    Loop {
        /// Where it listens.
        listen: SocketAddr,
        /// Where they go.
        server: SocketAddr,
    },
}

/// How sheets are run.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// Which ones, by name; all but the extra ones where there is none.
    pub sheets: Vec<String>,
    /// Builds of this project's proxy, each with its name; the one that was built with this program where there is none.
    pub homeward: Vec<(String, PathBuf)>,
    /// The others, by name.
    pub against: Vec<String>,
    /// How often each is measured; `None` for as often as a sheet says.
    pub rounds: Option<usize>,
    /// How long each time, in seconds; `None` for as long as a sheet says.
    pub seconds: Option<f64>,
    /// For trying out: few and short rounds, small numbers.
    pub is_quick: bool,
    /// The cores of the proxy, of the load and of the app servers; `None` for 0, 1 and the next one that there is.
    pub cores: Option<[usize; 3]>,
    /// The page that gets what was found; `None` for nowhere.
    pub page: Option<PathBuf>,
}

/// All that can be measured against.
pub const PEERS: [&str; 5] = ["nginx", "haproxy", "envoy", "loop", "splice"];

impl Default for Options {
    fn default() -> Self {
        Self {
            sheets: Vec::new(),
            homeward: Vec::new(),
            against: PEERS.map(String::from).to_vec(),
            rounds: None,
            seconds: None,
            is_quick: false,
            cores: None,
            page: None,
        }
    }
}

/// Reads the arguments.
///
/// # Errors
/// What is wrong with them.
pub fn read(arguments: &[String]) -> Result<Asked, String> {
    let roles = ["run", "load", "apps", "splice", "loop"];
    // Cargo's own arguments stand in front.
    let mut rest = arguments.iter().skip_while(|argument| !roles.contains(&argument.as_str()));
    match rest.next().map(String::as_str) {
        Some("run") => read_run(rest).map(Asked::Run),
        Some("load") => {
            let text = rest.next().ok_or("a load needs its plan")?;
            serde_json::from_str(text).map(|plan| Asked::Load(Box::new(plan))).map_err(|error| error.to_string())
        }
        Some("apps") => Ok(Asked::Apps),
        Some("splice") => pair(rest).map(|(listen, server)| Asked::Splice { listen, server }),
        Some("loop") => pair(rest).map(|(listen, server)| Asked::Loop { listen, server }),
        _ => Ok(Asked::Usage),
    }
}

fn pair<'a>(mut rest: impl Iterator<Item = &'a String>) -> Result<(SocketAddr, SocketAddr), String> {
    let mut address = || {
        let text = rest.next().ok_or("it needs two addresses")?;
        text.parse().map_err(|_| format!("{text} is no address"))
    };
    Ok((address()?, address()?))
}

fn read_run<'a>(mut rest: impl Iterator<Item = &'a String>) -> Result<Options, String> {
    let mut options = Options::default();
    // Cargo puts it there.
    while let Some(word) = rest.next().filter(|word| *word != "--bench") {
        match word.as_str() {
            "--quick" => options.is_quick = true,
            sheet if !sheet.starts_with("--") => options.sheets.push(sheet.to_owned()),
            name => {
                let value = rest.next().ok_or_else(|| format!("{name} needs a value"))?;
                set(&mut options, name, value)?;
            }
        }
    }
    Ok(options)
}

fn set(options: &mut Options, name: &str, value: &str) -> Result<(), String> {
    let bad = || format!("{name} cannot be {value}");
    match name {
        "--homeward" => {
            let (name, path) = value.split_once('=').unwrap_or(("homeward", value));
            let is_new = options.homeward.iter().all(|(known, _)| known != name) && !PEERS.contains(&name);
            if name.is_empty() || path.is_empty() || !is_new {
                return Err(bad());
            }
            options.homeward.push((name.to_owned(), path.into()));
        }
        "--against" => {
            let names = value.split(',').filter(|name| *name != "none" && !name.is_empty());
            options.against = names.map(str::to_owned).collect();
            if let Some(stranger) = options.against.iter().find(|name| !PEERS.contains(&name.as_str())) {
                return Err(format!("there is no {stranger}; there are {}", PEERS.join(", ")));
            }
        }
        "--rounds" => {
            options.rounds = Some(value.parse().ok().filter(|rounds| (1..=1000).contains(rounds)).ok_or_else(bad)?)
        }
        "--seconds" => {
            let seconds = value.parse().ok().filter(|seconds| (0.1..=600.0).contains(seconds));
            options.seconds = Some(seconds.ok_or_else(bad)?);
        }
        "--cores" => {
            let cores: Option<Vec<usize>> = value.split(',').map(|core| core.parse().ok()).collect();
            options.cores = Some(cores.and_then(|cores| cores.try_into().ok()).ok_or_else(bad)?);
        }
        "--page" => options.page = Some(value.into()),
        _ => return Err(format!("there is no {name}")),
    }
    Ok(())
}
