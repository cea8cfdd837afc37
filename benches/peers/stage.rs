//! Where it is measured: cores, app servers, and what all proxies are handed.

use crate::load::plan::{HOST, Outcome, Plan};
use crate::machine;
use crate::options::Options;
use crate::proxies::{self, Ground, Places, Proxy};
use crate::sheets::Point;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

/// The app servers run as long as this does.
pub struct Stage {
    /// What proxies are handed.
    pub ground: Ground,
    /// The cores of proxies, load and apps.
    pub cores: [usize; 3],
    apps: Child,
    _files: tempfile::TempDir,
}

impl Stage {
    /// Starts the app servers.
    pub fn set(options: &Options, files: u64) -> Self {
        let cores = options.cores.unwrap_or_else(|| match machine::cores() {
            1 => [0, 0, 0],
            2 => [0, 1, 1],
            _ => [0, 1, 2],
        });
        // This program too stays out of the proxies' way.
        let own = ["-c", "-p", &cores[1].to_string(), &std::process::id().to_string()];
        let _ = Command::new("taskset").args(own).stdout(Stdio::null()).status();
        let mut apps =
            pinned(cores[2]).arg("apps").stdout(Stdio::piped()).spawn().expect("setpriv and taskset are there");
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

    /// The load of a point for a proxy.
    pub fn plan(&self, point: &Point, proxy: &Proxy, seconds: f64) -> Plan {
        Plan {
            target: proxy.address,
            certificate: point.scene.tls.then(|| self.ground.certificate.clone()),
            watched: proxy.processes(),
            window: seconds.max(point.plan.window),
            ..point.plan.clone()
        }
    }

    /// Starts a load.
    pub fn load(&self, plan: &Plan) -> Load {
        let plan = serde_json::to_string(plan).unwrap();
        let mut command = pinned(self.cores[1]);
        let mut child = command.arg("load").arg(plan).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let said = BufReader::new(child.stdout.take().unwrap());
        Load { child, said }
    }

    /// Runs a load to its end.
    ///
    /// # Errors
    /// Where it has said nothing that makes sense.
    pub fn measure(&self, plan: &Plan) -> Result<Outcome, String> {
        self.load(plan).outcome()
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let _ = self.apps.kill();
        let _ = self.apps.wait();
    }
}

/// A load that runs.
pub struct Load {
    child: Child,
    said: BufReader<ChildStdout>,
}

impl Load {
    /// Waits until it says something; `false` where it has ended before.
    pub fn says(&mut self, wanted: &str) -> bool {
        let mut line = String::new();
        while self.said.read_line(&mut line).is_ok_and(|length| length > 0) {
            if line.trim() == wanted {
                return true;
            }
            line.clear();
        }
        false
    }

    /// Tells it to go on.
    pub fn go_on(&mut self) {
        drop(self.child.stdin.take());
    }

    /// What it writes at its end.
    ///
    /// # Errors
    /// Where that makes no sense.
    pub fn outcome(mut self) -> Result<Outcome, String> {
        let mut last = String::new();
        for line in (&mut self.said).lines().map_while(Result::ok) {
            last = line;
        }
        let _ = self.child.wait();
        let outcome: Outcome =
            serde_json::from_str(&last).map_err(|_| "the load has not come to its end".to_owned())?;
        outcome.failures.iter().for_each(|(why, count)| eprintln!("  {count} × {why}"));
        Ok(outcome)
    }
}

/// This program on a core, to end with the one that starts it.
fn pinned(core: usize) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "taskset", "-c", &core.to_string()]).arg(std::env::current_exe().unwrap());
    command
}

/// A certificate, its key, both in one file, and a key for hops.
fn secrets(directory: &Path) -> [PathBuf; 4] {
    let made = rcgen::generate_simple_self_signed([HOST.to_owned()]).unwrap();
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
