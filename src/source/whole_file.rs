//! Files that are written whole or not at all.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

/// Writes a file: afterwards it holds either all of `text` or what it held before, even where the machine loses its power.
///
/// # Errors
/// Those of the file system, e.g. a full disk.
pub(super) fn write_whole(path: &Path, text: &str) -> io::Result<()> {
    let directory = path.parent().filter(|directory| !directory.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(directory)?;
    let mut name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let beside = path.with_file_name(name);
    let written = (|| {
        let mut file = File::create(&beside)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&beside, path)?;
        // The name is part of the directory, which is on disk by itself.
        File::open(directory)?.sync_all()
    })();
    if written.is_err() {
        // What is half written is of no use; the error that matters is the first one.
        let _ = fs::remove_file(&beside);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_whole_or_as_it_was() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("run/some.yaml");
        write_whole(&path, "version: 1\n").unwrap();
        write_whole(&path, "version: 1 # newer\n").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "version: 1 # newer\n");
        // A disk that is full: /dev/full takes nothing.
        let beside = directory.path().join(format!("run/some.yaml.{}.new", std::process::id()));
        std::os::unix::fs::symlink("/dev/full", &beside).unwrap();
        assert_eq!(write_whole(&path, "lost").unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert_eq!(fs::read_to_string(&path).unwrap(), "version: 1 # newer\n");
        assert_eq!(fs::read_dir(directory.path().join("run")).unwrap().count(), 1, "nothing is left beside it");
    }
}
