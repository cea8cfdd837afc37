use super::*;
use serde_json::json;

fn status() -> Status {
    serde_json::from_value(json!({
        "region": "us-east", "version": "0.1.0", "now": "2026-11-22T05:05:00Z", "started": "2026-11-22T03:00:00Z",
        "uptime_seconds": 7500, "ready": true, "open_requests": 1,
        "table": {"revision": "e3b0c44298fc", "since": "2026-11-22T05:00:00Z", "age_seconds": 300, "origin": "file",
            "problem": {"file": "conf/routing.yaml", "revision": "ba7816bf8f01", "since": "2026-11-22T05:04:50Z",
                "summary": "conf/routing.yaml:3:5: no", "text": "error: no\n --> conf/routing.yaml:3:5\n"}},
        "places": {"files": ["geoip/country.mmdb"], "built": "2026-11-01T00:00:00Z"},
        "hops": {"on": true, "edges": ["us-west"]},
        "regions": [
            {"name": "us-east", "local": true, "prefix": "east", "capacity": "1200/s", "capacity_per_second": 1200.0,
                "share": "100%", "share_ratio": 1.0, "away": [], "healthy": true, "requests_per_second": 812.44,
                "flops_per_second": 0.0, "services": [{"service": "portal", "servers": 2, "healthy": 2, "problems": []}]},
            {"name": "us-west", "local": false, "prefix": "west", "share": "50%", "share_ratio": 0.5,
                "away": [{"why": "NoHealthyServer", "service": "portal", "text": "no healthy server for portal"}],
                "healthy": false, "requests_per_second": 0.0, "flops_per_second": 12.0,
                "services": [{"service": "portal", "servers": 2, "healthy": 0,
                    "problems": ["DNS fails for app.internal: \u{1b}[2Jno such name"]}]},
        ],
        "drains": [
            {"region": "us-west", "sessions": "move", "share": "0%", "share_ratio": 0.0, "share_now": "50%",
                "share_now_ratio": 0.5, "ramp": "10m", "since": "2026-11-22T05:00:00Z", "until": "2026-11-22T08:30:00Z",
                "by": "oncall", "reason": "power loss", "layer": "operator", "in_force": true, "over": false,
                "remainder": {"visitors_per_second": 0.0, "sessions_per_second": 3.44, "open_streams": 2, "empty_since": null}},
            {"region": "us-east", "sessions": "keep", "share": "30%", "share_ratio": 0.3, "share_now": "100%",
                "share_now_ratio": 1.0, "since": "2026-11-23T05:05:00Z", "in_force": false, "over": false},
        ],
        "of_a_later_version": 1,
    }))
    .unwrap()
}

#[test]
fn a_status_is_one_page() {
    assert_eq!(
        render(&status(), Style::new(false)),
        "\
Edge in us-east, Homeward 0.1.0, up 2h 5m, ready, 1 open request

REGION          SHARE  SERVERS  REQ/S  CAPACITY  FLOPS/S  STATE
us-east (here)   100%      2/2  812.4    1200/s      0.0  ok
us-west           50%      0/2    0.0         -     12.0  away: no healthy server for portal
us-west: DNS fails for app.internal: \u{fffd}[2Jno such name

Drains
  us-west  50%, on its way to 0% in 10m  sessions move  3h 25m left      by oncall        on this edge  power loss
  us-east  30%                           sessions keep  begins in 1d 0h  by nobody named  in the table
  us-west still gets 0.0 new visitors/s, 3.4 sessions/s; 2 open streams

Table e3b0c44298fc, live for 5m 0s
conf/routing.yaml is refused for 10s. The table that was live stays.
error: no
 --> conf/routing.yaml:3:5
Places geoip/country.mmdb, built 2026-11-01
Hops through the edges of us-west
"
    );
}

#[test]
fn hops_are_told_where_there_are_any() {
    let told = |hops: serde_json::Value| {
        let mut status = status();
        status.hops = serde_json::from_value(hops).unwrap();
        render(&status, Style::new(false))
            .lines()
            .skip_while(|line| !line.starts_with("Hops"))
            .collect::<Vec<_>>()
            .join("|")
    };
    assert_eq!(told(json!({"on": true, "edges": []})), "");
    let off = told(json!({"on": false, "edges": ["us-west"]}));
    assert_eq!(off, "Hops off: the settings name no hop keys, so the pools of us-west are reached directly");
    let problem = json!({"file": "hop.key", "since": "2026-11-22T05:04:50Z", "summary": "no", "text": "error: no\n"});
    let refused = told(json!({"on": true, "edges": ["us-west"], "problem": problem}));
    assert!(refused.ends_with("|hop.key is refused for 10s. The keys that were used stay.|error: no"), "{refused}");
}

#[test]
fn certificates_are_told_of_that_somebody_should_look_at() {
    let told = |certificates: serde_json::Value| {
        let mut status = status();
        status.certificates = serde_json::from_value(certificates).unwrap();
        let page = render(&status, Style::new(false));
        page.lines().skip_while(|line| !line.starts_with("TLS")).collect::<Vec<_>>().join("\n")
    };
    let certificate = |names: &[&str], days: i64| {
        json!({"usage": "server", "names": names, "file": "conf/tls/edge.pem", "expires": "2026-12-22T05:05:00Z",
            "days_left": days, "warnings": []})
    };
    assert_eq!(told(json!([])), "");
    let good = certificate(&["portal.example.com", "www.example.com"], 60);
    assert_eq!(told(json!([good])), "TLS 1 certificate, 60 days left");
    let soon = certificate(&["a.example.com"], 13);
    let mut over = certificate(&["b.example.com"], -1);
    over["warnings"] = json!(["the certificate has expired"]);
    let mut refused = certificate(&["c.example.com"], 70);
    refused["problem"] = json!({"file": "conf/tls/c.key", "since": "2026-11-22T05:04:50Z", "summary": "no",
        "text": "error: the key does not belong to the certificate\n"});
    assert_eq!(
        told(json!([good, soon, over, refused])),
        "\
TLS 4 certificates, no time left for the first to expire
a.example.com: 13 days left, until 2026-12-22T05:05:00Z (conf/tls/edge.pem)
b.example.com: the certificate has expired (conf/tls/edge.pem)
conf/tls/c.key is refused for 10s. The certificate that was live stays.
error: the key does not belong to the certificate"
    );
}

#[test]
fn spans_are_short() {
    let spans = [0, 59, 60, 3599, 3600, 86_399, 86_400, 900_000].map(span);
    assert_eq!(spans, ["0s", "59s", "1m 0s", "59m 59s", "1h 0m", "23h 59m", "1d 0h", "10d 10h"]);
}
