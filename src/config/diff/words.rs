//! How the parts of a table are said.

use super::MOST_ITEMS;
use crate::config::quantity::write_duration;
use crate::model::{
    Balancing, Drain, DrainedStreams, HostPattern, MintedBy, Pool, PoolTls, ProxyVersion, RegionId, Service,
    SessionKeys, Timeouts, WhenHomeIsAway,
};
use crate::routing::Region;
use std::fmt::Display;

/// The regions of a table by id.
#[derive(Clone, Copy)]
pub(super) struct Names<'a>(pub(super) &'a [Region]);

impl<'a> Names<'a> {
    pub(super) fn of(self, region: RegionId) -> &'a str {
        self.0.get(region.index()).map_or("?", |region| region.name.as_str())
    }

    pub(super) fn all(self, regions: &[RegionId]) -> Vec<String> {
        regions.iter().map(|region| self.of(*region).to_owned()).collect()
    }
}

/// What is said of a thing: of each aspect one value, some or none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Says {
    aspects: Vec<(String, Value)>,
    /// The aspects of which it says what holds where nothing is said.
    usual: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Value {
    Word(Option<String>),
    /// In an order that counts.
    List(Vec<String>),
    /// In an order that does not.
    Set(Vec<String>),
}

impl Says {
    pub(super) fn word(&mut self, aspect: &str, value: Option<impl Display>) {
        self.aspects.push((aspect.to_owned(), Value::Word(value.map(|value| value.to_string()))));
    }

    /// The same; where it is what holds unless somebody says otherwise, it is not told of a thing that comes or goes.
    pub(super) fn word_beside(&mut self, aspect: &str, value: impl Display, usual: impl Display) {
        let value = value.to_string();
        if value == usual.to_string() {
            self.usual.push(aspect.to_owned());
        }
        self.word(aspect, Some(value));
    }

    fn list(&mut self, aspect: &str, items: Vec<String>) {
        self.aspects.push((aspect.to_owned(), Value::List(items)));
    }

    pub(super) fn set(&mut self, aspect: &str, items: impl IntoIterator<Item = impl Display>) {
        let mut items: Vec<_> = items.into_iter().map(|item| item.to_string()).collect();
        items.sort_unstable();
        self.aspects.push((aspect.to_owned(), Value::Set(items)));
    }

    /// Everything, behind `: `; nothing where nothing is said.
    pub(super) fn all(&self) -> String {
        let said = self.aspects.iter().filter(|(aspect, _)| !self.usual.contains(aspect));
        let said = said.filter_map(|(aspect, value)| match value {
            Value::Word(None) => None,
            Value::Word(Some(word)) => Some(format!("{aspect} {word}")),
            Value::List(items) | Value::Set(items) if items.is_empty() => None,
            Value::List(items) | Value::Set(items) => Some(format!("{aspect} {}", list(items))),
        });
        let said: Vec<_> = said.collect();
        if said.is_empty() { String::new() } else { format!(": {}", said.join("; ")) }
    }

    /// What `after` says otherwise, one text for each aspect.
    pub(super) fn differences(&self, after: &Self) -> Vec<String> {
        let of = |says: &'_ Self, aspect: &str| {
            says.aspects.iter().find(|(a, _)| a == aspect).map(|(_, value)| value.clone())
        };
        let gone = self.aspects.iter().filter(|(aspect, _)| of(after, aspect).is_none());
        let all = after.aspects.iter().chain(gone).map(|(aspect, _)| aspect);
        all.filter_map(|aspect| differs(aspect, of(self, aspect), of(after, aspect))).collect()
    }
}

fn differs(aspect: &str, before: Option<Value>, after: Option<Value>) -> Option<String> {
    if before == after {
        return None;
    }
    if let (Some(Value::Set(before)), Some(Value::Set(after))) = (&before, &after)
        && let (Some(_), Some(_)) = (before.first(), after.first())
    {
        return Some(format!("{aspect}: {}", set_difference(before, after)));
    }
    let word = |value: Option<Value>| match value? {
        Value::Word(word) => word,
        Value::List(items) | Value::Set(items) => (!items.is_empty()).then(|| list(&items)),
    };
    Some(match (word(before), word(after)) {
        (Some(before), Some(after)) => format!("{aspect} is {after}, was {before}"),
        (None, Some(after)) => format!("{aspect} is {after}, there was none"),
        (Some(before), None) => format!("{aspect} is gone, was {before}"),
        (None, None) => return None,
    })
}

/// `added a, b; removed c`, of two sorted lists.
pub(super) fn set_difference(before: &[String], after: &[String]) -> String {
    let less = |these: &[String], those: &[String]| -> Vec<String> {
        these.iter().filter(|item| those.binary_search(item).is_err()).cloned().collect()
    };
    let (added, removed) = (less(after, before), less(before, after));
    let part = |word: &str, items: &[String]| (!items.is_empty()).then(|| format!("{word} {}", list(items)));
    let parts: Vec<_> = [part("added", &added), part("removed", &removed)].into_iter().flatten().collect();
    if parts.is_empty() { "each as often as before no longer".to_owned() } else { parts.join("; ") }
}

/// The items with commas between them; of many, the first ones and how many more they are.
pub(super) fn list(items: &[String]) -> String {
    let shown = items.iter().take(MOST_ITEMS).map(String::as_str).collect::<Vec<_>>().join(", ");
    match items.len().saturating_sub(MOST_ITEMS) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

const NEAREST: &str = "to the others, nearest first";

pub(super) fn region(region: &Region, names: Names<'_>) -> Says {
    let Region { name: _, session_prefix, retired_prefixes, location, capacity, failover, edge } = region;
    let mut says = Says::default();
    says.word("session prefix", Some(session_prefix));
    says.set("retired prefixes", retired_prefixes);
    says.word("location", location.map(|at| format!("{}, {}", at.latitude(), at.longitude())));
    says.word("capacity", *capacity);
    match failover {
        None => says.word_beside("failover", NEAREST, NEAREST),
        Some(regions) if regions.is_empty() => says.word("failover", Some("to nobody")),
        Some(regions) => says.list("failover", names.all(regions)),
    }
    says.word("edge", edge.as_ref().map(|edge| servers(&edge.door)));
    says.word("fallback", edge.as_ref().filter(|edge| edge.direct).map(|_| "direct"));
    if let Some(edge) = edge {
        of_door(&mut says, "edge", &edge.door);
    }
    says
}

pub(super) fn service(service: &Service, names: Names<'_>) -> Says {
    let Service {
        name: _,
        hosts,
        paths,
        session,
        when_home_is_away,
        balance,
        timeouts,
        resilience,
        largest_body,
        https,
        rate_limit,
        clients,
        methods,
        pools,
    } = service;
    let mut says = Says::default();
    says.set("hosts", hosts.iter().map(HostPattern::to_string));
    says.set("paths", paths);
    session_keys(&mut says, session.as_ref());
    let when = match when_home_is_away {
        WhenHomeIsAway::Rehome => "rehome",
        WhenHomeIsAway::Refuse => "refuse",
    };
    says.word_beside("when_home_is_away", when, "rehome");
    let usual = Balancing::default();
    says.word_beside("balance", &balance.by, usual.by);
    says.word_beside("balance_factor", balance.factor, usual.factor);
    says.word("slow_start", (!balance.slow_start.is_zero()).then(|| write_duration(balance.slow_start)));
    let usual = Timeouts::default();
    for (aspect, time, usual) in [
        ("connect timeout", timeouts.connect, usual.connect),
        ("read timeout", timeouts.read, usual.read),
        ("write timeout", timeouts.write, usual.write),
        ("idle timeout", timeouts.idle, usual.idle),
        ("connection age", timeouts.connection_age, usual.connection_age),
        ("unreachable timeout", timeouts.unreachable, usual.unreachable),
    ] {
        says.word_beside(aspect, write_duration(time), write_duration(usual));
    }
    super::resilience::resilience(&mut says, resilience);
    says.word("largest body", largest_body.map(|bytes| format!("{bytes} bytes")));
    says.word("https redirect", https.redirect.then_some("on"));
    says.word(
        "hsts",
        https.hsts.map(|hsts| {
            let below = if hsts.include_subdomains { ", subdomains too" } else { "" };
            let preload = if hsts.preload { ", preload" } else { "" };
            format!("{}{below}{preload}", write_duration(hsts.max_age))
        }),
    );
    says.word(
        "rate limit",
        rate_limit.as_ref().map(|limit| format!("{} by {}, {} at once", limit.rate, limit.key, limit.burst)),
    );
    let rules = clients.as_ref();
    says.set("clients allowed", rules.and_then(|rules| rules.allow.as_ref()).into_iter().flatten());
    // Nobody is allowed by a list that names none, everybody where there is no list.
    says.word(
        "clients allowed at all",
        rules.and_then(|rules| rules.allow.as_ref()).filter(|all| all.is_empty()).map(|_| "nobody"),
    );
    says.set("clients denied", rules.into_iter().flat_map(|rules| &rules.deny));
    says.set("methods", methods.iter().flatten());
    for (region, pool) in pools {
        let aspect = format!("pool in {}", names.of(*region));
        says.set(&aspect, pool.servers.iter().map(weighted));
        of_door(&mut says, &aspect, pool);
        if let Some(health) = &pool.health {
            super::health::health(&mut says, &format!("{aspect}: "), health);
        }
    }
    says
}

fn session_keys(says: &mut Says, keys: Option<&SessionKeys>) {
    let Some(SessionKeys { cookie, header, bearer, separator, minted_by, keyring, learn }) = keys else { return };
    says.word("session cookie", cookie.as_ref());
    says.word("session header", header.as_ref());
    says.word("session in bearer tokens", bearer.then_some("on"));
    says.word_beside("separator", format_args!("'{separator}'"), "'-'");
    let minted_by = match minted_by {
        MintedBy::App => "app",
        MintedBy::Edge => "edge",
    };
    says.word_beside("minted_by", minted_by, "app");
    says.word("key of session keys", keyring.as_ref());
    says.word("learn", learn.map(|learn| format!("{} sessions for {}", learn.entries, write_duration(learn.ttl))));
}

/// How the servers of a pool are spoken to, apart from where they are.
fn of_door(says: &mut Says, aspect: &str, pool: &Pool) {
    says.word(&format!("{aspect}: tls"), pool.tls.as_ref().map(tls));
    says.word(&format!("{aspect}: http2"), pool.http2.then_some("on"));
    says.word(
        &format!("{aspect}: proxy_protocol"),
        pool.proxy_protocol.map(|version| match version {
            ProxyVersion::V1 => "v1",
            ProxyVersion::V2 => "v2",
        }),
    );
}

fn tls(tls: &PoolTls) -> String {
    let mut text = format!("to {}", tls.sni);
    if !tls.verify {
        text.push_str(", not verified");
    }
    if let Some(ca) = &tls.files.ca {
        text.push_str(&format!(", believing {}", ca.display()));
    }
    if let Some(identity) = &tls.files.identity {
        text.push_str(&format!(", as {} with {}", identity.certificate.display(), identity.key.display()));
    }
    text
}

fn servers(pool: &Pool) -> String {
    list(&pool.servers.iter().map(weighted).collect::<Vec<_>>())
}

fn weighted(server: &crate::model::PoolServer) -> String {
    match server.weight.get() {
        1 => server.address.to_string(),
        weight => format!("{} (weight {weight})", server.address),
    }
}

pub(super) fn drain(drain: &Drain) -> Says {
    // Whose layer it is, and whether it is held, is no part of what a table says.
    let Drain { region: _, sessions, streams, share, ramp, comeback, since, until, by, reason, practice, .. } = drain;
    let mut says = Says::default();
    says.word("share", Some(share));
    says.word("sessions", Some(sessions.as_str()));
    says.word(
        "streams",
        match streams {
            DrainedStreams::Keep => None,
            DrainedStreams::CloseAfter(after) => Some(format!("closed after {}", write_duration(*after))),
        },
    );
    says.word("ramp", (!ramp.is_zero()).then(|| write_duration(*ramp)));
    says.word("return", (!comeback.is_zero()).then(|| write_duration(*comeback)));
    says.word("since", *since);
    says.word("until", *until);
    says.word("by", by.as_ref());
    says.word("reason", reason.as_ref());
    says.word("practice", practice.then_some("yes"));
    says
}
