//! From the tree to the settings.

use super::acme;
use super::addresses::{listeners, socket_is_free};
use super::{
    AccessLog, AccessLogFormat, Admin, Dns, ForwardedHeader, Handover, Limits, Listener, Log, LogFormat, LogLevel,
    SecretFiles, Settings, SocketUsers, Stop, Tls, Watchdog, admin, auto_drain, dns, guard, tls, tracing,
};
use crate::config::form;
use crate::config::problem::{Problems, Source};
use crate::config::quantity;
use crate::config::secret_source;
use crate::config::yaml::Node;
use crate::model::Rate;
use crate::resilience::ConnectionLimits;
use std::path::PathBuf;

/// Reads the settings. Paths are taken as they are written; nothing is looked up.
///
/// # Errors
/// All problems of the file.
pub fn read_settings(source: &Source) -> Result<Settings, Problems> {
    crate::config::read(source, &form::SETTINGS, |document, findings| {
        let root = &document.root;
        let state = root.get("state").and_then(Node::text).map_or_else(|| "run".into(), PathBuf::from);
        let acme = acme::read(root, &state, findings);
        let listen = listeners(root, acme.as_ref(), findings);
        acme::is_used(root, &listen, findings);
        let admin_tls =
            root.get("admin").and_then(|admin| admin.get("tls")).map(|node| tls::read(node, None, findings));
        let dns = dns::read(root, findings);
        let settings = Settings { acme, dns, ..settings(root, listen, admin_tls) };
        socket_is_free(root, &settings, findings);
        admin::is_safe(root, &settings.admin, findings);
        Some(settings)
    })
}

/// The settings, where what is wrong (and has been reported) is as if it were missing.
fn settings(root: &Node<'_>, listen: Vec<Listener>, admin_tls: Option<Tls>) -> Settings {
    let inside = |key: &str, inner: &str| root.get(key).and_then(|record| record.get(inner));
    let path = |node: &Node<'_>| node.text().map(PathBuf::from);
    let duration = |key, inner_key| inside(key, inner_key).and_then(|node| quantity::duration(node.text()?).ok());
    let handover = Handover::default();
    let database = inside("geoip", "database");
    let one = database.and_then(path);
    let several = database.map(Node::items).unwrap_or_default().iter().filter_map(path);
    let (admin, access_log, log, limits) = (Admin::default(), AccessLog::default(), Log::default(), Limits::default());
    Settings {
        region: root.get("region").and_then(Node::parse),
        listen,
        trusted_proxies: root
            .get("trusted_proxies")
            .map(Node::items)
            .unwrap_or_default()
            .iter()
            .filter_map(|node| form::network(node.text()?).ok())
            .collect(),
        forwarded_header: match root.get("forwarded_header").and_then(Node::text) {
            Some("forwarded") => ForwardedHeader::Forwarded,
            Some("both") => ForwardedHeader::Both,
            _ => ForwardedHeader::XForwardedFor,
        },
        geoip: one.into_iter().chain(several).collect(),
        routing: inside("routing", "file").and_then(path).unwrap_or_default(),
        admin: Admin {
            address: inside("admin", "address").and_then(Node::parse).unwrap_or(admin.address),
            socket: inside("admin", "socket").and_then(path),
            socket_for: match inside("admin", "socket_for").and_then(Node::text) {
                Some("group") => SocketUsers::Group,
                _ => admin.socket_for,
            },
            tls: admin_tls,
            tokens: root.get("admin").and_then(|admin| secret_source(admin, "token")),
        },
        state: root.get("state").and_then(path).unwrap_or_else(|| "run".into()),
        guard: guard::read(root),
        auto_drain: auto_drain::read(root),
        dns: Dns::default(),
        access_log: AccessLog {
            format: match inside("access_log", "format").and_then(Node::text) {
                Some("combined") => AccessLogFormat::Combined,
                Some("off") => AccessLogFormat::Off,
                _ => access_log.format,
            },
            file: inside("access_log", "file").and_then(path).filter(|file| file.as_os_str() != "-"),
        },
        log: Log {
            format: match inside("log", "format").and_then(Node::text) {
                Some("json") => LogFormat::Json,
                _ => log.format,
            },
            level: [LogLevel::Error, LogLevel::Warn, LogLevel::Info, LogLevel::Debug]
                .into_iter()
                .find(|level| inside("log", "level").and_then(Node::text) == Some(level.as_str()))
                .unwrap_or(log.level),
        },
        tracing: tracing::read(root),
        limits: Limits {
            head: inside("limits", "head")
                .and_then(|node| quantity::size(node.text()?).ok())
                .and_then(|size| usize::try_from(size).ok())
                .unwrap_or(limits.head),
            headers: inside("limits", "headers").and_then(Node::parse).unwrap_or(limits.headers),
            connections: ConnectionLimits {
                total: inside("limits", "connections").and_then(Node::parse).unwrap_or(limits.connections.total),
                per_client: inside("limits", "connections_per_client")
                    .and_then(Node::parse)
                    .unwrap_or(limits.connections.per_client),
            },
            connection_rate_per_client: inside("limits", "connection_rate_per_client")
                .and_then(Node::parse::<Rate>)
                .map_or(limits.connection_rate_per_client, |rate| rate.per_second().ceil().clamp(1.0, 1e9) as u32),
            streams: inside("limits", "streams").and_then(Node::parse).unwrap_or(limits.streams),
            head_time: inside("limits", "head_time")
                .and_then(|node| quantity::duration(node.text()?).ok())
                .unwrap_or(limits.head_time),
            slowest_body: inside("limits", "slowest_body")
                .and_then(|node| quantity::size(node.text()?).ok())
                .unwrap_or(limits.slowest_body),
            patience: inside("limits", "patience")
                .and_then(|node| quantity::duration(node.text()?).ok())
                .unwrap_or(limits.patience),
        },
        threads: root.get("threads").and_then(Node::parse),
        hop_keys: root.get("hop").and_then(|hop| secret_source(hop, "key")),
        acme: None,
        secret_files: match root.get("secret_files").and_then(Node::text) {
            Some("strict") => SecretFiles::Strict,
            _ => SecretFiles::default(),
        },
        core_dumps: root.get("core_dumps").and_then(Node::parse).unwrap_or(false),
        fast_path: root.get("fast_path").and_then(Node::parse).unwrap_or(true),
        stop: inside("stop", "grace")
            .and_then(|node| quantity::duration(node.text()?).ok())
            .map_or_else(Stop::default, |grace| Stop { grace }),
        handover: Handover {
            ready_within: duration("handover", "ready_within").unwrap_or(handover.ready_within),
            grace: duration("handover", "grace").unwrap_or(handover.grace),
        },
        watchdog: duration("watchdog", "stalled_after")
            .map_or_else(Watchdog::default, |stalled_after| Watchdog { stalled_after }),
    }
}
