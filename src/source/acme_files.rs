//! The files by which an ACME authority is verified, and an account of it is proved.

use super::certificates::read_key;
use super::credentials::read_server_ca_of;
use crate::config::{Acme, Problems, SecretFiles};
use crate::tls::Authorities;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Where the settings of these files are, for messages.
const OF_ACME: &str = "under acme: in the settings";

/// Reads by whom the directory is verified; `None` for those whom the machine believes.
pub type ReadAuthorities = Box<dyn Fn() -> Result<Option<Authorities>, Problems> + Send + Sync>;

/// Reads the key of the external account, where there is one.
pub type ReadExternalKey = Box<dyn Fn() -> Result<Option<Zeroizing<Vec<u8>>>, Problems> + Send + Sync>;

/// What reads these files, each time anew; once it has read them.
///
/// # Errors
/// The first file that cannot be used.
pub fn acme_files(acme: &Acme, rule: SecretFiles) -> Result<(ReadAuthorities, ReadExternalKey), Problems> {
    let ca: Option<PathBuf> = acme.ca.clone();
    let key: Option<PathBuf> = acme.external_account.as_ref().map(|account| account.key_file.clone());
    let authorities = move || ca.as_deref().map(|file| read_server_ca_of(file, OF_ACME)).transpose();
    let external_key = move || key.as_deref().map(|file| external_key(file, rule)).transpose();
    authorities()?;
    external_key()?;
    Ok((Box::new(authorities), Box::new(external_key)))
}

/// The key of an external account, in the form in which authorities give it. Nothing of it is ever shown.
fn external_key(file: &Path, rule: SecretFiles) -> Result<Zeroizing<Vec<u8>>, Problems> {
    let found = read_key(file, "key_file", OF_ACME, rule)?;
    let text = found.secret.expose().trim_ascii();
    let text = text.strip_suffix(b"==").or_else(|| text.strip_suffix(b"=")).unwrap_or(text);
    let key = URL_SAFE_NO_PAD.decode(text).ok().map(Zeroizing::new).filter(|key| key.len() >= 16);
    key.ok_or_else(|| {
        let help = "write the key there as the authority gives it, in one line of base64url, and nothing else";
        Problems::of_file(file.display().to_string(), "there is no key of an external account in the file", help)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_of_an_external_account_is_base64url() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("eab.key");
        for text in
            ["zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W", " _-AAAAAAAAAAAAAAAAAAAAAA==\n"]
        {
            std::fs::write(&file, text).unwrap();
            assert!(external_key(&file, SecretFiles::Warn).is_ok(), "{text}");
        }
        for text in ["", "secret secret secret secret", "c2hvcnQ"] {
            std::fs::write(&file, text).unwrap();
            let said = external_key(&file, SecretFiles::Warn).unwrap_err().render(false);
            assert!(said.contains("no key of an external account") && !said.contains("secret s"), "{said}");
        }
    }
}
