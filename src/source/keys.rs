//! Keyrings out of files: those that a routing table names, and that of the hops.

use super::credentials::{peer_files, with_credentials};
use super::routing_file::read_source;
use super::watch::{FileWatch, Signature, Wake};
use crate::config::{Problems, Source, read_routing};
use crate::live::{Edge, FileProblem, clock};
use crate::model::{Keyring, PeerFiles, Timestamp};
use crate::routing::{Keyrings, TableParts};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Reads a key file. Nothing of what stands in it is ever shown.
///
/// # Errors
/// That it cannot be read, or what is wrong in which line, with what to do.
pub fn read_keyring(path: &Path) -> Result<Keyring, Problems> {
    let name = path.display().to_string();
    if !path.exists() {
        let help = format!("make one, the same for all edges: (umask 077; openssl rand -hex 32 > {name})");
        return Err(Problems::of_file(name, "there is no such key file", help));
    }
    let source = read_source(path)?;
    source.text.parse().map_err(|bad| {
        let help = "write one key a line, the one that signs first; homeward never shows what stands there";
        Problems::of_file(&source.name, format!("the key file cannot be used: {bad}"), help)
    })
}

/// The routing table in `source`, with the keyrings and the certificates that it names.
///
/// # Errors
/// All problems of the table or, where it has none, those of the first file of these that has one.
pub fn read_table(source: &Source, now: Timestamp) -> Result<TableParts, Problems> {
    read_routing(source, now).and_then(with_files)
}

/// The files of keyrings and certificates that a table names, each service's keyring by itself.
pub(super) fn named_files(parts: &TableParts) -> impl Iterator<Item = &Path> {
    key_files(parts).chain(peer_files(parts).flat_map(PeerFiles::iter))
}

/// The table with what is in the files that it names.
pub(super) fn with_files(parts: TableParts) -> Result<TableParts, Problems> {
    with_keyrings(parts).and_then(with_credentials)
}

/// The files of the keyrings that a table names, each service's by itself.
fn key_files(parts: &TableParts) -> impl Iterator<Item = &Path> {
    parts.services.iter().filter_map(|service| service.session.as_ref()?.key_file.as_deref())
}

/// The table with the keyrings that it names.
fn with_keyrings(mut parts: TableParts) -> Result<TableParts, Problems> {
    let mut keyrings = Keyrings::new();
    for file in key_files(&parts) {
        if !keyrings.contains_key(file) {
            keyrings.insert(file.into(), Arc::new(read_keyring(file)?));
        }
    }
    parts.keyrings = keyrings;
    Ok(parts)
}

/// The file of the keys that hops are signed with.
pub struct HopKeysFile {
    path: PathBuf,
    edge: Arc<Edge>,
    seen: Option<Signature>,
}

impl HopKeysFile {
    /// The file at `path`, for `edge`. Nothing is read yet.
    #[must_use]
    pub fn new(path: PathBuf, edge: Arc<Edge>) -> Self {
        Self { path, edge, seen: None }
    }

    /// Reads the file and turns hops on with its keys.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn start(&mut self) -> Result<(), Problems> {
        self.seen = Some(Signature::of(&self.path));
        self.edge.set_hop_keys(read_keyring(&self.path)?);
        Ok(())
    }

    /// Follows the file until the watch is told to stop. It blocks; give it a thread of its own.
    pub fn follow(mut self, watch: &FileWatch) {
        loop {
            let asked = match watch.wait() {
                Wake::Stop => return,
                Wake::Asked => true,
                Wake::Look => false,
            };
            let now = Some(Signature::of(&self.path));
            if asked || (now != self.seen && now.as_ref().is_some_and(Signature::holds_something)) {
                self.seen = now;
                self.reload();
            }
        }
    }

    fn reload(&self) {
        match read_keyring(&self.path) {
            Ok(keys) => {
                self.edge.set_hop_keys(keys);
                tracing::info!("hops are signed with the keys in {}", self.path.display());
            }
            Err(problems) => {
                tracing::error!(
                    "{} is refused, and the hop keys that were used stay; correct the file, it is read at once\n{}",
                    self.path.display(),
                    problems.render(false)
                );
                self.edge.set_hop_keys_problem(FileProblem {
                    file: problems.file().to_owned(),
                    revision: None,
                    since: clock::now(),
                    summary: problems.summary(),
                    text: problems.render(false),
                });
            }
        }
    }
}
