//! An edge as a process of its own, on the core for edges.

use crate::app::App;
use crate::clients::get;
use std::fmt::Write;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// A running edge; killed when dropped.
pub struct Edge {
    pub http: SocketAddr,
    pub http2: SocketAddr,
    pub tls: SocketAddr,
    pub admin: SocketAddr,
    directory: TempDir,
    child: Child,
}

/// How an edge differs from the usual one.
#[derive(Default, Clone)]
pub struct Plan {
    /// It is the edge at this number, from 1.
    pub number: u8,
    /// The other edge, that us-west is reached through.
    pub hop_to: Option<SocketAddr>,
    pub region: Option<&'static str>,
}

/// The text of a table with so many home rules.
pub fn table(app: &App, rules: usize, hop_to: Option<SocketAddr>) -> String {
    let mut homes = String::new();
    for rule in 0..rules.saturating_sub(1) {
        let [_, a, b, c] = (rule as u32).to_be_bytes();
        writeln!(homes, "  - {{networks: [{}.{b}.{c}.0/24], region: us-east}}", 10 + u32::from(a)).unwrap();
    }
    let edge = hop_to.map_or_else(String::new, |edge| format!(", edge: \"http://{edge}\""));
    let (http, sockets) = (app.http, app.sockets);
    format!(
        "version: 1\n\
         regions:\n  \
           us-east: {{session_prefix: east}}\n  \
           us-west: {{session_prefix: west{edge}}}\n\
         homes:\n{homes}  - otherwise: us-east\n\
         services:\n  \
           portal: {{hosts: [portal.example.com], session: {{cookie: sid}}, pools: {{us-east: [\"{http}\"], us-west: [\"{http}\"]}}}}\n  \
           sockets: {{hosts: [ws.example.com], pools: {{us-east: [\"{sockets}\"], us-west: [\"{sockets}\"]}}}}\n"
    )
}

impl Edge {
    pub async fn start(homeward: &Path, app: &App, plan: &Plan) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let file = |name: &str| directory.path().join(name);
        let made =
            rcgen::generate_simple_self_signed(["portal.example.com".to_owned(), "ws.example.com".to_owned()]).unwrap();
        fs::write(file("edge.pem"), made.cert.pem()).unwrap();
        write_secret(&file("edge.key"), &made.signing_key.serialize_pem());
        write_secret(&file("hop.key"), &"5a".repeat(32));
        fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join("geoip/country.mmdb"), file("places.mmdb")).unwrap();
        let host = Ipv4Addr::new(127, 77, 1, plan.number.max(1));
        let at = |port| SocketAddr::from((host, port));
        let (http, http2, tls, admin) = (at(8080), at(8081), at(8443), at(9901));
        let settings = format!(
            "version: 1\n\
             region: {region}\n\
             listen:\n  \
               - {{address: \"{http}\"}}\n  \
               - {{address: \"{http2}\", http2: true}}\n  \
               - {{address: \"{tls}\", tls: {{certificate: edge.pem, key: edge.key}}}}\n\
             admin: {{address: \"{admin}\"}}\n\
             geoip: {{database: places.mmdb}}\n\
             routing: {{file: routing.yaml}}\n\
             hop: {{key_file: hop.key}}\n\
             access_log: {{format: json, file: /dev/null}}\n\
             state: run\n\
             threads: 1\n\
             limits: {{connections: 1000000, connections_per_client: 1000000, connection_rate_per_client: 1000000/s}}\n",
            region = plan.region.unwrap_or("us-east"),
        );
        fs::write(file("homeward.yaml"), settings).unwrap();
        fs::write(file("routing.yaml"), table(app, 10, plan.hop_to)).unwrap();
        let log = fs::File::create(file("process.log")).unwrap();
        let child = Command::new("taskset")
            .args(["-c", "0"])
            .arg(fs::canonicalize(homeward).unwrap())
            .args(["run", "--config", "homeward.yaml"])
            .current_dir(directory.path())
            .env_clear()
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut edge = Self { http, http2, tls, admin, directory, child };
        for _ in 0..200 {
            let is_ready = get(admin, "/readyz", admin).await.is_some_and(|answer| answer.starts_with(b"HTTP/1.1 200"));
            // Its probes have seen the servers, too.
            if is_ready && get(edge.http, "/1", edge.http).await.is_some() && edge.serves().await {
                return edge;
            }
            assert!(edge.child.try_wait().unwrap().is_none(), "{}", edge.log());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the edge is not ready: {}", edge.log());
    }

    async fn serves(&self) -> bool {
        for _ in 0..20 {
            let answer = crate::clients::ask(self.http, "portal.example.com", "/1", "east").await;
            if !answer.is_some_and(|answer| answer.starts_with(b"HTTP/1.1 200")) {
                return false;
            }
        }
        true
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("process.log")).unwrap_or_default()
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Seconds of a core that it has taken so far.
    pub fn cpu(&self) -> f64 {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.id())).unwrap();
        let of = |task: std::io::Result<fs::DirEntry>| {
            let text = fs::read_to_string(task.ok()?.path().join("schedstat")).ok()?;
            text.split(' ').next()?.parse::<f64>().ok()
        };
        tasks.filter_map(of).sum::<f64>() / 1e9
    }

    /// KiB of memory that it has.
    pub fn resident(&self) -> f64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// Saves another table.
    pub fn save(&self, table: &str) {
        let new = self.directory.path().join("routing.new");
        fs::write(&new, table).unwrap();
        fs::rename(new, self.directory.path().join("routing.yaml")).unwrap();
    }

    /// Ends it at once.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

fn write_secret(file: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    fs::write(file, text).unwrap();
    fs::set_permissions(file, fs::Permissions::from_mode(0o600)).unwrap();
}

impl Drop for Edge {
    fn drop(&mut self) {
        // It may have been killed already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
