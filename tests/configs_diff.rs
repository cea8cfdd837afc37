//! Everything that a routing table can say otherwise is said by the diff of two tables.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may stop at the first surprise")]

use homeward::config::{Change, ChangeKind, Section, Source, describe_changes, read_routing};
use homeward::model::Timestamp;
use homeward::routing::TableParts;

fn parts(text: &str) -> TableParts {
    let now: Timestamp = "2026-11-22T04:30:00Z".parse().unwrap();
    read_routing(&Source::new("routing.yaml", text), now).unwrap_or_else(|problems| panic!("{problems}"))
}

const TABLE: &str = "
version: 1
regions:
  a: {session_prefix: a1, retired_prefixes: [a0], location: {latitude: 1, longitude: 2}, capacity: 5/s, failover: [b, c], edge: {url: 'https://a.internal', fallback: direct, http2: true}}
  b: {}
  c: {}
homes:
  - {networks: [10.0.0.0/8, 192.0.2.0/24], region: a}
  - {subdivisions: [US-CA], region: b}
  - {countries: [US], region: a}
  - {continents: [EU], region: c}
  - otherwise: a
services:
  s:
    hosts: [s.example.com]
    paths: [/s]
    session: {cookie: sid, separator: '-', minted_by: app}
    when_home_is_away: rehome
    balance: round_robin
    timeouts: {connect: 1s, read: 2s, write: 3s, idle: 4s}
    largest_body: 1MiB
    rate_limit: {key: client, rate: 5/s, burst: 7}
    methods: [GET, POST]
    pools: {a: ['10.0.0.1:80'], b: {servers: ['10.0.0.2:80'], http2: true}}
drains:
  - {region: a, sessions: move, share: 10%, ramp: 1m, since: 2026-11-22T04:00:00Z, until: 2026-11-22T05:00:00Z, by: me, reason: why}
";

#[test]
fn the_same_has_no_changes() {
    let table = parts(TABLE);
    assert_eq!(
        describe_changes(&table, &parts(&TABLE.replace("[10.0.0.0/8, 192.0.2.0/24]", "[192.0.2.0/24, 10.0.0.0/8]"))),
        []
    );
    let everything = parts(include_str!("configs/valid/routing/everything.yaml"));
    assert_eq!(describe_changes(&everything, &everything), []);
    let from_nothing = describe_changes(&table, &everything);
    assert!(from_nothing.len() > 10, "{from_nothing:?}");
}

#[test]
fn each_word_of_a_table_is_told() {
    for (from, to, told) in [
        ("session_prefix: a1", "session_prefix: a2", "a: session prefix is a2, was a1"),
        ("[a0]", "[a0, a9]", "a: retired prefixes: added a9"),
        ("latitude: 1,", "latitude: 1.5,", "a: location is 1.5, 2, was 1, 2"),
        ("capacity: 5/s, ", "", "a: capacity is gone, was 5/s"),
        ("failover: [b, c]", "failover: [c, b]", "a: failover is c, b, was b, c"),
        (", failover: [b, c]", "", "a: failover is to the others, nearest first, was b, c"),
        ("failover: [b, c]", "failover: []", "a: failover is to nobody, was b, c"),
        ("https://a.internal", "https://a.internal:444", "a: edge is a.internal:444, was a.internal:443"),
        ("fallback: direct, ", "", "a: fallback is gone, was direct"),
        (", http2: true}}\n  b", "}}\n  b", "a: edge: http2 is gone, was on"),
        ("  b: {}\n  c: {}\n", "  c: {}\n  b: {}\n", "the regions stand in another order: a, c, b; before: a, b, c"),
        (
            "192.0.2.0/24",
            "192.0.3.0/24",
            "home rule 1 (networks 10.0.0.0/8, 192.0.3.0/24): added 192.0.3.0/24; removed 192.0.2.0/24",
        ),
        ("[US-CA], region: b", "[US-CA], region: c", "home rule 2 (subdivisions US-CA): leads to c, was b"),
        ("otherwise: a", "otherwise: b", "home rule 5 (otherwise): leads to b, was a"),
        ("  - {countries: [US], region: a}\n", "", "home rule 3 is gone: countries US lead to a"),
        ("[s.example.com]", "[t.example.com]", "s: hosts: added t.example.com; removed s.example.com"),
        ("paths: [/s]", "paths: [/s, /t]", "s: paths: added /t"),
        ("cookie: sid", "cookie: id", "s: session cookie is id, was sid"),
        ("cookie: sid", "cookie: sid, header: X-S", "s: session header is x-s, there was none"),
        ("cookie: sid", "cookie: sid, bearer: true", "s: session in bearer tokens is on, there was none"),
        ("separator: '-'", "separator: '.'", "s: separator is '.', was '-'"),
        ("minted_by: app", "minted_by: edge", "s: minted_by is edge, was app"),
        ("minted_by: app", "minted_by: edge, key_file: k", "s: key of session keys is k, there was none"),
        ("when_home_is_away: rehome", "when_home_is_away: refuse", "s: when_home_is_away is refuse, was rehome"),
        ("balance: round_robin", "balance: client", "s: balance is client, was round_robin"),
        ("connect: 1s", "connect: 5s", "s: connect timeout is 5s, was 1s"),
        ("read: 2s", "read: 5s", "s: read timeout is 5s, was 2s"),
        ("write: 3s", "write: 5s", "s: write timeout is 5s, was 3s"),
        ("idle: 4s", "idle: 5s", "s: idle timeout is 5s, was 4s"),
        ("largest_body: 1MiB", "health: {interval: 5s}", "s: probe interval is 5s, was 2s"),
        ("largest_body: 1MiB", "health: {timeout: 5s}", "s: probe timeout is 5s, was 1s"),
        ("largest_body: 1MiB", "health: {rise: 5}", "s: probe rise is 5, was 2"),
        ("largest_body: 1MiB", "health: {fall: 5}", "s: probe fall is 5, was 2"),
        ("largest_body: 1MiB", "outliers: off", "s: outliers is off, was on"),
        ("largest_body: 1MiB", "outliers: {consecutive_failures: 3}", "s: failures that eject is 3, was 5"),
        (
            "largest_body: 1MiB",
            "outliers: {success_rate: {least_requests: 7}}",
            "s: requests that say something is 7, was 100",
        ),
        ("largest_body: 1MiB", "outliers: {success_rate: {below: 7%}}", "s: success rate below is 7%, was 20%"),
        ("largest_body: 1MiB", "outliers: {interval: 7s}", "s: interval of outliers is 7s, was 10s"),
        ("largest_body: 1MiB", "outliers: {ejection: 7s}", "s: ejection is 7s, was 30s"),
        ("largest_body: 1MiB", "outliers: {longest_ejection: 7m}", "s: longest ejection is 7m, was 5m"),
        ("largest_body: 1MiB", "outliers: {most_ejected: 7%}", "s: most ejected is 7%, was 50%"),
        ("largest_body: 1MiB", "outliers: {panic_below: 7%}", "s: panic below is 7%, was 30%"),
        ("idle: 4s", "connection_age: 5s", "s: connection age is 5s, was 10m"),
        ("idle: 4s", "unreachable: 5s", "s: unreachable timeout is 5s, was 10s"),
        ("largest_body: 1MiB", "retries: {attempts: 2}", "s: attempts is 2, was 3"),
        (
            "largest_body: 1MiB",
            "retries: {retry_on: [5xx]}",
            "s: retried causes is 5xx, was connect-failure, refused-stream, reset, gateway-error",
        ),
        (
            "largest_body: 1MiB",
            "retries: {retry_on: [retriable-status-codes], statuses: [429]}",
            "s: retried statuses is 429, there was none",
        ),
        ("largest_body: 1MiB", "retries: {back_off: {base: 10ms}}", "s: back-off base is 10ms, was 25ms"),
        ("largest_body: 1MiB", "retries: {back_off: {longest: 1s}}", "s: longest back-off is 1s, was 250ms"),
        ("largest_body: 1MiB", "retries: {try_timeout: 1s}", "s: timeout of a try is 1s, there was none"),
        ("largest_body: 1MiB", "retries: {timeout: 1s}", "s: timeout of all tries is 1s, there was none"),
        ("largest_body: 1MiB", "retries: {budget: 10%}", "s: retry budget is 10%, was 20%"),
        ("largest_body: 1MiB", "retries: {budget_floor: 1}", "s: floor of the retry budget is 1, was 3"),
        ("largest_body: 1MiB", "failover: {away_below: 30%}", "s: away_below is 30%, was 1"),
        ("largest_body: 1MiB", "failover: {back_above: 2}", "s: back_above is 2, there was none"),
        ("largest_body: 1MiB", "failover: {hold: 5s}", "s: hold is 5s, was 2s"),
        ("largest_body: 1MiB", "failover: {longest_hold: 5m}", "s: longest_hold is 5m, was 1m"),
        ("['10.0.0.1:80']", "[{srv: _a._tcp.b}]", "s: pool in a: added SRV _a._tcp.b; removed 10.0.0.1:80"),
        ("largest_body: 1MiB", "gate: {sessions: all}", "s: gated sessions is all, was moved"),
        ("largest_body: 1MiB", "gate: {wait: 5s}", "s: wait at the gate is 5s, was 10s"),
        ("largest_body: 1MiB", "gate: {stripes: 7}", "s: stripes of the gate is 7, was 10000"),
        ("largest_body: 1MiB", "gate: {settled: 7}", "s: settled sessions is 7, was 100000"),
        ("largest_body: 1MiB", "breaker: off", "s: breakers of servers is off, was on"),
        ("largest_body: 1MiB", "breaker: {pool: false}", "s: breakers of pools is off, was on"),
        ("largest_body: 1MiB", "breaker: {failures: 30%}", "s: failures that open a breaker is 30%, was 50%"),
        ("largest_body: 1MiB", "breaker: {least: 7}", "s: attempts that a breaker needs is 7, was 20"),
        ("largest_body: 1MiB", "breaker: {window: 7s}", "s: window of breakers is 7s, was 10s"),
        ("largest_body: 1MiB", "breaker: {open: 7s}", "s: time that breakers are open is 7s, was 5s"),
        ("largest_body: 1MiB", "breaker: {longest_open: 2m}", "s: longest time that breakers are open is 2m, was 1m"),
        ("largest_body: 1MiB", "breaker: {trickle: 7}", "s: trickle of breakers is 7, was 3"),
        ("largest_body: 1MiB", "limits: {requests: 7}", "s: limit of requests is 7, there was none"),
        ("largest_body: 1MiB", "limits: {server_requests: 7}", "s: limit of requests to a server is 7, there was none"),
        ("largest_body: 1MiB", "limits: {adaptive: true}", "s: adaptive limit is 10 to 1000, there was none"),
        ("largest_body: 1MiB", "limits: {requests: 7, pending: 8}", "s: requests that may wait is 8, was 100"),
        ("largest_body: 1MiB", "limits: {requests: 7, wait: 2s}", "s: wait for a place is 2s, was 1s"),
        ("largest_body: 1MiB", "limits: {requests: 7, new_visitors: 10%}", "s: places of new visitors is 10%, was 80%"),
        ("largest_body: 1MiB", "largest_body: 2MiB", "s: largest body is 2097152 bytes, was 1048576 bytes"),
        ("burst: 7", "burst: 8", "s: rate limit is 5/s by client, 8 at once, was 5/s by client, 7 at once"),
        ("[GET, POST]", "[GET]", "s: methods: removed POST"),
        ("a: ['10.0.0.1:80'], ", "", "s: pool in a is gone, was 10.0.0.1:80"),
        ("['10.0.0.1:80']", "['10.0.0.1:81']", "s: pool in a: added 10.0.0.1:81; removed 10.0.0.1:80"),
        (
            "['10.0.0.1:80']",
            "{servers: ['10.0.0.1:80'], tls: {sni: x, verify: false}}",
            "s: pool in a: tls is to x, not verified, there was none",
        ),
        ("['10.0.0.2:80'], http2: true", "['10.0.0.2:80']", "s: pool in b: http2 is gone, was on"),
        ("sessions: move", "sessions: keep", "drain of a: sessions is keep, was move"),
        ("share: 10%", "share: 20%", "drain of a: share is 20%, was 10%"),
        ("ramp: 1m", "ramp: 2m", "drain of a: ramp is 2m, was 1m"),
        (
            "since: 2026-11-22T04:00:00Z",
            "since: 2026-11-22T04:10:00Z",
            "drain of a: since is 2026-11-22T04:10:00Z, was 2026-11-22T04:00:00Z",
        ),
        (
            "until: 2026-11-22T05:00:00Z",
            "until: 2026-11-22T06:00:00Z",
            "drain of a: until is 2026-11-22T06:00:00Z, was 2026-11-22T05:00:00Z",
        ),
        ("by: me", "by: you", "drain of a: by is you, was me"),
        ("reason: why", "reason: so", "drain of a: reason is so, was why"),
        ("reason: why", "reason: why, practice: true", "drain of a: practice is yes, there was none"),
        (
            "reason: why",
            "reason: why, streams: {close_after: 5m}",
            "drain of a: streams is closed after 5m, there was none",
        ),
        (
            "{region: a, sessions",
            "{region: c, sessions",
            "drain of a is gone: share 10%; sessions move; ramp 1m; since 2026-11-22T04:00:00Z; until 2026-11-22T05:00:00Z; by me; reason why",
        ),
    ] {
        assert!(TABLE.contains(from), "{from}");
        let (a, b) = (parts(TABLE), parts(&TABLE.replacen(from, to, 1)));
        let texts: Vec<_> = describe_changes(&a, &b).into_iter().map(|change| change.text).collect();
        assert!(texts.iter().any(|text| text == told), "{from} -> {to}: {told:?} is not in {texts:#?}");
        assert!(texts.len() <= 3, "{from} -> {to}: {texts:#?}");
        assert!(!describe_changes(&b, &a).is_empty(), "{to} -> {from}");
    }
}

#[test]
fn a_rule_that_was_lifted_out_is_the_one_that_moved() {
    let moved = TABLE.replacen("  - {continents: [EU], region: c}\n", "", 1).replacen(
        "homes:\n",
        "homes:\n  - {continents: [EU], region: c}\n",
        1,
    );
    let changes = describe_changes(&parts(TABLE), &parts(&moved));
    assert_eq!(
        changes,
        [Change {
            section: Section::Home,
            name: "1".to_owned(),
            kind: ChangeKind::Changed,
            text: "home rule 1 (continents EU): was rule 4, and now stands elsewhere among the others".to_owned(),
        }]
    );
}

#[test]
fn large_lists_are_cut() {
    let many: Vec<_> = (0..5_000).map(|n| format!("10.{}.{}.0/24", n / 250, n % 250)).collect();
    let text = TABLE.replace("[10.0.0.0/8, 192.0.2.0/24]", &format!("[{}]", many.join(", ")));
    let texts = describe_changes(&parts(TABLE), &parts(&text));
    assert!(texts[0].text.contains(" and 4992 more"), "{}", texts[0].text);
    assert!(texts[0].text.len() < 1_000);
}
