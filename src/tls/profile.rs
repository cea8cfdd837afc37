//! Versions and suites: Mozilla's guideline for servers, as far as the provider has it.

use crate::config::TlsProfile;
use rustls::SupportedProtocolVersion;
use rustls::crypto::CryptoProvider;
use rustls::version::{TLS12, TLS13};
use std::sync::{Arc, LazyLock};

/// The provider of the cryptography: the one that the engine has, so that there is one in the program.
///
/// Its suites are those of Mozilla's intermediate profile except the three with finite-field DHE, which rustls does not
/// have, and its groups X25519, P-256 and P-384. The client's order counts, as Mozilla wants it: all are strong, and a phone
/// knows best which is cheap for it.
pub(super) fn ring() -> &'static Arc<CryptoProvider> {
    static RING: LazyLock<Arc<CryptoProvider>> = LazyLock::new(|| Arc::new(rustls::crypto::ring::default_provider()));
    &RING
}

/// The versions of TLS that a profile speaks.
pub(super) fn versions(profile: TlsProfile) -> &'static [&'static SupportedProtocolVersion] {
    static MODERN: [&SupportedProtocolVersion; 1] = [&TLS13];
    static INTERMEDIATE: [&SupportedProtocolVersion; 2] = [&TLS13, &TLS12];
    match profile {
        TlsProfile::Modern => &MODERN,
        TlsProfile::Intermediate => &INTERMEDIATE,
    }
}
