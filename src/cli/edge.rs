//! Puts an edge together and takes it apart again.

use crate::admin::{AdminError, AdminServer};
use crate::config::{Problems, Settings};
use crate::live::{Edge, Secrets, clock, log_transition};
use crate::model::SecretSource;
use crate::proxy::{BindError, ProxyServer};
use crate::source::{
    CertificateSources, FileWatch, LastGood, ListenersTls, Nudge, PlacesFiles, RoutingFile, SecretFollower,
};
use crate::telemetry::{AccessLog, Destination, Metrics, MetricsError, OpenError};
use crate::upstream::{dns, probe};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::sync::watch;

/// How long the last lines of the access log may take to be written when the edge stops.
const LOG_PATIENCE: Duration = Duration::from_secs(2);

/// Why an edge cannot start. The message says where, why and what to do.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum StartError {
    #[error("the edge does not know its region; set region: in the settings, --region or HOMEWARD_REGION")]
    RegionMissing,
    #[error("{}", .0.render(false))]
    Table(Problems),
    #[error("{}", .0.render(false))]
    Secrets(Problems),
    #[error("{}", .0.render(false))]
    Certificates(Problems),
    #[error(transparent)]
    Listen(#[from] BindError),
    #[error(transparent)]
    Admin(#[from] AdminError),
    #[error(transparent)]
    AccessLog(#[from] OpenError),
    #[error(transparent)]
    Metrics(#[from] MetricsError),
    #[error(transparent)]
    Discovery(#[from] dns::CannotDiscover),
    #[error("the system gives no more threads: {0}")]
    Thread(#[from] io::Error),
}

/// An edge that serves.
pub struct RunningEdge {
    edge: Arc<Edge>,
    proxy: ProxyServer,
    admin: AdminServer,
    access_log: Arc<AccessLog>,
    control: Runtime,
    stop: watch::Sender<bool>,
    sources: Sources,
    grace: Duration,
}

impl RunningEdge {
    /// Starts an edge: loads table and places, binds the listeners, and serves. When it returns, the edge is ready.
    ///
    /// # Errors
    /// Where it cannot serve; nothing of it is left then.
    pub fn start(settings: &Settings) -> Result<Self, StartError> {
        let region = settings.region.clone().ok_or(StartError::RegionMissing)?;
        let started = clock::now();
        let metrics = Arc::new(Metrics::new(env!("CARGO_PKG_VERSION"), started)?);
        let log = &settings.access_log;
        let destination = log.file.clone().map_or(Destination::Stdout, Destination::File);
        let access_log = Arc::new(AccessLog::open(log.format, destination, &metrics)?);
        let edge = Arc::new(Edge::new(region, metrics));

        // What looks after the edge, beside the threads that serve.
        let control = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("control")
            .enable_all()
            .build()?;
        let (stop, stopped) = watch::channel(false);
        let report: crate::upstream::Report = Arc::new(log_transition);
        let discovery = dns::Discovery::of_this_machine()?;
        control.spawn(discovery.run(Arc::clone(edge.fleet()), Arc::clone(&report), stopped.clone()));
        control.spawn(probe::Prober::default().run(Arc::clone(edge.fleet()), report, stopped.clone()));

        let mut sources = Sources::default();
        let mut tls = sources.follow_certificates(settings, &edge)?;
        let admin_tls = tls.pop().flatten();
        // Before the table: they say whether hops are on.
        sources.follow_secrets(Secrets::HopKeys, settings.hop_keys.as_ref(), settings, &edge)?;
        sources.follow_secrets(Secrets::AdminTokens, settings.admin.tokens.as_ref(), settings, &edge)?;
        sources.follow_places(settings, &edge)?;
        sources.follow_table(settings, &edge, &control)?;

        let threads = settings.threads.unwrap_or_else(cores);
        let admin = {
            let _inside = control.enter();
            AdminServer::start(&settings.admin, Arc::clone(&edge), admin_tls, stopped)?
        };
        // The listeners come last: nothing can fail any more once a client may be connected.
        let proxy = ProxyServer::start(settings, threads, Arc::clone(&edge), Arc::clone(&access_log), &tls)?;
        edge.begin_to_serve();
        let grace = settings.stop.grace;
        for address in proxy.addresses() {
            tracing::info!("{} serves on {address}", edge.local());
        }
        let scheme = if settings.admin.tls.is_some() { "https" } else { "http" };
        tracing::info!("the admin address is {scheme}://{}", admin.address());
        Ok(Self { edge, proxy, admin, access_log, control, stop, sources, grace })
    }

    /// The edge.
    #[must_use]
    pub fn edge(&self) -> &Arc<Edge> {
        &self.edge
    }

    /// Where it serves.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        self.proxy.addresses()
    }

    /// Where operators reach it.
    #[must_use]
    pub fn admin_address(&self) -> SocketAddr {
        self.admin.address()
    }

    /// Reads table, places, keys and certificates anew, and opens the access log's file anew.
    pub fn reload(&self) {
        self.sources.nudges.iter().for_each(Nudge::ask);
        self.access_log.reopen();
    }

    /// Stops: takes no new connection, lets requests in flight finish for as long as the settings say, writes the last
    /// lines of the access log. Gives back how many requests did not finish. It blocks.
    #[must_use]
    pub fn stop(self) -> usize {
        self.edge.begin_to_stop();
        let unfinished = self.proxy.stop(self.grace);
        // Whoever no longer listens has stopped already.
        let _ = self.stop.send(true);
        drop(self.sources);
        self.control.shutdown_timeout(Duration::from_secs(1));
        if !self.access_log.close(LOG_PATIENCE) {
            tracing::warn!("the last lines of the access log could not be written");
        }
        unfinished
    }
}

/// The threads that follow files. They end when this is dropped, which waits for them.
#[derive(Default)]
struct Sources {
    nudges: Vec<Nudge>,
    followers: Vec<JoinHandle<()>>,
}

impl Sources {
    fn follow_places(&mut self, settings: &Settings, edge: &Arc<Edge>) -> io::Result<()> {
        if settings.geoip.is_empty() {
            return Ok(());
        }
        let mut places = PlacesFiles::new(settings.geoip.clone(), Arc::clone(edge));
        let watch = FileWatch::over(&settings.geoip);
        places.load();
        self.spawn("places", watch.nudge(), move || places.follow(&watch))
    }

    /// TLS of the listeners and, behind them, of the admin address.
    fn follow_certificates(&mut self, settings: &Settings, edge: &Arc<Edge>) -> Result<ListenersTls, StartError> {
        let listen: Vec<_> = settings.listen.iter().cloned().chain([settings.admin.listener()]).collect();
        let files = CertificateSources::files(&listen);
        // Watched before they are read, so that no change in between is missed.
        let watch = (!files.is_empty()).then(|| FileWatch::over(&files));
        let (certificates, tls) =
            CertificateSources::start(&listen, edge, settings.secret_files).map_err(StartError::Certificates)?;
        if let Some(watch) = watch {
            self.spawn("certificates", watch.nudge(), move || certificates.follow(&watch))?;
        }
        Ok(tls)
    }

    fn follow_secrets(
        &mut self,
        of: Secrets,
        source: Option<&SecretSource>,
        settings: &Settings,
        edge: &Arc<Edge>,
    ) -> Result<(), StartError> {
        let Some(source) = source else { return Ok(()) };
        let mut secrets = SecretFollower::new(of, source.clone(), settings.secret_files, Arc::clone(edge));
        let watch = source.file().map(|file| FileWatch::over(&[file.to_owned()]));
        secrets.start().map_err(StartError::Secrets)?;
        // The environment of a process stays as it was.
        let Some(watch) = watch else { return Ok(()) };
        Ok(self.spawn(of.as_str(), watch.nudge(), move || secrets.follow(&watch))?)
    }

    fn follow_table(&mut self, settings: &Settings, edge: &Arc<Edge>, control: &Runtime) -> Result<(), StartError> {
        let path = settings.routing.clone();
        // Watched before it is read, so that no change in between is missed.
        let watch = FileWatch::over(std::slice::from_ref(&path));
        let last_good = LastGood::in_state(&settings.state);
        let mut table = RoutingFile::new(path, last_good, Arc::clone(edge), control.handle().clone())
            .with_rule(settings.secret_files);
        table.start().map_err(StartError::Table)?;
        Ok(self.spawn("table", watch.nudge(), move || table.follow(&watch))?)
    }

    fn spawn(&mut self, name: &str, nudge: Nudge, follow: impl FnOnce() + Send + 'static) -> io::Result<()> {
        self.followers.push(std::thread::Builder::new().name(name.to_owned()).spawn(follow)?);
        self.nudges.push(nudge);
        Ok(())
    }
}

impl Drop for Sources {
    fn drop(&mut self) {
        self.nudges.iter().for_each(Nudge::stop);
        for follower in self.followers.drain(..) {
            // A follower that panicked has said so in the log; stopping goes on.
            let _ = follower.join();
        }
    }
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
