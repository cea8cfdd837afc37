//! What the edge believes of servers and shows to them, out of the files that a routing table names.

use super::certificates::{problems, read, read_key};
use super::keys::Read;
use crate::config::{Problems, SecretFiles};
use crate::model::{IdentityFiles, PeerCredentials, PeerFiles, PeerIdentity};
use crate::routing::{Credentials, TableParts};
use crate::tls::{Authorities, Flaw, Pair, Part, read_authorities, read_identity};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// How often, and how long after each other, a certificate and a key that do not belong together are read again: somebody
/// may be writing one file after the other.
const TRIES: u32 = 10;
const BETWEEN: Duration = Duration::from_millis(100);

/// Where the settings of such files are, for messages.
const OF_THE_TABLE: &str = "under tls: in the routing table";

/// Reads those whose certificates are believed of servers.
///
/// # Errors
/// Why they cannot be used, and what to do.
pub fn read_server_ca(file: &Path) -> Result<Authorities, Problems> {
    read_server_ca_of(file, OF_THE_TABLE)
}

/// The same of a file that is named at `place`.
pub(super) fn read_server_ca_of(file: &Path, place: &str) -> Result<Authorities, Problems> {
    read_authorities(&read(file, "ca_file", place)?).map_err(|flaw| problems(file, flaw))
}

/// Reads a certificate that the edge shows to servers, and its key.
///
/// # Errors
/// Which of the two files is wrong, why, and what to do.
pub fn read_client_identity(files: &IdentityFiles, rule: SecretFiles) -> Result<(PeerIdentity, Pair), Problems> {
    read_once(files, rule)?.map_err(|flaw| refused(files, flaw))
}

/// # Errors
/// Where one of them cannot be read at all.
fn read_once(files: &IdentityFiles, rule: SecretFiles) -> Result<Result<(PeerIdentity, Pair), Flaw>, Problems> {
    let certificate = read(&files.certificate, "certificate", OF_THE_TABLE)?;
    let key = read_key(&files.key, "key", OF_THE_TABLE, rule)?;
    let read = read_identity(&certificate, key.secret.expose());
    Ok(read.map(|(identity, pair)| (identity, pair.with_key_warning(key.warning))))
}

fn refused(files: &IdentityFiles, flaw: Flaw) -> Problems {
    problems(if flaw.part == Part::Key { &files.key } else { &files.certificate }, flaw)
}

/// The files that pools and edges name for TLS, each set once.
pub fn peer_files(parts: &TableParts) -> impl Iterator<Item = &PeerFiles> {
    let pools = parts.services.iter().flat_map(|service| &service.pools).map(|(_, pool)| pool);
    let edges = parts.regions.iter().filter_map(|region| region.edge.as_ref()).map(|edge| &edge.door);
    let mut all: Vec<_> = pools
        .chain(edges)
        .filter_map(|pool| Some(&pool.tls.as_ref()?.files))
        .filter(|files| !files.is_empty())
        .collect();
    all.sort_unstable();
    all.dedup();
    all.into_iter()
}

/// The table with what is in the files that it names for TLS.
pub(super) fn with_credentials(mut parts: TableParts, rule: SecretFiles) -> Result<Read<TableParts>, Problems> {
    let (mut credentials, mut warnings) = (Credentials::new(), Vec::new());
    for files in peer_files(&parts) {
        let authorities =
            files.ca.as_deref().map(|file| read_server_ca(file).map(|found| found.certificates)).transpose()?;
        let identity = files.identity.as_ref().map(|files| patiently(files, rule)).transpose()?;
        let (identity, warning) = identity.unzip();
        warnings.extend(warning.flatten());
        credentials.insert(files.clone(), Arc::new(PeerCredentials { authorities, identity }));
    }
    parts.credentials = credentials;
    Ok(Read { value: parts, warnings })
}

/// With what should worry somebody about the key's file.
fn patiently(files: &IdentityFiles, rule: SecretFiles) -> Result<(PeerIdentity, Option<String>), Problems> {
    let mut read = read_once(files, rule)?;
    for _ in 1..TRIES {
        if read.is_ok() {
            break;
        }
        std::thread::sleep(BETWEEN);
        read = read_once(files, rule)?;
    }
    read.map(|(identity, pair)| (identity, pair.key_warning().map(str::to_owned))).map_err(|flaw| refused(files, flaw))
}
