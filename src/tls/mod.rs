//! Floor 4: TLS toward clients, and the certificates of that toward servers. Bytes come in, what a listener needs comes out; files and the clock are others' matter.
//!
//! | file | what it holds |
//! |---|---|
//! | `facts` | what a certificate says: names, times, what is weak about it |
//! | `subject` | a distinguished name as text, by RFC 4514 |
//! | `flaw` | why files cannot be used, and what should worry an operator though they can |
//! | `pair` | a chain and its key out of PEM bytes |
//! | `alpn_challenges` | the certificates of TLS-ALPN-01 |
//! | `client` | the edge as a client of an authority |
//! | `certificates` | the pairs of a listener, and which of them a client gets |
//! | `client_ca` | whose certificates are believed of clients |
//! | `client_identity` | what an app is told of a client's certificate |
//! | `peer` | what is believed of servers, and shown to them, out of PEM bytes |
//! | `connector` | TLS toward an edge that the program itself asks |
//! | `server_connector` | TLS toward the servers of a pool, for probes |
//! | `profile` | versions and suites |
//! | `listener` | the configuration of a listener, whose certificates can change under it |

mod alpn_challenges;
mod certificates;
mod client;
mod client_ca;
mod client_identity;
mod connector;
mod facts;
mod flaw;
mod listener;
mod pair;
mod peer;
mod profile;
mod server_connector;
mod subject;
#[cfg(test)]
mod tests;

pub use alpn_challenges::{ACME_PROTOCOL, AlpnChallenges, UnusableKey};
pub use certificates::Certificates;
pub use client::{CannotVerify, TlsClient};
pub use client_ca::ClientCa;
pub use client_identity::ClientIdentity;
pub use connector::Connector;
pub use facts::Facts;
pub use flaw::{Flaw, Part, Warning};
pub use listener::{ListenerTls, TlsOptions, Unusable};
pub use pair::Pair;
pub use peer::{Authorities, read_authorities, read_identity};
pub use server_connector::ServerConnector;
