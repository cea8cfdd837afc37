//! `services:`

use super::{RegionNames, health, resilience, tls};
use crate::config::form;
use crate::config::problem::{Findings, quoted};
use crate::config::quantity;
use crate::config::yaml::{Entry, Node, Span, Value};
use crate::config::{one_source, secret_source};
use crate::model::{
    Balance, Balancing, ClientRules, HostPattern, Hsts, Https, Learning, LimitKey, MintedBy, Network, PathPrefix, Pool,
    PoolServer, ProxyVersion, Rate, RateLimit, RegionId, ServerAddress, Service, SessionKeys, Timeouts, WhenHomeIsAway,
};
use std::collections::{HashMap, HashSet};
use std::fmt::Display;
use std::hash::Hash;
use std::num::NonZeroU16;
use std::str::FromStr;
use std::time::Duration;

/// Reads the services.
pub(super) fn read(root: &Node<'_>, names: &RegionNames<'_>, findings: &mut Findings) -> Vec<Service> {
    let mut seen = HashSet::new();
    let mut doors = Doors::default();
    let mut services = Vec::new();
    for entry in root.get("services").map(Node::entries).unwrap_or_default() {
        if !seen.insert(&*entry.key) {
            continue; // reported as a key that stands twice
        }
        let node = &entry.value;
        let hosts: Vec<(HostPattern, Span)> = distinct(node.get("hosts"), findings);
        let paths = match node.get("paths") {
            Some(list) => distinct(Some(list), findings).into_iter().map(|(path, _)| path).collect(),
            None => vec![PathPrefix::root()],
        };
        doors.open(entry, &hosts, &paths, findings);
        let pools = pools(node.get("pools"), names, findings);
        let Ok(name) = entry.key.parse() else { continue };
        services.push(Service {
            name,
            hosts: hosts.into_iter().map(|(host, _)| host).collect(),
            paths,
            session: node.get("session").and_then(|node| session(node, findings)),
            when_home_is_away: match node.get("when_home_is_away").and_then(Node::text) {
                Some("refuse") => WhenHomeIsAway::Refuse,
                _ => WhenHomeIsAway::Rehome,
            },
            balance: balancing(node, findings),
            timeouts: timeouts(node.get("timeouts"), findings),
            resilience: resilience::read(node, findings),
            largest_body: node.get("largest_body").and_then(|size| quantity::size(size.text()?).ok()),
            https: https(node, findings),
            rate_limit: rate_limit(node, findings),
            clients: node.get("clients").map(|clients| ClientRules {
                allow: clients.get("allow").map(|list| networks(list)),
                deny: clients.get("deny").map(|list| networks(list)).unwrap_or_default(),
            }),
            methods: node
                .get("methods")
                .map(|list| distinct(Some(list), findings).into_iter().map(|(method, _)| method).collect()),
            pools,
        });
    }
    services
}

/// The items of `list` that are a `T`; reports those that stand there twice.
fn distinct<T: FromStr + Hash + Eq + Clone + Display>(
    list: Option<&Node<'_>>,
    findings: &mut Findings,
) -> Vec<(T, Span)> {
    let items = list.map(Node::items).unwrap_or_default();
    let mut all: Vec<_> = items.iter().filter_map(|item| Some((item.parse::<T>()?, item.span))).collect();
    retain_distinct(&mut all, |value| value, findings);
    all
}

/// Keeps the first of those that agree on what `name` gives, and reports the others.
fn retain_distinct<T, N: Hash + Eq + Clone + Display>(
    all: &mut Vec<(T, Span)>,
    name: impl Fn(&T) -> &N,
    findings: &mut Findings,
) {
    let mut first: HashMap<N, Span> = HashMap::new();
    all.retain(|(value, span)| {
        let name = name(value);
        if let Some(at) = first.get(name) {
            let message = format!("{} stands twice in this list", quoted(&name.to_string()));
            findings.push_with(*span, message, "take one of the two away", (*at, "first here"));
            return false;
        }
        first.insert(name.clone(), *span);
        true
    });
}

fn session(node: &Node<'_>, findings: &mut Findings) -> Option<SessionKeys> {
    let text = |key| node.get(key).and_then(Node::text);
    let minted_by = match text("minted_by") {
        Some("edge") => MintedBy::Edge,
        _ => MintedBy::App,
    };
    if minted_by == MintedBy::Edge
        && let Some(other) = ["header", "bearer"].into_iter().find_map(|key| node.entry(key))
        && let Some(who) = node.entry("minted_by")
    {
        findings.push_with(
            other.key_span,
            format!("the edge mints keys in cookies, not in {}", quoted(&other.key)),
            format!("take {} away, or let the app mint: minted_by: app", quoted(&other.key)),
            (who.key_span, "because of this"),
        );
    }
    one_source(node, "key", findings);
    let bearer = node.get("bearer").and_then(Node::parse).unwrap_or(false);
    if let (Some(entry), false, None, None) = (node.entry("bearer"), bearer, node.get("cookie"), node.get("header")) {
        let help = "add cookie: sid or header: X-Session-Id, or write bearer: true";
        findings.push(entry.key_span, "the session key is nowhere", help);
    }
    Some(SessionKeys {
        cookie: text("cookie").map(Box::from),
        header: text("header").map(|name| name.to_ascii_lowercase().into()),
        bearer,
        separator: text("separator").unwrap_or("-").into(),
        minted_by,
        keyring: secret_source(node, "key"),
        learn: node.get("learn").map(|learn| Learning {
            entries: learn.get("entries").and_then(Node::parse).unwrap_or(100_000),
            ttl: learn
                .get("ttl")
                .and_then(|ttl| quantity::duration(ttl.text()?).ok())
                .unwrap_or(Duration::from_mins(10)),
        }),
    })
}

fn balancing(service: &Node<'_>, findings: &mut Findings) -> Balancing {
    let by = service.get("balance");
    let balancing = Balancing {
        by: by.and_then(Node::parse).unwrap_or_default(),
        factor: service.get("balance_factor").and_then(Node::parse).unwrap_or_default(),
        slow_start: service
            .get("slow_start")
            .and_then(|time| quantity::duration(time.text()?).ok())
            .unwrap_or_default(),
    };
    if let (Balance::Session, Some(by), None) = (&balancing.by, by, service.get("session")) {
        let help = "say where the session key is, e.g. session: {cookie: sid}, or balance by another key";
        findings.push(by.span, "the service has no 'session' to balance by", help);
    }
    if let Some(factor) = service.get("balance_factor")
        && !balancing.by.is_keyed()
        && by.is_none_or(|by| by.parse::<Balance>().is_some())
    {
        let message = format!("with balance: {} there is nothing that a factor bounds", balancing.by);
        let help = "take the factor away, or balance by a key: session, client, header:NAME or cookie:NAME";
        findings.push(factor.span, message, help);
    }
    balancing
}

/// The shortest time that the lists of browsers take.
const PRELOAD_AGE: Duration = Duration::from_hours(365 * 24);

fn https(service: &Node<'_>, findings: &mut Findings) -> Https {
    let flag = |node: &Node<'_>, key: &str| node.get(key).and_then(Node::parse).unwrap_or(false);
    let hsts = service.get("hsts").map(|node| {
        let hsts = Hsts {
            max_age: node.get("max_age").and_then(|age| quantity::age(age.text()?).ok()).unwrap_or(PRELOAD_AGE),
            include_subdomains: flag(node, "include_subdomains"),
            preload: flag(node, "preload"),
        };
        if let (true, Some(preload)) = (hsts.preload, node.entry("preload"))
            && (!hsts.include_subdomains || hsts.max_age < PRELOAD_AGE)
        {
            let help = "write include_subdomains: true and max_age: 365d or more, or take 'preload' away";
            let message = "browsers take a host on their list only with its subdomains, and for a year at least";
            findings.push(preload.key_span, message, help);
        }
        hsts
    });
    Https { redirect: flag(service, "redirect_to_https"), hsts }
}

fn rate_limit(service: &Node<'_>, findings: &mut Findings) -> Option<RateLimit> {
    let node = service.get("rate_limit")?;
    let key = node.get("key").and_then(Node::parse).unwrap_or_default();
    if let (LimitKey::Session, Some(place), None) = (&key, node.get("key"), service.get("session")) {
        let help = "say where the session key is, e.g. session: {cookie: sid}, or count by client";
        findings.push(place.span, "the service has no 'session' to count by", help);
    }
    let rate: Rate = node.get("rate").and_then(Node::parse)?;
    let burst = node.get("burst").and_then(Node::parse).unwrap_or_else(|| RateLimit::usual_burst(rate));
    Some(RateLimit { key, rate, burst })
}

fn networks(list: &Node<'_>) -> Vec<Network> {
    list.items().iter().filter_map(|node| form::network(node.text()?).ok()).collect()
}

fn timeouts(node: Option<&Node<'_>>, findings: &mut Findings) -> Timeouts {
    let or = |key: &str, default: Duration| {
        node.and_then(|node| quantity::duration(node.get(key)?.text()?).ok()).unwrap_or(default)
    };
    let default = Timeouts::default();
    let unreachable = or("unreachable", default.unreachable);
    if unreachable < Timeouts::LEAST_UNREACHABLE
        && let Some(entry) = node.and_then(|node| node.entry("unreachable"))
    {
        let message = "no machine is given up within less than two seconds: one lost packet may take so long";
        findings.push(entry.value.span, message, "write 2s or more");
    }
    Timeouts {
        connect: or("connect", default.connect),
        read: or("read", default.read),
        write: or("write", default.write),
        idle: or("idle", default.idle),
        connection_age: or("connection_age", default.connection_age),
        unreachable,
    }
}

fn pools(node: Option<&Node<'_>>, names: &RegionNames<'_>, findings: &mut Findings) -> Vec<(RegionId, Pool)> {
    let mut seen = HashSet::new();
    let mut pools = Vec::new();
    for entry in node.map(Node::entries).unwrap_or_default() {
        let Some(region) = names.find_text(&entry.key, entry.key_span, findings) else { continue };
        let pool = pool(&entry.value, findings);
        if seen.insert(region) {
            pools.push((region, pool));
        }
    }
    pools
}

fn pool(node: &Node<'_>, findings: &mut Findings) -> Pool {
    let list = match &node.value {
        Value::Map(_) => node.get("servers"),
        _ => Some(node),
    };
    let items = list.map(Node::items).unwrap_or_default();
    let mut servers: Vec<_> = items.iter().filter_map(server).collect();
    retain_distinct(&mut servers, |server: &PoolServer| &server.address, findings);
    Pool {
        servers: servers.into_iter().map(|(server, _)| server).collect(),
        tls: node.get("tls").and_then(|node| tls::of_pool(node, findings)),
        http2: node.get("http2").and_then(Node::text) == Some("true"),
        proxy_protocol: match node.get("proxy_protocol").and_then(Node::text) {
            Some("v1") => Some(ProxyVersion::V1),
            Some("v2") => Some(ProxyVersion::V2),
            _ => None,
        },
        health: node.get("health").map(|node| health::health(node, findings)),
    }
}

/// A server and where its address stands.
fn server(item: &Node<'_>) -> Option<(PoolServer, Span)> {
    let weight = item.get("weight").and_then(Node::parse).unwrap_or(NonZeroU16::MIN);
    if let Some(name) = item.get("srv") {
        return Some((PoolServer { address: ServerAddress::of_service(name.text()?).ok()?, weight }, name.span));
    }
    let Some(address) = item.get("address") else { return Some((item.parse()?, item.span)) };
    Some((PoolServer { address: address.parse::<ServerAddress>()?, weight }, address.span))
}

/// Which hosts and paths lead to a service so far.
#[derive(Default)]
struct Doors<'n> {
    taken: HashMap<HostPattern, HashMap<PathPrefix, (&'n str, Span)>>,
    count: usize,
}

impl<'n> Doors<'n> {
    /// How many pairs of a host and a path a table may have: each has its place in memory.
    const MOST: usize = 200_000;

    /// Leads these hosts and paths to a service; reports those that lead to another already.
    fn open(
        &mut self,
        service: &'n Entry<'_>,
        hosts: &[(HostPattern, Span)],
        paths: &[PathPrefix],
        findings: &mut Findings,
    ) {
        self.count = self.count.saturating_add(hosts.len().saturating_mul(paths.len()));
        if self.count > Self::MOST {
            findings.push(
                service.key_span,
                format!("the services have more than {} pairs of a host and a path up to here", Self::MOST),
                "use '*.' and a domain for many hosts, or shorter paths",
            );
            return;
        }
        for (host, span) in hosts {
            let taken = self.taken.entry(host.clone()).or_default();
            let mut clash = None;
            for path in paths {
                match taken.get(path) {
                    Some((other, at)) => clash = clash.or(Some((path, *other, *at))),
                    None => {
                        taken.insert(path.clone(), (&*service.key, *span));
                    }
                }
            }
            if let Some((path, other, at)) = clash {
                let door = if path.as_str() == "/" { host.to_string() } else { format!("{host}{path}") };
                findings.push_with(
                    *span,
                    format!("{} leads to two services, {} and {}", quoted(&door), quoted(other), quoted(&service.key)),
                    "a host and a path lead to one service: change one of them, or give the services different paths",
                    (at, "leads there already"),
                );
            }
        }
    }
}
