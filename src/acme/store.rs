//! Files that are whole or not there, and for nobody else to read.

use crate::model::Timestamp;
use serde::{Deserialize, Serialize};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// The largest file that is read, in bytes: a chain and a key have some 10 KiB.
const LARGEST: u64 = 512 << 10;

/// Makes the directory, for this user alone.
pub(super) fn make_directory(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Writes a file: afterwards it holds either all of `bytes` or what it held before, and only this user can read it.
pub(super) fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let beside = beside(path, &format!("{}.new", std::process::id()));
    // What another try has left behind.
    let _ = fs::remove_file(&beside);
    let written = (|| {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&beside, path)?;
        path.parent().map_or(Ok(()), |directory| File::open(directory)?.sync_all())
    })();
    if written.is_err() {
        // What is half written is of no use; the error that matters is the first one.
        let _ = fs::remove_file(&beside);
    }
    written
}

/// What is in a file, in memory that is wiped.
pub(super) fn read(path: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
    let file = File::open(path)?;
    let length = file.metadata()?.len();
    let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(length.min(LARGEST)).unwrap_or(0) + 64));
    file.take(LARGEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("it has more than {} KiB", LARGEST >> 10)));
    }
    Ok(bytes)
}

/// Held while a certificate is asked for: of several processes with one directory, one asks.
pub(super) struct Lock(#[allow(dead_code, reason = "it is held, and goes with the file")] File);

impl Lock {
    /// `None` where another process has it.
    pub(super) fn of(path: &Path) -> io::Result<Option<Self>> {
        let file =
            OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(beside(path, "lock"))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self(file))),
            Err(fs::TryLockError::WouldBlock) => Ok(None),
            Err(fs::TryLockError::Error(error)) => Err(error),
        }
    }
}

/// What outlives the process of tries that failed, so that one that is started again and again does not ask each time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Tries {
    /// How often it failed since it was last had.
    pub failures: u32,
    /// When it is to be tried next.
    pub next: Option<Timestamp>,
}

impl Tries {
    pub(super) fn read(certificate: &Path) -> Self {
        let bytes = read(&beside(certificate, "tries")).ok();
        bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
    }

    /// Best effort: without it, only a start forgets.
    pub(super) fn write(self, certificate: &Path) {
        let path = beside(certificate, "tries");
        let written = match self == Self::default() {
            true => fs::remove_file(&path).or_else(|error| match error.kind() {
                io::ErrorKind::NotFound => Ok(()),
                _ => Err(error),
            }),
            false => serde_json::to_vec(&self).map_err(io::Error::other).and_then(|bytes| write(&path, &bytes)),
        };
        if let Err(error) = written {
            tracing::warn!("{} cannot be written, so that a start does not know of tries: {error}", path.display());
        }
    }
}

fn beside(path: &Path, what: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".");
    name.push(what);
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn files_are_whole_and_private_and_locked_by_one() {
        let directory = tempfile::tempdir().unwrap();
        let inside = directory.path().join("run/acme");
        make_directory(&inside).unwrap();
        make_directory(&inside).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&inside), 0o700);
        let path = inside.join("a.example.com-1.pem");
        write(&path, b"one").unwrap();
        write(&path, b"two").unwrap();
        assert_eq!((&**read(&path).unwrap(), mode(&path)), (&b"two"[..], 0o600));
        let tries = Tries { failures: 3, next: Some("2026-11-22T05:00:00Z".parse().unwrap()) };
        tries.write(&path);
        assert_eq!(Tries::read(&path), tries);
        Tries::default().write(&path);
        Tries::default().write(&path);
        assert_eq!(Tries::read(&path), Tries::default());
        assert_eq!(fs::read_dir(&inside).unwrap().count(), 1, "nothing is left beside it");
        let lock = Lock::of(&path).unwrap();
        assert!(lock.is_some() && Lock::of(&path).unwrap().is_none());
        drop(lock);
        assert!(Lock::of(&path).unwrap().is_some());
        assert!(write(&directory.path().join("missing/file"), b"").is_err());
    }
}
