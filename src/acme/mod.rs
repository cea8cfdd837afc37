//! Floor 6: certificates from an authority, by ACME (RFC 8555): asked for, kept on disk, and renewed in time.
//!
//! | file | what it holds |
//! |---|---|
//! | `certifier` | the task that looks after all certificates |
//! | `wanted` | one certificate, as it stands |
//! | `order` | one order: from the wish to a chain and a key |
//! | `account` | the account with the authority, made once |
//! | `https` | requests to the authority |
//! | `failure` | why something was not to be had, in words for people |
//! | `schedule` | when a certificate is renewed, and when something that failed is tried again |
//! | `store` | files that are whole or not there, and for nobody else to read |
//!
//! What is written is read by whoever follows the files of certificates, as if somebody else had renewed them.

mod account;
mod certifier;
mod failure;
mod https;
mod order;
mod schedule;
mod store;
#[cfg(test)]
mod tests;
mod wanted;

pub use certifier::{Authority, Certifier};
