//! A whole demo around an edge that is no edge: it answers all visitors itself, as a region's server would.

use super::super::edge::{EdgeRegion, EdgeStatus};
use super::super::sample_app::{Power, Region, serve};
use super::*;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use tokio::sync::watch;

/// What the test sees of the edge that is no edge.
#[derive(Default)]
struct Seen {
    directory: Mutex<PathBuf>,
    ended: AtomicBool,
    looks: std::sync::atomic::AtomicU64,
}

struct NoEdge {
    runtime: Runtime,
    region: Arc<Region>,
    power: watch::Sender<Power>,
    stopped: Arc<AtomicBool>,
    seen: Arc<Seen>,
}

impl EdgeHandle for NoEdge {
    fn status(&self) -> EdgeStatus {
        // The demo has shown enough when visitors were served and a few lines were due.
        if self.region.served() > 40 && self.seen.looks.fetch_add(1, Ordering::Relaxed) > 1 {
            self.stopped.store(true, Ordering::Relaxed);
        }
        let west = EdgeRegion { name: "us-west".into(), share: 1.0, healthy: 2, servers: 2, away: None };
        EdgeStatus { regions: vec![west], revision: "8c1f".into(), ..EdgeStatus::default() }
    }

    fn stop(self: Box<Self>) {
        _ = self.power.send(Power::Ended);
        self.runtime.shutdown_background();
        self.seen.ended.store(true, Ordering::Relaxed);
    }
}

/// The address behind `before` in the settings.
fn address(settings: &str, before: &str) -> SocketAddr {
    let rest = settings.split_once(before).unwrap().1;
    rest.split([',', '\n']).next().unwrap().trim().parse().unwrap()
}

fn start(settings: &Path, stopped: &Arc<AtomicBool>, seen: &Arc<Seen>) -> Box<dyn EdgeHandle> {
    *seen.directory.lock().unwrap() = settings.parent().unwrap().to_owned();
    let at = address(&std::fs::read_to_string(settings).unwrap(), "  - address: ");
    let runtime = Runtime::new().unwrap();
    let region = Region::new("us-west", "west");
    let (power, powered) = watch::channel(Power::On);
    let listener = runtime.block_on(tokio::net::TcpListener::bind(at)).unwrap();
    runtime.spawn(serve(Arc::clone(&region), "edge".into(), listener, powered));
    Box::new(NoEdge { runtime, region, power, stopped: Arc::clone(stopped), seen: Arc::clone(seen) })
}

#[test]
fn a_demo_serves_its_visitors_and_leaves_nothing_behind() {
    let runtime = Runtime::new().unwrap();
    let (stopped, seen, mut out) = (Arc::new(AtomicBool::new(false)), Arc::new(Seen::default()), Vec::new());
    let demo = Demo { runtime: &runtime, stopped: &stopped, on_terminal: false, ports: [0, 0] };
    let mut server = None;
    demo.run(
        |given| {
            assert_eq!(given.log, None, "without a view the log stays on the standard error");
            let table = std::fs::read_to_string(given.settings.with_file_name("routing.yaml")).unwrap();
            server = Some(address(&table, "us-east: ["));
            assert!(TcpStream::connect(server.unwrap()).is_ok(), "the sample servers are there before the edge");
            Ok(start(given.settings, &stopped, &seen))
        },
        &mut out,
    )
    .unwrap();

    let out = String::from_utf8(out).unwrap();
    assert!(out.starts_with("the app     http://127.0.0.1:") && out.contains("Ctrl-C ends the demo."), "{out}");
    assert!(out.contains("\ntable     revision 8c1f is live\n"), "{out}");
    assert!(out.contains("| us-west 100% 2/2 up") && out.contains(" 0 failed"), "{out}");
    assert!(seen.ended.load(Ordering::Relaxed));
    assert!(!seen.directory.lock().unwrap().exists(), "its files are gone");
    let server = server.unwrap();
    while TcpStream::connect(server).is_ok() {
        std::thread::yield_now();
    }
}

#[test]
fn an_edge_that_does_not_start_ends_the_demo() {
    let runtime = Runtime::new().unwrap();
    let stopped = AtomicBool::new(false);
    let demo = Demo { runtime: &runtime, stopped: &stopped, on_terminal: true, ports: [0, 0] };
    let mut settings = PathBuf::new();
    let refused = demo.run(
        |given| {
            settings = given.settings.to_owned();
            assert!(given.log.unwrap().starts_with(settings.parent().unwrap()), "the log leaves the view alone");
            Err("the port is taken".to_owned())
        },
        &mut Vec::new(),
    );
    assert_eq!(refused.unwrap_err().to_string(), "the port is taken");
    assert!(!settings.exists());
}
