//! Certificates, keys and client CAs out of files.

use super::super::secrets::{Found, Unreadable, read_file};
use crate::config::{CertificateFiles, Problems, SecretFiles};
use crate::tls::{ClientCa, Flaw, Pair, Part};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use zeroize::Zeroizing;

/// The largest file, in bytes: some hundred certificates.
const LARGEST: usize = 512 << 10;

/// Where the settings of these files are, for messages.
const OF_THE_SETTINGS: &str = "under tls: in the settings";

/// Reads a certificate and its key. Nothing of a key is ever shown. Where others can read its file, the pair's warnings say so.
///
/// # Errors
/// Which of the two files is wrong, why, and what to do.
pub fn read_certificate(files: &CertificateFiles, rule: SecretFiles) -> Result<Pair, Problems> {
    let certificate = read(&files.certificate, "certificate", OF_THE_SETTINGS)?;
    let key = read_key(&files.key, "key", OF_THE_SETTINGS, rule)?;
    let pair = Pair::from_pem(&certificate, key.secret.expose()).map_err(|flaw| {
        let file = match flaw.part {
            Part::Certificate => &files.certificate,
            Part::Key => &files.key,
        };
        problems(file, flaw)
    })?;
    Ok(pair.with_key_warning(key.warning))
}

/// Reads those whose certificates are believed of clients.
///
/// # Errors
/// Why they cannot be used, and what to do.
pub fn read_client_ca(file: &Path) -> Result<ClientCa, Problems> {
    ClientCa::from_pem(&read(file, "client_ca", OF_THE_SETTINGS)?).map_err(|flaw| problems(file, flaw))
}

pub(in crate::source) fn problems(file: &Path, flaw: Flaw) -> Problems {
    Problems::of_file(file.display().to_string(), flaw.what, flaw.help)
}

/// The bytes of a file, in memory that is wiped: there may be a key beside the certificate. `setting` is what names it, and
/// `place` where that stands.
pub(in crate::source) fn read(path: &Path, setting: &str, place: &str) -> Result<Zeroizing<Vec<u8>>, Problems> {
    bytes(path).map_err(|error| unreadable(path, setting, place, &error))
}

fn unreadable(path: &Path, setting: &str, place: &str, error: &io::Error) -> Problems {
    let help = match error.kind() {
        io::ErrorKind::NotFound => format!("put it there, or correct {setting}: {place}"),
        io::ErrorKind::PermissionDenied => "let the user that runs homeward read it, and nobody else".to_owned(),
        io::ErrorKind::FileTooLarge => "leave the certificates that are needed".to_owned(),
        _ => "check the file and the disk that it is on".to_owned(),
    };
    Problems::of_file(path.display().to_string(), format!("the file cannot be read: {error}"), help)
}

/// A key, and what should worry somebody about its file.
pub(in crate::source) fn read_key(
    path: &Path,
    setting: &str,
    place: &str,
    rule: SecretFiles,
) -> Result<Found, Problems> {
    read_file(path, rule, LARGEST).map_err(|error| match error {
        Unreadable::Io(error) => unreadable(path, setting, place, &error),
        Unreadable::Unsafe { what, help } => Problems::of_file(path.display().to_string(), what, help),
    })
}

fn bytes(path: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
    let file = File::open(path)?;
    let length = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX);
    if length > LARGEST {
        return Err(too_large());
    }
    // Taken whole at first: where the bytes grow, copies of them stay behind in memory.
    let mut bytes = Zeroizing::new(Vec::with_capacity(length + 64));
    file.take(LARGEST as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > LARGEST {
        return Err(too_large());
    }
    Ok(bytes)
}

fn too_large() -> io::Error {
    io::Error::new(io::ErrorKind::FileTooLarge, format!("it has more than {} KiB", LARGEST >> 10))
}
