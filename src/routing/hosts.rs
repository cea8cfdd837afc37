//! From host and path to a service.

use crate::model::{HostPattern, NameIndex, PathPrefix, Service, ServiceId};
use crate::session::{any, has_octet};
use memchr::{memchr, memrchr};
use std::collections::BTreeMap;

/// The services of one host, the longest path first.
type Paths = Vec<(PathPrefix, ServiceId)>;

/// The longest host that is looked for, in bytes: that of a DNS name (RFC 1035, 2.3.4).
const LONGEST_HOST: usize = 255;

/// The services by host and path prefix: the exact host wins over the longest domain above it, and that over `*`; among the
/// paths of the one that won, the longest prefix wins. Other patterns are not asked for paths that it does not have.
#[derive(Debug, Default)]
pub(super) struct HostIndex {
    exact: NameIndex<Paths>,
    below: NameIndex<Paths>,
    any: Paths,
}

impl HostIndex {
    pub(super) fn new(services: &[Service]) -> Self {
        let (mut exact, mut below, mut any) = (BTreeMap::<_, Paths>::new(), BTreeMap::<_, Paths>::new(), Paths::new());
        for (at, service) in services.iter().enumerate() {
            let Some(id) = ServiceId::at(at) else { continue };
            for host in &service.hosts {
                let paths = match host {
                    HostPattern::Exact(name) => exact.entry(name.as_bytes()).or_default(),
                    HostPattern::Below(name) => below.entry(name.as_bytes()).or_default(),
                    HostPattern::Any => &mut any,
                };
                paths.extend(service.paths.iter().map(|path| (path.clone(), id)));
            }
        }
        for paths in exact.values_mut().chain(below.values_mut()).chain([&mut any]) {
            paths.sort_by_key(|(path, _)| std::cmp::Reverse(path.as_str().len()));
        }
        Self { exact: exact.into_iter().collect(), below: below.into_iter().collect(), any }
    }

    /// The service for `host` (as it came: any case, perhaps with a port or a dot at its end) and `path` (without query).
    pub(super) fn find(&self, host: &str, path: &str) -> Option<ServiceId> {
        let host = without_port(host);
        let host = host.strip_suffix('.').unwrap_or(host).as_bytes();
        if host.len() > LONGEST_HOST {
            None
        } else if has_octet(host, |block| any(block, |byte| byte.is_ascii_uppercase())) {
            let mut lowered = [0; LONGEST_HOST];
            let lowered = &mut lowered[..host.len()];
            lowered.copy_from_slice(host);
            lowered.make_ascii_lowercase();
            self.find_in_lower_case(lowered, path)
        } else {
            self.find_in_lower_case(host, path)
        }
    }

    fn find_in_lower_case(&self, host: &[u8], path: &str) -> Option<ServiceId> {
        if let Some(paths) = self.exact.get(host) {
            return longest(paths, path);
        }
        if !self.below.is_empty() {
            let mut rest = host;
            while let Some(dot) = memchr(b'.', rest) {
                rest = &rest[dot + 1..];
                if let Some(paths) = self.below.get(rest) {
                    return longest(paths, path);
                }
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
    // A port ends in a digit, or is an empty one behind its colon; most hosts end in a letter, and need no search.
    if !matches!(host.as_bytes(), [.., b'0'..=b'9' | b':']) {
        return host;
    }
    match memrchr(b':', host.as_bytes()) {
        Some(colon) if !host[colon..].ends_with(']') => &host[..colon],
        _ => host,
    }
}
