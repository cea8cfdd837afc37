//! What good files are read as.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by a panic")]

use homeward::config::{
    AccessLog, AccessLogFormat, Acme, AcmeCertificate, AcmeChallenge, Admin, AutoDrain, CertificateFiles,
    ClientAuthority, ClientCertificates, Dns, ExternalAccount, ForwardedHeader, Guard, Handover, Limits, Listener, Log,
    LogFormat, LogLevel, SecretFiles, Settings, SocketUsers, Source, Stop, Tls, TlsProfile, Tracing, Watchdog,
    read_drains, read_routing, read_settings,
};
use homeward::model::*;
use homeward::resilience::ConnectionLimits;
use homeward::routing::{HomeCondition, HomeRule, HomeTarget, Region, TableParts};
use std::time::Duration;

fn settings(text: &str) -> Settings {
    read_settings(&Source::new("homeward.yaml", text)).unwrap_or_else(|problems| panic!("{}", problems.render(false)))
}

fn table(text: &str) -> TableParts {
    let now = "2026-11-22T05:00:00Z".parse().unwrap();
    read_routing(&Source::new("routing.yaml", text), now)
        .unwrap_or_else(|problems| panic!("{}", problems.render(false)))
}

fn region(position: usize) -> RegionId {
    RegionId::at(position).unwrap()
}

fn all<T: std::str::FromStr<Err: std::fmt::Debug>>(texts: &[&str]) -> Vec<T> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

fn path(text: &str) -> Box<std::path::Path> {
    std::path::Path::new(text).into()
}

/// Milliseconds of interval and timeout, rise and fall.
fn pace((interval, timeout): (u64, u64), (rise, fall): (u8, u8)) -> ProbePace {
    ProbePace {
        interval: Duration::from_millis(interval),
        timeout: Duration::from_millis(timeout),
        rise: rise.try_into().unwrap(),
        fall: fall.try_into().unwrap(),
    }
}

fn pool(servers: &[&str]) -> Pool {
    Pool { servers: all(servers), tls: None, http2: false, proxy_protocol: None, health: None }
}

#[test]
fn all_settings() {
    let listener = |address: &str, http2, tls| Listener {
        address: address.parse().unwrap(),
        http2,
        tls,
        proxy_protocol: address == "0.0.0.0:8080",
    };
    let files = |certificate: &str, key: &str| CertificateFiles { certificate: certificate.into(), key: key.into() };
    let tls = |certificates| Tls { certificates, acme: Vec::new(), profile: TlsProfile::Intermediate, clients: None };
    let clients = |certificates| Some(ClientAuthority { ca: "clients.pem".into(), certificates });
    let several = Tls {
        certificates: vec![files("rsa.pem", "rsa.key"), files("both.pem", "both.pem")],
        acme: Vec::new(),
        profile: TlsProfile::Modern,
        clients: clients(ClientCertificates::Optional),
    };
    let required = Tls { clients: clients(ClientCertificates::Required), ..tls(vec![files("a.pem", "a.key")]) };
    let of = |names: &[&str], file: &str| AcmeCertificate {
        names: names.iter().map(|name| (*name).to_owned()).collect(),
        file: file.into(),
    };
    let by_acme = Tls {
        acme: vec![
            of(&["portal.example.com"], "/var/lib/acme/portal.example.com-5fa47439.pem"),
            of(&["example.com", "www.example.com"], "/var/lib/acme/example.com-afb3a5b8.pem"),
        ],
        ..tls(vec![files("a.pem", "a.key")])
    };
    assert_eq!(
        settings(include_str!("configs/valid/settings/everything.yaml")),
        Settings {
            region: Some("us-west".parse().unwrap()),
            listen: vec![
                listener("0.0.0.0:8080", false, None),
                listener("[::]:8080", true, None),
                listener("127.0.0.1:0", false, None),
                listener("127.0.0.1:0", false, None),
                listener("0.0.0.0:8443", true, Some(tls(vec![files("conf/tls/edge.pem", "conf/tls/edge.key")]))),
                listener("0.0.0.0:9443", false, Some(several)),
                listener("0.0.0.0:9444", true, Some(required)),
                listener("0.0.0.0:443", true, Some(by_acme)),
            ],
            trusted_proxies: all(&["10.0.0.0/8", "192.0.2.1/32", "fd00::/8"]),
            forwarded_header: ForwardedHeader::Both,
            geoip: vec!["v4.mmdb".into(), "v6.mmdb".into()],
            routing: "other/routing.yaml".into(),
            admin: Admin {
                address: "192.0.2.7:9902".parse().unwrap(),
                socket: Some("run/homeward.sock".into()),
                socket_for: SocketUsers::Group,
                tls: Some(tls(vec![files("admin.pem", "admin.key")])),
                tokens: Some(SecretSource::File("admin.tokens".into())),
            },
            state: "/var/lib/homeward".into(),
            access_log: AccessLog { format: AccessLogFormat::Combined, file: Some("/var/log/access.log".into()) },
            log: Log { format: LogFormat::Json, level: LogLevel::Debug },
            tracing: Some(Tracing {
                endpoint: "https://collector.internal/otlp".to_owned(),
                sample: Share::from_ratio(0.1).unwrap(),
                token_file: Some("collector.token".into()),
            }),
            limits: Limits {
                head: 32 << 10,
                headers: 64,
                connections: ConnectionLimits { total: 5_000, per_client: 50 },
                head_time: Duration::from_secs(5),
                slowest_body: 1024,
                patience: Duration::from_secs(30),
                connection_rate_per_client: 100,
                streams: 250,
            },
            threads: Some(4),
            acme: Some(Acme {
                directory: "https://acme.internal:14000/dir".into(),
                contact: vec!["ops@example.com".into()],
                challenges: vec![AcmeChallenge::Http01, AcmeChallenge::TlsAlpn01],
                state: "/var/lib/acme".into(),
                ca: Some("ca.pem".into()),
                external_account: Some(ExternalAccount { key_id: "kid-1".into(), key_file: "eab.key".into() }),
            }),
            hop_keys: Some(SecretSource::Environment("HOP_KEY".into())),
            secret_files: SecretFiles::Strict,
            core_dumps: true,
            fast_path: false,
            stop: Stop { grace: Duration::from_mins(1) },
            handover: Handover { ready_within: Duration::from_secs(20), grace: Duration::from_mins(15) },
            watchdog: Watchdog { stalled_after: Duration::from_secs(5) },
            auto_drain: Some(AutoDrain {
                after: Duration::from_mins(2),
                lasts: Duration::from_hours(1),
                sessions: DrainedSessions::Move,
                share: Share::from_ratio(0.2).unwrap(),
                pause: Duration::from_hours(24),
            }),
            dns: Dns {
                servers: all(&["10.0.0.2:53", "[2001:db8::2]:53"]),
                shortest_ttl: Duration::from_secs(5),
                longest_ttl: Duration::from_mins(1),
            },
            guard: Some(Guard {
                watch: Duration::from_secs(90),
                max_error_increase: Share::from_ratio(0.05).unwrap(),
                min_requests: 100,
            }),
        }
    );
}

#[test]
fn default_settings() {
    let settings = settings(include_str!("configs/valid/settings/minimal.yaml"));
    assert_eq!((settings.region, settings.threads, settings.geoip.len()), (None, None, 0));
    assert_eq!(settings.admin, Admin::default());
    assert_eq!(settings.admin.address, "127.0.0.1:9901".parse().unwrap());
    assert_eq!((settings.secret_files, settings.core_dumps), (SecretFiles::Warn, false));
    assert!(settings.fast_path);
    assert_eq!(settings.access_log, AccessLog { format: AccessLogFormat::Json, file: None });
    assert_eq!(settings.log, Log { format: LogFormat::Text, level: LogLevel::Info });
    let connections = ConnectionLimits { total: 100_000, per_client: 1_000 };
    let limits = Limits {
        head: 65_536,
        headers: 100,
        connections,
        head_time: Duration::from_secs(10),
        slowest_body: 500,
        patience: Duration::from_secs(20),
        connection_rate_per_client: 1000,
        streams: 100,
    };
    assert_eq!(settings.limits, limits);
    assert_eq!(settings.stop, Stop { grace: Duration::from_secs(10) });
    assert_eq!(settings.state, std::path::Path::new("run"));
    assert!(settings.trusted_proxies.is_empty());
}

#[test]
fn the_example_names_the_defaults() {
    let example = settings(include_str!("../conf/homeward.yaml"));
    assert_eq!((example.limits, example.stop, example.log), (Limits::default(), Stop::default(), Log::default()));
    assert_eq!(example.access_log, AccessLog::default());
}

#[test]
fn regions() {
    let parts = table(include_str!("configs/valid/routing/everything.yaml"));
    let of = |name: &str, prefix: &str| Region::named(name.parse().unwrap(), prefix.parse().unwrap());
    assert_eq!(
        parts.regions,
        [
            Region {
                location: Location::new(39.04, -77.49).ok(),
                capacity: Rate::new(1200.0).ok(),
                failover: Some(vec![region(1), region(2)]),
                retired_prefixes: all(&["old-east", "older"]),
                edge: "http://10.0.0.1:8080".parse().ok(),
                ..of("us-east", "east")
            },
            Region {
                location: Location::new(32.0, -96.8).ok(),
                capacity: Rate::new(0.5).ok(),
                ..of("us-central", "us-central")
            },
            Region {
                edge: Some(RegionEdge {
                    door: Pool {
                        tls: Some(PoolTls {
                            files: PeerFiles { ca: Some(path("fleet.pem")), identity: None },
                            ..PoolTls::to("west.internal")
                        }),
                        http2: true,
                        ..pool(&["edge.us-west.internal:8443"])
                    },
                    direct: true,
                }),
                ..of("us-west", "us-west")
            },
            of("1", "1"),
        ]
    );
}

#[test]
fn homes() {
    let parts = table(include_str!("configs/valid/routing/everything.yaml"));
    let rule = |condition, target| HomeRule { condition, target };
    let networks = all(&["203.0.113.0/24", "198.51.100.7/32", "2001:db8::/32", "::1/128"]);
    assert_eq!(
        parts.homes[..],
        [
            rule(HomeCondition::Networks(networks.into()), HomeTarget::Region(region(2))),
            rule(HomeCondition::Subdivisions(all(&["US-CA", "US-OR"])), HomeTarget::Nearest(vec![region(1)])),
            rule(HomeCondition::Countries(all(&["NO", "US", "CA"])), HomeTarget::Nearest(vec![region(0), region(1)])),
            rule(HomeCondition::Continents(all(&["EU", "AF", "NA"])), HomeTarget::Region(region(3))),
            rule(HomeCondition::Otherwise, HomeTarget::Nearest(vec![region(0), region(1)])),
        ],
        "NO is Norway, and the nearest of all are those with a location"
    );
}

#[test]
fn services() {
    let parts = table(include_str!("configs/valid/routing/everything.yaml"));
    let rest = Service {
        name: "rest".parse().unwrap(),
        hosts: vec![HostPattern::Any],
        paths: vec![PathPrefix::root()],
        session: Some(SessionKeys { minted_by: MintedBy::Edge, ..SessionKeys::in_cookie("__Host-id") }),
        when_home_is_away: WhenHomeIsAway::Rehome,
        balance: Balancing { by: Balance::Header("x-tenant".into()), ..Balancing::default() },
        timeouts: Timeouts::default(),
        resilience: Resilience { outliers: None, ..Resilience::default() },
        largest_body: None,
        https: Https::default(),
        rate_limit: Some(RateLimit { key: LimitKey::Client, rate: Rate::new(0.5).unwrap(), burst: 1 }),
        clients: None,
        methods: None,
        pools: vec![(region(0), pool(&["127.0.0.1:80"]))],
    };
    let mut heavier = pool(&["10.1.0.10:8080", "[2001:db8::1]:8080"]);
    heavier.servers[1].weight = 3.try_into().unwrap();
    let mut with_srv = pool(&["app.us-central.internal:8080"]);
    let address = ServerAddress::of_service("_app._tcp.us-central.internal").unwrap();
    with_srv.servers.push(PoolServer { address, weight: 2.try_into().unwrap() });
    let portal = Service {
        name: "portal".parse().unwrap(),
        hosts: all(&["portal.example.com", "*.portal.example.com"]),
        paths: all(&["/", "/api"]),
        session: Some(SessionKeys {
            header: Some("x-session-id".into()),
            bearer: true,
            separator: "~".into(),
            keyring: Some(SecretSource::File("conf/session.key".into())),
            learn: Some(Learning { entries: 1000, ttl: Duration::from_hours(1) }),
            ..SessionKeys::in_cookie("sid")
        }),
        when_home_is_away: WhenHomeIsAway::Refuse,
        balance: Balancing {
            by: Balance::Session,
            factor: "150%".parse().unwrap(),
            slow_start: Duration::from_secs(30),
        },
        timeouts: Timeouts {
            connect: Duration::from_millis(250),
            read: Duration::from_mins(5),
            write: Duration::from_hours(4),
            idle: Duration::from_secs(90),
            connection_age: Duration::from_hours(1),
            unreachable: Duration::from_secs(5),
        },
        resilience: Resilience {
            failover: FailoverRules {
                away_below: "30%".parse().unwrap(),
                back_above: Some("2".parse().unwrap()),
                hold: Duration::from_secs(5),
                longest_hold: Duration::from_mins(2),
            },
            gate: GateRules {
                sessions: GatedSessions::All,
                wait: Duration::from_secs(5),
                stripes: 64.try_into().unwrap(),
                settled: 2000.try_into().unwrap(),
            },
            health: HealthRules {
                host: Some("probe.example.com".into()),
                http: Some(HttpProbe {
                    path: "/healthz?full=1".parse().unwrap(),
                    expects: Expected {
                        status: all(&["200", "3xx"]),
                        contains: Some("all is well".into()),
                        headers: vec![],
                    },
                }),
                pace: pace((5000, 500), (3, 4)),
                deep: Some(DeepProbe {
                    pace: pace((10_000, 5000), (1, 5)),
                    steps: vec![
                        ProbeStep {
                            method: "POST".into(),
                            path: "/login".parse().unwrap(),
                            headers: vec![("Content-Type".into(), "application/x-www-form-urlencoded".into())],
                            body: ProbeBody::Text("user=probe&password=x".into()),
                            expects: Expected {
                                status: all(&["302"]),
                                contains: None,
                                headers: vec![("location".into(), "/home".into())],
                            },
                        },
                        ProbeStep {
                            method: "PUT".into(),
                            path: "/again".parse().unwrap(),
                            headers: vec![],
                            body: ProbeBody::File(path("conf/probe.txt")),
                            expects: Expected::default(),
                        },
                        ProbeStep {
                            method: "GET".into(),
                            path: "/home".parse().unwrap(),
                            headers: vec![],
                            body: ProbeBody::None,
                            expects: Expected { contains: Some("Welcome probe".into()), ..Expected::default() },
                        },
                    ],
                }),
            },
            outliers: Some(OutlierRules {
                consecutive_failures: 3.try_into().unwrap(),
                success_rate: SuccessRateRules {
                    least_requests: 50.try_into().unwrap(),
                    below: Share::from_ratio(0.1).unwrap(),
                },
                interval: Duration::from_secs(20),
                ejection: Duration::from_mins(1),
                longest_ejection: Duration::from_mins(10),
                most_ejected: Share::from_ratio(0.3).unwrap(),
                panic_below: Share::from_ratio(0.2).unwrap(),
            }),
            breaker: BreakerRules {
                failures: Share::from_ratio(0.3).unwrap(),
                least: 50.try_into().unwrap(),
                window: Duration::from_secs(30),
                open: Duration::from_secs(2),
                longest_open: Duration::from_secs(45),
                trickle: 5.try_into().unwrap(),
                servers: false,
                pool: true,
            },
            limits: PoolLimits {
                requests: Some(200.try_into().unwrap()),
                server_requests: Some(50.try_into().unwrap()),
                pending: 30,
                wait: Duration::from_millis(500),
                new_visitors: Share::from_ratio(0.6).unwrap(),
                adaptive: Some(AdaptiveRules { least: 4.try_into().unwrap(), most: 150.try_into().unwrap() }),
            },
            retries: RetryRules {
                attempts: 5,
                retry_on: RetryCause::ALL.iter().copied().collect(),
                statuses: [425, 429].into(),
                back_off: BackOffRules { base: Duration::from_millis(10), longest: Duration::from_secs(1) },
                try_timeout: Some(Duration::from_secs(2)),
                timeout: Some(Duration::from_secs(10)),
                budget: Share::from_ratio(0.125).unwrap(),
                budget_floor: 7,
            },
        },
        largest_body: Some(10 << 20),
        https: Https {
            redirect: true,
            hsts: Some(Hsts { max_age: Duration::from_hours(730 * 24), include_subdomains: true, preload: true }),
        },
        rate_limit: Some(RateLimit {
            key: LimitKey::Header("x-api-key".into()),
            rate: Rate::new(20.0).unwrap(),
            burst: 40,
        }),
        clients: Some(ClientRules { allow: Some(all(&["10.0.0.0/8", "2001:db8::/32"])), deny: all(&["10.9.0.1/32"]) }),
        methods: Some(all(&["GET", "POST", "PURGE"])),
        pools: vec![
            (region(0), heavier),
            (region(1), with_srv),
            (
                region(2),
                Pool {
                    tls: Some(PoolTls {
                        files: PeerFiles {
                            ca: Some(path("ca.pem")),
                            identity: Some(IdentityFiles { certificate: path("own.pem"), key: path("own.key") }),
                        },
                        ..PoolTls::to("app.internal")
                    }),
                    http2: true,
                    proxy_protocol: Some(ProxyVersion::V2),
                    health: Some(HealthRules { pace: pace((7000, 1000), (2, 2)), ..HealthRules::default() }),
                    ..pool(&["app.us-west.internal:8443"])
                },
            ),
        ],
    };
    assert_eq!(parts.services, [portal, rest]);
}

#[test]
fn drains() {
    let text = include_str!("configs/valid/routing/everything.yaml");
    let parts = table(text);
    let plain = Drain::of(region(2));
    let full = Drain {
        sessions: DrainedSessions::Move,
        streams: DrainedStreams::CloseAfter(Duration::from_mins(15)),
        share: Share::from_ratio(0.125).unwrap(),
        ramp: Duration::from_mins(10),
        comeback: Duration::from_mins(20),
        since: "2026-11-22T04:30:00Z".parse().ok(),
        until: "2026-11-22T08:30:00Z".parse().ok(),
        by: Some("oncall".into()),
        reason: Some("INC-481 power loss".into()),
        practice: true,
        ..plain
    };
    assert_eq!(parts.drains, [full.clone(), plain.clone()]);

    // A file of drains alone has the same form.
    let alone = format!("version: 1\n{}", &text[text.find("drains:").unwrap()..]);
    let named =
        |drain: Drain| Drain { layer: DrainLayer::Operator, ..drain }.with_region(parts.regions[2].name.clone());
    assert_eq!(read_drains(&Source::new("drains.yaml", alone)).unwrap(), [named(full), named(plain)]);
}

#[test]
fn drains_that_leave_a_region() {
    let start = "version: 1\nregions: {a: {}, b: {}}\nhomes: [{otherwise: a}]\n\
                 services: {s: {hosts: [x], pools: {a: [127.0.0.1:80]}}}\n";
    for drains in [
        "[{region: a}]",
        "[{region: a}, {region: a, since: 2026-11-22T04:00:00Z}]",
        "[{region: a}, {region: b, share: 0.1%}]",
        "[{region: a}, {region: b, until: 2026-11-22T05:00:00Z}]",
        "[{region: a, until: 2026-11-22T06:00:00Z}, {region: b, since: 2026-11-22T06:00:00Z}]",
        "[{region: a, until: 2026-11-22T06:00:00Z}, {region: b, since: 2026-11-22T05:55:00Z, ramp: 5m}]",
    ] {
        assert!(!table(&format!("{start}drains: {drains}\n")).drains.is_empty());
    }
}
