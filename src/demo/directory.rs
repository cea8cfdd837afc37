//! The demo's own directory, which is gone when the demo is.

use std::io;
use std::path::{Path, PathBuf};

/// The largest access log, in bytes; a larger one begins anew, because nobody rotates the log of a demo.
const LARGEST_LOG: u64 = 64 << 20;

/// A directory that only its owner can read, and that is removed with all that is in it when this is dropped.
#[derive(Debug)]
pub(super) struct Directory {
    path: PathBuf,
}

impl Directory {
    /// A new directory in the system's place for temporary files, called after the process.
    pub(super) fn make() -> io::Result<Self> {
        let parent = std::env::temp_dir();
        let process = std::process::id();
        let mut last = io::Error::from(io::ErrorKind::AlreadyExists);
        // A demo that was killed leaves its directory behind, and its process id may come again.
        for attempt in 0..10 {
            let name = if attempt == 0 {
                format!("homeward-demo-{process}")
            } else {
                format!("homeward-demo-{process}-{attempt}")
            };
            let path = parent.join(name);
            match owners_alone().create(&path) {
                Ok(()) => return Ok(Self { path }),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes the file `name` in it, and gives its path.
    pub(super) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> io::Result<PathBuf> {
        let path = self.path.join(name);
        std::fs::write(&path, content)?;
        Ok(path)
    }

    /// Empties the access log where it has grown too large.
    pub(super) fn bound_log(&self) {
        let path = self.path.join("access.log");
        if std::fs::metadata(&path).is_ok_and(|log| log.len() > LARGEST_LOG)
            && let Ok(log) = std::fs::OpenOptions::new().write(true).open(path)
        {
            // Where it cannot be emptied now, the next round tries again.
            _ = log.set_len(0);
        }
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        // Nothing can be done about what cannot be removed, and it lies where the system tidies up.
        _ = std::fs::remove_dir_all(&self.path);
    }
}

fn owners_alone() -> std::fs::DirBuilder {
    #[allow(unused_mut, reason = "changed on Unix only")]
    let mut builder = std::fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_gone_with_its_files() {
        let directory = Directory::make().unwrap();
        let other = Directory::make().unwrap();
        assert_ne!(directory.path(), other.path());
        let file = directory.write("routing.yaml", "version: 1\n").unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "version: 1\n");
        let path = directory.path().to_owned();
        drop(directory);
        assert!(!path.exists() && other.path().exists());
    }

    #[test]
    fn a_log_that_is_too_large_begins_anew() {
        let directory = Directory::make().unwrap();
        directory.bound_log();
        let log = directory.write("access.log", "one line\n").unwrap();
        directory.bound_log();
        assert_eq!(std::fs::metadata(&log).unwrap().len(), 9);
        std::fs::File::options().write(true).open(&log).unwrap().set_len(LARGEST_LOG + 1).unwrap();
        directory.bound_log();
        assert_eq!(std::fs::metadata(&log).unwrap().len(), 0);
    }
}
