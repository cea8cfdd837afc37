//! The page of statuses that a file could say.

use super::*;
use serde_json::{Value, json};

/// A status like that of a good day, with changes.
fn snapshot(change: impl FnOnce(&mut Value)) -> Snapshot {
    let region = |name: &str, local: bool| {
        json!({"name": name, "local": local, "prefix": "p", "capacity": "200/s", "capacity_per_second": 200.0, "share": "100%",
            "share_ratio": 1.0, "away": [], "healthy": true, "requests_per_second": 20.0, "flops_per_second": 3.0,
            "error_ratio": 0.0, "latency_p50_seconds": 0.012, "latency_p99_seconds": 0.2,
            "services": [{"service": "portal", "servers": 2, "healthy": 2, "problems": []}]})
    };
    let mut status = json!({
        "region": "us-east", "version": "0.1.0", "now": "2026-11-22T05:05:00Z", "started": "2026-11-22T03:00:00Z",
        "uptime_seconds": 7500, "ready": true, "open_requests": 1,
        "table": {"revision": "e3b0c44298fc", "since": "2026-11-22T05:00:00Z", "age_seconds": 300, "origin": "file"},
        "places": {"files": ["geoip/country.mmdb"], "built": "2026-11-01T00:00:00Z"},
        "regions": [region("us-east", true), region("us-west", false)], "drains": [],
        "flop_matrix": [{"arrived": "us-east", "home": "us-west", "requests_per_second": 3.0}],
    });
    change(&mut status);
    let history = TrafficHistory { requests: vec![20; 300], errors: vec![0; 300] };
    Snapshot {
        status: serde_json::from_value(status).unwrap(),
        history: vec![history.clone(), history],
        happened: Vec::new(),
        second: 600,
    }
}

/// The text of a page, without its tags.
fn text(html: &str) -> String {
    let mut text = String::new();
    for part in html.split('<') {
        text.push_str(part.split_once('>').map_or(part, |(_, text)| text));
    }
    text
}

fn summary_of(change: impl FnOnce(&mut Value)) -> String {
    text(&parts(&snapshot(change))[0].1)
}

#[test]
fn a_good_day_is_said_in_one_line() {
    assert_eq!(
        summary_of(|_| {}),
        "✓ All is well: 2 regions serving40.0 requests/s1 openreadyup 2h 5mHomeward 0.1.0clock 05:05:00 UTC"
    );
    let page = whole(&snapshot(|_| {}));
    for id in ["summary", "regions", "drains", "matrix", "table", "history", "surroundings"] {
        assert_eq!(page.matches(&format!("id=\"{id}\"")).count(), 1, "{id}");
    }
    for (id, html) in parts(&snapshot(|_| {})) {
        let tag = html.split('>').next().unwrap();
        assert!(tag.starts_with("<section ") && tag.contains(&format!("id=\"{id}\"")), "{tag}");
        assert!(page.contains(&html), "{id} is one thing in the page and another in the events");
    }
}

#[test]
fn each_trouble_is_named_the_worst_first() {
    let drained = json!([{"why": "Drained", "drain": 1, "text": "drained by oncall (drain 1): power loss"}]);
    for (change, said) in [
        (
            json!({"away": drained, "share": "0%", "share_ratio": 0.0}),
            "‖us-west is drained: drained by oncall (drain 1): power loss",
        ),
        (
            json!({"away": drained, "empty_since": "2026-11-22T04:41:12Z"}),
            "‖us-west is drained: drained by oncall (drain 1): power loss; empty since 04:41:12 UTC",
        ),
        (json!({"share": "45%", "share_ratio": 0.45}), "‖us-west is draining: 45% of its visitors are left to it"),
        (
            json!({"away": [{"why": "NoHealthyServer", "text": "no healthy server for portal"}], "healthy": false}),
            "✕us-west is down: no healthy server for portal",
        ),
        (
            json!({"error_ratio": 0.05, "errors_per_second": 1.0}),
            "!us-west is answering with errors: 5.0% of its answers",
        ),
        (
            json!({"error_ratio": 0.5, "errors_per_second": 9.0}),
            "✕us-west is failing: 50% of its answers in the last 10 s",
        ),
        (json!({"requests_per_second": 240.0}), "!us-west is over capacity: 240 requests/s, it can carry 200/s"),
    ] {
        let told = summary_of(|status| {
            status["regions"][1].as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        });
        assert!(told.contains(said), "{said}\n{told}");
    }
    let rare = summary_of(|status| {
        status["regions"][1]["error_ratio"] = 1.0.into();
        status["regions"][1]["errors_per_second"] = 0.1.into();
    });
    assert!(rare.contains("All is well"), "one failed request at night wakes nobody: {rare}");
    let several = summary_of(|status| {
        status["ready"] = false.into();
        status["unserved_per_second"] = 2.5.into();
        status["table"]["problem"] = json!({"file": "routing.yaml", "since": "2026-11-22T05:04:50Z", "summary": "routing.yaml:3:5: no", "text": "error: no"});
    });
    let places: Vec<_> = [
        "2 things to act on",
        "not ready",
        "2.5 requests/s cannot be served",
        "routing.yaml is refused: routing.yaml:3:5: no",
    ]
    .iter()
    .map(|said| several.find(said).unwrap_or_else(|| panic!("{said}: {several}")))
    .collect();
    assert!(places.is_sorted(), "{several}");
}

#[test]
fn a_drain_shows_what_is_left_and_then_since_when_that_is_nothing() {
    let drain = |remainder: Value| {
        let page = parts(&snapshot(|status| {
            status["drains"] = json!([{"region": "us-west", "sessions": "move", "share": "0%", "share_ratio": 0.0, "share_now": "50%",
                "share_now_ratio": 0.5, "ramp": "10m", "since": "2026-11-22T05:00:00Z", "until": "2026-11-22T08:30:00Z",
                "by": "oncall", "reason": "power loss", "layer": "operator", "in_force": true, "over": false,
                "remainder": remainder}]);
        }));
        page[2].1.clone()
    };
    let left =
        drain(json!({"visitors_per_second": 0.0, "sessions_per_second": 3.44, "open_streams": 2, "empty_since": null}));
    let told = text(&left);
    for said in [
        "us-west → 50%, on its way to 0% in 10m",
        "power loss",
        "by oncall",
        "sessions move",
        "3h 25m left",
        "new visitors/s0.0sessions/s3.4open streams2",
    ] {
        assert!(told.contains(said), "{said}: {told}");
    }
    assert!(left.contains("data-undrain=\"us-west\""), "{left}");
    let gone = json!({"visitors_per_second": 0.0, "sessions_per_second": 0.0, "open_streams": 0, "empty_since": "2026-11-22T04:41:12Z"});
    assert!(text(&drain(gone)).contains("empty since 04:41:12 UTC"));
}

#[test]
fn whatever_is_said_is_text() {
    const EVIL: &str = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>&";
    let page = whole(&snapshot(|status| {
        let problem = json!({"file": EVIL, "since": "2026-11-22T05:04:50Z", "summary": EVIL, "text": EVIL});
        let regions = status["regions"].as_array_mut().unwrap();
        for region in regions {
            region["name"] = EVIL.into();
            region["away"] = json!([{"why": EVIL, "service": EVIL, "text": EVIL}]);
            region["capacity"] = EVIL.into();
            region["services"] = json!([{"service": EVIL, "servers": 2, "healthy": 1, "problems": [EVIL]}]);
        }
        for key in ["region", "version"] {
            status[key] = EVIL.into();
        }
        status["table"]["revision"] = EVIL.into();
        status["table"]["origin"] = EVIL.into();
        for of in ["table", "places"] {
            status[of]["problem"] = problem.clone();
        }
        status["places"]["files"] = json!([EVIL]);
        status["hops"] = json!({"on": true, "edges": [EVIL], "problem": problem});
        status["admin"] = json!({"tokens": 1, "problem": problem});
        status["drains_problem"] = problem.clone();
        status["secret_warnings"] = json!([EVIL]);
        status["certificates"] = json!([{"usage": EVIL, "names": [EVIL], "file": EVIL, "expires": "2026-11-22T05:04:50Z",
            "days_left": 0, "warnings": [EVIL], "problem": problem}]);
        status["acme"] = json!([{"names": [EVIL], "file": EVIL, "failures": 1, "problem": EVIL}]);
        status["flop_matrix"] = json!([{"arrived": EVIL, "home": EVIL, "requests_per_second": 3.0}]);
        status["drains"] = json!([{"region": EVIL, "sessions": EVIL, "share": EVIL, "share_ratio": 0.0, "share_now": EVIL,
            "share_now_ratio": 0.5, "ramp": EVIL, "by": EVIL, "reason": EVIL, "layer": "operator", "in_force": true, "over": false,
            "return": EVIL, "close_streams_after": EVIL}]);
    }));
    assert!(!page.contains("<script>") && !page.contains("<img"), "{page}");
    assert_eq!(page.matches("<script ").count(), 2, "those of the page itself");
    assert!(page.matches("&lt;script&gt;").count() > 30);
    // Within a tag too, a quote ends no attribute.
    assert!(!page.contains("\"'>"), "{page}");
}

#[test]
fn what_happened_is_told_with_who_and_why() {
    let mut snapshot = snapshot(|status| {
        let figures = json!({"requests_before": 1000, "error_ratio_before": 0.001, "requests": 600, "error_ratio": 0.2, "z": 14.0});
        status["guard"] = json!({"on": true, "watched": null, "refused": {"revision": "e3b0c44298fc", "time": "2026-11-22T05:04:00Z",
            "figures": figures}});
    });
    snapshot.happened = serde_json::from_value(json!([
        {"time": "2026-11-22T05:04:00Z", "origin": "guard", "revision": "e66e8eaa010c", "previous": "e3b0c44298fc"},
        {"time": "2026-11-22T05:03:00Z", "origin": "drain", "by": "<oncall>", "note": "power loss"},
    ]))
    .unwrap();
    let parts = parts(&snapshot);
    let told = text(&parts[5].1);
    assert!(told.contains("05:04:00 UTCput back by the guard: table e66e8eaa010c in place of e3b0c44298fc"), "{told}");
    assert!(told.contains("05:03:00 UTCdrained, by &lt;oncall&gt;: power loss"), "{told}");
    let said = "The guard refuses table e3b0c44298fc: 20% of 600 requests failed, 0.1% of 1000 in the minute before";
    assert!(text(&parts[0].1).contains(said), "{}", parts[0].1);
}

#[test]
fn an_edge_without_a_table_has_a_page() {
    let told = text(&whole(&snapshot(|status| {
        status["table"] = json!({});
        status["regions"] = json!([]);
        status["flop_matrix"] = json!([]);
        status["ready"] = false.into();
    })));
    for said in ["This edge is not ready", "None is live.", "There is none before a table is live."] {
        assert!(told.contains(said), "{said}: {told}");
    }
}
