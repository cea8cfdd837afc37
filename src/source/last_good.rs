//! The last good table on disk, for a start on a morning when the file is broken.

use crate::history::{PIECE, link_whole, rest, write_whole};
use std::fs::File;
use std::io::{self, Read};
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

    /// Keeps `text`: afterwards the file holds either all of it or what it held before. Where the history `kept` it in a
    /// file of its own, that is given another name, which is not written and costs nothing.
    ///
    /// # Errors
    /// Those of the file system, e.g. a full disk.
    pub fn keep(&self, text: &str, kept: Option<&Path>) -> io::Result<()> {
        // Not every file system has links, and the history may be on another one.
        match kept.map(|kept| link_whole(kept, &self.path)) {
            Some(Ok(())) => Ok(()),
            _ => write_whole(&self.path, text.as_bytes()),
        }
    }
}

/// Reads a file of at most `most` bytes.
///
/// # Errors
/// Those of the file system, and [`io::ErrorKind::FileTooLarge`].
pub(super) fn read_bounded(path: &Path, most: usize) -> io::Result<Vec<u8>> {
    read_pieces(path, most, Vec::with_capacity, |bytes, piece| bytes.extend_from_slice(piece))
}

/// The same, piece by piece: `add` puts each into what `begin` makes for as many bytes as the file says that it has.
///
/// # Errors
/// Those of the file system, and [`io::ErrorKind::FileTooLarge`].
pub(super) fn read_pieces<T>(
    path: &Path,
    most: usize,
    begin: impl FnOnce(usize) -> T,
    mut add: impl FnMut(&mut T, &[u8]),
) -> io::Result<T> {
    let limit = u64::try_from(most).unwrap_or(u64::MAX);
    let file = File::open(path)?;
    // As much room as it takes from the beginning: what a growing buffer leaves behind stays with the process.
    let length = file.metadata()?.len().min(limit);
    let mut all = begin(usize::try_from(length).unwrap_or(0));
    let (mut rest_of_file, mut read) = (file.take(limit.saturating_add(1)), 0);
    let mut piece = Vec::with_capacity(PIECE);
    loop {
        piece.clear();
        let more = rest_of_file.by_ref().take(PIECE as u64).read_to_end(&mut piece)?;
        add(&mut all, &piece);
        read += more;
        if more < PIECE {
            break;
        }
        rest();
    }
    if read > most {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("it has more than {most} bytes")));
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_history_does_not_keep_is_written() {
        let state = tempfile::tempdir().unwrap();
        let last_good = LastGood::in_state(&state.path().join("state"));
        let holds = || std::fs::read_to_string(last_good.path()).unwrap();
        last_good.keep("one", None).unwrap();
        assert_eq!(holds(), "one");
        let kept = state.path().join("kept");
        last_good.keep("two", Some(&kept)).unwrap();
        assert_eq!(holds(), "two", "it is gone");
        std::fs::write(&kept, "three").unwrap();
        last_good.keep("three", Some(&kept)).unwrap();
        assert_eq!(holds(), "three");
    }

    #[test]
    fn a_file_over_the_bound_is_not_read() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("big");
        std::fs::write(&path, [0; 100]).unwrap();
        let bytes = read_bounded(&path, 100).unwrap();
        assert_eq!((bytes.len(), bytes.capacity()), (100, 100));
        assert_eq!(read_bounded(&path, 99).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
    }
}
