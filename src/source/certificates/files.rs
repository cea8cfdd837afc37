//! Certificates, keys and client CAs out of files.

use crate::config::{CertificateFiles, Problems};
use crate::tls::{ClientCa, Flaw, Pair, Part};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use zeroize::Zeroizing;

/// The largest file, in bytes: some hundred certificates.
const LARGEST: usize = 512 << 10;

/// Where the settings of these files are, for messages.
const OF_THE_SETTINGS: &str = "under listen: in the settings";

/// Reads a certificate and its key. Nothing of a key is ever shown.
///
/// # Errors
/// Which of the two files is wrong, why, and what to do.
pub fn read_certificate(files: &CertificateFiles) -> Result<Pair, Problems> {
    let certificate = read(&files.certificate, "certificate", OF_THE_SETTINGS)?;
    let key = read(&files.key, "key", OF_THE_SETTINGS)?;
    Pair::from_pem(&certificate, &key).map_err(|flaw| {
        let file = match flaw.part {
            Part::Certificate => &files.certificate,
            Part::Key => &files.key,
        };
        problems(file, flaw)
    })
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
    bytes(path).map_err(|error| {
        let help = match error.kind() {
            io::ErrorKind::NotFound => format!("put it there, or correct {setting}: {place}"),
            io::ErrorKind::PermissionDenied => "let the user that runs homeward read it, and nobody else".to_owned(),
            io::ErrorKind::FileTooLarge => "leave the certificates that are needed".to_owned(),
            _ => "check the file and the disk that it is on".to_owned(),
        };
        Problems::of_file(path.display().to_string(), format!("the file cannot be read: {error}"), help)
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
