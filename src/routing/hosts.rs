//! From host and path to a service.

use crate::model::{HostPattern, PathPrefix, Service, ServiceId};
use std::collections::HashMap;
use std::hash::BuildHasherDefault;

use siphasher::sip::SipHasher13;

type ByHost = HashMap<Box<str>, Vec<(PathPrefix, ServiceId)>, BuildHasherDefault<SipHasher13>>;

/// The services by host and path prefix: the exact host wins over the longest domain above it, and that over `*`; on one
/// host the longest path prefix wins.
#[derive(Debug, Default)]
pub(super) struct HostIndex {
    exact: ByHost,
    below: ByHost,
    any: Vec<(PathPrefix, ServiceId)>,
}

impl HostIndex {
    pub(super) fn new(services: &[Service]) -> Self {
        let mut index = Self::default();
        for (at, service) in services.iter().enumerate() {
            let Some(id) = ServiceId::at(at) else { continue };
            for host in &service.hosts {
                let paths = match host {
                    HostPattern::Exact(name) => index.exact.entry(name.clone()).or_default(),
                    HostPattern::Below(name) => index.below.entry(name.clone()).or_default(),
                    HostPattern::Any => &mut index.any,
                };
                paths.extend(service.paths.iter().map(|path| (path.clone(), id)));
            }
        }
        let lists = index.exact.values_mut().chain(index.below.values_mut()).chain([&mut index.any]);
        for paths in lists {
            paths.sort_by_key(|(path, _)| std::cmp::Reverse(path.as_str().len()));
        }
        index
    }

    /// The service for `host` (as it came: any case, perhaps with a port or a dot at its end) and `path` (without query).
    pub(super) fn find(&self, host: &str, path: &str) -> Option<ServiceId> {
        let mut lowered = [0; 256];
        let host = lower(without_port(host), &mut lowered)?;
        if let Some(id) = self.exact.get(host).and_then(|paths| longest(paths, path)) {
            return Some(id);
        }
        if !self.below.is_empty() {
            let mut rest = host;
            while let Some((_, domain)) = rest.split_once('.') {
                if let Some(id) = self.below.get(domain).and_then(|paths| longest(paths, path)) {
                    return Some(id);
                }
                rest = domain;
            }
        }
        longest(&self.any, path)
    }
}

fn longest(paths: &[(PathPrefix, ServiceId)], path: &str) -> Option<ServiceId> {
    paths.iter().find(|(prefix, _)| prefix.covers(path)).map(|(_, id)| *id)
}

/// `Host` is `uri-host [ ":" port ]` (RFC 9110, 7.2); an IPv6 address keeps its brackets.
fn without_port(host: &str) -> &str {
    match host.rfind(':') {
        Some(colon) if !host[colon..].contains(']') => &host[..colon],
        _ => host,
    }
}

/// The host in lower case and without the dot at its end, in a buffer of the caller's; `None` where it is longer than any
/// host name.
fn lower<'a>(host: &str, buffer: &'a mut [u8; 256]) -> Option<&'a str> {
    let host = host.strip_suffix('.').unwrap_or(host);
    let buffer = buffer.get_mut(..host.len())?;
    buffer.copy_from_slice(host.as_bytes());
    buffer.make_ascii_lowercase();
    std::str::from_utf8(buffer).ok()
}
