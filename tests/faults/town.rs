//! The app servers of three regions, each a process of its own, and what they saw.

use crate::behaviour::Behaviour;
use crate::ground::Ground;
use crate::record::{Ledger, REGIONS, ServerId};
use crate::server::READY;
use std::net::{IpAddr, SocketAddr};
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// The port of all app servers.
const PORT: u16 = 8080;

/// How long a server may take to listen.
const PATIENCE: Duration = Duration::from_secs(20);

/// A process that serves. It is killed when this is dropped.
struct Process {
    child: Child,
    ear: ChildStdin,
    reader: JoinHandle<()>,
}

struct Server {
    id: ServerId,
    address: SocketAddr,
    behaviour: Behaviour,
    process: Option<Process>,
}

/// The servers of all regions.
pub struct Town {
    servers: Vec<Server>,
    ledger: Arc<Mutex<Ledger>>,
}

impl Town {
    /// Starts so many servers in each region, which behave like this.
    pub async fn start(ground: &Ground, sizes: [u8; 3], behaviour: Behaviour) -> Self {
        let mut town = Self { servers: Vec::new(), ledger: Arc::default() };
        for (region, size) in (0..).zip(sizes) {
            for number in 0..size {
                let id = ServerId { region, number };
                let address = SocketAddr::new(IpAddr::V4(ground.address_of(id)), PORT);
                town.servers.push(Server { id, address, behaviour, process: None });
            }
        }
        let all = town.all();
        town.revive(&all).await;
        town
    }

    /// All servers.
    pub fn all(&self) -> Vec<ServerId> {
        self.servers.iter().map(|server| server.id).collect()
    }

    /// Those of one region.
    pub fn of_region(&self, region: u8) -> Vec<ServerId> {
        self.all().into_iter().filter(|server| server.region == region).collect()
    }

    /// Where the servers of one region are.
    pub fn addresses(&self, region: u8) -> Vec<SocketAddr> {
        self.servers.iter().filter(|server| server.id.region == region).map(|server| server.address).collect()
    }

    fn chosen(&mut self, ids: &[ServerId]) -> impl Iterator<Item = &mut Server> {
        self.servers.iter_mut().filter(|server| ids.contains(&server.id))
    }

    /// Kills these servers, all at once.
    pub async fn kill(&mut self, ids: &[ServerId]) {
        let mut killed: Vec<Process> = self.chosen(ids).filter_map(|server| server.process.take()).collect();
        for process in &mut killed {
            process.child.start_kill().unwrap();
        }
        for mut process in killed {
            process.child.wait().await.unwrap();
            // What it wrote before it died is in the pipe.
            process.reader.await.unwrap();
        }
    }

    /// Ends all servers.
    pub async fn end(mut self) {
        let all = self.all();
        self.kill(&all).await;
    }

    /// Starts those of these servers that do not run.
    pub async fn revive(&mut self, ids: &[ServerId]) {
        let ledger = self.ledger.clone();
        let mut started = Vec::new();
        for server in self.chosen(ids).filter(|server| server.process.is_none()) {
            let mut child = spawn(server);
            let out = BufReader::new(child.stdout.take().unwrap()).lines();
            let mut ear = child.stdin.take().unwrap();
            ear.write_all(format!("{}\n", server.behaviour).as_bytes()).await.unwrap();
            started.push((server, child, ear, out));
        }
        for (server, child, ear, mut out) in started {
            let line = timeout(PATIENCE, out.next_line()).await;
            assert!(
                matches!(&line, Ok(Ok(Some(line))) if line == READY),
                "{} does not serve: {line:?}",
                server.address
            );
            let reader = tokio::spawn(read(server.id, out, ledger.clone()));
            server.process = Some(Process { child, ear, reader });
        }
    }

    /// Tells these servers how to behave from now on, also after a death.
    pub async fn tell(&mut self, ids: &[ServerId], behaviour: Behaviour) {
        for server in self.chosen(ids) {
            server.behaviour = behaviour;
            if let Some(process) = &mut server.process {
                process.ear.write_all(format!("{behaviour}\n").as_bytes()).await.unwrap();
            }
        }
    }

    /// Takes what the servers saw so far.
    pub fn take_ledger(&self) -> Ledger {
        std::mem::take(&mut *self.ledger.lock().unwrap())
    }

    /// Looks at what they saw so far.
    pub fn look<T>(&self, look: impl FnOnce(&Ledger) -> T) -> T {
        look(&self.ledger.lock().unwrap())
    }
}

fn spawn(server: &Server) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["server", "--region", REGIONS[usize::from(server.id.region)], "--listen"])
        .arg(server.address.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

async fn read(server: ServerId, mut lines: Lines<BufReader<ChildStdout>>, ledger: Arc<Mutex<Ledger>>) {
    while let Ok(Some(line)) = lines.next_line().await {
        ledger.lock().unwrap().take(server, &line);
    }
}
