//! An edge as a process of its own, with files of its own.

use super::{Block, PATIENCE, client, eventually};
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// Where visitors of the fixture database come from.
pub const NEW_YORK: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 10, 0, 1));

/// What an edge is started with.
#[derive(Debug, Clone)]
pub struct Plan {
    pub region: &'static str,
    /// More lines of `homeward.yaml`.
    pub settings: String,
    /// `routing.yaml`.
    pub table: String,
}

/// A running edge; killed when dropped.
pub struct EdgeProcess {
    pub address: SocketAddr,
    pub admin: SocketAddr,
    pub directory: TempDir,
    child: Child,
    /// The process that it has handed over to last.
    successor: Option<u32>,
}

impl EdgeProcess {
    /// Writes the files of `plan` and starts an edge in `block` at the number `number`; waits until it is ready.
    pub async fn start(block: &Block, number: u8, plan: &Plan) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let host = block.address(number);
        let (address, admin) = (SocketAddr::new(host, 8080), SocketAddr::new(host, 9901));
        write_settings(directory.path(), plan, address, admin);
        std::fs::write(directory.path().join("routing.yaml"), &plan.table).unwrap();
        Self::start_in(directory, address, admin).await
    }

    /// Starts an edge with the files that are in `directory`; waits until it is ready.
    pub async fn start_in(directory: TempDir, address: SocketAddr, admin: SocketAddr) -> Self {
        let child = spawn(directory.path());
        let mut edge = Self { address, admin, directory, child, successor: None };
        edge.ready().await;
        edge
    }

    async fn ready(&mut self) {
        let admin = self.admin;
        let child = &mut self.child;
        let log = self.directory.path().join("process.log");
        eventually("a ready edge", async || {
            if let Some(status) = child.try_wait().unwrap() {
                panic!("the edge ended: {status}\n{}", std::fs::read_to_string(&log).unwrap_or_default());
            }
            // One that cannot start may have listened for a moment: what the next turn says is how it ended.
            let stream = tokio::net::TcpStream::connect(admin).await.ok()?;
            let mut client = client::Client::over(stream, &admin.to_string()).await;
            let answer = client.send("GET", "/readyz", &[], "").await.ok()?;
            (answer.status == 200).then_some(())
        })
        .await;
    }

    /// A file of the edge.
    pub fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// What the process said so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.file("process.log")).unwrap_or_default()
    }

    /// The lines of the access log so far.
    pub fn access_log(&self) -> Vec<serde_json::Value> {
        let text = std::fs::read_to_string(self.file("access.log")).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
    }

    /// The id of the process that serves.
    pub fn id(&self) -> u32 {
        self.successor.unwrap_or(self.child.id())
    }

    /// Waits until a process has taken over, other than the one that serves as far as is known; gives back its id.
    pub async fn taken_over(&mut self) -> u32 {
        let before = self.id();
        let process = eventually("a process that has taken over", async || {
            let log = self.log();
            let line =
                log.lines().rev().find_map(|line| line.split_once("process ")?.1.split_once(" serves from now on"))?;
            line.0.parse().ok().filter(|process| *process != before)
        })
        .await;
        self.successor = Some(process);
        process
    }

    /// Lets it hand over to a new process of the same program, and waits until that has been done.
    pub async fn hand_over(&mut self) -> u32 {
        self.signal("QUIT");
        self.taken_over().await
    }

    /// Waits until the process that serves has ended, be it the first one or a later.
    pub async fn is_gone(&mut self) {
        match self.successor {
            None => drop(self.ended().await),
            Some(process) => eventually("the end of the edge", async || has_ended(process).then_some(())).await,
        }
    }

    /// Asks the admin address.
    pub async fn admin(&self, path: &str) -> client::Answer {
        ask(self.admin, path).await
    }

    /// The status as JSON.
    pub async fn status(&self) -> serde_json::Value {
        serde_json::from_str(&self.admin("/api/v1/status").await.body).unwrap()
    }

    /// Waits until `condition` holds for the status.
    pub async fn status_where(&self, what: &str, condition: impl Fn(&serde_json::Value) -> bool) -> serde_json::Value {
        eventually(what, async || Some(self.status().await).filter(|status| condition(status))).await
    }

    /// Writes a table beside and renames it, as careful programs do.
    pub fn save_table(&self, text: &str) {
        let beside = self.file("routing.yaml.new");
        std::fs::write(&beside, text).unwrap();
        std::fs::rename(beside, self.file("routing.yaml")).unwrap();
    }

    /// Saves a table and waits until it is live.
    pub async fn adopt(&self, text: &str) {
        let before = self.status().await["table"]["revision"].clone();
        self.save_table(text);
        self.status_where("a new table", |status| status["table"]["revision"] != before).await;
    }

    /// Sends a signal by name.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").arg(format!("-{name}")).arg(self.id().to_string()).status().unwrap();
        assert!(sent.success());
    }

    /// Waits until the process has ended by itself.
    pub async fn ended(&mut self) -> std::process::ExitStatus {
        let child = &mut self.child;
        eventually("the end of the edge", async || child.try_wait().unwrap()).await
    }

    /// Ends the process without giving it a chance.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again on the same files.
    pub async fn start_again(&mut self) {
        self.child = spawn(self.directory.path());
        self.ready().await;
    }

    /// Ends the process without giving it a chance, and starts it again on the same files.
    pub async fn kill_and_start_again(&mut self) {
        self.kill();
        self.start_again().await;
    }

    /// Has it listen for HTTP/2 without TLS too, by prior knowledge, and gives back where. It is started again for that.
    pub async fn and_http2(&mut self) -> SocketAddr {
        let http2 = SocketAddr::new(self.address.ip(), 8082);
        let settings = std::fs::read_to_string(self.file("homeward.yaml")).unwrap();
        let both = settings.replace("listen: [", &format!("listen: [{{address: \"{http2}\", http2: true}}, "));
        std::fs::write(self.file("homeward.yaml"), both).unwrap();
        self.kill_and_start_again().await;
        http2
    }

    /// Runs a verb of the program in the edge's directory.
    pub fn verb(&self, arguments: &[&str]) -> Output {
        verb(self.directory.path(), arguments)
    }
}

/// Whether a process has ended, whether or not somebody has asked how.
pub fn has_ended(process: u32) -> bool {
    let Ok(stat) = std::fs::read_to_string(format!("/proc/{process}/stat")) else { return true };
    stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('Z'))
}

impl Drop for EdgeProcess {
    fn drop(&mut self) {
        if let Some(process) = self.successor
            && !has_ended(process)
        {
            // It may end by itself at this moment.
            let _ = Command::new("kill").args(["-KILL", &process.to_string()]).status();
        }
        // It may have ended already, which some tests want.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- process log of the edge in {}\n{}", self.directory.path().display(), self.log());
        }
    }
}

async fn ask(admin: SocketAddr, path: &str) -> client::Answer {
    let mut client = client::Client::connect(admin, IpAddr::V4(Ipv4Addr::LOCALHOST)).await.host(&admin.to_string());
    client.get(path, &[]).await
}

/// Runs a verb of the program in `directory`.
pub fn verb(directory: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_homeward")).args(arguments).current_dir(directory).output().unwrap()
}

fn spawn(directory: &Path) -> Child {
    let log = std::fs::OpenOptions::new().create(true).append(true).open(directory.join("process.log")).unwrap();
    // A test may put another program there, or a link that it changes.
    let own = directory.join("homeward");
    let mut command =
        Command::new(if own.symlink_metadata().is_ok() { own } else { env!("CARGO_BIN_EXE_homeward").into() });
    if directory.join("roots.pem").exists() {
        // Whose certificates the machine believes, in place of those that it usually does.
        command.env("SSL_CERT_FILE", directory.join("roots.pem"));
    }
    command
        .args(["run", "--config", "homeward.yaml"])
        .current_dir(directory)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .unwrap()
}

/// Writes `homeward.yaml`.
pub fn write_settings(directory: &Path, plan: &Plan, address: SocketAddr, admin: SocketAddr) {
    let places = Path::new(env!("CARGO_MANIFEST_DIR")).join("geoip/fixture.mmdb");
    std::fs::copy(places, directory.join("places.mmdb")).unwrap();
    let mut text = String::new();
    writeln!(text, "version: 1\nregion: {}\nlisten: [{{address: \"{address}\"}}]", plan.region).unwrap();
    writeln!(text, "geoip: {{database: places.mmdb}}\nrouting: {{file: routing.yaml}}\nstate: run").unwrap();
    writeln!(text, "admin: {{address: \"{admin}\", socket: run/homeward.sock}}").unwrap();
    writeln!(text, "access_log: {{format: json, file: access.log}}\nthreads: 2").unwrap();
    text.push_str(&plan.settings);
    std::fs::write(directory.join("homeward.yaml"), text).unwrap();
}

/// Three regions on loopback, the service `portal` with these pools, and more sections behind.
pub fn table(east: &[SocketAddr], central: &[SocketAddr], west: &[SocketAddr], more: &str) -> String {
    let list = |servers: &[SocketAddr]| {
        let quoted: Vec<_> = servers.iter().map(|server| format!("\"{server}\"")).collect();
        format!("[{}]", quoted.join(", "))
    };
    let mut pools = String::new();
    for (region, servers) in [("us-east", east), ("us-central", central), ("us-west", west)] {
        if !servers.is_empty() {
            writeln!(pools, "      {region}: {}", list(servers)).unwrap();
        }
    }
    format!(
        "version: 1\n\
         regions:\n\
         \x20 us-east: {{session_prefix: east, location: {{latitude: 39.04, longitude: -77.49}}}}\n\
         \x20 us-central: {{session_prefix: central, location: {{latitude: 41.26, longitude: -95.86}}}}\n\
         \x20 us-west: {{session_prefix: west, location: {{latitude: 45.6, longitude: -121.18}}}}\n\
         homes:\n\
         \x20 - subdivisions: [US-CA, US-OR, US-WA]\n\
         \x20   region: us-west\n\
         \x20 - countries: [US, CA, MX]\n\
         \x20   nearest: [us-east, us-central]\n\
         \x20 - continents: [EU, AF]\n\
         \x20   region: us-east\n\
         \x20 - otherwise: nearest\n\
         services:\n\
         \x20 portal:\n\
         \x20   hosts: [portal.example.com]\n\
         \x20   session: {{cookie: sid}}\n\
         \x20   pools:\n{pools}{more}"
    )
}

/// How long a table may take to be live.
pub const LIVE_WITHIN: Duration = Duration::from_secs(1);

const _: () = assert!(LIVE_WITHIN.as_secs() < PATIENCE.as_secs());
