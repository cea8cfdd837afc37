//! The form of `conf/routing.yaml`, and of the file of drains that has a part of it.

use super::{Choice, Else, Form, Key, Named, Or, Record, Required, Scalar, list};
use crate::model::PoolServer;

/// The whole file.
pub(in crate::config) static ROUTING: Record = Record {
    noun: "the routing table",
    doc: "",
    choices: &[],
    keys: &[
        VERSION,
        Key::new("regions", Form::Named(&NAMED_REGIONS), Required, "{us-east: {}}", "The regions by name."),
        Key::new(
            "homes",
            list(&Form::Record(&HOME_RULE), 1, 1_000_000),
            Required,
            "[{otherwise: us-east}]",
            "Where a visitor without a session is at home. The first rule that matches decides.",
        ),
        Key::new(
            "services",
            Form::Named(&NAMED_SERVICES),
            Required,
            "{portal: {hosts: [portal.example.com], pools: {us-east: [10.1.0.10:8080]}}}",
            "The services by name.",
        ),
        DRAINS_KEY,
    ],
};

/// A file of drains alone, as the edge keeps those that come from the command line.
pub(in crate::config) static DRAINS: Record =
    Record { noun: "the drains", doc: "", choices: &[], keys: &[VERSION, DRAINS_KEY] };

const VERSION: Key = Key::new("version", Form::Scalar(Scalar::Version), Required, "1", "The form of this file.");

const DRAINS_KEY: Key = Key::new(
    "drains",
    list(&DRAIN_FORM, 0, 1_000),
    Else("no drains"),
    "[{region: us-west, sessions: move, reason: power loss}]",
    "Which regions should get less, since when, until when, who says so and why.",
);

static NAMED_REGIONS: Named =
    Named { name: Scalar::NewRegion, of: Form::Record(&REGION), least: 1, most: 1_000, example: "{}" };

static NAMED_SERVICES: Named = Named {
    name: Scalar::NewService,
    of: Form::Record(&SERVICE),
    least: 1,
    most: 10_000,
    example: "{hosts: [portal.example.com], pools: {us-east: [10.1.0.10:8080]}}",
};

static NAMED_POOLS: Named = Named {
    name: Scalar::Region,
    of: Form::Either(&[SERVERS, Form::Record(&POOL)]),
    least: 1,
    most: 1_000,
    example: "[10.1.0.10:8080]",
};

static REGION: Record = Record {
    noun: "a region",
    doc: "A region with nothing to say is written `us-east: {}`.",
    choices: &[],
    keys: &[
        Key::new(
            "session_prefix",
            Form::Scalar(Scalar::SessionPrefix),
            Else("the region's name"),
            "east",
            "What stands in front of the keys of the sessions that are at home here.",
        ),
        Key::new(
            "retired_prefixes",
            list(&Form::Scalar(Scalar::SessionPrefix), 0, 100),
            Else("none"),
            "[old-west]",
            "The prefixes of regions that are no more. Sessions with such a key are at home here now.",
        ),
        Key::new(
            "location",
            Form::Record(&LOCATION),
            Else("it is never the nearest"),
            "{latitude: 39.04, longitude: -77.49}",
            "Where it stands.",
        ),
        Key::new(
            "capacity",
            Form::Scalar(Scalar::Rate),
            Else("no limit is known"),
            "1200/s",
            "How many requests it can carry. A substitute over its capacity is taken only where no other is left.",
        ),
        Key::new(
            "failover",
            list(&Form::Scalar(Scalar::Region), 0, 1_000),
            Else("all the others, nearest first"),
            "[us-central, us-west]",
            "The regions that stand in for it while it is away, in this order; no others do. With `[]`, none does.",
        ),
        Key::new(
            "edge",
            Form::Either(&[Form::Scalar(Scalar::EdgeUrl), Form::Record(&REGION_EDGE)]),
            Else("its pools are reached directly"),
            "http://edge.us-east.internal:8080",
            "The region's own edge, through which the edges of other regions reach it. It takes a hop key in the settings of \
             all edges (`hop`); without one, pools are reached directly.",
        ),
    ],
};

static REGION_EDGE: Record = Record {
    noun: "the edge of a region",
    doc: "The long way to write an edge; its URL alone is the short one.",
    choices: &[],
    keys: &[
        Key::new(
            "url",
            Form::Scalar(Scalar::EdgeUrl),
            Required,
            "https://edge.us-east.internal:8443",
            "Where it is: `http://` or `https://`, a host and a port. With `https://` its certificate must carry the host.",
        ),
        Key::new(
            "fallback",
            Form::Scalar(Scalar::Word(&[("none", "the region is away"), ("direct", "its pools are tried directly")])),
            Or("none"),
            "direct",
            "What happens while the edge cannot be reached.",
        ),
        Key::new(
            "http2",
            Form::Scalar(Scalar::Flag),
            Or("false"),
            "true",
            "Whether HTTP/2 is spoken to it. Without TLS its listener must say `http2: true`.",
        ),
    ],
};

static LOCATION: Record = Record {
    noun: "a location",
    doc: "",
    choices: &[],
    keys: &[
        Key::new("latitude", Form::Scalar(Scalar::Degrees(90.0)), Required, "39.04", "Degrees north; south has a `-`."),
        Key::new(
            "longitude",
            Form::Scalar(Scalar::Degrees(180.0)),
            Required,
            "-77.49",
            "Degrees east; west has a `-`.",
        ),
    ],
};

const NOT_THIS_ONE: super::Presence = Else("");

static HOME_RULE: Record = Record {
    noun: "a home rule",
    doc: "A rule says whom it is for, and either `region` or `nearest`. The last rule, and no other, is `otherwise`.",
    choices: &[
        Choice {
            of: &["networks", "subdivisions", "countries", "continents", "otherwise"],
            several: false,
            unless: None,
        },
        Choice { of: &["region", "nearest"], several: false, unless: Some("otherwise") },
    ],
    keys: &[
        Key::new(
            "networks",
            list(&Form::Scalar(Scalar::Network), 1, 1_000_000),
            NOT_THIS_ONE,
            "[203.0.113.0/24]",
            "For visitors from these networks.",
        ),
        Key::new(
            "subdivisions",
            list(&Form::Scalar(Scalar::Subdivision), 1, 10_000),
            NOT_THIS_ONE,
            "[US-CA, US-OR, US-WA]",
            "For visitors in these states, provinces and the like.",
        ),
        Key::new(
            "countries",
            list(&Form::Scalar(Scalar::Country), 1, 1_000),
            NOT_THIS_ONE,
            "[US, CA, MX]",
            "For visitors in these countries.",
        ),
        Key::new(
            "continents",
            list(&Form::Scalar(Scalar::Continent), 1, 7),
            NOT_THIS_ONE,
            "[EU, AF]",
            "For visitors on these continents.",
        ),
        Key::new(
            "otherwise",
            Form::Scalar(Scalar::RegionOrNearest),
            NOT_THIS_ONE,
            "nearest",
            "For everyone else: a region, or the nearest of all that have a location.",
        ),
        Key::new("region", Form::Scalar(Scalar::Region), NOT_THIS_ONE, "us-west", "Their home."),
        Key::new(
            "nearest",
            list(&Form::Scalar(Scalar::Region), 1, 1_000),
            NOT_THIS_ONE,
            "[us-east, us-central]",
            "Their home is the nearest of these regions, which all need a location.",
        ),
    ],
};

static SERVICE: Record = Record {
    noun: "a service",
    doc: "",
    choices: &[],
    keys: &[
        Key::new(
            "hosts",
            list(&Form::Scalar(Scalar::Host), 1, 1_000),
            Required,
            "[portal.example.com, \"*.portal.example.com\"]",
            "The hosts that lead to it. An exact host goes before `*.`, and a longer domain before a shorter one; what a host of its own names is not looked for under the others.",
        ),
        Key::new(
            "paths",
            list(&Form::Scalar(Scalar::PathPrefix), 1, 1_000),
            Or("[/]"),
            "[/, /static]",
            "The paths that lead to it, on each of its hosts. The longest prefix wins.",
        ),
        Key::new(
            "session",
            Form::Record(&SESSION),
            Else("every visitor is a new one"),
            "{cookie: sid}",
            "Where the session key is.",
        ),
        Key::new(
            "when_home_is_away",
            Form::Scalar(Scalar::Word(&[
                ("rehome", "the substitute serves it, as an orphan"),
                ("refuse", "it gets 503 with `Retry-After` until its home is back"),
            ])),
            Or("rehome"),
            "refuse",
            "What becomes of a session whose home is away.",
        ),
        Key::new(
            "balance",
            Form::Scalar(Scalar::Balance),
            Or("round_robin"),
            "session",
            "Which server of a pool gets a request. Requests with the same key go to the same server, and those without it take turns; [affinity.md](../affinity.md) says when a key moves.",
        ),
        Key::new(
            "balance_factor",
            Form::Scalar(Scalar::BalanceFactor),
            Or("125%"),
            "150%",
            "With a key: how many times its part of the active requests a server may have before further ones go to the next server in their key's order.",
        ),
        Key::new(
            "slow_start",
            Form::Scalar(Scalar::Duration { zero: true }),
            Or("0s"),
            "30s",
            "How long a server that is healthy again, or new in a running pool, takes from a tenth of its weight to the whole.",
        ),
        Key::new(
            "timeouts",
            Form::Record(&TIMEOUTS),
            Else("the defaults of its keys"),
            "{connect: 1s, read: 60s}",
            "How long its servers are waited for.",
        ),
        Key::new(
            "largest_body",
            Form::Scalar(Scalar::Size { least: 1, most: 1 << 40 }),
            Else("no limit"),
            "10MiB",
            "The largest body of a request. A larger one gets 413.",
        ),
        Key::new(
            "pools",
            Form::Named(&NAMED_POOLS),
            Required,
            "{us-east: [10.1.0.10:8080, 10.1.0.11:8080]}",
            "Its servers, by region. In a region without a pool it is never served.",
        ),
    ],
};

static SESSION: Record = Record {
    noun: "the session",
    doc: "The key is looked for in the cookie, then in the header, then in the bearer token; the first that names a region counts.",
    choices: &[Choice { of: &["cookie", "header", "bearer"], several: true, unless: None }],
    keys: &[
        Key::new(
            "cookie",
            Form::Scalar(Scalar::CookieName),
            NOT_THIS_ONE,
            "sid",
            "The cookie that holds the session key.",
        ),
        Key::new(
            "header",
            Form::Scalar(Scalar::HeaderName),
            NOT_THIS_ONE,
            "X-Session-Id",
            "The header that holds it, for clients without cookies.",
        ),
        Key::new(
            "bearer",
            Form::Scalar(Scalar::Flag),
            NOT_THIS_ONE,
            "true",
            "Whether the token in `Authorization: Bearer …` may be the key.",
        ),
        Key::new(
            "separator",
            Form::Scalar(Scalar::Separator),
            Or("\"-\""),
            "\".\"",
            "What stands between the region's prefix and the rest of the key.",
        ),
        Key::new(
            "minted_by",
            Form::Scalar(Scalar::Word(&[
                ("app", "the app sets a key that starts with its region's prefix"),
                (
                    "edge",
                    "the edge puts the prefix in front of the value of the app's cookie, and takes it off before the app sees it",
                ),
            ])),
            Or("app"),
            "edge",
            "Who makes the key.",
        ),
        Key::new(
            "key_file",
            Form::Scalar(Scalar::File),
            Else("keys are not signed"),
            "conf/session.key",
            "The file of the keys that session keys are signed with: 64 hexadecimal digits a line, the first one signs. Read \
             again when it changes.",
        ),
        Key::new(
            "learn",
            Form::Record(&LEARN),
            Else("nothing is remembered"),
            "{entries: 100000, ttl: 10m}",
            "For sessions whose keys name no region: remembers where an app asked for a replay.",
        ),
    ],
};

static LEARN: Record = Record {
    noun: "what is learned",
    doc: "",
    choices: &[],
    keys: &[
        Key::new(
            "entries",
            Form::Scalar(Scalar::Count { least: 1, most: 10_000_000 }),
            Or("100000"),
            "100000",
            "How many sessions are remembered at the most, about 100 bytes each.",
        ),
        Key::new("ttl", WAIT, Or("10m"), "1h", "For how long one is."),
    ],
};

const WAIT: Form = Form::Scalar(Scalar::Duration { zero: false });

static TIMEOUTS: Record = Record {
    noun: "the timeouts",
    doc: "",
    choices: &[],
    keys: &[
        Key::new("connect", WAIT, Or("1s"), "500ms", "For a connection to be made."),
        Key::new("read", WAIT, Or("60s"), "10s", "For the next bytes of a response."),
        Key::new("write", WAIT, Or("60s"), "10s", "For the server to take the next bytes of a request."),
        Key::new("idle", WAIT, Or("60s"), "5m", "How long an unused connection is kept."),
    ],
};

const SERVERS: Form = list(&ONE_SERVER, 1, 1_000);

static ONE_SERVER: Form = Form::Either(&[Form::Scalar(Scalar::Server), Form::Record(&POOL_SERVER)]);

static POOL_SERVER: Record = Record {
    noun: "a server with a weight",
    doc: "The long way to write a server; its address alone is the short one.",
    choices: &[],
    keys: &[
        Key::new(
            "address",
            Form::Scalar(Scalar::Server),
            Required,
            "10.1.0.10:8080",
            "Where it is. A DNS name stands for all of its addresses.",
        ),
        Key::new(
            "weight",
            Form::Scalar(Scalar::Count { least: 1, most: PoolServer::HEAVIEST as u32 }),
            Or("1"),
            "3",
            "Its part of the requests, beside the weights of the others; each address of a DNS name has all of it.",
        ),
    ],
};

static POOL: Record = Record {
    noun: "a pool",
    doc: "The long way to write a pool; a list of servers is the short one.",
    choices: &[],
    keys: &[
        Key::new(
            "servers",
            SERVERS,
            Required,
            "[10.1.0.10:8080]",
            "Where the servers are. A DNS name is resolved again as its TTL says.",
        ),
        Key::new(
            "tls",
            Form::Record(&POOL_TLS),
            Else("plain HTTP"),
            "{sni: app.internal}",
            "How TLS is spoken to them.",
        ),
        Key::new("http2", Form::Scalar(Scalar::Flag), Or("false"), "true", "Whether HTTP/2 is spoken to them."),
    ],
};

static POOL_TLS: Record = Record {
    noun: "the TLS of a pool",
    doc: "",
    choices: &[],
    keys: &[Key::new(
        "sni",
        Form::Scalar(Scalar::DnsName),
        Required,
        "app.internal",
        "The name that is asked for, and that the server's certificate must carry.",
    )],
};

static DRAIN_FORM: Form = Form::Record(&DRAIN);

static DRAIN: Record = Record {
    noun: "a drain",
    doc: "A drain is over by itself at `until`.",
    choices: &[],
    keys: &[
        Key::new("region", Form::Scalar(Scalar::Region), Required, "us-west", "The region that should get less."),
        Key::new(
            "sessions",
            Form::Scalar(Scalar::Word(&[
                ("keep", "they still go home"),
                ("move", "they go to the substitute, as the share leaves their visitors out"),
            ])),
            Or("keep"),
            "move",
            "What becomes of the sessions that are at home there.",
        ),
        Key::new("share", Form::Scalar(Scalar::Share), Or("0%"), "30%", "The part of the visitors that it still gets."),
        Key::new(
            "ramp",
            Form::Scalar(Scalar::Duration { zero: true }),
            Else("at once"),
            "10m",
            "How long it takes from 100% to `share`, from `since` on.",
        ),
        Key::new(
            "since",
            Form::Scalar(Scalar::Time),
            Else("it is in force"),
            "2026-11-22T04:30:00Z",
            "When it begins.",
        ),
        Key::new("until", Form::Scalar(Scalar::Time), Else("no end"), "2026-11-22T08:30:00Z", "When it ends."),
        Key::new("by", Form::Scalar(Scalar::Note), Else("not known"), "oncall", "Who drains."),
        Key::new("reason", Form::Scalar(Scalar::Note), Else("not known"), "power loss in us-west", "Why."),
    ],
};
