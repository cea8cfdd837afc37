//! The certificates of the listeners.

use super::{Kind, Report, count};
use crate::config::{Acme, CertificateFiles, SecretFiles, Settings};
use crate::live::clock;
use crate::model::{HostPattern, Pool, Timestamp};
use crate::routing::TableParts;
use crate::source::{acme_files, peer_files, read_certificate, read_client_ca, read_client_identity, read_server_ca};
use crate::tls::{Certificates, Facts, Pair, Warning};
use std::path::Path;
use std::sync::Arc;

/// How many names of a certificate are shown.
const SHOWN: usize = 3;

impl Report {
    /// Checks certificates, keys and client CAs, each once, and whether the hosts of the table have a certificate.
    pub(super) fn check_certificates(&mut self, settings: &Settings, table: Option<&TableParts>) {
        let now = clock::now();
        let (mut pairs, mut authorities) = (Vec::<&CertificateFiles>::new(), Vec::<&Path>::new());
        let listeners = settings.listen.iter().filter_map(|listener| listener.tls.as_ref());
        for tls in listeners.clone().chain(&settings.admin.tls) {
            pairs.extend(&tls.certificates);
            authorities.extend(tls.clients.iter().map(|clients| &*clients.ca));
        }
        let listeners = || settings.listen.iter().filter_map(|listener| listener.tls.as_ref());
        let mut by_acme: Vec<_> = listeners().flat_map(|tls| &tls.acme).collect();
        by_acme.sort_unstable_by_key(|certificate| &certificate.file);
        by_acme.dedup();
        let there: Vec<_> = by_acme
            .iter()
            .filter(|certificate| certificate.file.exists())
            .map(|certificate| CertificateFiles {
                certificate: certificate.file.clone(),
                key: certificate.file.clone(),
            })
            .collect();
        pairs.extend(&there);
        // That of the admin address is for no host of the table.
        let of_listeners: Vec<_> = listeners().flat_map(|tls| &tls.certificates).chain(&there).collect();
        let mut good = Vec::<Arc<Pair>>::new();
        let mut seen: Vec<&CertificateFiles> = Vec::new();
        for files in pairs {
            if seen.contains(&files) {
                continue;
            }
            seen.push(files);
            let read = self.add(
                &files.certificate.display(),
                Kind::Certificate,
                read_certificate(files, settings.secret_files),
                |pair| {
                    let ends = pair.facts().map(|facts| ends(facts, now)).unwrap_or_default();
                    format!("{}{ends}", shown(pair.names()))
                },
            );
            if let Some(pair) = read {
                self.warn(Some(pair.warnings(now).iter().map(ToString::to_string).collect()));
                if of_listeners.contains(&files) {
                    good.push(Arc::new(pair));
                }
            }
        }
        authorities.sort_unstable();
        authorities.dedup();
        for file in authorities {
            let read = self.add(&file.display(), Kind::ClientCa, read_client_ca(file), |ca| {
                let subjects: Vec<_> = ca.facts().iter().map(|facts| facts.subject.clone()).collect();
                let first = ca.facts().iter().min_by_key(|facts| facts.not_after);
                format!("{}{}", shown(&subjects), first.map(|facts| ends(facts, now)).unwrap_or_default())
            });
            if let Some(ca) = read {
                self.warn(Some(texts(&ca.warnings(now))));
            }
        }
        // Where one cannot be read, nobody knows which names it is for.
        let wanted = seen.iter().filter(|files| of_listeners.contains(files)).count();
        let all_read = good.len() == wanted;
        let awaited = by_acme.iter().flat_map(|certificate| certificate.names.iter().cloned());
        if let (true, Some(certificates), Some(table)) = (all_read, Certificates::and_awaited(good, awaited), table) {
            self.look_for_hosts(&certificates, table);
        }
    }

    /// Checks what pools and edges are verified by, and what is shown to them; each file once.
    pub(super) fn check_peers(&mut self, table: &TableParts, rule: SecretFiles) {
        let now = clock::now();
        let files = || peer_files(table);
        let mut authorities: Vec<_> = files().filter_map(|files| files.ca.as_deref()).collect();
        authorities.dedup();
        for file in authorities {
            let read = self.add(&file.display(), Kind::ServerCa, read_server_ca(file), |found| {
                let facts = &found.facts;
                let subjects: Vec<_> = facts.iter().map(|facts| facts.subject.clone()).collect();
                let first = facts.iter().min_by_key(|facts| facts.not_after);
                format!("{}{}", shown(&subjects), first.map(|facts| ends(facts, now)).unwrap_or_default())
            });
            if let Some(found) = read {
                self.warn(Some(texts(&found.warnings(now))));
            }
        }
        let mut identities: Vec<_> = files().filter_map(|files| files.identity.as_ref()).collect();
        identities.sort_unstable();
        identities.dedup();
        for files in identities {
            let read = self.add(
                &files.certificate.display(),
                Kind::Certificate,
                read_client_identity(files, rule),
                |(_, pair)| {
                    let facts = pair.facts();
                    let subject = facts.map(|facts| facts.subject.clone()).unwrap_or_default();
                    format!("{subject}, shown to servers{}", facts.map(|facts| ends(facts, now)).unwrap_or_default())
                },
            );
            if let Some((_, pair)) = read {
                // Nobody looks for a name in it.
                let warnings: Vec<_> =
                    pair.warnings(now).into_iter().filter(|warning| *warning != Warning::NoNames).collect();
                self.warn(Some(texts(&warnings)));
            }
        }
        for service in &table.services {
            let is_blind = |(_, pool): &&(_, Pool)| pool.tls.as_ref().is_some_and(|tls| !tls.verify);
            for (region, _) in service.pools.iter().filter(is_blind) {
                let region = table.regions.get(region.index()).map_or("?", |region| region.name.as_str());
                let note = format!("the servers of {} in {region} may be anybody (verify: false)", service.name);
                self.notes.push(note);
            }
        }
    }

    /// Checks what it takes to ask an authority for certificates.
    pub(super) fn check_acme(&mut self, acme: &Acme, rule: SecretFiles) {
        let named = [acme.ca.as_ref(), acme.external_account.as_ref().map(|account| &account.key_file)];
        if let Some(first) = named.into_iter().flatten().next() {
            self.add(&first.display(), Kind::Acme, acme_files(acme, rule), |_| format!("for {}", acme.directory));
        }
    }

    fn look_for_hosts(&mut self, certificates: &Certificates, table: &TableParts) {
        for service in &table.services {
            let is_bare = |host: &&HostPattern| match host {
                HostPattern::Exact(name) => !name.starts_with('[') && !certificates.covers(name),
                HostPattern::Below(domain) => !certificates.covers(&format!("*.{domain}")),
                HostPattern::Any => false, // whatever the certificates are for
            };
            let bare: Vec<_> = service.hosts.iter().filter(is_bare).map(ToString::to_string).collect();
            if !bare.is_empty() {
                let note = format!("no certificate is for {}, which lead to {}", shown(&bare), service.name);
                self.notes.push(note);
            }
        }
    }
}

fn shown(names: &[String]) -> String {
    let some = names.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    match (some.is_empty(), names.len().saturating_sub(SHOWN)) {
        (true, _) => "no names".to_owned(),
        (false, 0) => some,
        (false, more) => format!("{some} and {more} more"),
    }
}

fn ends(facts: &Facts, now: Timestamp) -> String {
    let days = facts.not_after.duration_since(now).as_hours().div_euclid(24);
    match usize::try_from(days) {
        Ok(days) => format!(", expires in {}, on {}", count(days, "day"), facts.not_after.strftime("%Y-%m-%d")),
        Err(_) => format!(", expired on {}", facts.not_after.strftime("%Y-%m-%d")),
    }
}

fn texts(warnings: &[Warning]) -> Vec<String> {
    warnings.iter().map(ToString::to_string).collect()
}
