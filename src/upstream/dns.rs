//! Discovery: the addresses of the names in pools, looked up again whenever their TTL is over.

use super::Report;
use super::lookup::{self, Resolver, Said, SystemFiles};
use super::memory::{Memory, Verdict};
use super::srv::KnownTargets;
use super::tend::tend;
use crate::live::{DnsName, Fleet, Target, clock, entropy};
use hickory_resolver::net::NetError;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time;

/// How many names are looked up at once, at most; above it they queue.
const AT_ONCE: usize = 32;

/// How often names are looked up.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DiscoveryPace {
    /// The shortest time to the next look-up, whatever the TTL.
    pub floor: Duration,
    /// The longest.
    pub ceiling: Duration,
    /// After a failure; doubled with each further one in a row.
    pub first_retry: Duration,
    /// The longest time to the next look-up after failures.
    pub last_retry: Duration,
    /// By how much of itself every one of these is moved at random.
    pub jitter: f64,
    /// How long DNS has to go on saying that a name has no address until that is believed.
    pub disbelief: Duration,
}

impl Default for DiscoveryPace {
    fn default() -> Self {
        Self {
            floor: Duration::from_secs(1),
            ceiling: Duration::from_mins(5),
            first_retry: Duration::from_secs(1),
            last_retry: Duration::from_secs(30),
            jitter: 0.1,
            disbelief: Duration::from_mins(1),
        }
    }
}

/// Discovery cannot start.
#[derive(Debug, thiserror::Error)]
#[error("cannot set up DNS look-ups: {0}; check the name servers in the settings or in /etc/resolv.conf")]
pub struct CannotDiscover(String);

/// Resolves the names of a fleet's pools, never on a request's way.
///
/// When DNS fails, the last answer stays, for as long as it takes: probes say which of the servers are still there.
/// When DNS says that a name has no address any more, that is believed after a while only
/// ([`DiscoveryPace::disbelief`]): an emptied zone is more often a mistake than a wish.
pub struct Discovery {
    source: Mutex<Source>,
    pace: DiscoveryPace,
}

struct Source {
    resolver: Resolver,
    /// The state of the machine's files that the resolver was made of, where it was made of them.
    files: Option<SystemFiles>,
}

impl Discovery {
    /// By this machine's own settings: `/etc/hosts` and `/etc/resolv.conf`, read again when they change.
    ///
    /// # Errors
    /// Where the resolver cannot be built from them.
    pub fn of_this_machine() -> Result<Self, CannotDiscover> {
        Self::of(Source { files: Some(lookup::system_files()), resolver: made(Resolver::of_this_machine())? })
    }

    /// By these name servers, after `/etc/hosts`. Names are taken as complete: there are no search domains.
    ///
    /// # Errors
    /// Where none is given, or the resolver cannot be built for them.
    pub fn of_servers(servers: &[SocketAddr]) -> Result<Self, CannotDiscover> {
        if servers.is_empty() {
            return Err(CannotDiscover("no name server is given".into()));
        }
        Self::of(Source { files: None, resolver: made(Resolver::of_servers(servers))? })
    }

    fn of(source: Source) -> Result<Self, CannotDiscover> {
        Ok(Self { source: Mutex::new(source), pace: DiscoveryPace::default() })
    }

    /// The same at another pace.
    #[must_use]
    pub fn with_pace(self, pace: DiscoveryPace) -> Self {
        Self { pace, ..self }
    }

    /// Resolves every name of the fleet until `shutdown` says `true` or its sender is gone: a new one at once, then by
    /// its TTL. Runs on a tokio runtime with time and I/O.
    pub async fn run(self, fleet: Arc<Fleet>, report: Report, shutdown: watch::Receiver<bool>) {
        let (discovery, permits) = (Arc::new(self), Arc::new(Semaphore::new(AT_ONCE)));
        let look_after = |name| follow(name, discovery.clone(), fleet.clone(), report.clone(), permits.clone());
        tend(|| fleet.names(), fleet.targets_changed(), look_after, shutdown).await;
    }

    fn resolver(&self) -> Resolver {
        let mut source = self.source.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(before) = source.files {
            let files = lookup::system_files();
            if files != before {
                source.files = Some(files);
                match Resolver::of_this_machine() {
                    Ok(resolver) => source.resolver = resolver,
                    Err(error) => tracing::warn!("the new DNS settings do not work, the old ones stay: {error}"),
                }
            }
        }
        source.resolver.clone()
    }
}

fn made(resolver: Result<Resolver, NetError>) -> Result<Resolver, CannotDiscover> {
    resolver.map_err(|error| CannotDiscover(error.to_string()))
}

async fn follow(
    name: Arc<DnsName>,
    discovery: Arc<Discovery>,
    fleet: Arc<Fleet>,
    report: Report,
    permits: Arc<Semaphore>,
) {
    let mut asking = Asking::about(&name);
    loop {
        let was_failing = asking.is_failing();
        let Some(Verdict { addresses, failure, wait }) = asking.once(&name, &discovery, &permits).await else { return };
        if let Some(targets) = addresses {
            fleet.resolved_to(&name, targets).iter().for_each(|transition| report(transition));
        }
        match failure {
            Some(why) => {
                if !was_failing {
                    tracing::warn!("cannot resolve {name}: {why}; its last known addresses stay");
                }
                fleet.unresolved(&name, &why);
            }
            None if was_failing => tracing::info!("{name} resolves again"),
            None => {}
        }
        time::sleep(entropy::jitter(wait, discovery.pace.jitter)).await;
    }
}

/// How a name is asked for, with what was said of it before.
enum Asking {
    /// For its addresses.
    Addresses(Memory<Target, 2>),
    /// For its SRV records, and the addresses of their targets.
    Service(Memory<Target, 1>, KnownTargets),
}

impl Asking {
    fn about(name: &DnsName) -> Self {
        if name.is_service() {
            Self::Service(Memory::default(), KnownTargets::default())
        } else {
            Self::Addresses(Memory::default())
        }
    }

    fn is_failing(&self) -> bool {
        match self {
            Self::Addresses(memory) => memory.is_failing(),
            Self::Service(memory, _) => memory.is_failing(),
        }
    }

    /// Asks once; `None` where there is no more asking.
    async fn once(&mut self, name: &DnsName, discovery: &Discovery, permits: &Semaphore) -> Option<Verdict<Target>> {
        let _permit = permits.acquire().await.ok()?;
        let resolver = discovery.resolver();
        match self {
            Self::Addresses(memory) => {
                let said = resolver.look_up(name.text()).await.map(targets);
                Some(memory.judge(said, clock::monotonic(), &discovery.pace))
            }
            Self::Service(memory, known) => {
                let said = match resolver.look_up_service(name.text()).await {
                    Said::Addresses(records, ttl) => {
                        let mut asked = JoinSet::new(); // no more than there may be records
                        for (at, record) in records.iter().enumerate() {
                            let (resolver, target) = (resolver.clone(), record.target.clone());
                            asked.spawn(async move { (at, resolver.look_up_absolute(&target).await) });
                        }
                        let mut said = asked.join_all().await;
                        said.sort_unstable_by_key(|(at, _)| *at);
                        known.judge(&records, said.into_iter().map(|(_, said)| said).collect(), ttl)
                    }
                    Said::Nothing(why) => Said::Nothing(why),
                    Said::NoAnswer(why) => Said::NoAnswer(why),
                };
                Some(memory.judge([said], clock::monotonic(), &discovery.pace))
            }
        }
    }
}

fn targets(said: Said) -> Said<Target> {
    match said {
        Said::Addresses(addresses, ttl) => Said::Addresses(addresses.into_iter().map(Target::from).collect(), ttl),
        Said::Nothing(why) => Said::Nothing(why),
        Said::NoAnswer(why) => Said::NoAnswer(why),
    }
}
