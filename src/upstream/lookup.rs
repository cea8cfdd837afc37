//! One look-up of a name: A and AAAA, through the machine's own settings or name servers of the operator's choice.

use super::srv::{SrvRecord, sifted};
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ProtocolConfig, ResolveHosts, ResolverConfig};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{RData, RecordType};
use hickory_resolver::{ResolverBuilder, TokioResolver};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, SystemTime};
use tokio::time;

/// For one question to one name server; each is asked twice.
const QUESTION_TIMEOUT: Duration = Duration::from_secs(2);

/// How long the answer of one family waits for the other.
const PATIENCE: Duration = Duration::from_secs(1);

/// What DNS said to a question: for A or AAAA, addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Said<T = IpAddr> {
    /// At least one of them, valid for this long.
    Addresses(Vec<T>, Duration),
    /// That there is none: the name does not exist, or has no such record.
    Nothing(&'static str),
    /// No answer, and why.
    NoAnswer(String),
}

/// Looks names up, without a cache: its caller keeps the answers.
#[derive(Clone)]
pub(super) struct Resolver {
    inner: TokioResolver,
}

impl Resolver {
    /// By `/etc/hosts` and the name servers and search domains of `/etc/resolv.conf`; where that names none, by the
    /// name server at 127.0.0.1, as the C library does.
    pub(super) fn of_this_machine() -> Result<Self, NetError> {
        let builder = TokioResolver::builder_tokio().unwrap_or_else(|error| {
            tracing::warn!("/etc/resolv.conf names no name server ({error}); asking 127.0.0.1");
            Self::asking(&[SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 53)])
        });
        Self::build(builder)
    }

    /// By `/etc/hosts` and these name servers, over UDP, and TCP where an answer is too long for it.
    pub(super) fn of_servers(servers: &[SocketAddr]) -> Result<Self, NetError> {
        Self::build(Self::asking(servers))
    }

    fn asking(servers: &[SocketAddr]) -> ResolverBuilder<TokioRuntimeProvider> {
        let servers = servers.iter().map(|server| {
            let connections = [ProtocolConfig::Udp, ProtocolConfig::Tcp].map(|protocol| {
                let mut connection = ConnectionConfig::new(protocol);
                connection.port = server.port();
                connection
            });
            NameServerConfig::new(server.ip(), true, connections.into())
        });
        let config = ResolverConfig::from_name_servers(servers.collect());
        TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
    }

    fn build(mut builder: ResolverBuilder<TokioRuntimeProvider>) -> Result<Self, NetError> {
        let options = builder.options_mut();
        options.cache_size = 0;
        options.timeout = options.timeout.min(QUESTION_TIMEOUT);
        options.attempts = options.attempts.clamp(1, 2);
        options.use_hosts_file = ResolveHosts::Always;
        Ok(Self { inner: builder.build()? })
    }

    /// What DNS says of `name` for A and for AAAA. Once one of them has addresses, the other gets a second more.
    pub(super) async fn look_up(&self, name: &str) -> [Said; 2] {
        let (v4, v6) = (self.ask(name, RecordType::A), self.ask(name, RecordType::AAAA));
        tokio::pin!(v4, v6);
        tokio::select! {
            said = &mut v4 => { let other = in_time(&said, v6).await; [said, other] },
            said = &mut v6 => [in_time(&said, v4).await, said],
        }
    }

    /// What DNS says of the SRV records of `name`, in any order.
    pub(super) async fn look_up_service(&self, name: &str) -> Said<SrvRecord> {
        match self.inner.lookup(name, RecordType::SRV).await {
            Ok(answer) => {
                let ttl = answer.answers().iter().map(|record| record.ttl).min().unwrap_or(0);
                let found = answer.answers().iter().filter_map(|record| match &record.data {
                    RData::SRV(srv) => Some(SrvRecord {
                        priority: srv.priority,
                        target: srv.target.to_ascii().trim_end_matches('.').to_ascii_lowercase().into(),
                        port: srv.port,
                        weight: srv.weight,
                    }),
                    _ => None,
                });
                let records = sifted(found.collect());
                if records.is_empty() {
                    Said::Nothing("its SRV records name no server")
                } else {
                    Said::Addresses(records, Duration::from_secs(ttl.into()))
                }
            }
            Err(error) if error.is_nx_domain() => Said::Nothing("the name does not exist (NXDOMAIN)"),
            Err(error) if error.is_no_records_found() => Said::Nothing("the name has no SRV record"),
            Err(error) => Said::NoAnswer(error.to_string()),
        }
    }

    /// What DNS says of an absolute name, such as a target of SRV records: search domains do not count.
    pub(super) async fn look_up_absolute(&self, name: &str) -> [Said; 2] {
        self.look_up(&format!("{name}.")).await
    }

    async fn ask(&self, name: &str, kind: RecordType) -> Said {
        match self.inner.lookup(name, kind).await {
            Ok(answer) => {
                let found = answer.answers().iter().filter_map(|record| record.data.ip_addr());
                let addresses: Vec<IpAddr> = found.filter(is_of_a_server).collect();
                let ttl = answer.answers().iter().map(|record| record.ttl).min().unwrap_or(0);
                if addresses.is_empty() {
                    Said::Nothing("it has no address that a server could have")
                } else {
                    Said::Addresses(addresses, Duration::from_secs(ttl.into()))
                }
            }
            Err(error) if error.is_nx_domain() => Said::Nothing("the name does not exist (NXDOMAIN)"),
            Err(error) if error.is_no_records_found() => Said::Nothing("the name has no address"),
            Err(error) => Said::NoAnswer(error.to_string()),
        }
    }
}

async fn in_time(first: &Said, other: impl Future<Output = Said>) -> Said {
    if matches!(first, Said::Addresses(..)) {
        time::timeout(PATIENCE, other).await.unwrap_or_else(|_| Said::NoAnswer("no answer in time".into()))
    } else {
        other.await
    }
}

/// Whether a server can be there. Filters answer `0.0.0.0` for names that they block; connecting to it would reach this
/// very machine.
fn is_of_a_server(address: &IpAddr) -> bool {
    let address = address.to_canonical();
    !(address.is_unspecified() || address.is_multicast() || address == IpAddr::V4(Ipv4Addr::BROADCAST))
}

/// When the files that a look-up on this machine depends on were last changed.
pub(super) type SystemFiles = [Option<SystemTime>; 2];

/// The state of those files now. It differs from an earlier one where a look-up might.
pub(super) fn system_files() -> SystemFiles {
    ["/etc/resolv.conf", "/etc/hosts"].map(|file| std::fs::metadata(file).and_then(|about| about.modified()).ok())
}
