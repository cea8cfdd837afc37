//! The running process: it hands over to a new one that says that it is ready, and goes on where none does.

use super::channel::{Channel, Heard};
use super::message::{Message, PROTOCOL};
use super::service_manager;
use super::sockets::{SocketName, SocketUse};
use super::successor::Command;
use crate::live::{Edge, clock};
use crate::telemetry::HandoverResult;
use std::fmt;
use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener as StdUnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;
use tokio::net::UnixListener;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

/// How long a new process may take to say who it is.
const HELLO: Duration = Duration::from_secs(5);

/// How long it may take to begin to serve once nothing is missing.
const BEGINNING: Duration = Duration::from_secs(10);

/// How often a new process that was started here is looked at.
const LOOK: Duration = Duration::from_millis(20);

/// How long it may take to end by itself where nothing came of it.
const ENDING: Duration = Duration::from_secs(5);

/// How many processes may talk at once; all but one of them are told no.
const MOST_TALKS: usize = 8;

/// A hand-over is not possible. The message says where, why and what to do.
#[derive(Debug, thiserror::Error)]
#[error(
    "no new process can take over from this one, as its socket {} cannot be made: {error}; let the user that runs homeward \
     write to that directory, or choose another under state:",
    .path.display()
)]
pub struct GiverError {
    path: PathBuf,
    error: io::Error,
}

/// The sockets that a new process gets.
#[derive(Debug, Default)]
pub struct Offer {
    sockets: Vec<(SocketName, OwnedFd)>,
}

impl Offer {
    /// Adds the socket for this use of `at`, which is an address or a path of the settings.
    pub fn add(&mut self, what: SocketUse, at: impl fmt::Display, socket: OwnedFd) {
        self.sockets.push((SocketName::new(what, at), socket));
    }
}

/// How far the one hand-over is that there may be at a time.
#[derive(Debug)]
enum Attempt {
    None,
    /// This process was started and has not asked for anything yet.
    Started(u32),
    /// This one gets ready.
    Talking(u32, Channel),
    /// This one serves. There is no other hand-over after it.
    Done,
}

impl Attempt {
    /// The process that is to take over.
    fn process(&self) -> Option<u32> {
        match self {
            Self::Started(process) | Self::Talking(process, _) => Some(*process),
            Self::None | Self::Done => None,
        }
    }
}

/// Waits for new processes, and hands over to the first one that becomes ready.
pub struct Giver {
    shared: Arc<Shared>,
    path: PathBuf,
    identity: Option<(u64, u64)>,
    accepting: tokio::task::JoinHandle<()>,
}

struct Shared {
    edge: Arc<Edge>,
    ready_within: Duration,
    offer: Mutex<Offer>,
    attempt: Mutex<Attempt>,
    given: Mutex<Option<oneshot::Sender<u32>>>,
}

impl Giver {
    /// Waits at the socket `path` for a process that wants to take over what is in `offer`; it may take `ready_within` to be
    /// ready. The id of the one that serves then comes out of the receiver: from that moment on this process must take no
    /// connection any more.
    ///
    /// The socket is made for its owner alone. One that lies there gives way: it is a dead process's, or that of the one which
    /// has handed over to this.
    ///
    /// # Errors
    /// Where the socket cannot be made.
    pub fn start(
        path: PathBuf,
        offer: Offer,
        edge: Arc<Edge>,
        ready_within: Duration,
        runtime: &Handle,
    ) -> Result<(Self, oneshot::Receiver<u32>), GiverError> {
        let listener = {
            let _inside = runtime.enter();
            make(&path).and_then(|listener| {
                listener.set_nonblocking(true)?;
                UnixListener::from_std(listener)
            })
        };
        let listener = listener.map_err(|error| GiverError { path: path.clone(), error })?;
        let (given, successor) = oneshot::channel();
        let shared = Arc::new(Shared {
            edge,
            ready_within,
            offer: Mutex::new(offer),
            attempt: Mutex::new(Attempt::None),
            given: Mutex::new(Some(given)),
        });
        let accepting = runtime.spawn(accept(listener, Arc::clone(&shared)));
        let identity = identity(&path);
        Ok((Self { shared, path, identity, accepting }, successor))
    }

    /// Starts `command` to take over, unless a new process is about to.
    pub fn begin(&self, command: &Command) {
        let mut attempt = self.shared.attempt();
        if let Some(process) = attempt.process() {
            tracing::warn!("process {process} is about to take over already, so that no other one is started");
            return;
        }
        if matches!(*attempt, Attempt::Done) {
            return;
        }
        match command.start() {
            Ok(child) => {
                let process = child.id();
                tracing::info!("started {} as process {process}, to take over", command.program());
                *attempt = Attempt::Started(process);
                drop(attempt);
                self.shared.look_after(child);
            }
            Err(error) => {
                drop(attempt);
                let program = command.program();
                self.shared
                    .failed(&format!("{program} cannot be started: {error}; see that it is there and executable"));
            }
        }
    }

    /// Hands over no more. Where `a_successor` serves, what is at the socket's path is that one's; otherwise it is taken away,
    /// and a process that gets ready hears no.
    pub fn close(self, a_successor: bool) {
        self.accepting.abort();
        let before = std::mem::replace(&mut *self.shared.attempt(), Attempt::Done);
        if let Attempt::Talking(process, mut channel) = before {
            tracing::info!("process {process} does not take over, as this one stops");
            // One that is gone need not be told.
            let _ = channel.say(&Message::no("the running process stops"), &[]);
            channel.close();
        }
        self.shared.offer.lock().unwrap_or_else(PoisonError::into_inner).sockets.clear();
        if !a_successor && self.identity.is_some() && identity(&self.path) == self.identity {
            // A file that stays behind is replaced by the next start.
            let _ = fs::remove_file(&self.path);
        }
    }
}

impl fmt::Debug for Giver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Giver({})", self.path.display())
    }
}

/// Why a hand-over did not come about.
enum Refusal {
    /// Somebody has looked whether this process is there.
    Looked,
    /// It was not for that process to ask.
    NotNow(String),
    /// It was under way.
    Failed(String),
}

async fn accept(listener: UnixListener, shared: Arc<Shared>) {
    let talks = Arc::new(tokio::sync::Semaphore::new(MOST_TALKS));
    loop {
        let Ok(talk) = Arc::clone(&talks).acquire_owned().await else { return };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream.into_std(),
            Err(error) => Err(error),
        };
        let shared = Arc::clone(&shared);
        let talking = stream.and_then(Channel::new).and_then(|channel| {
            thread::Builder::new().name("handover".to_owned()).spawn(move || {
                shared.talk(channel);
                drop(talk);
            })
        });
        if let Err(error) = talking {
            tracing::warn!("a process that wants to take over cannot be listened to: {error}");
            tokio::time::sleep(LOOK).await;
        }
    }
}

impl Shared {
    fn attempt(&self) -> MutexGuard<'_, Attempt> {
        self.attempt.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts and says that a hand-over failed.
    fn failed(&self, why: &str) {
        self.edge.metrics().handover(HandoverResult::Failed);
        tracing::error!("the hand-over failed, and this process goes on serving: {why}");
    }

    fn talk(&self, mut channel: Channel) {
        match self.hand_over(&mut channel) {
            Ok(process) => {
                self.edge.metrics().handover(HandoverResult::Completed);
                tracing::info!("process {process} serves from now on; this one finishes what it has begun");
                if let Some(given) = self.given.lock().unwrap_or_else(PoisonError::into_inner).take() {
                    // Where nobody waits for it, the process is about to end.
                    let _ = given.send(process);
                }
            }
            Err(Refusal::Looked) => {}
            Err(Refusal::NotNow(why)) => {
                self.edge.metrics().handover(HandoverResult::Refused);
                tracing::warn!("a process that wants to take over is told no: {why}");
                // One that is gone need not be told.
                let _ = channel.say(&Message::no(why), &[]);
            }
            Err(Refusal::Failed(why)) => {
                let _ = channel.say(&Message::no(why.clone()), &[]);
                let mut attempt = self.attempt();
                if !matches!(*attempt, Attempt::Done) {
                    *attempt = Attempt::None;
                    drop(attempt);
                    self.failed(&why);
                }
            }
        }
        channel.close();
    }

    fn hand_over(&self, channel: &mut Channel) -> Result<u32, Refusal> {
        let process = channel.peer().map_err(|error| {
            Refusal::NotNow(format!("it is none of this user's ({error}); start it as the user that runs this one"))
        })?;
        match channel.hear(HELLO) {
            Ok(Heard::Message(message, _)) => match *message {
                Message::Hello { protocol: PROTOCOL, homeward } => self.admit(process, &homeward, channel)?,
                Message::Hello { protocol, homeward } => {
                    return Err(Refusal::NotNow(format!(
                        "process {process} is Homeward {homeward}, which hands over by version {protocol} of the \
                         conversation, and this is {PROTOCOL}; stop this one and start that one"
                    )));
                }
                other => return Err(Refusal::NotNow(format!("process {process} begins with '{}'", other.name()))),
            },
            Ok(Heard::End) => return Err(Refusal::Looked),
            Err(error) => return Err(Refusal::NotNow(format!("process {process} says nothing: {error}"))),
        }
        let failed = |why: String| Refusal::Failed(format!("process {process} {why}"));
        let cannot_be_told = |error| failed(format!("cannot be told: {error}"));

        self.say_offer(channel).map_err(cannot_be_told)?;
        match channel.hear(self.ready_within) {
            Ok(Heard::Message(message, _)) => match *message {
                Message::Ready => {}
                Message::Failed { why } => return Err(failed(format!("cannot take over: {why}"))),
                other => return Err(failed(format!("says '{}' where it should be ready", other.name()))),
            },
            Ok(Heard::End) => return Err(failed("ended before it was ready; see what it has said".to_owned())),
            Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                let within = self.ready_within;
                return Err(failed(format!("was not ready within {within:?}; see handover.ready_within")));
            }
            Err(error) => return Err(failed(format!("cannot be understood: {error}"))),
        }

        let counts = self.edge.counts();
        if counts.left_behind > 0 {
            tracing::warn!("{} counts of sessions and clients are left behind: there are too many", counts.left_behind);
        }
        channel.say(&Message::Counts { counts }, &[]).map_err(cannot_be_told)?;
        match channel.hear(BEGINNING) {
            Ok(Heard::Message(message, _)) if matches!(*message, Message::Serving) => {}
            Ok(Heard::Message(message, _)) => {
                return Err(failed(format!("says '{}' where it should serve", message.name())));
            }
            Ok(Heard::End) => return Err(failed("ended before it served; see what it has said".to_owned())),
            Err(error) => return Err(failed(format!("did not begin to serve: {error}"))),
        }

        // Whoever stops this process says so under the lock too: it is farewell or no, and never both.
        let mut attempt = self.attempt();
        if !matches!(*attempt, Attempt::Talking(..)) {
            return Err(failed("came too late: this one stops".to_owned()));
        }
        *attempt = Attempt::Done;
        service_manager::handed_over_to(process);
        // One that is gone by now has served, and somebody has to look after it: systemd, or whoever has started it.
        let _ = channel.say(&Message::Farewell, &[]);
        Ok(process)
    }

    /// Lets one process try.
    fn admit(&self, process: u32, version: &str, channel: &Channel) -> Result<(), Refusal> {
        let mut attempt = self.attempt();
        match &*attempt {
            Attempt::None => {}
            Attempt::Started(started) if *started == process => {}
            Attempt::Started(other) | Attempt::Talking(other, _) => {
                return Err(Refusal::NotNow(format!("process {other} is about to take over, and only one can")));
            }
            Attempt::Done => return Err(Refusal::NotNow("this process is about to end".to_owned())),
        }
        let last_word = channel.try_clone().map_err(|error| Refusal::NotNow(error.to_string()))?;
        *attempt = Attempt::Talking(process, last_word);
        tracing::info!("process {process} (Homeward {version}) gets ready to take over");
        Ok(())
    }

    fn say_offer(&self, channel: &mut Channel) -> io::Result<()> {
        let offer = self.offer.lock().unwrap_or_else(PoisonError::into_inner);
        let message = Message::Offer {
            protocol: PROTOCOL,
            homeward: env!("CARGO_PKG_VERSION").to_owned(),
            sockets: offer.sockets.iter().map(|(name, _)| name.clone()).collect(),
            heritage: self.edge.heritage(),
        };
        let sockets: Vec<_> = offer.sockets.iter().map(|(_, socket)| socket.as_fd()).collect();
        channel.say(&message, &sockets)
    }

    /// Waits for the end of a process that was started here, until it serves; ends it where nothing comes of it.
    fn look_after(self: &Arc<Self>, mut child: Child) {
        let (shared, process) = (Arc::clone(self), child.id());
        let looking = thread::Builder::new().name("successor".to_owned()).spawn(move || {
            let mut end = clock::monotonic() + shared.ready_within;
            loop {
                let status = child.try_wait();
                let mut attempt = shared.attempt();
                let is_awaited = matches!(&*attempt, Attempt::Started(started) if *started == process);
                let ended = match status {
                    Ok(None) => None,
                    Ok(Some(status)) => Some(format!("it ended by {status}")),
                    Err(error) => Some(format!("it cannot be waited for: {error}")),
                };
                if let Some(ended) = ended {
                    // One that talks is heard to end.
                    if is_awaited {
                        *attempt = Attempt::None;
                        drop(attempt);
                        shared.failed(&format!(
                            "process {process} never asked to take over: {ended}; see what it has said"
                        ));
                    }
                    return;
                }
                match &*attempt {
                    Attempt::Done => return,
                    Attempt::Talking(talking, _) if *talking == process => end = clock::monotonic() + ENDING,
                    _ if clock::monotonic() >= end => {
                        if is_awaited {
                            *attempt = Attempt::None;
                            drop(attempt);
                            let within = shared.ready_within;
                            shared.failed(&format!("process {process} did not ask to take over within {within:?}"));
                        }
                        // Where it has ended by now, it has.
                        let _ = child.kill();
                        let _ = child.wait();
                        return;
                    }
                    _ => {}
                }
                drop(attempt);
                thread::sleep(LOOK);
            }
        });
        if let Err(error) = looking {
            tracing::warn!("nobody looks after process {process}, as the system gives no more threads: {error}");
        }
    }
}

/// Makes the socket beside its place and moves it there, so that it is never there with wider permissions, and what lies there
/// gives way in one step.
fn make(path: &Path) -> io::Result<StdUnixListener> {
    if let Some(directory) = path.parent().filter(|directory| !directory.as_os_str().is_empty()) {
        DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    }
    if fs::symlink_metadata(path).is_ok_and(|found| !found.file_type().is_socket()) {
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, "a file lies there that is no socket"));
    }
    let beside = path.with_extension(format!("{}.new", std::process::id()));
    // What a dead process of the same number left is in the way; that nothing is there is the usual case.
    let _ = fs::remove_file(&beside);
    let listener = StdUnixListener::bind(&beside)?;
    let placed = fs::set_permissions(&beside, Permissions::from_mode(0o600)).and_then(|()| fs::rename(&beside, path));
    if let Err(error) = placed {
        // The first error is the one that matters.
        let _ = fs::remove_file(&beside);
        return Err(error);
    }
    Ok(listener)
}

fn identity(path: &Path) -> Option<(u64, u64)> {
    fs::symlink_metadata(path).ok().map(|found| (found.dev(), found.ino()))
}

/// Whether a process answers at `path`.
pub(super) fn answers(path: &Path) -> io::Result<Option<UnixStream>> {
    match UnixStream::connect(path) {
        Ok(stream) => Ok(Some(stream)),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => Ok(None),
        Err(error) => Err(error),
    }
}
