//! Every metric's name, labels and help. The reference page in `docs/reference/metrics.md` is made from this file.

/// The kind of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only ever grows, until the process restarts.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Observations, counted by size.
    Histogram,
}

impl Kind {
    /// The word in the text format.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// What is promised of one metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Definition {
    /// The name, with the prefix `homeward_` and the unit.
    pub name: &'static str,
    /// The kind.
    pub kind: Kind,
    /// The labels' names.
    pub labels: &'static [&'static str],
    /// What it says, in one sentence.
    pub help: &'static str,
}

macro_rules! metrics {
    ($($constant:ident: $kind:ident $name:literal {$($label:ident),*} $help:literal;)*) => {
        $(
            #[doc = $help]
            pub const $constant: Definition = Definition {
                name: concat!("homeward_", $name),
                kind: Kind::$kind,
                labels: &[$(stringify!($label)),*],
                help: $help,
            };
        )*

        /// All metrics.
        pub const ALL: &[Definition] = &[$($constant),*];
    };
}

metrics! {
    REQUESTS: Counter "requests_total" {service, home, region, session, code}
        "Requests answered, by service, home, serving region (none: nobody), session state and class of the status code.";
    REQUESTS_OPEN: Gauge "requests_open" {}
        "Requests of clients that are being answered now.";
    CONNECTIONS_REFUSED: Counter "connections_refused_total" {why}
        "Connections of clients that were closed before a request was read from them, by why.";
    RATE_LIMITED: Counter "rate_limited_total" {service}
        "Requests that got 429, as their service's limit says, by service.";
    CONNECTIONS_OPEN: Gauge "connections_open" {}
        "Connections of clients that are open now.";
    CONNECTIONS_CUT: Counter "connections_cut_total" {why}
        "Connections and bodies of clients that were cut, by why: slow_head, slow_body, slow_reader, or flood (of frames of \
         HTTP/2).";
    TLS_HANDSHAKES: Counter "tls_handshakes_total" {result}
        "TLS handshakes with clients, by result: completed or failed.";
    REQUEST_DURATION: Histogram "request_duration_seconds" {service, region}
        "Time from the first byte of a request to the last byte of its answer, by service and serving region.";
    FLOPS: Counter "flops_total" {service, from, to}
        "Requests whose session is at home in another region (to) than the one they arrived in (from).";
    DECISIONS: Counter "decisions_total" {home_by, outcome}
        "Decisions, by what made the home and what came out: home, substitute, wait or nobody.";
    SESSION_KEYS: Counter "session_keys_total" {result}
        "Requests, by what they said of a session: none, valid, older_key, learned, malformed, unknown_prefix or bad_signature.";
    MINTED_KEYS: Counter "minted_keys_total" {result}
        "Session cookies of apps that this edge put a prefix in front of, or could not: minted or too_long.";
    HOP_TOKENS: Counter "hop_tokens_total" {result}
        "Requests that came with a token of another edge, by what was found of it.";
    REPLAYS: Counter "replays_total" {result}
        "Requests that an app asked to be replayed in another region, by what became of it.";
    SUBSTITUTIONS: Counter "substitutions_total" {from, to, why}
        "Requests that a substitute (to) served in place of their home (from), by why home was away.";
    GEO_LOOKUPS: Counter "geo_lookups_total" {result}
        "Look-ups of a client address in the place database, by result.";
    REGION_SHARE: Gauge "region_share_ratio" {region}
        "Part of new visitors that a region still gets, from 0 to 1, after its drains.";
    REGION_AWAY: Gauge "region_away" {region, why}
        "1 for each reason why a region is away; no series where it is not.";
    REGION_ROOM: Gauge "region_room_ratio" {region}
        "Part of the new visitors at home in a region that it has room for, from 0 to 1; no series where it has no capacity.";
    REGION_WORTH_DRAINING: Gauge "region_worth_draining" {region}
        "1 while a region stands out from the others by errors or slowness, else 0.";
    REGION_REMAINDER: Gauge "region_remainder" {region, kind}
        "What a region still gets from this edge: requests a second of new visitors (visitors) and of sessions (sessions), and \
         open streams (streams).";
    DRAIN: Gauge "drain_info" {region, by, until}
        "1 for each drain in force, with who drains and until when.";
    DRAIN_END: Gauge "drain_end_timestamp_seconds" {region, by}
        "When a drain in force ends by itself, as Unix time; the first to end where one drains a region twice.";
    DRAIN_HELD: Gauge "drain_held" {region, by}
        "1 for each drain whose end has come and that goes on, because no server of its region is healthy.";
    REGION_CAPACITY: Gauge "region_capacity_requests_per_second" {region}
        "What a region can carry, as the routing table says; no series where it does not.";
    UPSTREAM_REQUESTS: Counter "upstream_requests_total" {service, region, result}
        "Requests sent to a service's servers in a region, each try counted, by result.";
    UPSTREAM_REJECTED: Counter "upstream_rejected_total" {service, region, why}
        "Requests that were kept from a service's servers in a region and got 503, by why: requests (all places taken), pending \
         (too many waited), waited (for too long), shed (new visitors behind sessions), servers (each full) or breaker_open.";
    UPSTREAM_ACTIVE: Gauge "upstream_active" {service, region}
        "Requests that a service's servers in a region have from this edge now.";
    UPSTREAM_PENDING: Gauge "upstream_pending" {service, region}
        "Requests that wait for a place among a service's servers in a region.";
    UPSTREAM_LIMIT: Gauge "upstream_limit" {service, region}
        "How many requests a service's servers in a region may have from this edge; no series where there is no limit.";
    BREAKER_STATE: Gauge "breaker_state" {service, region}
        "The breaker of a service's pool in a region: 0 closed, 1 half open, 2 open.";
    BREAKER_OPEN_SERVERS: Gauge "breaker_open_servers" {service, region}
        "Servers of a service in a region whose own breaker is not closed.";
    GRPC_CALLS: Counter "grpc_calls_total" {service, region, status}
        "gRPC calls by the status that they ended with, by service and serving region.";
    UPSTREAM_RETRIES: Counter "upstream_retries_total" {service, region, result}
        "Requests to a service's servers in a region that were tried again, or would have been, by what came of it.";
    RETRY_BUDGET: Gauge "retry_budget_remaining_ratio" {service, region}
        "Which part of the retries that may be under way to a service's servers in a region may still be made: 1 where none is.";
    UPSTREAM_CONNECTIONS: Counter "upstream_connections_total" {service, region, reused}
        "Connections to a service's servers in a region that a request was sent on, by whether they had been kept from an earlier \
         request.";
    GATE: Counter "gate_requests_total" {service, result}
        "Requests of sessions that a server had to load first, by how they got through: ahead (of the others of their session), \
         followed (after the one ahead), timed_out (after the longest wait).";
    GATE_WAITING: Gauge "gate_waiting" {service}
        "Requests that wait now for another of their session, which a server has to load first.";
    UPSTREAM_HEALTHY: Gauge "upstream_healthy" {service, region}
        "Healthy servers of a service in a region.";
    UPSTREAM_SERVERS: Gauge "upstream_servers" {service, region}
        "Servers of a service in a region that are known, healthy or not.";
    UPSTREAM_EJECTED: Gauge "upstream_ejected" {service, region}
        "Servers of a service in a region that get no new requests for a while, as theirs ended worse than those of the others.";
    UPSTREAM_EJECTIONS: Counter "upstream_ejections_total" {service, region, why}
        "Ejections of a service's servers in a region, by why: consecutive_failures or success_rate.";
    PROBES: Counter "probes_total" {service, region, kind, result}
        "Probes of a service's servers in a region, by kind (connection, http or deep) and result: passed, failed or not_made \
         (by a fault of this machine).";
    TABLE: Gauge "routing_table_info" {revision}
        "1 for the revision of the routing table that is live.";
    TABLE_RELOADS: Counter "routing_reloads_total" {result}
        "Readings of the routing table after a change: applied, unchanged or refused.";
    TABLE_LAST_SUCCESS: Gauge "routing_last_success_timestamp_seconds" {}
        "When the routing table was last read and found good, as Unix time.";
    TABLE_STALE: Gauge "routing_table_stale" {}
        "1 while the live routing table is an older one, because the newest was refused; else 0.";
    GUARD: Counter "guard_total" {result}
        "Tables that the guard has watched, by what became of it: passed, put_back, too_few_requests or superseded.";
    GEOIP_BUILD: Gauge "geoip_build_timestamp_seconds" {}
        "When the place database in use was built, as Unix time; the oldest where there are several.";
    GEOIP_RELOADS: Counter "geoip_reloads_total" {result}
        "Readings of the place database after a change: applied or refused.";
    CERTIFICATE_EXPIRY: Gauge "tls_certificate_expiry_timestamp_seconds" {name}
        "When a certificate of a listener expires, as Unix time, by its first name; the first of several with one name.";
    ACME_ORDERS: Counter "acme_orders_total" {result}
        "Certificates that were asked for by ACME, by what became of it: issued, refused or unreachable.";
    TLS_RELOADS: Counter "tls_reloads_total" {result}
        "Readings of certificates, keys and client CAs: applied, unchanged or refused.";
    ADMIN_REFUSALS: Counter "admin_refusals_total" {why}
        "Requests to the admin address, and connections, that were refused, by why.";
    ACCESS_LOG_DROPPED: Counter "access_log_dropped_total" {}
        "Lines of the access log that were lost because it could not be written fast enough, or not at all.";
    SPANS: Counter "spans_total" {result}
        "Spans of traces, by what became of them: exported, dropped (too many waited) or failed (the collector took none).";
    HANDOVERS: Counter "handovers_total" {result}
        "Hand-overs to a new process that this one was asked for, by result: completed, failed or refused.";
    RUNTIME_STALLED: Gauge "runtime_stalled" {thread}
        "1 while a thread of the edge is stuck, else 0, by thread.";
    READY: Gauge "ready" {}
        "1 while the edge should get requests, as /readyz says, else 0.";
    EDGE: Gauge "edge_info" {region}
        "1 for the region that the edge stands in.";
    BUILD: Gauge "build_info" {version}
        "1 for the version that runs.";
    PROCESS_START: Gauge "process_start_time_seconds" {}
        "When the process started, as Unix time.";
}

/// The upper bounds of the histogram of durations, in seconds.
///
/// From a cached page in the same rack to a report that an app takes a minute for.
pub const DURATION_BUCKETS: [f64; 15] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::fmt::Write as _;

    #[test]
    fn names_follow_the_conventions() {
        let names: BTreeSet<_> = ALL.iter().map(|metric| metric.name).collect();
        assert_eq!(names.len(), ALL.len(), "two metrics share a name");
        for metric in ALL {
            let name = metric.name;
            assert!(name.starts_with("homeward_"), "{name}");
            assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{name}");
            assert_eq!(metric.kind == Kind::Counter, name.ends_with("_total"), "{name}");
            assert!(metric.kind != Kind::Histogram || name.ends_with("_seconds"), "{name}");
            assert!(metric.help.ends_with('.') && metric.help.len() > 20, "{name}");
            assert!(!["_count", "_sum", "_bucket", "_ms", "_milliseconds"].iter().any(|end| name.ends_with(end)));
            assert!(metric.labels.iter().all(|l| l.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')), "{name}");
        }
        assert!(DURATION_BUCKETS.is_sorted_by(|a, b| a < b));
    }

    #[test]
    fn the_reference_page_is_in_step() {
        let mut page = String::from(
            "# Metrics\n\n\
             `GET /metrics` on the admin address gives these in Prometheus' text format. Units are base units (seconds,\n\
             ratios from 0 to 1). Label values are names out of the routing table, or words of Homeward's own; an\n\
             unknown host is `other`, a missing region is `none`, and beyond a bound on the number of series the rest is\n\
             counted under `other`. Nothing that a client sends becomes a label.\n\n\
             | name | type | labels | what it says |\n|---|---|---|---|\n",
        );
        for Definition { name, kind, labels, help } in ALL {
            let labels: Vec<_> = labels.iter().map(|label| format!("`{label}`")).collect();
            writeln!(page, "| `{name}` | {} | {} | {help} |", kind.as_str(), labels.join(", ")).unwrap();
        }
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reference/metrics.md");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, &page).unwrap();
        }
        let kept = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(kept, page, "docs/reference/metrics.md is behind: run the tests with UPDATE_GOLDEN=1");
    }
}
