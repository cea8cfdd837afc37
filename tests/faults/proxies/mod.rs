//! The proxies under test, each started as a process with files of its own.

mod envoy;
mod haproxy;
mod homeward;

use crate::client::page;
use crate::ground::Ground;
use crate::table::Service;
use crate::town::Town;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::process::{Child, Command};

/// How long a proxy may take until it serves.
const PATIENCE: Duration = Duration::from_secs(30);

/// Which proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// This project's.
    Homeward,
    /// With the settings that its documentation recommends.
    Haproxy,
    /// With those that its documentation recommends and its defaults.
    Envoy,
    /// The same, without its panic mode and its limit on ejections.
    EnvoyTuned,
}

impl Kind {
    /// By its name in arguments and tables.
    pub fn of(name: &str) -> Option<Self> {
        [Self::Homeward, Self::Haproxy, Self::Envoy, Self::EnvoyTuned].into_iter().find(|kind| kind.name() == name)
    }

    /// That name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Homeward => "homeward",
            Self::Haproxy => "haproxy",
            Self::Envoy => "envoy",
            Self::EnvoyTuned => "envoy-tuned",
        }
    }

    /// The program; `None` where it is not installed.
    pub fn program(self) -> Option<PathBuf> {
        match self {
            Self::Homeward => Some(env!("CARGO_BIN_EXE_homeward").into()),
            Self::Haproxy => on_path("haproxy"),
            Self::Envoy | Self::EnvoyTuned => {
                let target = std::env::var_os("CARGO_TARGET_DIR")
                    .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("target"), PathBuf::from);
                Some(target.join("faults/venv/bin/envoy")).filter(|path| path.exists()).or_else(|| on_path("envoy"))
            }
        }
    }

    /// The version, as the program says it.
    pub fn version(self) -> String {
        let Some(program) = self.program() else { return "not installed".into() };
        let argument = if self == Self::Haproxy { "-v" } else { "--version" };
        let said = std::process::Command::new(program).arg(argument).output();
        let said = said.map(|said| String::from_utf8_lossy(&said.stdout).into_owned()).unwrap_or_default();
        let mut words = said.split([' ', '/', '\n']).filter(|word| word.starts_with(|c: char| c.is_ascii_digit()));
        words.find(|word| word.contains('.') && !word.contains("envoy")).unwrap_or("unknown").to_owned()
    }
}

fn on_path(program: &str) -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?).map(|folder| folder.join(program)).find(|path| path.is_file())
}

/// A proxy that runs. It is killed when this is dropped.
pub struct Proxy {
    /// Which one.
    pub kind: Kind,
    /// Where visitors reach it.
    pub address: SocketAddr,
    /// Where its figures are.
    pub admin: SocketAddr,
    /// Its files.
    pub directory: TempDir,
    child: Child,
}

impl Proxy {
    /// Starts it in front of a town, and waits until it serves.
    pub async fn start(kind: Kind, ground: &Ground, town: &Town, service: &Service) -> Self {
        let pools = [0, 1, 2].map(|region| town.addresses(region));
        let directory = tempfile::tempdir().unwrap();
        let (address, admin) = addresses(ground);
        let program = kind.program().expect("it is installed");
        let arguments = match kind {
            Kind::Homeward => homeward::write(directory.path(), address, admin, &pools, service),
            Kind::Haproxy => haproxy::write(directory.path(), address, admin, &pools),
            Kind::Envoy => envoy::write(directory.path(), address, admin, &pools, false),
            Kind::EnvoyTuned => envoy::write(directory.path(), address, admin, &pools, true),
        };
        Self::start_in(kind, directory, address, admin, &program, arguments).await
    }

    /// Starts an edge whose servers may have names, with more sections in its table.
    pub async fn start_with(ground: &Ground, pools: &[Vec<String>; 3], service: &Service, more: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let (address, admin) = addresses(ground);
        let arguments = homeward::write_named(directory.path(), address, admin, pools, service, more);
        let program = Kind::Homeward.program().expect("it is built");
        Self::start_in(Kind::Homeward, directory, address, admin, &program, arguments).await
    }

    /// Starts it on files that are there.
    async fn start_in(
        kind: Kind,
        directory: TempDir,
        address: SocketAddr,
        admin: SocketAddr,
        program: &Path,
        arguments: Vec<String>,
    ) -> Self {
        let log = std::fs::File::create(directory.path().join("process.log")).unwrap();
        let child = Command::new(program)
            .args(arguments)
            .current_dir(directory.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut proxy = Self { kind, address, admin, directory, child };
        proxy.ready().await;
        proxy
    }

    async fn ready(&mut self) {
        let path = match self.kind {
            Kind::Homeward => "/readyz",
            Kind::Haproxy => "/metrics",
            Kind::Envoy | Kind::EnvoyTuned => "/ready",
        };
        let deadline = Instant::now() + PATIENCE;
        while page(self.admin, path).await.is_none() {
            let ended = self.child.try_wait().unwrap();
            assert!(
                ended.is_none() && Instant::now() < deadline,
                "{} does not serve:\n{}",
                self.kind.name(),
                self.log()
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Ends it.
    pub async fn end(mut self) {
        let _ = self.child.kill().await;
    }

    /// What the process said so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("process.log")).unwrap_or_default()
    }

    /// The id of its process.
    pub fn id(&self) -> u32 {
        self.child.id().expect("it runs")
    }

    /// The sum of a figure of its metrics over all label sets that `wanted` lets through.
    pub async fn sum(&self, name: &str, wanted: impl Fn(&str) -> bool) -> f64 {
        let path = if matches!(self.kind, Kind::Envoy | Kind::EnvoyTuned) { "/stats/prometheus" } else { "/metrics" };
        let text = page(self.admin, path).await.unwrap_or_default();
        sum(&text, name, wanted)
    }

    /// How often it has sent requests to servers so far, beyond the first time for each; `Err` holds the sum of all times.
    pub async fn tries(&self) -> Tries {
        match self.kind {
            Kind::Homeward => Tries::All(self.sum("homeward_upstream_requests_total", |_| true).await),
            Kind::Haproxy => Tries::Again(self.sum("haproxy_backend_retry_warnings_total", is_region).await),
            Kind::Envoy | Kind::EnvoyTuned => Tries::Again(self.sum("envoy_cluster_upstream_rq_retry", |_| true).await),
        }
    }
}

/// Where a proxy listens, and where its figures are.
fn addresses(ground: &Ground) -> (SocketAddr, SocketAddr) {
    let host = IpAddr::V4(ground.address(100, 1));
    (SocketAddr::new(host, 8080), SocketAddr::new(host, 9901))
}

fn is_region(labels: &str) -> bool {
    labels.contains("proxy=\"us-")
}

/// What a proxy counts.
#[derive(Debug, Clone, Copy)]
pub enum Tries {
    /// Every time that a request was sent to a server.
    All(f64),
    /// Every time but the first.
    Again(f64),
}

impl Tries {
    /// Tries for each of so many requests, since `before`.
    pub fn per_request(self, before: Self, requests: usize) -> f64 {
        let requests = requests.max(1) as f64;
        match (self, before) {
            (Self::All(after), Self::All(before)) => (after - before) / requests,
            (Self::Again(after), Self::Again(before)) => 1.0 + (after - before) / requests,
            _ => f64::NAN,
        }
    }
}

/// The sum of a figure in Prometheus' text format.
pub fn sum(text: &str, name: &str, wanted: impl Fn(&str) -> bool) -> f64 {
    let figure = |line: &str| {
        let rest = line.strip_prefix(name)?;
        let (labels, value) = match rest.strip_prefix('{') {
            Some(rest) => rest.split_once('}')?,
            None => ("", rest),
        };
        if !value.starts_with(' ') || !wanted(labels) {
            return None;
        }
        value.split_whitespace().next()?.parse::<f64>().ok()
    };
    // From a zero without a sign, where there is none.
    text.lines().filter_map(figure).fold(0.0, |sum, value| sum + value)
}
