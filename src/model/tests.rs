//! What the words take, and what they refuse.

use super::*;
use proptest::prelude::*;
use std::fmt::{Debug, Display};
use std::str::FromStr;
use std::time::Duration;

/// Each text is taken and written as given; those of `refused` are not taken.
fn check<T: FromStr + Display>(taken: &[(&str, &str)], refused: &[&str])
where
    T::Err: Debug,
{
    for (text, written) in taken {
        assert_eq!(text.parse::<T>().unwrap().to_string(), *written, "{text}");
    }
    for text in refused {
        assert!(text.parse::<T>().is_err(), "{text} was taken");
    }
}

#[test]
fn names_are_dns_labels() {
    let long = "x".repeat(64);
    check::<RegionName>(&[("us-east", "us-east"), ("7", "7")], &["", "US", "-a", "a-", "a_b", "a.b", "ä", &long]);
    check::<SessionPrefix>(&[("East.1_~-", "East.1_~-")], &["", "a b", "a;b", "a\"b", "a=b", &long[..33]]);
}

#[test]
fn california_is_not_canada() {
    check::<Country>(&[("CA", "CA")], &["", "ca", "C", "CAN", "C1", "US-CA"]);
    check::<Subdivision>(
        &[("US-CA", "US-CA"), ("GB-ENG", "GB-ENG"), ("FR-75", "FR-75")],
        &["CA", "US-", "US-ca", "US-CALI", "-CA"],
    );
    let california: Subdivision = "US-CA".parse().unwrap();
    assert_eq!((california.country().as_str(), california.code()), ("US", "CA"));
    check::<Continent>(&[("EU", "EU")], &["", "eu", "XX"]);
    assert!(Location::new(91.0, 0.0).is_err() && Location::new(0.0, -181.0).is_err());
    assert!(Location::new(f64::NAN, 0.0).is_err() && Location::new(0.0, f64::INFINITY).is_err());
}

#[test]
fn servers_have_a_host_and_a_port() {
    check::<ServerAddress>(
        &[
            ("10.1.0.10:8080", "10.1.0.10:8080"),
            ("[2001:DB8::1]:80", "[2001:db8::1]:80"),
            ("App.Internal.:80", "app.internal:80"),
        ],
        &[
            "",
            ":80",
            "a",
            "a:",
            "a:0",
            "a:65536",
            "a:+80",
            "2001:db8::1:80",
            "[::1]",
            "a b:80",
            "-a:80",
            "1.2.3:80",
            "a..b:80",
        ],
    );
}

#[test]
fn an_edge_is_a_url_without_a_path() {
    for (text, server, sni) in [
        ("http://edge.us-east.internal:8080", "edge.us-east.internal:8080", None),
        ("http://10.0.0.1", "10.0.0.1:80", None),
        ("http://[2001:db8::1]/", "[2001:db8::1]:80", None),
        ("https://Edge.Internal", "edge.internal:443", Some("edge.internal")),
    ] {
        let RegionEdge { door, direct } = text.parse().unwrap();
        assert_eq!(
            door.servers.iter().map(|server| server.address.to_string()).collect::<Vec<_>>(),
            [server],
            "{text}"
        );
        assert_eq!(door.tls.as_ref().map(|tls| &*tls.sni), sni, "{text}");
        assert!(!direct && !door.http2);
    }
    for bad in ["", "edge:8080", "ftp://edge", "http://", "http://a/b", "http://u@a", "http://a:0", "https://10.0.0.1"]
    {
        assert!(bad.parse::<RegionEdge>().is_err(), "{bad}");
    }
}

#[test]
fn hosts_are_exact_below_a_domain_or_any() {
    check::<HostPattern>(
        &[
            ("Portal.Example.COM.", "portal.example.com"),
            ("*.example.com", "*.example.com"),
            ("*", "*"),
            ("[::1]", "[::1]"),
        ],
        &["", "http://a", "a/b", "a:80", "a.*.b", "*a.b", "a..b", "*."],
    );
}

#[test]
fn path_prefixes_end_at_segments() {
    check::<PathPrefix>(&[("/", "/"), ("/api/", "/api"), ("//", "/")], &["", "api", "/a?b", "/a#b", "/a b"]);
    let api: PathPrefix = "/api".parse().unwrap();
    for (path, covered) in
        [("/api", true), ("/api/", true), ("/api/x", true), ("/apix", false), ("/", false), ("", false)]
    {
        assert_eq!(api.covers(path), covered, "{path}");
    }
    assert!(["/", "/x", "*", ""].into_iter().all(|path| PathPrefix::root().covers(path)), "the root covers everything");
}

#[test]
fn shares_and_rates_are_in_range() {
    check::<Share>(
        &[("30%", "30%"), ("12.5%", "12.5%"), ("100%", "100%")],
        &["", "30", "101%", "-1%", "+1%", "1e1%", "nan%", "inf%"],
    );
    check::<Rate>(&[("1200/s", "1200/s"), ("0.5/s", "0.5/s")], &["", "5", "0/s", "-1/s", "inf/s", "1/m", "1e9/s"]);
}

#[test]
fn balancing_is_a_word_or_names_its_key() {
    check::<Balance>(
        &[
            ("round_robin", "round_robin"),
            ("least_requests", "least_requests"),
            ("session", "session"),
            ("client", "client"),
            ("header:X-Tenant", "header:x-tenant"),
            ("cookie:Cart", "cookie:Cart"),
        ],
        &["", "Session", "header", "header:", "header: x", "cookie:a=b", "cookie:", "hash:x", "round-robin"],
    );
    check::<BalanceFactor>(
        &[("125%", "125%"), ("101%", "101%"), ("1000%", "1000%")],
        &["", "%", "125", "1.25", "100%", "1001%", "+125%", "125.5%", "99999999999%"],
    );
}

fn drain(ramp: u64, since: Option<i64>, until: Option<i64>) -> Drain {
    let at = |second: i64| Timestamp::from_second(second).unwrap();
    Drain {
        share: Share::from_ratio(0.2).unwrap(),
        ramp: Duration::from_secs(ramp),
        since: since.map(at),
        until: until.map(at),
        ..Drain::of(RegionId::at(0).unwrap())
    }
}

#[test]
fn a_drain_falls_along_its_ramp_and_ends() {
    let share = |drain: &Drain, second: i64| drain.share_at(Timestamp::from_second(second).unwrap()).ratio();
    let ramped = drain(100, Some(1000), Some(2000));
    let expected = [(0, 1.0), (999, 1.0), (1000, 1.0), (1050, 0.6), (1100, 0.2), (1999, 0.2), (2000, 1.0)];
    for (second, ratio) in expected {
        assert!((share(&ramped, second) - ratio).abs() < 1e-12, "at {second}: {}", share(&ramped, second));
    }
    assert_eq!(share(&ramped, 1100), 0.2, "exactly the goal, without a rounding error");
    assert_eq!(share(&drain(0, None, None), 0), 0.2, "without a beginning it has always been");
}

#[test]
fn a_drain_may_end_gradually() {
    let share = |drain: &Drain, second: i64| drain.share_at(Timestamp::from_second(second).unwrap()).ratio();
    let returning = Drain { comeback: Duration::from_secs(200), ..drain(100, Some(1000), Some(2000)) };
    for (second, ratio) in [(1050, 0.6), (1100, 0.2), (1800, 0.2), (1900, 0.6), (1950, 0.8), (2000, 1.0), (2001, 1.0)] {
        assert!((share(&returning, second) - ratio).abs() < 1e-12, "at {second}: {}", share(&returning, second));
    }
    // Nobody comes back to a dead region, neither gradually nor at the end.
    let held = Drain { held: true, ..returning.clone() };
    for second in [1900, 2000, 9000] {
        assert_eq!(share(&held, second), 0.2, "at {second}");
    }
    assert!(held.in_force_at(Timestamp::from_second(9000).unwrap()));
    // Without an end there is nothing to return before.
    assert_eq!(share(&Drain { until: None, ..returning }, 1950), 0.2);
}

#[test]
fn streams_are_closed_by_the_clock_of_the_drain() {
    let at = |second| Timestamp::from_second(second).unwrap();
    let closing =
        |since| Drain { streams: DrainedStreams::CloseAfter(Duration::from_secs(600)), ..drain(0, since, None) };
    assert_eq!(closing(Some(1000)).closes_streams_at(), Some(at(1600)));
    assert_eq!(closing(None).closes_streams_at(), Some(Timestamp::MIN), "it has always been");
    assert_eq!(drain(0, Some(1000), None).closes_streams_at(), None);
}

proptest! {
    #[test]
    fn a_ramp_never_rises(ramp in 0_u64..10_000, a in -20_000_i64..20_000, b in -20_000_i64..20_000) {
        let drain = drain(ramp, Some(0), None);
        let share = |second| drain.share_at(Timestamp::from_second(second).unwrap());
        prop_assert!(share(a.min(b)) >= share(a.max(b)));
    }

    #[test]
    fn any_text_is_taken_or_refused(text in ".{0,80}") {
        let _ = (text.parse::<ServerAddress>(), text.parse::<HostPattern>(), text.parse::<PathPrefix>());
        let _ = (text.parse::<Share>(), text.parse::<Rate>(), text.parse::<Subdivision>(), text.parse::<RegionName>());
        if let Ok(host) = text.parse::<HostPattern>() {
            prop_assert_eq!(host.to_string().parse::<HostPattern>(), Ok(host));
        }
        let _ = (text.parse::<Balance>(), text.parse::<BalanceFactor>());
        if let Ok(server) = text.parse::<ServerAddress>() {
            prop_assert_eq!(server.to_string().parse::<ServerAddress>(), Ok(server));
        }
    }
}
