//! Floor 3: the two files, read once into types that cannot hold a wrong value.
//!
//! Text comes in; values or *all* of the text's problems come out. Nothing here opens a file or reads a clock.
//!
//! A file is read in three steps: `yaml` makes a tree that knows where everything stands, `form` checks it against
//! the one description of the file, and the last step makes the values and checks what they mean together. The last
//! step goes on where the second found something, and is silent of what the second has said, so that one pass reports
//! everything.

mod diff;
mod drains_text;
mod excerpt;
mod form;
mod masking;
mod problem;
mod quantity;
mod secret_source;
mod settings;
mod suggestion;
mod table;
mod yaml;

pub use diff::{Change, ChangeKind, Section, describe_changes};
pub use drains_text::write_drains;
pub use problem::{Pieces, Problem, Problems, Source};
pub use quantity::{BadQuantity, LONGEST, duration, size, write_duration};
pub use settings::{
    AccessLog, AccessLogFormat, Acme, AcmeCertificate, AcmeChallenge, Admin, AutoDrain, CertificateFiles,
    ClientAuthority, ClientCertificates, Dns, ExternalAccount, ForwardedHeader, Guard, Handover, Limits, Listener, Log,
    LogFormat, LogLevel, SecretFiles, Settings, SocketUsers, Stop, Tls, TlsProfile, Tracing, Watchdog, read_settings,
};
pub use suggestion::did_you_mean;
pub use table::{RoutingReader, read_drains, read_routing};

use problem::Findings;
use secret_source::{one_source, secret_source};

/// Reads `source`, which has the form of `record`, with `make`.
fn read<T>(
    source: &Source,
    record: &'static form::Record,
    make: impl FnOnce(&yaml::Document<'_>, &mut Findings) -> Option<T>,
) -> Result<T, Problems> {
    if source.text.len() > Source::LARGEST {
        let message = format!("the file has {} MiB, and at most 16 MiB are read", source.text.len() >> 20);
        return Err(Problems::of_file(&source.name, message, "split what it says, or write networks in larger blocks"));
    }
    let mut findings = Findings::default();
    let document = yaml::parse(&source.text, &mut findings);
    let made = document.as_ref().and_then(|document| {
        form::check(&document.root, record, &mut findings);
        make(document, &mut findings)
    });
    match made {
        Some(made) if findings.is_empty() => Ok(made),
        _ => Err(findings.into_problems(source, document.as_ref().map(|document| &document.root))),
    }
}

/// The JSON schema (draft 2020-12) of the settings file.
#[must_use]
pub fn settings_schema() -> serde_json::Value {
    form::schema(&form::SETTINGS, "Homeward's settings")
}

/// The JSON schema (draft 2020-12) of the routing table's file.
#[must_use]
pub fn routing_schema() -> serde_json::Value {
    form::schema(&form::ROUTING, "Homeward's routing table")
}

/// The reference of the settings file, in markdown.
#[must_use]
pub fn settings_reference() -> String {
    form::reference(
        &form::SETTINGS,
        "The settings: `conf/homeward.yaml`",
        "It describes the process. A change takes effect with the next start. Unknown keys, keys that stand twice, tabs, \
         anchors and several documents in one file are refused; `homeward check` shows every problem at once.",
    )
}

/// The reference of the routing table's file, in markdown.
#[must_use]
pub fn routing_reference() -> String {
    form::reference(
        &form::ROUTING,
        "The routing table: `conf/routing.yaml`",
        "It says where every visitor is at home. A change is live within a second of its save; a table with any problem \
         is refused whole, and the last good one stays. Unknown keys, keys that stand twice, tabs, anchors and several \
         documents in one file are refused; `homeward check` shows every problem at once.",
    )
}
