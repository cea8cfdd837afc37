//! Everything around the edge: the sample servers, the ports, the files.

use super::directory::Directory;
use super::sample_app::{Power, Region, serve};
use super::table::{self, Addresses, REGIONS, SERVERS};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// The places of 127.0.0.0/8 and of the networks for documentation; the program carries it, so that the demo needs no
/// other file.
static PLACES: &[u8] = include_bytes!("../../geoip/fixture.mmdb");

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Why there is no demo. The text is for people and says what to do.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The system gives no threads.
    #[error("the demo cannot start its threads: {0}")]
    Threads(#[source] io::Error),
    /// The directory for its files, or one of them, cannot be made.
    #[error("the demo cannot write its files in {}: {source}; set TMPDIR to a directory that can be written", path.display())]
    Files {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// No port can be listened on.
    #[error("the demo cannot listen on 127.0.0.1: {0}; is the loopback interface up?")]
    Listen(#[source] io::Error),
    /// The edge did not start; the text is the edge's own.
    #[error("{0}")]
    Edge(String),
    /// The edge started and takes no connections.
    #[error("the edge of the demo does not answer on {0}; its log may say why")]
    Silent(SocketAddr),
    /// The terminal does not do as it is told.
    #[error("the terminal cannot show the demo: {0}; with the output in a file or a pipe the demo prints plain lines")]
    Terminal(#[source] io::Error),
}

/// A region of sample servers that run.
pub(super) struct Staged {
    pub(super) region: Arc<Region>,
    power: watch::Sender<Power>,
}

impl Staged {
    /// Whether its servers run.
    pub(super) fn powered(&self) -> bool {
        *self.power.borrow() == Power::On
    }

    /// Cuts the power, or brings it back.
    pub(super) fn switch(&self) {
        self.power.send_modify(|power| {
            *power = match *power {
                Power::On => Power::Off,
                Power::Off => Power::On,
                Power::Ended => Power::Ended,
            };
        });
    }

    /// Ends its servers for good.
    pub(super) fn end(&self) {
        // Where no server is left, nothing is left to end.
        _ = self.power.send(Power::Ended);
    }
}

/// Starts the servers of all regions on free ports. Gives the regions in the order of the table, and their pools.
pub(super) async fn start_regions() -> io::Result<(Vec<Staged>, Vec<Vec<SocketAddr>>)> {
    let (mut regions, mut pools) = (Vec::new(), Vec::new());
    for demo in REGIONS {
        let (power, powered) = watch::channel(Power::On);
        let region = Region::new(demo.name, demo.prefix);
        let mut pool = Vec::new();
        for number in 1..=SERVERS {
            let listener = TcpListener::bind((LOOPBACK, 0)).await?;
            pool.push(listener.local_addr()?);
            let server = format!("{}/{number}", demo.name);
            tokio::spawn(serve(Arc::clone(&region), server, listener, powered.clone()));
        }
        regions.push(Staged { region, power });
        pools.push(pool);
    }
    Ok((regions, pools))
}

/// Addresses on loopback that nobody listens on: with the ports `preferred`, or else any. Another program may take one
/// before it is used; then the edge says so.
pub(super) fn free_addresses(preferred: [u16; 2]) -> io::Result<[SocketAddr; 2]> {
    let bind = |port| {
        let bound = std::net::TcpListener::bind((LOOPBACK, port));
        bound.or_else(|_| std::net::TcpListener::bind((LOOPBACK, 0)))
    };
    // Both are held until both are known, so that they differ.
    let [one, other] = preferred.map(bind);
    let (one, other) = (one?, other?);
    Ok([one.local_addr()?, other.local_addr()?])
}

/// The files of a demo.
pub(super) struct Files {
    pub(super) directory: Directory,
    pub(super) settings: PathBuf,
    pub(super) log: PathBuf,
}

/// Writes everything that an edge at `edge`, with its admin address at `admin`, needs to serve `pools`.
pub(super) fn write_files(edge: SocketAddr, admin: SocketAddr, pools: &[Vec<SocketAddr>]) -> Result<Files, DemoError> {
    let directory = Directory::make().map_err(|source| DemoError::Files { path: std::env::temp_dir(), source })?;
    let table = table::routing_table(pools);
    let settings = table::settings(&Addresses { edge, admin, directory: directory.path() });
    let written = (|| {
        directory.write("places.mmdb", PLACES)?;
        directory.write("routing.first.yaml", &table)?;
        directory.write("routing.yaml", &table)?;
        std::fs::create_dir(directory.path().join("state"))?;
        directory.write("homeward.yaml", settings)
    })();
    let log = directory.path().join("process.log");
    match written {
        Ok(settings) => Ok(Files { directory, settings, log }),
        Err(source) => Err(DemoError::Files { path: directory.path().to_owned(), source }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_that_is_taken_is_left_alone() {
        let taken = std::net::TcpListener::bind((LOOPBACK, 0)).unwrap();
        let port = taken.local_addr().unwrap().port();
        let [one, other] = free_addresses([port, port]).unwrap();
        assert!(one.ip().is_loopback() && one.port() != port && other.port() != port && one != other);
    }
}
