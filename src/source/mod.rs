//! Floor 6: where tables, keys, certificates and place databases come from: files, read anew when they change.
//!
//! A file with a problem changes nothing: what was live stays live, and the problem is in the log, in a metric and in the
//! status until the file is good again.

mod acme_files;
mod advisor;
mod certificates;
mod collector_token;
mod credentials;
mod drills;
mod guard;
mod keys;
mod last_good;
mod lease_file;
mod places_files;
mod routing_file;
mod secrets;
mod watch;

pub use acme_files::{ReadAuthorities, ReadExternalKey, acme_files};
pub use advisor::Advisor;
pub use certificates::{CertificateSources, ListenersTls, read_certificate, read_client_ca};
pub use collector_token::{ReadCollectorToken, collector_token};
pub use credentials::{peer_files, read_client_identity, read_server_ca};
pub use drills::Drills;
pub use keys::{Read, SecretFollower, read_keyring, read_table, read_tokens};
pub use last_good::LastGood;
pub use lease_file::{LeaseFile, keep_leases};
pub use places_files::{PlacesFiles, load_places};
pub use routing_file::{RoutingFile, read_source};
pub use watch::{FileWatch, Nudge, Wake};
