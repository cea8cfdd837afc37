//! The account with the authority: made once, and kept.

use super::failure::Failure;
use super::https::Https;
use super::store;
use crate::config::Acme;
use crate::tls::TlsClient;
use instant_acme::{Account, AccountCredentials, Error, ExternalAccountKey, NewAccount};
use std::io;
use zeroize::Zeroizing;

/// The account that is kept, or a new one where there is none, or where the authority does not know it any more.
///
/// # Errors
/// Why there is none.
pub(super) async fn account(
    acme: &Acme,
    tls: TlsClient,
    external: Option<ExternalAccountKey>,
) -> Result<Account, Failure> {
    let failed = |error: Error| Failure::of_account(&error, &acme.directory);
    let file = acme.account_file();
    match store::read(&file) {
        Ok(bytes) => match serde_json::from_slice::<AccountCredentials>(&bytes) {
            Ok(credentials) => {
                let builder = Account::builder_with_http(Box::new(Https(tls)));
                return builder.from_credentials(credentials).await.map_err(failed);
            }
            Err(_) => tracing::warn!("{} holds no account, and a new one is made", file.display()),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => {
            return Err(Failure::before(format!(
                "{} cannot be read: {error}; correct its owner or mode",
                file.display()
            )));
        }
    }
    let contact: Vec<_> = acme.contact.iter().map(|address| format!("mailto:{address}")).collect();
    let contact: Vec<_> = contact.iter().map(String::as_str).collect();
    // The settings say that the terms are accepted, or else they are refused.
    let new = NewAccount { contact: &contact, terms_of_service_agreed: true, only_return_existing: false };
    let builder = Account::builder_with_http(Box::new(Https(tls)));
    let made = builder.create(&new, acme.directory.clone(), external.as_ref()).await;
    let (account, credentials) = made.map_err(failed)?;
    let bytes = Zeroizing::new(serde_json::to_vec(&credentials).map_err(|error| failed(Error::from(error)))?);
    store::write(&file, &bytes)
        .map_err(|error| Failure::before(format!("the new account cannot be kept in {}: {error}", file.display())))?;
    tracing::info!("there is a new account with {}, kept in {}", acme.directory, file.display());
    Ok(account)
}

/// Whether the authority does not know the account any more.
pub(super) fn is_unknown(error: &Error) -> bool {
    const UNKNOWN: &str = "urn:ietf:params:acme:error:accountDoesNotExist";
    matches!(error, Error::Api(problem) if problem.r#type.as_deref() == Some(UNKNOWN))
}

/// Lets go of an account that the authority does not know, so that the next try makes a new one.
pub(super) fn forget(acme: &Acme) {
    let file = acme.account_file();
    let old = file.with_extension("json.old");
    match std::fs::rename(&file, &old) {
        Ok(()) => {
            tracing::warn!("{} does not know its account any more; it is kept in {}", acme.directory, old.display())
        }
        Err(error) => tracing::warn!("{} cannot be put aside: {error}", file.display()),
    }
}
