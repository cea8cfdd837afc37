//! From a job to processes that do it.

use super::Kind;
use super::configure::configure;
use super::scene::{Ground, Reload, Scene};
use crate::machine;
use rustix::process::{Pid, Signal, kill_process};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long a proxy may take until it serves: large tables take a while.
const PATIENCE: Duration = Duration::from_secs(60);

/// A proxy that runs; it ends when this is dropped. With a hop it is two.
pub struct Proxy {
    /// Which one.
    pub kind: Kind,
    /// Where visitors reach it.
    pub address: SocketAddr,
    /// Where operators do.
    pub admin: SocketAddr,
    children: Vec<Child>,
    /// The files of each of its processes; the first one is what visitors reach.
    directories: Vec<TempDir>,
}

impl Proxy {
    /// Starts it on a core, and waits until it serves.
    ///
    /// # Errors
    /// What it said when it did not.
    pub fn start(kind: &Kind, scene: &Scene, ground: &Ground, core: usize) -> Result<Self, String> {
        Self::start_under(&[], kind, scene, ground, core)
    }

    /// The same under another program, which is handed the proxy's.
    ///
    /// # Errors
    /// What it said when it did not serve.
    pub fn start_under(
        wrapper: &[&str],
        kind: &Kind,
        scene: &Scene,
        ground: &Ground,
        core: usize,
    ) -> Result<Self, String> {
        let (address, admin) = (free(), free());
        let mut proxy = Self { kind: kind.clone(), address, admin, children: Vec::new(), directories: Vec::new() };
        let behind = scene.hop.then(free);
        let core = core.to_string();
        let before = [&["--pdeathsig", "TERM", "taskset", "-c", &core], wrapper].concat();
        proxy.launch(&before, scene, ground, [address, admin], behind)?;
        if let Some(behind) = behind {
            let alone = Scene { tls: false, http2: false, ..scene.clone() };
            proxy.launch(&before, &alone, ground, [behind, free()], None)?;
        }
        if let Some(behind) = behind {
            proxy.wait(behind, &Scene { hop: false, tls: false, http2: false, ..scene.clone() })?;
        }
        proxy.wait(address, scene)?;
        Ok(proxy)
    }

    fn launch(
        &mut self,
        before: &[&str],
        scene: &Scene,
        ground: &Ground,
        [address, admin]: [SocketAddr; 2],
        behind: Option<SocketAddr>,
    ) -> Result<(), String> {
        let directory = tempfile::tempdir().map_err(|error| error.to_string())?;
        let mut arguments = configure(&self.kind, scene, ground, directory.path(), [address, admin], behind)?;
        // Under another program there is to be one process.
        if self.kind == Kind::Nginx && before.contains(&"valgrind") {
            arguments.extend(["-g", "master_process off;"].map(String::from));
        }
        let program = self.kind.program().ok_or("not installed")?;
        let log = std::fs::File::create(directory.path().join("process.log")).map_err(|error| error.to_string())?;
        let mut command = Command::new("setpriv");
        // Ends with this program, however that ends.
        command.args(before).arg(program).args(arguments);
        command.current_dir(directory.path()).stdin(Stdio::null());
        command.stdout(log.try_clone().unwrap()).stderr(log);
        self.children.push(command.spawn().map_err(|error| error.to_string())?);
        self.directories.push(directory);
        Ok(())
    }

    fn wait(&mut self, address: SocketAddr, scene: &Scene) -> Result<(), String> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if serves(address, scene) {
                return Ok(());
            }
            let has_ended = self.children.iter_mut().any(|child| !matches!(child.try_wait(), Ok(None)));
            if has_ended || Instant::now() > deadline {
                return Err(format!("{} does not serve:\n{}", self.kind.name(), self.log()));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// What its processes said so far.
    pub fn log(&self) -> String {
        let read = |name: &str, directory: &TempDir| std::fs::read_to_string(directory.path().join(name));
        let logs = self.directories.iter().flat_map(|directory| {
            ["process.log", "error.log"].iter().map(|name| read(name, directory).unwrap_or_default())
        });
        logs.collect::<Vec<_>>().join("\n")
    }

    /// Ends it; all that it has said.
    pub fn end(&mut self) -> String {
        self.stop(Duration::from_secs(20));
        self.log()
    }

    /// All its processes.
    pub fn processes(&self) -> Vec<u32> {
        self.children.iter().flat_map(|child| machine::family(child.id())).collect()
    }

    /// Writes the files of another table beside those that are in use.
    ///
    /// # Errors
    /// Where that cannot be done.
    pub fn prepare(&self, scene: &Scene, ground: &Ground) -> Result<Change, String> {
        let directory = tempfile::tempdir().map_err(|error| error.to_string())?;
        configure(&self.kind, scene, ground, directory.path(), [self.address, self.admin], None)?;
        let (file, signal) = match self.kind {
            Kind::Homeward(..) => ("routing.yaml", None),
            Kind::Nginx => ("nginx.conf", Some(Signal::HUP)),
            Kind::Haproxy if scene.reload == Some(Reload::Drain) => ("haproxy.cfg", Some(Signal::USR2)),
            Kind::Haproxy => ("networks.map", Some(Signal::USR2)),
            Kind::Envoy | Kind::Loop | Kind::Splice => return Err("has no tables".into()),
        };
        let new = self.directories[0].path().join("new");
        std::fs::copy(directory.path().join(file), &new).map_err(|error| error.to_string())?;
        Ok(Change { new, file: self.directories[0].path().join(file), signal, process: self.children[0].id() })
    }
}

/// A table that can go live.
pub struct Change {
    new: PathBuf,
    file: PathBuf,
    signal: Option<Signal>,
    process: u32,
}

impl Change {
    /// Puts it in the place of the one before, and tells the proxy where it does not look by itself.
    ///
    /// # Errors
    /// Where that cannot be done.
    pub fn carry_out(self) -> Result<(), String> {
        std::fs::rename(&self.new, &self.file).map_err(|error| error.to_string())?;
        self.signal.into_iter().for_each(|signal| signal_to(self.process, signal));
        Ok(())
    }
}

fn signal_to(process: u32, signal: Signal) {
    if let Some(id) = i32::try_from(process).ok().and_then(Pid::from_raw) {
        let _ = kill_process(id, signal);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.stop(Duration::from_secs(1));
    }
}

impl Proxy {
    /// Asks it to end, and makes it where it does not within a time.
    fn stop(&mut self, patience: Duration) {
        for child in &mut self.children {
            signal_to(child.id(), Signal::TERM);
        }
        let deadline = Instant::now() + patience;
        for child in &mut self.children {
            while matches!(child.try_wait(), Ok(None)) && Instant::now() < deadline {
                std::thread::sleep(Duration::from_millis(10));
            }
            if matches!(child.try_wait(), Ok(None)) {
                // Those that it has started before it, so that none is left alone.
                machine::family(child.id()).iter().rev().for_each(|process| signal_to(*process, Signal::KILL));
                let _ = child.wait();
            }
        }
    }
}

/// The ports that are tried. Below those that the kernel gives to connections, of which thousands come and go here.
const PORTS: std::ops::Range<u16> = 20_000..32_000;

/// An address that nobody has.
fn free() -> SocketAddr {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = std::process::id() as u16 % (PORTS.end - PORTS.start);
    let tried = std::iter::repeat_with(|| {
        let nth = NEXT.fetch_add(1, Ordering::Relaxed);
        PORTS.start + (first + nth % (PORTS.end - PORTS.start)) % (PORTS.end - PORTS.start)
    });
    let mut addresses = tried.take(PORTS.len()).map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
    addresses.find(|address| TcpListener::bind(address).is_ok()).expect("a port is free")
}

/// Whether a request gets a good answer; with TLS or HTTP/2, whether a connection is taken.
fn serves(address: SocketAddr, scene: &Scene) -> bool {
    let Ok(mut stream) = TcpStream::connect(address) else { return false };
    if scene.tls || scene.http2 {
        return true;
    }
    let _ = stream.set_read_timeout(Some(Duration::from_secs(1)));
    let request = "GET /account/0 HTTP/1.1\r\nHost: portal.example.com\r\nConnection: close\r\n\r\n";
    let mut answer = [0; 12];
    stream.write_all(request.as_bytes()).is_ok() && stream.read_exact(&mut answer).is_ok() && answer.ends_with(b" 200")
}
