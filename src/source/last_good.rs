//! The last good table on disk, for a start on a morning when the file is broken.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// The copy of the last good routing table, in the directory for state.
#[derive(Debug, Clone)]
pub struct LastGood {
    path: PathBuf,
}

impl LastGood {
    /// The copy in the directory `state`.
    #[must_use]
    pub fn in_state(state: &Path) -> Self {
        Self { path: state.join("routing.last-good.yaml") }
    }

    /// Where the copy is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes the copy: afterwards the file holds either all of `text` or what it held before.
    ///
    /// # Errors
    /// Those of the file system, e.g. a full disk.
    pub fn write(&self, text: &str) -> io::Result<()> {
        if let Some(directory) = self.path.parent() {
            fs::create_dir_all(directory)?;
        }
        let beside = self.path.with_extension(format!("yaml.{}.new", std::process::id()));
        let written = (|| {
            let mut file = File::create(&beside)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            fs::rename(&beside, &self.path)
        })();
        if written.is_err() {
            // What is half written is of no use; the error that matters is the first one.
            let _ = fs::remove_file(&beside);
        }
        written
    }
}

/// Reads a file of at most `most` bytes.
///
/// # Errors
/// Those of the file system, and [`io::ErrorKind::FileTooLarge`].
pub(super) fn read_bounded(path: &Path, most: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let limit = u64::try_from(most).unwrap_or(u64::MAX);
    File::open(path)?.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() > most {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("it has more than {most} bytes")));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_copy_is_whole_or_as_it_was() {
        let directory = tempfile::tempdir().unwrap();
        let copy = LastGood::in_state(&directory.path().join("run"));
        copy.write("version: 1\n").unwrap();
        copy.write("version: 1 # newer\n").unwrap();
        assert_eq!(fs::read_to_string(copy.path()).unwrap(), "version: 1 # newer\n");
        assert_eq!(fs::read_dir(directory.path().join("run")).unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn a_file_over_the_bound_is_not_read() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("big");
        fs::write(&path, [0; 100]).unwrap();
        assert_eq!(read_bounded(&path, 100).unwrap().len(), 100);
        assert_eq!(read_bounded(&path, 99).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
    }
}
