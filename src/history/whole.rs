//! Files that are written whole or not at all.

use super::pieces::in_pieces;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

/// Writes a file: afterwards it holds either all of `bytes` or what it held before, also where the machine loses its power.
/// Its directory is made where it is missing.
///
/// # Errors
/// Those of the file system, e.g. a full disk.
pub fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if let Some(directory) = directory_of(path) {
        fs::create_dir_all(directory)?;
    }
    through(path, bytes, |_| Ok(()))
}

/// Lets a file hold what `whole` holds, by the same promise, without writing it: both are names of one file then. It is for
/// files that are replaced and never changed in place. Their directory is made where it is missing.
///
/// # Errors
/// Those of the file system, e.g. that the two are on different ones, or that this one has no links.
pub fn link_whole(whole: &Path, path: &Path) -> io::Result<()> {
    if let Some(directory) = directory_of(path) {
        fs::create_dir_all(directory)?;
    }
    // Not the name that is written to: what is written there would be written to the whole file too.
    let beside = beside(path, "link");
    // Left there by a process that had this id and was killed; usually there is none.
    let _ = fs::remove_file(&beside);
    let linked = fs::hard_link(whole, &beside).and_then(|()| fs::rename(&beside, path));
    // A name is not renamed to another one of the same file: both stay.
    let _ = fs::remove_file(&beside);
    linked.and_then(|()| sync_directory_of(path))
}

/// Writes a file of somebody else's in the same way: it keeps its mode and, where this process may give it away, its owner.
/// Where `path` is a symbolic link, its target is written and the link stays.
///
/// # Errors
/// Those of the file system. The file is as it was then.
pub fn replace_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let target = fs::canonicalize(path)?;
    let before = fs::metadata(&target)?;
    if before.permissions().readonly() {
        // A rename would get around what somebody has said with the mode of the file.
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "the file is read-only"));
    }
    // A directory that can be written would let a rename through where the file itself cannot be.
    OpenOptions::new().append(true).open(&target)?;
    through(&target, bytes, |file| {
        let now = file.metadata()?;
        if (now.uid(), now.gid()) != (before.uid(), before.gid()) {
            // Only root may give a file away. Anybody else's new file is as good: its mode lets the same people read it.
            let _ = chown(beside(&target, "new"), Some(before.uid()), Some(before.gid()));
        }
        file.set_permissions(Permissions::from_mode(before.mode() & 0o7777))
    })
}

fn through(path: &Path, bytes: &[u8], prepare: impl FnOnce(&File) -> io::Result<()>) -> io::Result<()> {
    let beside = beside(path, "new");
    let written = (|| {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o644).open(&beside)?;
        prepare(&file)?;
        in_pieces(bytes).try_for_each(|piece| file.write_all(piece))?;
        file.sync_all()?;
        fs::rename(&beside, path)
    })();
    if written.is_err() {
        // What is half written is of no use; the error that matters is the first one.
        let _ = fs::remove_file(&beside);
        return written;
    }
    sync_directory_of(path)
}

fn sync_directory_of(path: &Path) -> io::Result<()> {
    File::open(directory_of(path).unwrap_or(Path::new(".")))?.sync_all()
}

fn directory_of(path: &Path) -> Option<&Path> {
    path.parent().filter(|directory| !directory.as_os_str().is_empty())
}

/// Where the new file is until it is whole: in the same directory, by a name that no other process uses.
fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.{ending}", std::process::id()));
    path.with_file_name(name)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_whole_or_as_it_was_and_nothing_is_left_beside_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("run/file");
        write_whole(&path, b"one").unwrap();
        write_whole(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
        assert!(write_whole(&path.join("below"), b"three").is_err());
        // A disk that is full: /dev/full takes nothing.
        std::os::unix::fs::symlink("/dev/full", beside(&path, "new")).unwrap();
        assert_eq!(write_whole(&path, b"lost").unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn a_link_holds_what_the_whole_file_holds_and_neither_changes_the_other() {
        let directory = tempfile::tempdir().unwrap();
        let (whole, path) = (directory.path().join("kept/one"), directory.path().join("run/last"));
        write_whole(&whole, b"one").unwrap();
        for _ in 0..2 {
            link_whole(&whole, &path).unwrap();
            assert_eq!(fs::read(&path).unwrap(), b"one");
            assert_eq!(fs::metadata(&whole).unwrap().ino(), fs::metadata(&path).unwrap().ino());
            assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
        }
        write_whole(&path, b"two").unwrap();
        assert_eq!(fs::read(&whole).unwrap(), b"one");
        link_whole(&whole, &path).unwrap();
        fs::remove_file(&whole).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"one");
        assert_eq!(link_whole(&whole, &path).unwrap_err().kind(), io::ErrorKind::NotFound);
        assert_eq!(fs::read(&path).unwrap(), b"one");

        // What a killed process left behind is another name of a file that is kept.
        write_whole(&whole, b"three").unwrap();
        fs::hard_link(&whole, beside(&path, "link")).unwrap();
        write_whole(&path, b"four").unwrap();
        assert_eq!(fs::read(&whole).unwrap(), b"three");
        link_whole(&whole, &path).unwrap();
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn what_is_replaced_keeps_its_mode_and_the_link_to_it() {
        let directory = tempfile::tempdir().unwrap();
        let (file, link) = (directory.path().join("file"), directory.path().join("link"));
        fs::write(&file, "one").unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o640)).unwrap();
        std::os::unix::fs::symlink("file", &link).unwrap();
        replace_whole(&link, b"two").unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"two");
        assert_eq!(fs::metadata(&file).unwrap().mode() & 0o7777, 0o640);
        assert!(link.symlink_metadata().unwrap().is_symlink());
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 2);

        fs::set_permissions(&file, Permissions::from_mode(0o440)).unwrap();
        assert_eq!(replace_whole(&link, b"three").unwrap_err().kind(), io::ErrorKind::PermissionDenied);
        assert_eq!(fs::read(&file).unwrap(), b"two");
        assert_eq!(replace_whole(&directory.path().join("none"), b"").unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
