//! Files of secrets: made for their owner alone, whole or not at all.

use std::fs::{self, File, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
use std::path::Path;
use tempfile::NamedTempFile;
use zeroize::Zeroizing;

/// Makes the file at `path` with mode 0600. One that is there already is replaced only if `force` says so.
///
/// # Errors
/// Why not, and what to do.
pub(super) fn make(path: &Path, bytes: &[u8], force: bool) -> Result<(), String> {
    let beside = written(path, bytes).map_err(|error| cannot(path, &error))?;
    let placed = if force { beside.persist(path) } else { beside.persist_noclobber(path) };
    placed.map_err(|error| match error.error.kind() {
        io::ErrorKind::AlreadyExists => format!(
            "{} is there already, and stays as it is: choose another path, exchange its key with 'homeward key rotate', or \
             replace it with --force",
            path.display()
        ),
        _ => cannot(path, &error.error),
    })?;
    settle(path).map_err(|error| cannot(path, &error))
}

/// Replaces the file at `path`, which stays its owner's and has no wider mode than it had; at most 0600 for others' sake.
///
/// # Errors
/// Why not, and what to do; then it is as it was.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> Result<(), String> {
    let replaced = (|| {
        let before = fs::metadata(path)?;
        let beside = written(path, bytes)?;
        let after = beside.as_file().metadata()?;
        if (after.uid(), after.gid()) != (before.uid(), before.gid()) {
            fchown(beside.as_file(), Some(before.uid()), Some(before.gid()))?;
        }
        // The edge's group may go on reading it; everybody may not.
        beside.as_file().set_permissions(Permissions::from_mode(0o600 | (before.mode() & 0o040)))?;
        beside.persist(path).map_err(|error| error.error)?;
        settle(path)
    })();
    replaced.map_err(|error: io::Error| cannot(path, &error))
}

/// The text of the file at `path`, in memory that is wiped.
///
/// # Errors
/// Why it cannot be read.
pub(super) fn read(path: &Path) -> Result<Zeroizing<String>, String> {
    let text = (|| {
        let file = File::open(path)?;
        let length = usize::try_from(file.metadata()?.len()).unwrap_or_default();
        let mut text = Zeroizing::new(String::with_capacity(length.min(1 << 20) + 64));
        file.take(1 << 20).read_to_string(&mut text)?;
        Ok(text)
    })();
    text.map_err(|error: io::Error| format!("{} cannot be read: {error}", path.display()))
}

/// A file beside `path` that only its owner can read, with `bytes` on the disk.
fn written(path: &Path, bytes: &[u8]) -> io::Result<NamedTempFile> {
    let mut beside = tempfile::Builder::new()
        .prefix(".homeward-key-")
        .permissions(Permissions::from_mode(0o600))
        .tempfile_in(directory(path))?;
    beside.write_all(bytes)?;
    beside.as_file().sync_all()?;
    Ok(beside)
}

/// Waits until the name is on the disk too.
fn settle(path: &Path) -> io::Result<()> {
    File::open(directory(path))?.sync_all()
}

fn directory(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn cannot(path: &Path, error: &io::Error) -> String {
    format!("{} cannot be written: {error}; check its directory, and who may write there", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_made_once_and_for_its_owner() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("hop.key");
        make(&path, b"one\n", false).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o600);
        assert!(make(&path, b"two\n", false).unwrap_err().contains("is there already"));
        assert_eq!(*read(&path).unwrap(), "one\n");
        make(&path, b"two\n", true).unwrap();
        assert_eq!(*read(&path).unwrap(), "two\n");
        assert!(make(&directory.path().join("none/hop.key"), b"", false).unwrap_err().contains("cannot be written"));
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn a_file_is_replaced_without_being_opened_wider() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("hop.key");
        for (before, after) in [(0o600, 0o600), (0o640, 0o640), (0o666, 0o640), (0o400, 0o600)] {
            make(&path, b"one\n", true).unwrap();
            fs::set_permissions(&path, Permissions::from_mode(before)).unwrap();
            replace(&path, b"two\n").unwrap();
            assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, after, "{before:o}");
            assert_eq!(*read(&path).unwrap(), "two\n");
        }
    }
}
