//! The tables' texts, each in a file with the name of its content.

use super::pieces::in_pieces;
use super::whole::write_whole;
use crate::model::Revision;
use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// The largest text that is read: the largest routing file.
const LARGEST: u64 = 16 << 20;

/// The file that keeps a text.
pub(super) fn path(directory: &Path, revision: Revision) -> PathBuf {
    directory.join(format!("{revision}.yaml"))
}

/// Keeps a text, unless it is there already. When this returns, it is on the disk.
///
/// # Errors
/// Those of the file system.
pub(super) fn keep(directory: &Path, revision: Revision, text: &str) -> io::Result<()> {
    if is_kept(directory, revision, text).unwrap_or(false) {
        return Ok(());
    }
    write_whole(&path(directory, revision), text.as_bytes())
}

/// Whether this very text is there.
fn is_kept(directory: &Path, revision: Revision, text: &str) -> io::Result<bool> {
    let mut file = File::open(path(directory, revision))?;
    let is_as_long = file.metadata()?.len() == text.len() as u64;
    let mut kept = Vec::new();
    for piece in in_pieces(text.as_bytes()).take_while(|_| is_as_long) {
        kept.resize(piece.len(), 0);
        file.read_exact(&mut kept)?;
        if kept != piece {
            return Ok(false);
        }
    }
    Ok(is_as_long)
}

/// The text of a table, comments and all; `None` where it is not kept.
///
/// # Errors
/// Those of the file system, and that what is there is not what was kept.
pub(super) fn read(directory: &Path, revision: Revision) -> io::Result<Option<String>> {
    let file = match File::open(path(directory, revision)) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut bytes = Vec::new();
    file.take(LARGEST + 1).read_to_end(&mut bytes)?;
    match String::from_utf8(bytes) {
        Ok(text) if Revision::of(text.as_bytes()) == revision => Ok(Some(text)),
        _ => Err(io::Error::new(io::ErrorKind::InvalidData, "somebody has changed what was kept")),
    }
}

/// The tables that are kept, each with its size in bytes.
///
/// # Errors
/// Those of the file system.
pub(super) fn kept(directory: &Path) -> io::Result<HashMap<Revision, u64>> {
    let mut found = HashMap::new();
    for file in fs::read_dir(directory)? {
        let file = file?;
        if let Some(revision) = revision_of(&file.path()) {
            found.insert(revision, file.metadata()?.len());
        }
    }
    Ok(found)
}

/// Forgets a table.
///
/// # Errors
/// Those of the file system.
pub(super) fn forget(directory: &Path, revision: Revision) -> io::Result<()> {
    fs::remove_file(path(directory, revision))
}

fn revision_of(path: &Path) -> Option<Revision> {
    (path.extension() == Some(OsStr::new("yaml"))).then(|| path.file_stem()?.to_str()?.parse().ok())?
}
