//! The routing table out of a file, live within a second of its being saved.

use super::keys::{Read, named_files, read_table, warn, with_files};
use super::last_good::{LastGood, read_bounded};
use super::watch::{FileWatch, Signature, Wake};
use crate::config::{Problems, SecretFiles, Source, read_routing};
use crate::live::{Edge, FileProblem, LocalRegionMissing, Origin, PreparedTable, Revision, Secrets, clock};
use crate::model::Pool;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;

/// How long a file must look the same before it is read: somebody may be in the middle of writing it.
const SETTLE: Duration = Duration::from_millis(20);

/// How often a file that goes on changing, or is missing or empty for a moment, is looked at again before it is taken as it
/// is.
const SETTLE_TRIES: u32 = 15;

/// How long new pools may take to be probed and resolved before their table goes live all the same. Without the wait a
/// name that has no address yet would look like a dead region.
const POOLS_SETTLE: Duration = Duration::from_millis(500);

/// The routing file and what became of it.
pub struct RoutingFile {
    path: PathBuf,
    last_good: LastGood,
    edge: Arc<Edge>,
    runtime: Handle,
    /// What the file looked like when it was last read.
    seen: Option<Signature>,
    /// The revision that was last read, good or not.
    revision: Option<Revision>,
    /// The files of keys and certificates that the table names which was read last, and what they looked like.
    files_seen: Vec<(PathBuf, Signature)>,
    /// What was said when the file was last refused.
    refused: Option<String>,
    /// Whether these files were refused: then the table that is live is not what the files say, whatever its text.
    files_refused: bool,
    secret_files: SecretFiles,
}

impl RoutingFile {
    /// The file at `path`, for `edge`. Nothing is read yet. `runtime` drives the waits for probes and discovery.
    #[must_use]
    pub fn new(path: PathBuf, last_good: LastGood, edge: Arc<Edge>, runtime: Handle) -> Self {
        let secret_files = SecretFiles::default();
        Self {
            path,
            last_good,
            edge,
            runtime,
            seen: None,
            revision: None,
            files_seen: Vec::new(),
            refused: None,
            files_refused: false,
            secret_files,
        }
    }

    /// The same, with this rule for its key files.
    #[must_use]
    pub fn with_rule(self, secret_files: SecretFiles) -> Self {
        Self { secret_files, ..self }
    }

    /// Makes the file's table live or, where the file has a problem, the last good one.
    ///
    /// # Errors
    /// The problems of the file, where there is no last good table either.
    pub fn start(&mut self) -> Result<(), Problems> {
        let Err(problems) = self.load() else { return Ok(()) };
        let last_good = self.last_good.path().to_owned();
        let again = read_source(&last_good).and_then(|source| {
            let revision = Revision::of(source.text.as_bytes());
            let parts = read_table(&source, clock::now(), self.secret_files)?;
            self.make_live(parts, revision, Origin::LastGood, &source.name)
        });
        match again {
            Ok(()) => {
                tracing::error!(
                    "{} has a problem, so the last good table serves ({}); correct the file, it is read at once\n{}",
                    self.path.display(),
                    last_good.display(),
                    problems.render(false)
                );
                Ok(())
            }
            Err(_) => Err(problems),
        }
    }

    /// Follows the file until the watch is told to stop. It blocks; give it a thread of its own.
    pub fn follow(mut self, watch: &FileWatch) {
        loop {
            match watch.wait() {
                Wake::Stop => return,
                Wake::Asked => self.reload(true),
                Wake::Look => self.reload(false),
            }
        }
    }

    /// Reads the file if it looks new, or if `asked`; takes in its table, or says why not.
    fn reload(&mut self, asked: bool) {
        let files_differ = self.files_differ();
        if !asked && self.seen.as_ref() == Some(&Signature::of(&self.path)) && !files_differ {
            return;
        }
        let before = self.revision;
        match self.load() {
            Ok(()) => self.refused = None,
            Err(problems) => {
                let text = problems.render(false);
                // The same bad content, seen again because somebody touched the file, is no news.
                if asked || self.revision != before || self.refused.as_ref() != Some(&text) {
                    tracing::error!(
                        "{} is refused, and the table that was live stays; correct the file, it is read at once\n{text}",
                        self.path.display(),
                    );
                }
                self.refused = Some(text);
            }
        }
    }

    /// Reads the file and makes its table live, unless it is live already.
    fn load(&mut self) -> Result<(), Problems> {
        self.seen = Some(settled(&self.path));
        let source = read_source(&self.path).inspect_err(|problems| {
            self.revision = None;
            self.refuse(None, problems);
        })?;
        let revision = Revision::of(source.text.as_bytes());
        self.revision = Some(revision);
        let files_differ = self.files_differ();
        if self.edge.table().is_some_and(|live| live.revision == revision) && !files_differ && !self.files_refused {
            if self.edge.table_problem().is_some() {
                tracing::info!("{} is again what is live, revision {revision}", self.path.display());
            }
            self.edge.set_table_problem(None);
            self.edge.metrics().table_unchanged(clock::now());
            return Ok(());
        }
        let parts = read_routing(&source, clock::now());
        if let Ok(parts) = &parts {
            // Before they are read, so that no change in between is missed.
            self.files_seen = named_files(parts).map(|file| (file.to_owned(), Signature::of(file))).collect();
        }
        let read = match parts {
            Ok(parts) => {
                let read = with_files(parts, self.secret_files);
                self.files_refused = read.is_err();
                read
            }
            Err(problems) => Err(problems),
        };
        let adopted = read.and_then(|read| self.make_live(read, revision, Origin::File, &source.name));
        if let Err(problems) = adopted {
            self.refuse(Some(revision), &problems);
            return Err(problems);
        }
        if let Err(error) = self.last_good.write(&source.text) {
            let path = self.last_good.path().display();
            tracing::warn!(
                "the last good table could not be kept in {path}, so a restart depends on the file: {error}"
            );
        }
        Ok(())
    }

    /// Whether one of these files looks other than when it was last read. One that is being written may be empty for a moment.
    fn files_differ(&self) -> bool {
        self.files_seen.iter().any(|(file, seen)| {
            let now = Signature::of(file);
            now != *seen && now.holds_something()
        })
    }

    fn make_live(
        &self,
        read: Read<crate::routing::TableParts>,
        revision: Revision,
        origin: Origin,
        file: &str,
    ) -> Result<(), Problems> {
        let prepared =
            self.edge.prepare(read.value, revision, origin).map_err(|missing| wrong_region(file, &missing))?;
        self.wait_for_pools(&prepared);
        if origin == Origin::File {
            // Before the table goes live, so that nobody sees the new one beside what was wrong with another.
            self.edge.set_table_problem(None);
        }
        let live = self.edge.adopt(prepared).map_err(|missing| wrong_region(file, &missing))?;
        warn(&read.warnings);
        self.edge.set_secret_warnings(Secrets::SessionKeys, read.warnings);
        match origin {
            Origin::File => self.edge.metrics().table_applied(&revision.to_string(), live.since),
            Origin::LastGood => self.edge.metrics().table_restored(&revision.to_string()),
        }
        let (regions, services) = (live.table.regions().len(), live.table.services().len());
        let drains = live.table.drains().len();
        tracing::info!(
            "table {revision} is live: {regions} regions, {services} services, {drains} drains, from {file}"
        );
        for service in live.table.services() {
            let is_blind = |(_, pool): &(_, Pool)| pool.tls.as_ref().is_some_and(|tls| !tls.verify);
            if service.pools.iter().any(is_blind) {
                tracing::warn!(
                    "servers of {} are not verified (verify: false), so that they may be anybody",
                    service.name
                );
            }
        }
        Ok(())
    }

    fn wait_for_pools(&self, prepared: &PreparedTable) {
        let pools = prepared.pools();
        if !pools.is_settled() {
            // Whether they settle in time or not: the table goes live.
            let _ = self.runtime.block_on(async { tokio::time::timeout(POOLS_SETTLE, pools.settled()).await });
        }
    }

    fn refuse(&self, revision: Option<Revision>, problems: &Problems) {
        let now = clock::now();
        self.edge.metrics().table_refused();
        self.edge.set_table_problem(Some(FileProblem {
            file: problems.file().to_owned(),
            revision,
            since: now,
            summary: problems.summary(),
            text: problems.render(false),
        }));
    }
}

fn wrong_region(file: &str, missing: &LocalRegionMissing) -> Problems {
    let help = "give the edge the region that it stands in (region: in its settings, --region), or add it to the table";
    Problems::of_file(file, missing.to_string(), help)
}

/// Waits until the file looks the same for a moment, and says how it looks.
fn settled(path: &Path) -> Signature {
    let mut before = Signature::of(path);
    for _ in 0..SETTLE_TRIES {
        std::thread::sleep(SETTLE);
        let after = Signature::of(path);
        if after == before && after.holds_something() {
            return after;
        }
        before = after;
    }
    before
}

/// Reads a configuration file.
///
/// # Errors
/// That it is missing, unreadable, too large or not UTF-8, with what to do.
pub fn read_source(path: &Path) -> Result<Source, Problems> {
    let name = path.display().to_string();
    match read_bounded(path, Source::LARGEST) {
        Ok(bytes) => Source::from_bytes(name, bytes),
        Err(error) => {
            let help = match error.kind() {
                io::ErrorKind::NotFound => "check the path; it is taken relative to the directory where you are",
                io::ErrorKind::PermissionDenied => "let the user that runs homeward read it",
                io::ErrorKind::FileTooLarge => "split what is in it, or name networks by larger prefixes",
                _ => "check the file and the disk that it is on",
            };
            Err(Problems::of_file(name, format!("the file cannot be read: {error}"), help))
        }
    }
}
