//! Puts an edge together and takes it apart again.

use crate::acme::{Authority, Certifier};
use crate::admin::{AdminError, AdminServer, GivenSockets};
use crate::config::{Dns, Problems, Settings};
use crate::life::{Offer, SocketUse, Sockets, Watchdog};
use crate::live::{Changes, Edge, Heritage, Secrets, clock};
use crate::model::{SecretSource, Timestamp};
use crate::otlp::{CannotExport, Exporter};
use crate::proxy::{BindError, Farewell, ProxyServer};
use crate::source::{
    Advisor, CertificateSources, Drills, FileWatch, LastGood, LeaseFile, ListenersTls, Nudge, PlacesFiles, RoutingFile,
    SecretFollower, acme_files, collector_token, keep_leases,
};
use crate::telemetry::{AccessLog, Destination, Metrics, MetricsError, OpenError, Tracer};
use crate::upstream::{dns, outliers, presence, probe};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::runtime::{Handle, Runtime};
use tokio::sync::watch;
use tokio::task;
use tokio::time::timeout;

/// How long who is at the admin address may take to be answered when the edge stops.
const ADMIN_PATIENCE: Duration = Duration::from_secs(2);

/// How long the last lines of the access log may take to be written when the edge stops.
const LOG_PATIENCE: Duration = Duration::from_secs(2);

/// How long the last spans may take to be sent when the edge stops.
const SPANS_PATIENCE: Duration = Duration::from_secs(3);

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
    Tracing(#[from] CannotExport),
    #[error(transparent)]
    Metrics(#[from] MetricsError),
    #[error(transparent)]
    Discovery(#[from] dns::CannotDiscover),
    #[error(
        "the directory of ACME's state {0} cannot be made: {1}; let the user of homeward write there, or correct state: under acme:"
    )]
    AcmeState(String, io::Error),
    #[error("the system gives no more threads: {0}")]
    Thread(#[from] io::Error),
    #[error(
        "the service manager passes sockets that nobody would listen on: {0}; name them under listen: or admin: as they stand \
         here, or take them out of the socket unit (there, ListenStream=8080 is [::]:8080)"
    )]
    SocketsLeft(String),
}

/// An edge that serves.
pub struct RunningEdge {
    edge: Arc<Edge>,
    proxy: ProxyServer,
    admin_address: SocketAddr,
    admin_stop: watch::Sender<bool>,
    admin_is_given_away: Arc<AtomicBool>,
    admin_serving: Vec<task::JoinHandle<()>>,
    access_log: Arc<AccessLog>,
    exporting: Option<task::JoinHandle<()>>,
    control: Runtime,
    stop: watch::Sender<bool>,
    sources: Sources,
    /// Until another process serves.
    watchdog: Watchdog,
    /// Has certificates asked for again that were not to be had.
    again: watch::Sender<Timestamp>,
    grace: Duration,
}

/// An edge that could serve at once. Whoever connects to it waits.
pub struct PreparedEdge {
    running: RunningEdge,
    admin: AdminServer,
    certifier: Option<Certifier>,
    settings: Settings,
}

impl RunningEdge {
    /// Starts an edge: loads table and places, binds the listeners, and serves. When it returns, the edge is ready.
    ///
    /// # Errors
    /// Where it cannot serve; nothing of it is left then.
    pub fn start(settings: &Settings) -> Result<Self, StartError> {
        Ok(Self::prepare(settings, &mut Sockets::default(), Heritage::default())?.serve().0)
    }

    /// Makes an edge ready to serve: on those of the `sockets` that the settings name, where they are there, and with what
    /// another process knew.
    ///
    /// # Errors
    /// Where it could not serve; nothing of it is left then.
    pub fn prepare(settings: &Settings, sockets: &mut Sockets, heritage: Heritage) -> Result<PreparedEdge, StartError> {
        let region = settings.region.clone().ok_or(StartError::RegionMissing)?;
        let started = clock::now();
        let metrics = Arc::new(Metrics::new(env!("CARGO_PKG_VERSION"), started)?);
        let log = &settings.access_log;
        let destination = log.file.clone().map_or(Destination::Stdout, Destination::File);
        let access_log = Arc::new(AccessLog::open(log.format, destination, &metrics)?);
        let changes = Changes::remembered_in(&settings.state);
        let edge = Arc::new(Edge::heir(region, metrics, heritage).with_changes(changes));

        // What looks after the edge, beside the threads that serve.
        let control = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("control")
            // For what blocks: previews and drains above all. What many at once need goes with their threads.
            .max_blocking_threads(8)
            .thread_keep_alive(Duration::from_secs(2))
            .enable_all()
            .build()?;
        let (stop, stopped) = watch::channel(false);
        let told = Arc::clone(&edge);
        let report: crate::upstream::Report = Arc::new(move |transition| told.tell(transition));
        let fleet = || Arc::clone(edge.fleet());
        let discovery = discovery(&settings.dns)?;
        control.spawn(discovery.run(fleet(), Arc::clone(&report), stopped.clone()));
        control.spawn(presence::look_after(fleet(), Arc::clone(&report), stopped.clone()));
        let prober = probe::Prober::default().counting(Arc::clone(edge.metrics()));
        control.spawn(prober.run(fleet(), Arc::clone(&report), stopped.clone()));
        control.spawn(outliers::judge_outliers(fleet(), report, stopped.clone()));

        let lease_file = LeaseFile::in_state(&settings.state);
        // Before the table, which is live with its drains from the first request on.
        lease_file.restore(&edge);

        let (tracer, exporting) = tracing(settings, &edge, &control, &stopped)?.unzip();

        let mut sources = Sources::default();
        let certifier = certifier(settings, &edge)?;
        let mut tls = sources.follow_certificates(settings, &edge)?;
        let admin_tls = tls.pop().flatten();
        // Before the admin address, which may need them.
        sources.follow_secrets(Secrets::AdminTokens, settings.admin.tokens.as_ref(), settings, &edge)?;
        let threads = settings.threads.unwrap_or_else(cores);
        let (admin_stop, admin_stopped) = watch::channel(false);
        let mut admin = {
            let _inside = control.enter();
            let given = GivenSockets {
                address: sockets.take_tcp(SocketUse::Admin, settings.admin.address),
                socket: settings.admin.socket.as_deref().and_then(|path| sockets.take_unix(path)),
            };
            AdminServer::prepare(&settings.admin, given, Arc::clone(&edge), admin_tls, admin_stopped)?
        };
        let given = |address| sockets.take_tcp(SocketUse::Listen, address);
        let proxy = std::thread::scope(|scope| {
            // It reads whom this machine believes; meanwhile there are files to be read and servers to be probed.
            let recorders = (Arc::clone(&access_log), tracer);
            let start = || ProxyServer::start(settings, threads, Arc::clone(&edge), recorders, &tls, given);
            let proxy = std::thread::Builder::new().name("proxy".to_owned()).spawn_scoped(scope, start)?;
            let followed = sources.follow_all(settings, &edge, &control);
            let proxy = proxy.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            followed?;
            Ok::<_, StartError>(proxy?)
        })?;
        let mut loops: Vec<_> =
            proxy.event_loops().into_iter().enumerate().map(|(nth, of)| (format!("proxy {nth}"), of)).collect();
        loops.push(("control".to_owned(), control.handle().clone()));
        let watchdog = Watchdog::start(loops, settings.watchdog.stalled_after, Arc::clone(&edge))?;
        let running = Self {
            edge,
            proxy,
            admin_address: admin.address(),
            admin_stop,
            admin_is_given_away: admin.given_away(),
            admin_serving: admin.take_serving(),
            access_log,
            exporting,
            control,
            stop,
            sources,
            watchdog,
            again: watch::Sender::new(started),
            grace: settings.stop.grace,
        };
        Ok(PreparedEdge { running, admin, certifier, settings: settings.clone() })
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
        self.admin_address
    }

    /// What looks after it runs here.
    #[must_use]
    pub fn control(&self) -> &Handle {
        self.control.handle()
    }

    /// Reads table, places, keys and certificates anew, asks again for certificates that were not to be had, and opens the
    /// access log's file anew.
    pub fn reload(&self) {
        self.sources.nudges.iter().for_each(Nudge::ask);
        self.again.send_replace(clock::now());
        self.access_log.reopen();
    }

    /// Stops: takes no new connection, lets requests in flight finish for as long as the settings say, writes the last
    /// lines of the access log. Gives back how many requests did not finish. It blocks.
    #[must_use]
    pub fn stop(self) -> usize {
        let farewell = Farewell::for_good(self.grace);
        self.leave(&farewell)
    }

    /// The same, for as long as the `farewell` says.
    #[must_use]
    pub fn leave(self, farewell: &Farewell) -> usize {
        self.edge.begin_to_stop();
        // What is left is nobody's but this process's to wait for, and systemd looks after another one.
        drop(self.watchdog);
        if farewell.has_successor() {
            // Whoever asks at the admin address is answered by the one that serves. The socket's file is that one's too.
            self.admin_is_given_away.store(true, Ordering::Release);
            let _ = self.admin_stop.send(true);
        }
        let unfinished = self.proxy.stop(farewell);
        // Whoever no longer listens has stopped already.
        let _ = self.admin_stop.send(true);
        let answered = async {
            for serving in self.admin_serving {
                let _ = serving.await;
            }
        };
        let _ = self.control.block_on(async { timeout(ADMIN_PATIENCE, answered).await });
        let _ = self.stop.send(true);
        if let Some(exporting) = self.exporting {
            let _ = self.control.block_on(async { timeout(SPANS_PATIENCE, exporting).await });
        }
        drop(self.sources);
        self.control.shutdown_timeout(Duration::from_secs(1));
        if !self.access_log.close(LOG_PATIENCE) {
            tracing::warn!("the last lines of the access log could not be written");
        }
        unfinished
    }
}

impl PreparedEdge {
    /// The edge.
    #[must_use]
    pub fn edge(&self) -> &Arc<Edge> {
        &self.running.edge
    }

    /// Begins to serve. The sockets can be offered to a process that comes after this one; they stay open for as long as the
    /// offer is there.
    #[must_use]
    pub fn serve(self) -> (RunningEdge, Offer) {
        let Self { mut running, admin, certifier, settings } = self;
        // What the process before this one was told since.
        LeaseFile::in_state(&settings.state).restore(&running.edge);
        running.control.spawn(keep_leases(Arc::clone(&running.edge), running.stop.subscribe()));
        let drills = Drills::new(Arc::clone(&running.edge), settings.guard, &settings.state);
        running.control.spawn(drills.watch(running.stop.subscribe()));
        let advisor = Advisor::new(Arc::clone(&running.edge), settings.auto_drain);
        running.control.spawn(advisor.watch(running.stop.subscribe()));
        // Nothing can fail any more once a client may be connected.
        running.edge.begin_to_serve();
        running.proxy.open();
        admin.open();
        if let Some(certifier) = certifier {
            // Behind the listeners, which answer the authority; until another process asks in its place.
            running.control.spawn(certifier.run(running.again.subscribe(), running.admin_stop.subscribe()));
        }
        for address in running.proxy.addresses() {
            tracing::info!("{} serves on {address}", running.edge.local());
        }
        let scheme = if settings.admin.tls.is_some() { "https" } else { "http" };
        tracing::info!("the admin address is {scheme}://{}", running.admin_address);
        let mut offer = Offer::default();
        for listening in running.proxy.take_sockets() {
            offer.add(SocketUse::Listen, listening.address, listening.socket);
        }
        let (tcp, unix) = admin.into_sockets();
        offer.add(SocketUse::Admin, settings.admin.address, tcp);
        if let (Some(path), Some(unix)) = (&settings.admin.socket, unix) {
            offer.add(SocketUse::AdminSocket, path.display(), unix);
        }
        (running, offer)
    }
}

/// The threads that follow files. They end when this is dropped, which waits for them.
#[derive(Default)]
struct Sources {
    nudges: Vec<Nudge>,
    followers: Vec<JoinHandle<()>>,
}

impl Sources {
    fn follow_all(&mut self, settings: &Settings, edge: &Arc<Edge>, control: &Runtime) -> Result<(), StartError> {
        // Before the table: they say whether hops are on.
        self.follow_secrets(Secrets::HopKeys, settings.hop_keys.as_ref(), settings, edge)?;
        self.follow_places(settings, edge)?;
        self.follow_table(settings, edge, control)
    }

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
            .with_rule(settings.secret_files)
            .with_guard(settings.guard);
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

/// Who looks after the certificates of ACME, where there are any.
fn certifier(settings: &Settings, edge: &Arc<Edge>) -> Result<Option<Certifier>, StartError> {
    let Some(acme) = settings.acme.clone() else { return Ok(None) };
    let mut certificates = Vec::new();
    for certificate in settings.listen.iter().filter_map(|listener| listener.tls.as_ref()).flat_map(|tls| &tls.acme) {
        if !certificates.contains(certificate) {
            certificates.push(certificate.clone());
        }
    }
    let state = acme.state.display().to_string();
    let (authorities, external_key) = acme_files(&acme, settings.secret_files).map_err(StartError::Certificates)?;
    let authority = Authority { acme, authorities, external_key };
    let certifier = Certifier::new(authority, certificates, Arc::clone(edge));
    certifier.map(Some).map_err(|error| StartError::AcmeState(state, error))
}

/// What resolves the names of servers, as the settings say.
fn discovery(settings: &Dns) -> Result<dns::Discovery, dns::CannotDiscover> {
    let Dns { servers, shortest_ttl, longest_ttl } = settings;
    let discovery = match &servers[..] {
        [] => dns::Discovery::of_this_machine()?,
        servers => dns::Discovery::of_servers(servers)?,
    };
    let pace = dns::DiscoveryPace { floor: *shortest_ttl, ceiling: *longest_ttl, ..dns::DiscoveryPace::default() };
    Ok(discovery.with_pace(pace))
}

/// What records traces, and what sends them.
type Exporting = (Arc<Tracer>, task::JoinHandle<()>);

/// What records traces, and the task that sends them, where the settings want traces.
fn tracing(
    settings: &Settings,
    edge: &Arc<Edge>,
    control: &Runtime,
    stopped: &watch::Receiver<bool>,
) -> Result<Option<Exporting>, StartError> {
    let Some(tracing) = &settings.tracing else { return Ok(None) };
    let token = collector_token(tracing, settings.secret_files).map_err(StartError::Secrets)?;
    let (tracer, spans) = Tracer::new(tracing.sample, Arc::clone(edge.metrics()));
    let exporter = Exporter::new(tracing, edge.local().clone(), spans, token, Arc::clone(edge.metrics()))?;
    Ok(Some((Arc::new(tracer), control.spawn(exporter.run(stopped.clone())))))
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
