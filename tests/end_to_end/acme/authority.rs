//! An ACME authority of somebody else's making: pebble, with a name server that leads every host to an edge.

use crate::support::{Block, eventually};
use crate::tls::Authority;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The key of the external account `kid-1`.
pub const EXTERNAL_KEY: &str = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W";

/// Who looks at port 80 and port 443 of the hosts: at these ports instead.
pub const PORTS: (u16, u16) = (8080, 8443);

/// pebble and its name server, on addresses of a block; ended when dropped.
pub struct Pebble {
    address: SocketAddr,
    management: SocketAddr,
    names: SocketAddr,
    tls: Authority,
    directory: TempDir,
    children: Vec<Child>,
}

impl Pebble {
    /// Makes the files of an authority that is not there yet, and that only knows of external accounts where `external`.
    /// `None` where pebble is not installed, which is said.
    pub fn new(block: &Block, external: bool) -> Option<Self> {
        let is_there = Command::new("pebble").arg("-h").stderr(Stdio::null()).status().is_ok();
        if !is_there {
            println!("pebble is not installed (apt-get install pebble): what needs it is left out");
            return None;
        }
        let at = |port| SocketAddr::new(block.address(20), port);
        let this = Self {
            address: at(14000),
            management: at(15000),
            names: at(8053),
            tls: Authority::new("Authority of the authority"),
            directory: tempfile::tempdir().unwrap(),
            children: Vec::new(),
        };
        this.tls.write(this.directory.path(), "pebble.pem", &this.address.ip().to_string());
        let file = this.directory.path().join("pebble.pem");
        let config = serde_json::json!({"pebble": {
            "listenAddress": this.address, "managementListenAddress": this.management,
            "certificate": file, "privateKey": file, "httpPort": PORTS.0, "tlsPort": PORTS.1, "ocspResponderURL": "",
            "externalAccountBindingRequired": external, "externalAccountMACKeys": {"kid-1": EXTERNAL_KEY},
        }});
        std::fs::write(this.directory.path().join("pebble.json"), config.to_string()).unwrap();
        Some(this)
    }

    /// Starts it; from now on hosts lead to `edge`, except those of `elsewhere`.
    pub async fn start(&mut self, edge: IpAddr, elsewhere: &[(&str, IpAddr)]) {
        let management = SocketAddr::new(self.names.ip(), 8055);
        let (names, edge, managed) = (self.names.to_string(), edge.to_string(), management.to_string());
        let mut servers = Command::new("pebble-challtestsrv");
        servers.args(["-dns01", &names, "-defaultIPv4", &edge, "-defaultIPv6", "", "-management", &managed]);
        servers.args(["-http01", "", "-https01", "", "-tlsalpn01", ""]);
        self.spawn(servers, "names.log");
        let mut pebble = Command::new("pebble");
        pebble.arg("-config").arg(self.directory.path().join("pebble.json")).args(["-dnsserver", &names]);
        pebble.env("PEBBLE_VA_NOSLEEP", "1");
        self.spawn(pebble, "pebble.log");
        for at in [self.address, self.management, management] {
            eventually("pebble", async || TcpStream::connect(at).await.ok()).await;
        }
        for (host, address) in elsewhere {
            let body = serde_json::json!({"host": format!("{host}."), "addresses": [address]}).to_string();
            let head = format!("POST /add-a HTTP/1.0\r\nHost: {management}\r\nContent-Length: {}\r\n\r\n", body.len());
            let mut tcp = TcpStream::connect(management).await.unwrap();
            tcp.write_all((head + &body).as_bytes()).await.unwrap();
            let mut answer = String::new();
            tcp.read_to_string(&mut answer).await.unwrap();
            assert!(answer.contains("200 OK"), "{answer}");
        }
    }

    fn spawn(&mut self, mut command: Command, log: &str) {
        let log = std::fs::File::create(self.directory.path().join(log)).unwrap();
        command.stdin(Stdio::null()).stderr(log.try_clone().unwrap()).stdout(log);
        self.children.push(command.spawn().unwrap());
    }

    /// Ends it. It forgets everything.
    pub fn stop(&mut self) {
        for mut child in self.children.drain(..) {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// What it said.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("pebble.log")).unwrap_or_default()
    }

    /// How many orders it got.
    pub fn orders(&self) -> usize {
        self.log().matches("Added order").count()
    }

    /// What the settings of an edge say of it; more keys stand in `more`.
    pub fn settings(&self, edge: &Path, more: &str) -> String {
        std::fs::write(edge.join("directory-ca.pem"), self.tls.pem()).unwrap();
        let directory = format!("https://{}/dir", self.address);
        format!("acme: {{directory: \"{directory}\", terms_accepted: true, ca_file: directory-ca.pem{more}}}\n")
    }

    /// The root of what it issues.
    pub async fn root(&self) -> String {
        let tcp = TcpStream::connect(self.management).await.unwrap();
        let mut stream = self.tls.speak(tcp, &self.management.ip().to_string(), false, None).await.unwrap();
        stream.write_all(b"GET /roots/0 HTTP/1.0\r\n\r\n").await.unwrap();
        let mut answer = Vec::new();
        // It ends without a word, which is no matter here.
        let _ = stream.read_to_end(&mut answer).await;
        let answer = String::from_utf8(answer).unwrap();
        answer[answer.find("-----BEGIN").expect(&answer)..].to_owned()
    }
}

impl Drop for Pebble {
    fn drop(&mut self) {
        self.stop();
        if std::thread::panicking() {
            eprintln!("--- log of pebble\n{}", self.log());
        }
    }
}

/// The only certificate's file of an edge, as its status says.
pub fn file_of(status: &serde_json::Value) -> PathBuf {
    status["acme"][0]["file"].as_str().unwrap().into()
}
