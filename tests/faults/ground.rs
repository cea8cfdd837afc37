//! Where it all happens: a network namespace of the harness's own, if it may make one, with lo and nothing else.

use crate::record::ServerId;
use std::io::Write;
use std::net::Ipv4Addr;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode, Stdio};

/// Tells the process inside that it is inside.
const INSIDE: &str = "HOMEWARD_FAULTS_INSIDE";

/// The name server that programs inside ask.
pub const NAME_SERVER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 53);

/// What can be done here.
#[derive(Debug, Clone)]
pub struct Ground {
    /// Why packets cannot be dropped; `None` where they can.
    pub no_black_holes: Option<String>,
    /// The second byte of all addresses.
    base: u8,
}

/// What became of the wish for a namespace.
pub enum Entered {
    /// The process inside has run.
    Ended(ExitCode),
    /// This is the place.
    Here(Ground),
}

/// Starts this program anew in a namespace of its own, or says why not.
pub fn enter(arguments: &[String]) -> Entered {
    if std::env::var_os(INSIDE).is_some() {
        return Entered::Here(prepare());
    }
    let apart = ["--net", "--pid", "--fork", "--kill-child", "--mount-proc"];
    let can = Command::new("unshare").args(apart).arg("true").stderr(Stdio::null()).status();
    if !can.is_ok_and(|status| status.success()) {
        let base = 128 + (std::process::id() % 120) as u8;
        let why = "needs a network namespace: run it as root, with unshare".to_owned();
        eprintln!("faults: no black holes: {why}");
        return Entered::Here(Ground { no_black_holes: Some(why), base });
    }
    // All processes inside end with the first of them, and that one with this.
    let error = Command::new("unshare")
        .args(apart)
        .args(["sh", "-c", "ulimit -n 65536 2>/dev/null; exec \"$@\"", "faults"])
        .arg(std::env::current_exe().unwrap())
        .args(arguments)
        .env(INSIDE, "1")
        .exec();
    eprintln!("faults: unshare: {error}");
    Entered::Ended(ExitCode::FAILURE)
}

fn prepare() -> Ground {
    run("ip", &["link", "set", "lo", "up"]).expect("lo comes up");
    let file = std::env::temp_dir().join("homeward-faults-resolv.conf");
    std::fs::write(&file, format!("nameserver {NAME_SERVER}\n")).unwrap();
    // In the mounts of this namespace alone.
    run("mount", &["--bind", file.to_str().unwrap(), "/etc/resolv.conf"]).expect("a resolv.conf of its own");
    let mut ground = Ground { no_black_holes: None, base: 0 };
    ground.no_black_holes = ground.drop_packets(&[Ipv4Addr::new(127, 0, 250, 250)]).err();
    ground.heal();
    if let Some(why) = &ground.no_black_holes {
        eprintln!("faults: no black holes: {why}");
    }
    ground
}

fn run(program: &str, arguments: &[&str]) -> Result<(), String> {
    let ended = Command::new(program).args(arguments).output().map_err(|error| format!("{program}: {error}"))?;
    let said = String::from_utf8_lossy(&ended.stderr).trim().to_owned();
    if ended.status.success() { Ok(()) } else { Err(format!("{program}: {said}")) }
}

impl Ground {
    /// The address of a server: regions from 1, servers from 1.
    pub fn address(&self, region: u8, number: u8) -> Ipv4Addr {
        Ipv4Addr::new(127, self.base, region, number)
    }

    /// The address of an app server.
    pub fn address_of(&self, server: ServerId) -> Ipv4Addr {
        self.address(server.region + 1, server.number + 1)
    }

    /// Whether the name server can be ours.
    pub fn has_name_server(&self) -> bool {
        self.base == 0
    }

    /// From now on, no packet to or from these addresses arrives.
    ///
    /// # Errors
    /// Where the kernel has no such thing.
    pub fn drop_packets(&self, addresses: &[Ipv4Addr]) -> Result<(), String> {
        let mut rules = String::from("*filter\n");
        for address in addresses {
            rules.push_str(&format!("-A INPUT -d {address} -j DROP\n-A INPUT -s {address} -j DROP\n"));
        }
        rules.push_str("COMMIT\n");
        let mut restore = Command::new("iptables-restore")
            .arg("--noflush")
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| format!("iptables-restore: {error}"))?;
        restore.stdin.take().unwrap().write_all(rules.as_bytes()).map_err(|error| error.to_string())?;
        let ended = restore.wait_with_output().map_err(|error| error.to_string())?;
        if ended.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&ended.stderr).trim().to_owned()) }
    }

    /// All packets arrive again.
    pub fn heal(&self) {
        if self.base == 0
            && let Err(why) = run("iptables", &["-F", "INPUT"])
        {
            eprintln!("faults: {why}");
        }
    }
}
