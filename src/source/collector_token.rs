//! The file of the token for the collector of traces.

use super::certificates::read_key;
use crate::config::{Problems, SecretFiles, Tracing};
use std::path::PathBuf;
use zeroize::Zeroizing;

/// Reads the token; `None` where the collector wants none.
pub type ReadCollectorToken = Box<dyn Fn() -> Result<Option<Zeroizing<Vec<u8>>>, Problems> + Send + Sync>;

/// What reads the token, each time anew; once it has read it.
///
/// # Errors
/// Where the file cannot be used.
pub fn collector_token(tracing: &Tracing, rule: SecretFiles) -> Result<ReadCollectorToken, Problems> {
    let file: Option<PathBuf> = tracing.token_file.clone();
    let read = move || {
        let Some(file) = &file else { return Ok(None) };
        let found = read_key(file, "token_file", "under tracing: in the settings", rule)?;
        Ok(Some(Zeroizing::new(found.secret.expose().to_vec())))
    };
    read()?;
    Ok(Box::new(read))
}
