//! The place databases out of files, read anew when one changes.

use super::last_good::read_bounded;
use super::watch::{FileWatch, Signature, Wake};
use crate::geo::{Database, Places};
use crate::live::{Edge, FileProblem, LivePlaces, clock};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// How long all files must look the same before they are read: a database is large, and may be in the middle of being
/// copied.
const SETTLE: Duration = Duration::from_millis(200);

/// Why the databases cannot be loaded: which file, and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {why}")]
pub struct PlacesProblem {
    /// The file.
    pub file: String,
    /// What is wrong with it, and what to do.
    pub why: String,
}

/// Loads all of the databases.
///
/// # Errors
/// The first file that cannot be read or is no place database.
pub fn load_places(files: &[PathBuf]) -> Result<Places, PlacesProblem> {
    let mut databases = Vec::with_capacity(files.len());
    for file in files {
        let problem = |why: String| PlacesProblem { file: file.display().to_string(), why };
        let bytes = read_bounded(file, Database::MAX_BYTES).map_err(|error| {
            problem(format!("the file cannot be read: {error}; check geoip.database in the settings"))
        })?;
        databases.push(Database::from_bytes(bytes).map_err(|error| problem(error.to_string()))?);
    }
    Ok(Places::new(databases))
}

/// The files of the place databases and how they looked when they were last read.
pub struct PlacesFiles {
    files: Vec<PathBuf>,
    edge: Arc<Edge>,
    seen: Vec<Signature>,
}

impl PlacesFiles {
    /// The files, for `edge`. Nothing is read yet.
    #[must_use]
    pub fn new(files: Vec<PathBuf>, edge: Arc<Edge>) -> Self {
        Self { files, edge, seen: Vec::new() }
    }

    /// Loads the databases. Where one is bad, the edge goes on without places (at the start) or with the ones it has:
    /// sessions still get home, and a visitor without one is homed as if nothing were known of its place.
    pub fn load(&mut self) {
        self.seen = self.signatures();
        let now = clock::now();
        match load_places(&self.files) {
            Ok(places) => {
                let built = places.build_timestamp();
                self.edge.metrics().geoip_applied(built);
                let files = self.files.clone();
                self.edge.set_places(LivePlaces { places, files, since: Some(now) });
                let built = built.map(|built| format!(", built {built}")).unwrap_or_default();
                tracing::info!("{} place database(s) are live{built}", self.files.len());
            }
            Err(problem) => {
                self.edge.metrics().geoip_refused();
                tracing::error!("{problem}; the place databases stay as they were, sessions are not affected");
                self.edge.set_places_problem(FileProblem {
                    file: problem.file.clone(),
                    revision: None,
                    since: now,
                    summary: problem.to_string(),
                    text: problem.to_string(),
                });
            }
        }
    }

    /// Follows the files until the watch is told to stop. It blocks; give it a thread of its own.
    pub fn follow(mut self, watch: &FileWatch) {
        loop {
            match watch.wait() {
                Wake::Stop => return,
                Wake::Asked => self.load(),
                Wake::Look => self.look(),
            }
        }
    }

    fn look(&mut self) {
        let now = self.signatures();
        if now == self.seen {
            return;
        }
        // Read only what has come to rest; while it changes the next look comes soon.
        std::thread::sleep(SETTLE);
        if self.signatures() == now {
            self.load();
        }
    }

    fn signatures(&self) -> Vec<Signature> {
        self.files.iter().map(|file| Signature::of(file)).collect()
    }
}
