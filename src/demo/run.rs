//! From nothing to a demo that runs, and back to nothing.

use super::edge::{EdgeHandle, EdgeStart};
use super::guide::Guide;
use super::lines::Lines;
use super::snapshot::{Meter, PlaceNow, RegionNow, Snapshot};
use super::stage::{self, DemoError, Files, Staged};
use super::table::{Addresses, EDGE_REGION};
use super::visitors::{self, PLACES, Tally};
use super::{signals, view};
use crate::live::clock;
use std::io::{self, IsTerminal, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::runtime::Runtime;

/// How long the edge may take to answer for the first time.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often the demo looks at itself.
const EVERY: Duration = Duration::from_millis(250);

/// Runs the demo until SIGINT, SIGTERM, SIGHUP, or the key `q` or Ctrl-C in the live view. `start_edge` starts the edge.
/// It is called once, outside of any async runtime. Afterwards everything is stopped, and the files are removed.
///
/// On a terminal it shows a live view, otherwise plain lines on the standard output.
///
/// # Errors
/// What kept the demo from starting, or the terminal from being used. What had been started is stopped then, too.
pub fn run<S>(start_edge: S) -> Result<(), DemoError>
where
    S: FnOnce(&EdgeStart<'_>) -> Result<Box<dyn EdgeHandle>, String>,
{
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("demo")
        .enable_all()
        .build()
        .map_err(DemoError::Threads)?;
    // From here on a signal ends the demo in order, also while it starts.
    let stopped = Arc::new(AtomicBool::new(false));
    let stop = Arc::clone(&stopped);
    runtime.spawn(async move {
        signals::asked_to_stop().await;
        stop.store(true, Ordering::Relaxed);
    });
    let demo = Demo {
        runtime: &runtime,
        stopped: &stopped,
        on_terminal: io::stdout().is_terminal() && io::stdin().is_terminal(),
        ports: [8080, 9901],
    };
    let shown = demo.run(start_edge, &mut io::stdout());
    // Connections that somebody still holds open are not waited for.
    runtime.shutdown_timeout(Duration::from_secs(1));
    shown
}

/// What a demo runs in.
struct Demo<'a> {
    runtime: &'a Runtime,
    stopped: &'a AtomicBool,
    on_terminal: bool,
    /// The ports that the edge and its admin address get where they are free.
    ports: [u16; 2],
}

impl Demo<'_> {
    fn run<S>(&self, start_edge: S, out: &mut dyn Write) -> Result<(), DemoError>
    where
        S: FnOnce(&EdgeStart<'_>) -> Result<Box<dyn EdgeHandle>, String>,
    {
        let (regions, pools) = self.runtime.block_on(stage::start_regions()).map_err(DemoError::Listen)?;
        let [edge_address, admin] = stage::free_addresses(self.ports).map_err(DemoError::Listen)?;
        let files = stage::write_files(edge_address, admin, &pools)?;
        let log = self.on_terminal.then_some(files.log.as_path());
        let edge = start_edge(&EdgeStart { settings: &files.settings, log }).map_err(DemoError::Edge)?;

        let addresses = Addresses { edge: edge_address, admin, directory: files.directory.path() };
        let program = std::env::args().next().unwrap_or_else(|| "homeward".to_owned());
        let guide = Guide::new(&addresses, &program, self.on_terminal);
        let shown = self.show(&regions, edge.as_ref(), edge_address, &guide, &files, out);
        edge.stop();
        regions.iter().for_each(Staged::end);
        shown
    }

    fn show(
        &self,
        regions: &[Staged],
        edge: &dyn EdgeHandle,
        address: SocketAddr,
        guide: &Guide,
        files: &Files,
        out: &mut dyn Write,
    ) -> Result<(), DemoError> {
        let stopped = || self.stopped.load(Ordering::Relaxed);
        if !self.runtime.block_on(answers(address, stopped)) {
            return if stopped() { Ok(()) } else { Err(DemoError::Silent(address)) };
        }
        let tally = visitors::tally(regions.iter().map(|staged| staged.region.name().to_owned()).collect());
        // Dropping it sends all visitors home.
        let _crowd = self.runtime.block_on(async { visitors::send(address, &tally) });

        let mut meter = Meter::default();
        let mut look = || {
            files.directory.bound_log();
            look(regions, edge, &tally, &mut meter)
        };
        if self.on_terminal {
            let power = |at: usize| _ = regions.get(at).map(Staged::switch);
            return view::show(guide, look, power, stopped).map_err(DemoError::Terminal);
        }
        let (start, mut lines) = (clock::monotonic(), Lines::default());
        let mut text = format!("{}\nCtrl-C ends the demo.\n\n", guide.text());
        // Nobody reads on where writing fails, so that it ends.
        while out.write_all(text.as_bytes()).and_then(|()| out.flush()).is_ok() && !stopped() {
            std::thread::sleep(EVERY);
            text = lines.of(&look(), start.elapsed());
        }
        Ok(())
    }
}

/// Waits until something takes connections at `address`; says whether it came to that.
async fn answers(address: SocketAddr, given_up: impl Fn() -> bool) -> bool {
    let start = clock::monotonic();
    while tokio::net::TcpStream::connect(address).await.is_err() {
        if given_up() || start.elapsed() > PATIENCE {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    true
}

fn look(regions: &[Staged], edge: &dyn EdgeHandle, tally: &Tally, meter: &mut Meter) -> Snapshot {
    let status = edge.status();
    let counters = regions.iter().map(|staged| staged.region.served()).collect();
    let rates = meter.rates(clock::monotonic(), counters);
    let places: Vec<PlaceNow> = (PLACES.iter().enumerate())
        .map(|(at, place)| PlaceNow { name: place.name, served_by: tally.visitors_of(at) })
        .collect();
    let visitors_of = |region| places.iter().filter_map(|place| place.served_by.get(region)).sum();
    let regions: Vec<RegionNow> = (regions.iter().enumerate())
        .map(|(at, staged)| RegionNow {
            name: staged.region.name().to_owned(),
            here: staged.region.name() == EDGE_REGION,
            powered: staged.powered(),
            edge: None,
            requests_per_second: rates.get(at).copied().unwrap_or_default(),
            sessions: staged.region.sessions(),
            visitors: visitors_of(at),
        })
        .collect();
    Snapshot { outcomes: tally.outcomes(), last_failure: tally.last_failure(), places, regions, ..Snapshot::default() }
        .with_edge(status)
}

#[cfg(test)]
mod tests;
