//! Secrets out of files and out of the environment, in memory that is wiped; and who else can get at the files.
//!
//! What others can change is refused: whoever can write a key is as good as its owner. What others can only read is used, with
//! a warning, unless the settings are strict: where files come out of a mounted volume their modes are often not the
//! operator's to choose (a Kubernetes Secret has 0644 where nobody says otherwise), and an edge that does not start is worse
//! than one that complains. A file of a third user is refused, as that user can change it; for root it is a warning, as root
//! may look at the files of an edge that runs as that user. So nobody gains anything by exchanging the file in its directory,
//! and directories are not looked at.

use crate::config::{Problems, SecretFiles};
use crate::model::{Secret, SecretSource};
use rustix::fs::{Mode, OFlags};
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use zeroize::Zeroizing;

/// The largest file or variable of keys or tokens, in bytes. Eight keys or 64 tokens have less, comments and all.
pub(super) const LARGEST: usize = 64 << 10;

/// A secret, and what should worry somebody about its file.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) secret: Secret,
    pub(super) warning: Option<String>,
}

/// Why there is no secret: what is wrong, and what to do.
#[derive(Debug)]
pub(super) enum Unreadable {
    /// The system gives no file.
    Io(io::Error),
    /// It should not be used as it lies there.
    Unsafe {
        /// What is wrong.
        what: String,
        /// What to do.
        help: String,
    },
}

/// Reads a secret of at most [`LARGEST`] bytes. `made_by` says how it is made where it is missing.
///
/// # Errors
/// That it is not there, cannot be read or lies open, with what to do. Nothing of it is shown.
pub(super) fn read_secret(source: &SecretSource, rule: SecretFiles, made_by: &str) -> Result<Found, Problems> {
    let problems = |what: String, help: String| Problems::of_file(source.to_string(), what, help);
    match source {
        SecretSource::File(path) => read_file(path, rule, LARGEST).map_err(|unreadable| match unreadable {
            Unreadable::Unsafe { what, help } => problems(what, help),
            Unreadable::Io(error) if error.kind() == io::ErrorKind::NotFound => {
                problems("there is no such file".to_owned(), format!("make one: {made_by} --out {}", path.display()))
            }
            Unreadable::Io(error) => {
                let help = match error.kind() {
                    io::ErrorKind::PermissionDenied => "let the user that runs homeward read it, and nobody else",
                    io::ErrorKind::FileTooLarge => "leave the lines that are needed",
                    _ => "check the file and the disk that it is on",
                };
                problems(format!("the file cannot be read: {error}"), help.to_owned())
            }
        }),
        SecretSource::Environment(name) => {
            let Some(value) = std::env::var_os(&**name).filter(|value| !value.is_empty()) else {
                let help = format!("start homeward with {name} set to what '{made_by}' prints, or name a file instead");
                return Err(problems("the environment has no such variable".to_owned(), help));
            };
            let secret = Secret::new(std::os::unix::ffi::OsStringExt::into_vec(value));
            if secret.expose().len() > LARGEST {
                let what = format!("the variable has more than {} KiB", LARGEST >> 10);
                return Err(problems(what, "leave the lines that are needed".to_owned()));
            }
            Ok(Found { secret, warning: None })
        }
    }
}

/// Reads a file of secrets of at most `most` bytes.
///
/// # Errors
/// That it cannot be read, or lies open.
pub(super) fn read_file(path: &Path, rule: SecretFiles, most: usize) -> Result<Found, Unreadable> {
    // Without waiting: a pipe that nobody writes to would hold up the start for ever.
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let file =
        File::from(rustix::fs::open(path, flags, Mode::empty()).map_err(io::Error::from).map_err(Unreadable::Io)?);
    // Of the file that was opened, whatever lies at its path by now.
    let metadata = file.metadata().map_err(Unreadable::Io)?;
    if !metadata.is_file() {
        let help = "name a regular file of keys".to_owned();
        return Err(Unreadable::Unsafe { what: "it is no regular file".to_owned(), help });
    }
    let warning = look_at(path, &metadata, rule, rustix::process::geteuid().as_raw())?;
    let length = usize::try_from(metadata.len()).unwrap_or(usize::MAX);
    if length > most {
        return Err(Unreadable::Io(too_large(most)));
    }
    // Taken whole at first: where the bytes grow, copies of them stay behind in memory.
    let mut bytes = Zeroizing::new(Vec::with_capacity(length + 64));
    let limit = u64::try_from(length + 1).unwrap_or(u64::MAX);
    file.take(limit).read_to_end(&mut bytes).map_err(Unreadable::Io)?;
    if bytes.len() > length {
        let grew = io::Error::new(io::ErrorKind::Interrupted, "it is being written at this moment");
        return Err(Unreadable::Io(grew));
    }
    Ok(Found { secret: bytes.into(), warning })
}

fn too_large(most: usize) -> io::Error {
    io::Error::new(io::ErrorKind::FileTooLarge, format!("it has more than {} KiB", most >> 10))
}

/// What should worry somebody about a file of secrets that `user` reads.
fn look_at(path: &Path, file: &Metadata, rule: SecretFiles, user: u32) -> Result<Option<String>, Unreadable> {
    let (mode, owner) = (file.mode() & 0o7777, file.uid());
    let path = path.display();
    let close = format!("close it: chmod 600 {path}");
    if owner != user && owner != 0 && user != 0 {
        let what = format!("the file belongs to user {owner}, who can change it");
        return Err(Unreadable::Unsafe {
            what,
            help: format!("give it to the user that runs homeward, or to root: chown {user} {path}"),
        });
    }
    if mode & 0o002 != 0 {
        return Err(Unreadable::Unsafe {
            what: format!("everybody can change the file (mode {mode:04o})"),
            help: close,
        });
    }
    // A file of root that a group may read is how systems hand out secrets: Debian's ssl-cert, systemd's credentials.
    let readers = match mode {
        _ if owner != user && user == 0 && mode & 0o077 == 0 => {
            let close = format!("where homeward runs as root: chown root {path}");
            return match rule {
                SecretFiles::Warn => Ok(Some(format!("user {owner} can change {path}, where secrets are; {close}"))),
                SecretFiles::Strict => Err(Unreadable::Unsafe {
                    what: format!("the file belongs to user {owner}, which secret_files: strict forbids"),
                    help: close,
                }),
            };
        }
        _ if mode & 0o004 != 0 => "everybody can read",
        _ if mode & 0o020 != 0 => "its group can change",
        _ if mode & 0o040 != 0 && owner != 0 => "its group can read",
        _ => return Ok(None),
    };
    match rule {
        SecretFiles::Warn => Ok(Some(format!("{readers} {path}, where secrets are (mode {mode:04o}); {close}"))),
        SecretFiles::Strict => Err(Unreadable::Unsafe {
            what: format!("{readers} the file (mode {mode:04o}), which secret_files: strict forbids"),
            help: close,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    fn file(mode: u32) -> (tempfile::TempDir, std::path::PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("hop.key");
        fs::write(&path, "key\n").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        (directory, path)
    }

    #[test]
    fn the_mode_of_a_file_counts() {
        let own = rustix::process::geteuid().as_raw();
        // By mode: what is said of a file of one's own, and of one of root's.
        for (mode, of_own, of_root) in [
            (0o600, "", ""),
            (0o400, "", ""),
            (0o640, "its group can read", ""),
            (0o440, "its group can read", ""),
            (0o660, "its group can change", "its group can change"),
            (0o644, "everybody can read", "everybody can read"),
            (0o604, "everybody can read", "everybody can read"),
        ] {
            let (_directory, path) = file(mode);
            let metadata = fs::metadata(&path).unwrap();
            // Whoever runs the tests owns the file.
            let said = if own == 0 { of_root } else { of_own };
            let warning = look_at(&path, &metadata, SecretFiles::Warn, own).unwrap();
            assert_eq!(warning.is_some(), !said.is_empty(), "{mode:o}");
            assert!(warning.unwrap_or_default().starts_with(said), "{mode:o}");
            let strict = look_at(&path, &metadata, SecretFiles::Strict, own);
            assert_eq!(strict.is_err(), !said.is_empty(), "{mode:o}");
        }
        for mode in [0o602, 0o666, 0o777] {
            let (_directory, path) = file(mode);
            let metadata = fs::metadata(&path).unwrap();
            let Err(Unreadable::Unsafe { what, help }) = look_at(&path, &metadata, SecretFiles::Warn, own) else {
                panic!("{mode:o}")
            };
            assert!(what.starts_with("everybody can change the file"), "{what}");
            assert!(help.starts_with("close it: chmod 600 /"), "{help}");
        }
    }

    #[test]
    fn a_file_of_somebody_else_is_refused() {
        let (_directory, path) = file(0o600);
        let owner = fs::metadata(&path).unwrap().uid();
        let other = owner + 1;
        let looked = look_at(&path, &fs::metadata(&path).unwrap(), SecretFiles::Warn, other);
        // Root's files are everybody's to believe.
        assert_eq!(looked.is_ok(), owner == 0);
        if owner == 0 {
            std::os::unix::fs::chown(&path, Some(4711), None).unwrap();
            let metadata = fs::metadata(&path).unwrap();
            let Err(Unreadable::Unsafe { what, .. }) = look_at(&path, &metadata, SecretFiles::Warn, 4712) else {
                panic!()
            };
            assert_eq!(what, "the file belongs to user 4711, who can change it");
            let warning = read_file(&path, SecretFiles::Warn, 100).unwrap().warning.unwrap();
            assert!(warning.starts_with("user 4711 can change /"), "{warning}");
            assert!(read_file(&path, SecretFiles::Strict, 100).is_err());
            let of_their_own = look_at(&path, &fs::metadata(&path).unwrap(), SecretFiles::Strict, 4711);
            assert!(matches!(of_their_own, Ok(None)));
        }
    }

    #[test]
    fn a_file_is_read_whole_or_not_at_all() {
        let (directory, path) = file(0o600);
        assert_eq!(read_file(&path, SecretFiles::Warn, 4).unwrap().secret.expose(), b"key\n");
        assert!(matches!(read_file(&path, SecretFiles::Warn, 3), Err(Unreadable::Io(_))));
        assert!(matches!(read_file(directory.path(), SecretFiles::Warn, 3), Err(Unreadable::Unsafe { .. })));
        let missing = SecretSource::File(directory.path().join("none"));
        let text = read_secret(&missing, SecretFiles::Warn, "homeward key generate").unwrap_err().render(false);
        assert!(text.contains("there is no such file") && text.contains("homeward key generate --out /"), "{text}");
    }

    #[test]
    fn a_variable_is_read_and_a_missing_one_is_named() {
        // Nothing sets a variable here: that is not safe beside other threads. These two are there and not there.
        let path = SecretSource::Environment("PATH".into());
        let found = read_secret(&path, SecretFiles::Strict, "homeward key generate").unwrap();
        assert_eq!(Some(found.secret.expose()), std::env::var("PATH").ok().as_deref().map(str::as_bytes));
        let none = SecretSource::Environment("HOMEWARD_NO_SUCH_VARIABLE".into());
        let text = read_secret(&none, SecretFiles::Strict, "homeward key generate").unwrap_err().render(false);
        assert!(text.contains("$HOMEWARD_NO_SUCH_VARIABLE") && text.contains("no such variable"), "{text}");
    }
}
