//! Keyrings: those that a routing table names, and that of the hops; and the tokens of the admin address.

use super::credentials::{peer_files, with_credentials};
use super::secrets::read_secret;
use super::watch::{FileWatch, Signature, Wake};
use crate::config::{Problems, SecretFiles, Source, read_routing};
use crate::live::{Edge, FileProblem, Secrets, clock};
use crate::model::{AccessTokens, BadKeyring, Keyring, PeerFiles, SecretSource, Timestamp};
use crate::routing::{Keyrings, TableParts};
use std::path::Path;
use std::sync::Arc;

/// What was read, and what should worry somebody about where it was read from.
#[derive(Debug)]
pub struct Read<T> {
    /// What was read.
    pub value: T,
    /// What should worry somebody: files of secrets that others can read.
    pub warnings: Vec<String>,
}

/// Reads a keyring. Nothing of what stands there is ever shown.
///
/// # Errors
/// That it cannot be read or lies open, or what is wrong in which line, with what to do.
pub fn read_keyring(source: &SecretSource, rule: SecretFiles) -> Result<Read<Keyring>, Problems> {
    let found = read_secret(source, rule, "homeward key generate")?;
    let keyring = Keyring::of_secret(&found.secret).map_err(|bad| {
        let help = "write one key a line, the one that signs first; homeward never shows what stands there";
        unusable(source, "keys", &bad, help)
    })?;
    Ok(Read { value: keyring, warnings: found.warning.into_iter().collect() })
}

/// Reads the tokens of the admin address. Nothing of what stands there is ever shown.
///
/// # Errors
/// As [`read_keyring`].
pub fn read_tokens(source: &SecretSource, rule: SecretFiles) -> Result<Read<AccessTokens>, Problems> {
    let found = read_secret(source, rule, "homeward key generate --kind token")?;
    let tokens = AccessTokens::of_secret(&found.secret).map_err(|bad| {
        let help = "write one token a line, read:TOKEN or operate:TOKEN; homeward never shows what stands there";
        unusable(source, "tokens", &bad, help)
    })?;
    Ok(Read { value: tokens, warnings: found.warning.into_iter().collect() })
}

fn unusable(source: &SecretSource, what: &str, bad: &BadKeyring, help: &str) -> Problems {
    let place = if source.file().is_some() { "file" } else { "variable" };
    Problems::of_file(source.to_string(), format!("the {place} of {what} cannot be used: {bad}"), help)
}

/// The routing table in `source`, with the keyrings and the certificates that it names.
///
/// # Errors
/// All problems of the table or, where it has none, those of the first file or keyring of these that has one.
pub fn read_table(source: &Source, now: Timestamp, rule: SecretFiles) -> Result<Read<TableParts>, Problems> {
    read_routing(source, now).and_then(|parts| with_files(parts, rule))
}

/// The files of keyrings and certificates that a table names, each service's keyring by itself.
pub(super) fn named_files(parts: &TableParts) -> impl Iterator<Item = &Path> {
    key_files(parts).chain(peer_files(parts).flat_map(PeerFiles::iter))
}

/// The table with what is in the files that it names.
pub(super) fn with_files(parts: TableParts, rule: SecretFiles) -> Result<Read<TableParts>, Problems> {
    let with_keyrings = with_keyrings(parts, rule)?;
    let mut read = with_credentials(with_keyrings.value, rule)?;
    read.warnings.extend(with_keyrings.warnings);
    Ok(read)
}

/// Where the keyrings are that a table names, each service's by itself.
fn keyring_sources(parts: &TableParts) -> impl Iterator<Item = &SecretSource> {
    parts.services.iter().filter_map(|service| service.session.as_ref()?.keyring.as_ref())
}

/// The files among them.
fn key_files(parts: &TableParts) -> impl Iterator<Item = &Path> {
    keyring_sources(parts).filter_map(SecretSource::file)
}

/// The table with the keyrings that it names.
fn with_keyrings(mut parts: TableParts, rule: SecretFiles) -> Result<Read<TableParts>, Problems> {
    let (mut keyrings, mut warnings) = (Keyrings::new(), Vec::new());
    for source in keyring_sources(&parts) {
        if !keyrings.contains_key(source) {
            let mut read = read_keyring(source, rule)?;
            warnings.append(&mut read.warnings);
            keyrings.insert(source.clone(), Arc::new(read.value));
        }
    }
    parts.keyrings = keyrings;
    Ok(Read { value: parts, warnings })
}

/// Says in the log what others can read.
pub(super) fn warn(warnings: &[String]) {
    for warning in warnings {
        tracing::warn!("{warning}");
    }
}

/// Secrets of the edge itself that are followed: the keys of hops, or the tokens of the admin address.
pub struct SecretFollower {
    of: Secrets,
    source: SecretSource,
    rule: SecretFiles,
    edge: Arc<Edge>,
    seen: Option<Signature>,
}

impl SecretFollower {
    /// Those in `source`, for `edge`. Nothing is read yet.
    #[must_use]
    pub fn new(of: Secrets, source: SecretSource, rule: SecretFiles, edge: Arc<Edge>) -> Self {
        Self { of, source, rule, edge, seen: None }
    }

    /// Reads them, and lets the edge have them.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn start(&mut self) -> Result<(), Problems> {
        self.seen = self.source.file().map(Signature::of);
        self.take_in()
    }

    /// Follows the file until the watch is told to stop. It blocks; give it a thread of its own.
    pub fn follow(mut self, watch: &FileWatch) {
        loop {
            let asked = match watch.wait() {
                Wake::Stop => return,
                Wake::Asked => true,
                Wake::Look => false,
            };
            let now = self.source.file().map(Signature::of);
            if asked || (now != self.seen && now.as_ref().is_some_and(Signature::holds_something)) {
                self.seen = now;
                self.reload();
            }
        }
    }

    fn take_in(&self) -> Result<(), Problems> {
        let warnings = match self.of {
            Secrets::HopKeys => {
                let read = read_keyring(&self.source, self.rule)?;
                self.edge.set_hop_keys(read.value);
                read.warnings
            }
            Secrets::AdminTokens => {
                let read = read_tokens(&self.source, self.rule)?;
                self.edge.set_admin_tokens(read.value);
                read.warnings
            }
            // They come with the table.
            Secrets::SessionKeys => return Ok(()),
        };
        warn(&warnings);
        self.edge.set_secret_warnings(self.of, warnings);
        Ok(())
    }

    fn reload(&self) {
        match self.take_in() {
            Ok(()) => match self.of {
                Secrets::HopKeys => tracing::info!("hops are signed with the keys in {}", self.source),
                _ => tracing::info!("the {} are those in {}", self.of.as_str(), self.source),
            },
            Err(problems) => {
                tracing::error!(
                    "{} is refused, and the {} that were used stay; correct it, it is read at once\n{}",
                    self.source,
                    self.of.as_str(),
                    problems.render(false)
                );
                let problem = FileProblem {
                    file: problems.file().to_owned(),
                    revision: None,
                    since: clock::now(),
                    summary: problems.summary(),
                    text: problems.render(false),
                };
                match self.of {
                    Secrets::AdminTokens => self.edge.set_admin_tokens_problem(problem),
                    Secrets::HopKeys | Secrets::SessionKeys => self.edge.set_hop_keys_problem(problem),
                }
            }
        }
    }
}
