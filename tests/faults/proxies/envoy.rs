//! Envoy, as its documentation has it for edges: health checks, outlier detection, circuit breakers with a retry budget, and
//! retries on hosts that were not tried; what may not be sent twice is sent again only where no connection came about.

use crate::record::{PREFIXES, REGIONS};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::Path;

/// Writes its file; gives back its arguments. As it is recommended it stops looking at health where most hosts are down
/// (panic mode), and ejects a tenth of the hosts; `is_tuned` takes both away.
pub fn write(
    directory: &Path,
    address: SocketAddr,
    admin: SocketAddr,
    pools: &[Vec<SocketAddr>; 3],
    is_tuned: bool,
) -> Vec<String> {
    let clusters: Vec<_> = REGIONS.iter().zip(pools).map(|(region, pool)| cluster(region, pool, is_tuned)).collect();
    let manager = json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "visitors",
        "request_headers_timeout": "10s",
        "route_config": {"virtual_hosts": [{"name": "portal", "domains": ["*"], "routes": routes()}]},
        "http_filters": [{
            "name": "envoy.filters.http.router",
            "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"},
        }],
    });
    let filter = json!({"name": "envoy.filters.network.http_connection_manager", "typed_config": manager});
    let config = json!({
        "admin": {"address": socket(admin)},
        "static_resources": {
            "listeners": [{"name": "visitors", "address": socket(address), "filter_chains": [{"filters": [filter]}]}],
            "clusters": clusters,
        },
    });
    std::fs::write(directory.join("envoy.json"), config.to_string()).unwrap();
    ["-c", "envoy.json", "--concurrency", "2", "--use-dynamic-base-id", "--log-level", "error"]
        .map(String::from)
        .to_vec()
}

fn socket(address: SocketAddr) -> Value {
    json!({"socket_address": {"address": address.ip().to_string(), "port_value": address.port()}})
}

/// Where requests go: by the prefix of the session, then by the visitor's address.
fn routes() -> Vec<Value> {
    let session = |prefix: &str| json!({"name": "cookie", "string_match": {"safe_regex": {"regex": format!("(.*; ?)?sid={prefix}-.*")}}});
    let address = |nth: usize| json!({"name": "x-forwarded-for", "string_match": {"prefix": format!("10.{nth}.")}});
    let mut homes: Vec<_> =
        PREFIXES.iter().zip(REGIONS).map(|(prefix, region)| (Some(session(prefix)), region)).collect();
    homes.extend((1..).zip(REGIONS).map(|(nth, region)| (Some(address(nth)), region)));
    homes.push((None, REGIONS[0]));
    let mut routes = Vec::new();
    for (home, region) in homes {
        let home: Vec<_> = home.into_iter().collect();
        let mut posts = home.clone();
        posts.push(json!({"name": ":method", "string_match": {"exact": "POST"}}));
        let unsent = "connect-failure,refused-stream";
        routes.push(route(&posts, region, unsent));
        routes.push(route(&home, region, "connect-failure,refused-stream,reset,gateway-error"));
    }
    routes
}

fn route(headers: &[Value], region: &str, retry_on: &str) -> Value {
    let per_try = if retry_on.contains("gateway-error") { json!("1s") } else { Value::Null };
    let mut retry = json!({
        "retry_on": retry_on,
        "num_retries": 3,
        "retry_host_predicate": [{
            "name": "envoy.retry_host_predicates.previous_hosts",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate",
            },
        }],
        "host_selection_retry_max_attempts": 5,
    });
    // What may not be sent twice is given up after as long as one try of the others may take.
    let timeout = if per_try.is_null() { "1s" } else { "10s" };
    if !per_try.is_null() {
        retry["per_try_timeout"] = per_try;
    }
    json!({
        "match": {"prefix": "/", "headers": headers},
        "route": {"cluster": region, "timeout": timeout, "retry_policy": retry},
    })
}

fn cluster(region: &str, pool: &[SocketAddr], is_tuned: bool) -> Value {
    let endpoints: Vec<_> = pool.iter().map(|server| json!({"endpoint": {"address": socket(*server)}})).collect();
    let mut outliers = json!({"consecutive_5xx": 5, "interval": "1s", "base_ejection_time": "30s"});
    let mut common = json!({});
    if is_tuned {
        outliers["max_ejection_percent"] = json!(100);
        common["healthy_panic_threshold"] = json!({"value": 0});
    }
    json!({
        "name": region,
        "type": "STATIC",
        "connect_timeout": "0.25s",
        "lb_policy": "ROUND_ROBIN",
        "common_lb_config": common,
        "load_assignment": {"cluster_name": region, "endpoints": [{"lb_endpoints": endpoints}]},
        "health_checks": [{
            "timeout": "1s",
            "interval": "2s",
            "unhealthy_threshold": 3,
            "healthy_threshold": 2,
            "http_health_check": {"path": "/healthz"},
        }],
        "outlier_detection": outliers,
        "circuit_breakers": {"thresholds": [{
            "max_connections": 4096,
            "max_pending_requests": 4096,
            "max_requests": 4096,
            "retry_budget": {"budget_percent": {"value": 20.0}, "min_retry_concurrency": 3},
        }]},
    })
}
