//! The form of `services:`.

use super::failover::FAILOVER;
use super::health::HEALTH;
use super::limits::{BREAKER, LIMITS};
use super::outliers::OUTLIERS;
use super::pools::NAMED_POOLS;
use super::resilience::GATE;
use super::retries::RETRIES;
use super::routing::NOT_THIS_ONE;
use super::{Choice, Else, Form, Key, Or, Record, Required, Scalar, list};
use crate::model::RateLimit;

pub(super) static SERVICE: Record = Record {
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
        RETRIES,
        FAILOVER,
        GATE,
        HEALTH,
        OUTLIERS,
        BREAKER,
        LIMITS,
        Key::new(
            "largest_body",
            Form::Scalar(Scalar::Size { least: 1, most: 1 << 40 }),
            Else("no limit"),
            "10MiB",
            "The largest body of a request. A larger one gets 413.",
        ),
        Key::new(
            "redirect_to_https",
            Form::Scalar(Scalar::Flag),
            Or("false"),
            "true",
            "Whether a request that came without TLS is sent to the same URL with `https:` (308), on port 443.",
        ),
        Key::new(
            "hsts",
            Form::Record(&HSTS),
            Else("browsers are told nothing, or what the app tells them"),
            "{max_age: 365d}",
            "What browsers are told to remember, in `Strict-Transport-Security` on answers by TLS.",
        ),
        Key::new(
            "rate_limit",
            Form::Record(&RATE_LIMIT),
            Else("no limit"),
            "{key: client, rate: 20/s, burst: 40}",
            "How often it may be asked, by this edge's count. Who asks more often gets 429 with `Retry-After`.",
        ),
        Key::new(
            "clients",
            Form::Record(&CLIENTS),
            Else("everybody"),
            "{allow: [10.0.0.0/8], deny: [10.9.0.0/16]}",
            "From where it may be asked. From anywhere else the answer is 403.",
        ),
        Key::new(
            "methods",
            list(&Form::Scalar(Scalar::Method), 1, 64),
            Else("all methods, but `TRACE` and `CONNECT`"),
            "[GET, POST]",
            "By which methods it may be asked. `GET` brings `HEAD` with it. Any other gets 405.",
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
            Form::Scalar(Scalar::SecretFile),
            Else("keys are not signed"),
            "conf/session.key",
            "The file of the keys that session keys are signed with: 64 hexadecimal digits a line, as `homeward key generate` \
             makes them; the first one signs. Read again when it changes.",
        ),
        Key::new(
            "key_env",
            Form::Scalar(Scalar::Variable),
            Else("keys are not signed"),
            "HOMEWARD_SESSION_KEY",
            "The environment variable that holds what `key_file` would. It is read at the start and no more: a change needs \
             a restart.",
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

static HSTS: Record = Record {
    noun: "what browsers remember",
    doc: "A browser that has seen it does not come without TLS until the time is over, whatever happens to a certificate: \
          begin with an hour. Stands in place of what the app says.",
    choices: &[],
    keys: &[
        Key::new(
            "max_age",
            Form::Scalar(Scalar::Age),
            Required,
            "365d",
            "For how long browsers come by HTTPS alone. `0s` makes them forget.",
        ),
        Key::new(
            "include_subdomains",
            Form::Scalar(Scalar::Flag),
            Or("false"),
            "true",
            "Whether that holds for every host below too, also for those that are not served here.",
        ),
        Key::new(
            "preload",
            Form::Scalar(Scalar::Flag),
            Or("false"),
            "false",
            "Whether the host may be put on the list that browsers bring along; getting off it takes months.",
        ),
    ],
};

static RATE_LIMIT: Record = Record {
    noun: "the rate limit",
    doc: "In no span of time are there more requests of one key than `burst` and what `rate` gives in it. A request without \
          the key is counted by the visitor's address. A key that clients make up is no bound to them: `session` is one \
          where keys are signed, `header:NAME` where something before the edge sets it. About 65,000 keys are remembered, \
          in up to 1 MiB for each service.",
    choices: &[],
    keys: &[
        Key::new(
            "key",
            Form::Scalar(Scalar::LimitKey),
            Or("client"),
            "header:X-Api-Key",
            "By what requests are counted.",
        ),
        Key::new("rate", Form::Scalar(Scalar::Rate), Required, "20/s", "How many a second."),
        Key::new(
            "burst",
            Form::Scalar(Scalar::Count { least: 1, most: RateLimit::LARGEST_BURST }),
            Else("as many as in a second, at least 1"),
            "40",
            "How many may come at once.",
        ),
    ],
};

static CLIENTS: Record = Record {
    noun: "the clients",
    doc: "",
    choices: &[Choice { of: &["allow", "deny"], several: true, unless: None }],
    keys: &[
        Key::new(
            "allow",
            list(&Form::Scalar(Scalar::Network), 1, 100_000),
            Else("all"),
            "[10.0.0.0/8]",
            "From these networks and no others.",
        ),
        Key::new(
            "deny",
            list(&Form::Scalar(Scalar::Network), 1, 100_000),
            Else("none"),
            "[198.51.100.0/24]",
            "Not from these, even where `allow` names them.",
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
        Key::new(
            "connection_age",
            WAIT,
            Or("10m"),
            "1h",
            "How long a connection is used before another takes its place, give or take a tenth, so that what stands in front \
             of the servers can change.",
        ),
        Key::new(
            "unreachable",
            WAIT,
            Or("10s"),
            "5s",
            "How long a server's machine may not be heard of before its connections are given up, at least `2s`. An app \
             that takes its time is not meant, but one that takes no bytes of an upload for so long is.",
        ),
    ],
};
