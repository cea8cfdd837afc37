//! Load from a generator that is not ours: wrk, with a script that judges every answer.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A load that runs until it is stopped.
pub(crate) struct Load {
    generators: Vec<Child>,
}

/// What became of all requests of a load.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    figures: HashMap<String, f64>,
    /// What the generators printed.
    pub(crate) said: String,
}

impl Load {
    /// Begins `generators` of them, each with 32 connections.
    pub(crate) fn start(edge: SocketAddr, generators: usize) -> Self {
        Self::start_with(edge, generators, 32)
    }

    /// The same, each with `connections`.
    pub(crate) fn start_with(edge: SocketAddr, generators: usize, connections: usize) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/heavy/load.lua");
        let one = |seed: usize| {
            Command::new("wrk")
                .args(["-t1", &format!("-c{connections}"), "-d3600s", "--timeout", "30s", "-s"])
                .arg(&script)
                .arg(format!("http://{edge}/"))
                .arg(seed.to_string())
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .spawn()
                .expect("wrk is installed (apt-get install wrk)")
        };
        Self { generators: (1..=generators).map(one).collect() }
    }

    /// Whether all generators still run.
    pub(crate) fn runs(&mut self) -> bool {
        self.generators.iter_mut().all(|generator| generator.try_wait().unwrap().is_none())
    }

    /// Ends the load and gives back what became of it.
    pub(crate) fn stop(mut self) -> Outcome {
        let mut outcome = Outcome::default();
        for generator in std::mem::take(&mut self.generators) {
            let sent = Command::new("kill").args(["-INT", &generator.id().to_string()]).status().unwrap();
            assert!(sent.success());
            let said = String::from_utf8(generator.wait_with_output().unwrap().stdout).unwrap();
            outcome.add(&said);
        }
        outcome
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        for generator in &mut self.generators {
            // It may have ended already.
            let _ = generator.kill();
            let _ = generator.wait();
        }
    }
}

impl Outcome {
    /// Milliseconds are not added up: the worst of the generators counts.
    fn add(&mut self, said: &str) {
        let figures = said.lines().find_map(|line| line.strip_prefix("figures ")).expect(said);
        for figure in figures.split_whitespace() {
            let (name, value) = figure.split_once('=').unwrap();
            let (value, sum) = (value.parse::<f64>().unwrap(), self.figures.entry(name.to_owned()).or_default());
            let is_worst = ["p50", "p99", "max", "seconds"].contains(&name);
            *sum = if is_worst { sum.max(value) } else { *sum + value };
        }
        self.said.push_str(said);
    }

    /// One of the figures of the script.
    pub(crate) fn of(&self, name: &str) -> f64 {
        self.figures[name]
    }

    /// Requests that failed or went wrong, in whatever way.
    pub(crate) fn wrong(&self) -> f64 {
        ["misrouted", "failed", "connect", "read", "write", "status", "timeout"].iter().map(|name| self.of(name)).sum()
    }
}
