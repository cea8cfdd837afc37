//! Forwarding: an edge under callgrind, between a visitor and an app that are not.

use crate::callgrind::total;
use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How many requests the shorter of two runs makes; the longer one makes three times as many, which an
/// edge takes on one connection.
const REQUESTS: usize = 3000;

/// How often each run is made. The least counts: whatever disturbs an edge makes it do more.
const TURNS: usize = 3;

/// The longest that anything may take: an edge under callgrind is fifty times slower than it is.
const PATIENCE: Duration = Duration::from_secs(120);

const SETTINGS: &str = "\
version: 1
region: us-east
listen: [{address: \"EDGE\"}]
geoip: {database: PLACES}
routing: {file: routing.yaml}
state: run
admin: {address: \"ADMIN\", socket: run/homeward.sock}
access_log: {format: off}
threads: 1
stop: {grace: 1s}
";

const TABLE: &str = "\
version: 1
regions:
  us-east: {session_prefix: east, location: {latitude: 39.04, longitude: -77.49}}
  us-west: {session_prefix: west, location: {latitude: 45.6, longitude: -121.18}}
homes:
  - subdivisions: [US-CA, US-OR, US-WA]
    region: us-west
  - otherwise: us-east
services:
  portal:
    hosts: [portal.example.com]
    session: {cookie: sid}
    pools:
      us-east: [\"APP\"]
";

/// A request of a browser; what is in `COOKIE` differs.
const REQUEST: &str = "\
GET /account/orders?page=2 HTTP/1.1\r
Host: portal.example.com\r
User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r
Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r
Accept-Language: en-US,en;q=0.5\r
Accept-Encoding: gzip, deflate, br\r
Cookie: theme=dark; COOKIElang=en\r
\r
";

/// What is asked.
const CASES: [(&str, &str); 2] = [
    ("forward: session, 1 KiB back", "sid=east-9f2c4e81b7a04d6f8e3d5c2b1a097f6e; "),
    ("forward: place, 1 KiB back", ""),
];

/// The instructions of one request, for each case: the difference between a longer and a shorter run, without what the edge
/// does at its start and at its end.
pub(crate) fn count() -> Result<Vec<(String, f64)>, String> {
    let app = app().map_err(|why| format!("no app server: {why}"))?;
    let of_one = |(name, cookie): (&str, &str)| {
        let request = REQUEST.replace("COOKIE", cookie);
        let (mut few, mut many) = (u64::MAX, u64::MAX);
        for _ in 0..TURNS {
            few = few.min(instructions(app, &request, REQUESTS)?);
            many = many.min(instructions(app, &request, 3 * REQUESTS)?);
        }
        Ok((name.to_owned(), many.saturating_sub(few) as f64 / (2 * REQUESTS) as f64))
    };
    CASES.into_iter().map(of_one).collect()
}

/// The instructions of the thread that serves, from an edge's start to its end, with as many requests on one connection.
fn instructions(app: SocketAddr, request: &str, requests: usize) -> Result<u64, String> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("guard-forwarding");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).map_err(failed("no folder for an edge"))?;
    let [edge, admin] = [free_address(), free_address()];
    let (edge, admin) = (edge.map_err(failed("no free port"))?, admin.map_err(failed("no free port"))?);
    let places = concat!(env!("CARGO_MANIFEST_DIR"), "/geoip/fixture.mmdb");
    let settings = [("EDGE", edge.to_string()), ("ADMIN", admin.to_string()), ("PLACES", places.into())];
    let settings = settings.into_iter().fold(SETTINGS.to_owned(), |text, (word, value)| text.replace(word, &value));
    fs::write(folder.join("homeward.yaml"), settings).map_err(failed("no settings"))?;
    fs::write(folder.join("routing.yaml"), TABLE.replace("APP", &app.to_string())).map_err(failed("no table"))?;
    let mut process = Process(spawn(&folder).map_err(failed("valgrind cannot be run"))?);
    let visited = visit(edge, request, requests).map_err(failed("a visitor was not served"));
    process.stop()?;
    let said = || fs::read_to_string(folder.join("process.log")).unwrap_or_default();
    visited.map_err(|why| format!("{why}; the edge said:\n{}", said()))?;
    // One file for each thread; the one that serves has most to do.
    let files = fs::read_dir(&folder).map_err(failed("callgrind's files cannot be found"))?;
    let files = files
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("counts")));
    let mut totals: Vec<u64> = files.filter_map(|path| total(&fs::read_to_string(path).ok()?)).collect();
    totals.sort_unstable_by(|a, b| b.cmp(a));
    match *totals {
        // Else it may be one that only starts the edge.
        [most, next, ..] if next > most / 2 => Err(format!(
            "it cannot be told which thread serves: one took {most} instructions and another {next}; raise REQUESTS in \
             benches/guard/forwarding.rs"
        )),
        [most, ..] => Ok(most),
        [] => Err(format!("callgrind wrote nothing; the edge said:\n{}", said())),
    }
}

/// The message of an error, with what could not be done in front of it.
fn failed(what: &str) -> impl Fn(std::io::Error) -> String {
    move |why| format!("{what}: {why}")
}

fn spawn(folder: &Path) -> std::io::Result<Child> {
    Command::new("valgrind")
        .args(["--tool=callgrind", "--quiet", "--fair-sched=yes", "--separate-threads=yes"])
        .arg("--callgrind-out-file=counts")
        .args([env!("CARGO_BIN_EXE_homeward"), "run", "--config", "homeward.yaml"])
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(fs::File::create(folder.join("process.log"))?)
        .spawn()
}

/// An edge under callgrind; it is ended when it is dropped.
struct Process(Child);

impl Process {
    /// Ends it in good order, so that callgrind writes down what it has counted.
    fn stop(&mut self) -> Result<(), String> {
        let _ = Command::new("kill").arg("-TERM").arg(self.0.id().to_string()).status();
        let since = Instant::now();
        while since.elapsed() < PATIENCE {
            match self.0.try_wait() {
                Ok(Some(_)) => return Ok(()),
                Ok(None) => std::thread::sleep(Duration::from_millis(20)),
                Err(why) => return Err(format!("the edge cannot be waited for: {why}")),
            }
        }
        Err("the edge did not stop".to_owned())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Asks on one connection, one request after the other.
fn visit(edge: SocketAddr, request: &str, requests: usize) -> std::io::Result<()> {
    let since = Instant::now();
    let mut connection = loop {
        match TcpStream::connect(edge) {
            Ok(connection) => break connection,
            Err(why) if since.elapsed() > PATIENCE => return Err(why),
            Err(_) => std::thread::sleep(Duration::from_millis(20)),
        }
    };
    connection.set_read_timeout(Some(PATIENCE))?;
    connection.set_nodelay(true)?;
    let mut answer = Vec::new();
    for _ in 0..requests {
        connection.write_all(request.as_bytes())?;
        answer.clear();
        read_message(&mut connection, &mut answer)?;
        if !answer.starts_with(b"HTTP/1.1 200 ") {
            let answer = String::from_utf8_lossy(&answer).into_owned();
            return Err(std::io::Error::new(ErrorKind::InvalidData, format!("an answer of another kind: {answer}")));
        }
    }
    Ok(())
}

/// An app server that answers everything with 1 KiB, as long as this process runs.
fn app() -> std::io::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    let answer = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: 1024\r\n\r\n{}",
        "x".repeat(1024)
    );
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let (Ok(mut connection), answer) = (connection, answer.clone()) else { continue };
            std::thread::spawn(move || {
                let mut request = Vec::new();
                while read_message(&mut connection, &mut request).is_ok() {
                    request.clear();
                    if connection.write_all(answer.as_bytes()).is_err() {
                        break;
                    }
                }
            });
        }
    });
    Ok(address)
}

/// Reads a head and, where it says how long it is, a body.
fn read_message(connection: &mut TcpStream, message: &mut Vec<u8>) -> std::io::Result<()> {
    let mut buffer = [0; 8192];
    loop {
        if let Some(end) = message.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&message[..end]).to_ascii_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
            let length: usize = length.and_then(|length| length.trim().parse().ok()).unwrap_or(0);
            if message.len() >= end + 4 + length {
                return Ok(());
            }
        }
        match connection.read(&mut buffer)? {
            0 => return Err(ErrorKind::UnexpectedEof.into()),
            read => message.extend_from_slice(&buffer[..read]),
        }
    }
}

fn free_address() -> std::io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}
