//! The routing table out of a file, live within a second of its being saved.

mod adopt;
mod roll_back;

use super::guard::Guard;
use super::keys::{Read, named_files, with_files};
use super::last_good::{LastGood, read_pieces};
use super::watch::{FileWatch, Signature, Wake};
use crate::config::{self, Pieces, Problems, RoutingReader, SecretFiles, Source};
use crate::history::{EntryOrigin, breathe};
use crate::live::{Desk, Edge, FileProblem, LocalRegionMissing, Origin, PreparedTable, Revision, clock};
use crate::model::Revising;
use crate::routing::{RoutingTable, TableParts};
use std::hint::black_box;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::runtime::Handle;

/// How long a file must look the same before it is read: somebody may be in the middle of writing it.
const SETTLE: Duration = Duration::from_millis(20);

/// How often a file that goes on changing, or is missing or empty for a moment, is looked at again before it is taken as it
/// is.
const SETTLE_TRIES: u32 = 15;

/// How long new pools may take to be probed and resolved before their table goes live all the same. Without the wait a
/// name that has no address yet would look like a dead region.
const POOLS_SETTLE: Duration = Duration::from_millis(500);

/// How long the allocator keeps what is free for whoever wants it again, and longer.
const GIVE_BACK_AFTER: Duration = Duration::from_secs(1);

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
    reader: RoutingReader,
    /// The text of the table that is live.
    text: Option<Arc<String>>,
    /// When a table was last read, until what that took has been given back.
    read_at: Option<Instant>,
    /// What was compiled for the table before the one that is live, until then: who lets it go last takes it to pieces, and
    /// that is to be no request.
    retired: Option<RoutingTable>,
    guard: Guard,
    /// Where operators say what they want.
    desk: Option<Desk>,
}

/// By what the file came to say what it says.
#[derive(Debug, Clone, Default)]
struct Cause {
    /// What the history says; by default that the file was saved.
    origin: Option<EntryOrigin>,
    /// Who wanted it.
    by: Option<String>,
    /// Why.
    note: Option<String>,
    /// Whether the operator insists on a table that was refused, so that it is not watched either.
    insists: bool,
}

impl RoutingFile {
    /// The file at `path`, for `edge`. Nothing is read yet. `runtime` drives the waits for probes and discovery.
    #[must_use]
    pub fn new(path: PathBuf, last_good: LastGood, edge: Arc<Edge>, runtime: Handle) -> Self {
        let secret_files = SecretFiles::default();
        let state = last_good.path().parent().unwrap_or(Path::new("")).to_owned();
        Self {
            path,
            guard: Guard::new(None, &state, Arc::clone(&edge)),
            text: None,
            read_at: None,
            retired: None,
            desk: None,
            last_good,
            edge,
            runtime,
            seen: None,
            revision: None,
            files_seen: Vec::new(),
            refused: None,
            files_refused: false,
            secret_files,
            reader: RoutingReader::resting(breathe),
        }
    }

    /// The same, with this rule for its key files.
    #[must_use]
    pub fn with_rule(self, secret_files: SecretFiles) -> Self {
        Self { secret_files, ..self }
    }

    /// The same, with a guard that has this rule, where there is one.
    #[must_use]
    pub fn with_guard(self, rule: Option<config::Guard>) -> Self {
        let state = self.last_good.path().parent().unwrap_or(Path::new("")).to_owned();
        Self { guard: Guard::new(rule, &state, Arc::clone(&self.edge)), ..self }
    }

    /// Makes the file's table live or, where the file has a problem, the last good one.
    ///
    /// # Errors
    /// The problems of the file, where there is no last good table either.
    pub fn start(&mut self) -> Result<(), Problems> {
        let cause = Cause { origin: Some(EntryOrigin::Start), ..Cause::default() };
        let Err(problems) = self.load(&cause) else { return Ok(()) };
        let last_good = self.last_good.path().to_owned();
        let again = read_revision(&last_good).and_then(|(source, revision)| {
            let read = self.read(&source)?;
            let cause = Cause { origin: Some(EntryOrigin::LastGood), ..Cause::default() };
            self.make_live(read, revision, Origin::LastGood, &source, &cause).map(drop)
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
        let nudge = watch.nudge();
        self.desk = Some(self.edge.changes().open_desk(move || nudge.look()));
        loop {
            match watch.wait() {
                Wake::Stop => return,
                Wake::Asked => self.reload(true),
                Wake::Look => self.reload(false),
            }
            while let Some((wanted, answer)) = self.desk.as_ref().and_then(Desk::next) {
                // Whoever asked may be gone; what was asked for is done all the same.
                let _ = answer.send(self.roll_back(wanted));
            }
            if let Some(put_back) = self.guard.look() {
                self.put_back(put_back);
            }
        }
    }

    /// Reads the file if it looks new, or if `asked`; takes in its table, or says why not.
    fn reload(&mut self, asked: bool) {
        let files_differ = self.files_differ();
        if !asked && self.seen.as_ref() == Some(&Signature::of(&self.path)) && !files_differ {
            self.give_back();
            return;
        }
        let before = self.revision;
        let cause = Cause { origin: asked.then_some(EntryOrigin::Sighup), ..Cause::default() };
        match self.load(&cause) {
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

    /// Has the allocator give back to the system what reading a table took. It does so when somebody asks for much, some
    /// time after: for 100,000 rules that holds up a core for 5 ms, and would do so in the middle of the next change.
    fn give_back(&mut self) {
        if self.read_at.is_some_and(|read| read.elapsed() > GIVE_BACK_AFTER) {
            self.read_at = None;
            self.retired = None;
            let much = self.text.as_ref().map_or(0, |text| text.len());
            drop(black_box(Vec::<u8>::with_capacity(much)));
        }
    }

    /// Reads the file and makes its table live, unless it is live already.
    fn load(&mut self, cause: &Cause) -> Result<(), Problems> {
        self.seen = Some(settled(&self.path));
        let (source, revision) = read_revision(&self.path).inspect_err(|problems| {
            self.revision = None;
            self.refuse(None, problems);
        })?;
        self.take_in(&source, revision, cause)
    }

    /// Makes the table in `source`, which the file says, live, unless it is live already.
    fn take_in(&mut self, source: &Source, revision: Revision, cause: &Cause) -> Result<(), Problems> {
        self.revision = Some(revision);
        if cause.insists {
            self.guard.forgive();
        } else if let Some(problems) = self.guard.objection(&source.name, revision) {
            self.refuse(Some(revision), &problems);
            return Err(problems);
        }
        let files_differ = self.files_differ();
        if self.edge.table().is_some_and(|live| live.revision == revision) && !files_differ && !self.files_refused {
            if self.edge.table_problem().is_some() {
                tracing::info!("{} is again what is live, revision {revision}", self.path.display());
            }
            self.edge.set_table_problem(None);
            self.edge.metrics().table_unchanged(clock::now());
            self.guard.forgive();
            return Ok(());
        }
        let parts = self.reader.read(source, clock::now());
        self.read_at = Some(clock::monotonic());
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
        let adopted = read.and_then(|read| self.make_live(read, revision, Origin::File, source, cause));
        let kept = adopted.inspect_err(|problems| self.refuse(Some(revision), problems))?;
        self.guard.forgive();
        self.keep_last_good(&source.text, kept.as_deref());
        Ok(())
    }

    /// The table in `source`, with what is in the files that it names.
    fn read(&mut self, source: &Source) -> Result<Read<TableParts>, Problems> {
        self.reader.read(source, clock::now()).and_then(|parts| with_files(parts, self.secret_files))
    }

    /// Keeps what is live for a start with a broken file; `kept` is where the history has it.
    fn keep_last_good(&self, text: &str, kept: Option<&Path>) {
        if let Err(error) = self.last_good.keep(text, kept) {
            let path = self.last_good.path().display();
            tracing::warn!(
                "the last good table could not be kept in {path}, so a restart depends on the file: {error}"
            );
        }
    }

    /// Whether one of these files looks other than when it was last read. One that is being written may be empty for a moment.
    fn files_differ(&self) -> bool {
        self.files_seen.iter().any(|(file, seen)| {
            let now = Signature::of(file);
            now != *seen && now.holds_something()
        })
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
    read_revision(path).map(|(source, _)| source)
}

/// The same, with the revision of what it says.
fn read_revision(path: &Path) -> Result<(Source, Revision), Problems> {
    let name = path.display().to_string();
    let mut revising = Revising::default();
    let text = read_pieces(path, Source::LARGEST, Pieces::with_room, |text, piece| {
        revising.take(piece);
        text.take(piece);
    });
    match text {
        Ok(text) => text.into_source(name).map(|source| (source, revising.revision())),
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
