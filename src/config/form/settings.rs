//! The form of `conf/homeward.yaml`.

use super::acme::ACME;
use super::auto_drain::AUTO_DRAIN;
use super::dns::DNS;
use super::guard::GUARD;
use super::tls::TLS;
use super::tracing::TRACING;
use super::{Choice, Else, Form, Key, Or, Record, Required, Scalar, list};

/// The whole file.
pub(in crate::config) static SETTINGS: Record = Record {
    noun: "the settings",
    doc: "",
    choices: &[],
    keys: &[
        Key::new("version", Form::Scalar(Scalar::Version), Required, "1", "The form of this file."),
        Key::new(
            "region",
            Form::Scalar(Scalar::NewRegion),
            Else("`--region` or `HOMEWARD_REGION` must say it"),
            "us-west",
            "The region that this edge stands in. The command line and the environment go before it, so that a fleet can \
             share one file.",
        ),
        Key::new(
            "listen",
            list(&Form::Record(&LISTENER), 1, 64),
            Required,
            "[{address: 0.0.0.0:8080}]",
            "Where the edge takes requests.",
        ),
        Key::new(
            "trusted_proxies",
            list(&Form::Scalar(Scalar::Network), 0, 10_000),
            Else("nobody is believed"),
            "[10.0.0.0/8]",
            "Whose `X-Forwarded-For`, `X-Forwarded-Proto` and `X-Request-Id` are believed, and whose PROXY protocol header \
             where a listener takes them: the load balancers in front of the edge, and nobody else.",
        ),
        Key::new(
            "forwarded_header",
            Form::Scalar(Scalar::Word(&[
                ("x_forwarded_for", "`X-Forwarded-For` and its kin"),
                ("forwarded", "`Forwarded` (RFC 7239)"),
                ("both", "both: `X-Forwarded-For` where it is there, else `Forwarded`"),
            ])),
            Or("x_forwarded_for"),
            "forwarded",
            "In which header trusted proxies say whose a request is. With `forwarded` and `both`, apps get `Forwarded` too. \
             Name none that a proxy passes on as it comes from a client.",
        ),
        Key::new(
            "geoip",
            Form::Record(&GEOIP),
            Else("visitors have no place, and only networks and `otherwise` find them a home"),
            "{database: geoip/country.mmdb}",
            "Where the places of addresses come from.",
        ),
        Key::new(
            "routing",
            Form::Record(&ROUTING_SOURCE),
            Required,
            "{file: conf/routing.yaml}",
            "Where the routing table comes from.",
        ),
        Key::new(
            "admin",
            Form::Record(&ADMIN),
            Else("the defaults of its keys"),
            "{address: 127.0.0.1:9901}",
            "Where operators and Prometheus reach the edge.",
        ),
        Key::new(
            "state",
            Form::Scalar(Scalar::File),
            Or("run"),
            "/var/lib/homeward",
            "The directory for what must outlive the process: the last good table, every table that was live, and drains from the \
             command line.",
        ),
        Key::new(
            "guard",
            Form::Record(&GUARD),
            Else("a new table stays, whatever comes of it"),
            "{watch: 60s, max_error_increase: 2%, min_requests: 500}",
            "Puts the last table back where errors rise under a new one; [history.md](../history.md#the-guard) tells all of \
             it. `{}` is all defaults.",
        ),
        Key::new(
            "auto_drain",
            Form::Record(&AUTO_DRAIN),
            Else("the edge drains nothing: it says what is worth draining"),
            "{after: 2m, for: 30m, sessions: keep}",
            "Drains a region by itself that stands out by errors or slowness, where nothing speaks against it; \
             [failover.md](../failover.md#regions-that-stand-out) tells all of it. `{}` is all defaults.",
        ),
        Key::new(
            "dns",
            Form::Record(&DNS),
            Else("the defaults of its keys"),
            "{servers: [10.0.0.2:53]}",
            "How the DNS names of servers are looked up.",
        ),
        Key::new(
            "access_log",
            Form::Record(&ACCESS_LOG),
            Else("the defaults of its keys"),
            "{format: combined, file: /var/log/homeward/access.log}",
            "One line for each request.",
        ),
        Key::new(
            "log",
            Form::Record(&LOG),
            Else("the defaults of its keys"),
            "{format: json, level: info}",
            "What the process says of itself, on the standard error.",
        ),
        Key::new(
            "tracing",
            Form::Record(&TRACING),
            Else("no traces"),
            "{endpoint: http://127.0.0.1:4318, sample: 1%}",
            "Where traces of requests are sent.",
        ),
        Key::new(
            "limits",
            Form::Record(&LIMITS),
            Else("the defaults of its keys"),
            "{head: 64KiB, connections: 20000}",
            "How much of a request is held before it is refused, and how many connections are.",
        ),
        Key::new(
            "threads",
            Form::Scalar(Scalar::Count { least: 1, most: 64 }),
            Else("one for each core"),
            "4",
            "How many threads serve requests.",
        ),
        Key::new(
            "hop",
            Form::Record(&HOP),
            Else("no hops: the pools of other regions are reached directly"),
            "{key_file: conf/hop.key}",
            "How requests are forwarded to the edges of other regions, and taken from them.",
        ),
        Key::new(
            "acme",
            Form::Record(&ACME),
            Else("no certificate is asked for"),
            "{directory: https://acme-v02.api.letsencrypt.org/directory, terms_accepted: true}",
            "Who issues certificates by ACME, and how it is asked; [tls.md](../tls.md) tells all of it.",
        ),
        Key::new(
            "secret_files",
            Form::Scalar(Scalar::Word(&[
                ("warn", "what others can read is used; the log, `homeward check` and `homeward status` say so"),
                ("strict", "it is refused, as what others can change always is"),
            ])),
            Or("warn"),
            "strict",
            "What becomes of files of keys and tokens that others than their owner can read. \
             [threat-model.md](../threat-model.md#key-files) has the rules.",
        ),
        Key::new(
            "core_dumps",
            Form::Scalar(Scalar::Flag),
            Or("false"),
            "true",
            "Whether a crash may leave a core dump, in which keys and what visitors sent can be read; and whether other \
             processes of the same user may look into this one, as debuggers do.",
        ),
        Key::new(
            "fast_path",
            Form::Scalar(Scalar::Flag),
            Or("true"),
            "false",
            "Whether plain requests to servers and edges of HTTP/1.1 take the fast path; `false` has the proxy engine \
             forward all of them. What is decided, told and counted is the same; [performance.md](../performance.md) says what it \
             saves.",
        ),
        Key::new("stop", Form::Record(&STOP), Else("the defaults of its keys"), "{grace: 10s}", "How the edge stops."),
        Key::new(
            "handover",
            Form::Record(&HANDOVER),
            Else("the defaults of its keys"),
            "{grace: 15m}",
            "How the edge hands over to a new process; [life-cycle.md](../life-cycle.md) tells all of it.",
        ),
        Key::new(
            "watchdog",
            Form::Record(&WATCHDOG),
            Else("the defaults of its keys"),
            "{stalled_after: 30s}",
            "What looks after the threads of the edge.",
        ),
    ],
};

static LISTENER: Record = Record {
    noun: "a listener",
    doc: "",
    choices: &[],
    keys: &[
        Key::new(
            "address",
            Form::Scalar(Scalar::SocketAddress),
            Required,
            "0.0.0.0:8080",
            "The IP address and the port. Port 0 takes any free one.",
        ),
        Key::new(
            "http2",
            Form::Scalar(Scalar::Flag),
            Else("`true` with TLS, `false` without"),
            "true",
            "Whether HTTP/2 is taken beside HTTP/1.1: with TLS where the client chooses it (ALPN), without TLS by prior \
             knowledge, e.g. from other edges.",
        ),
        Key::new(
            "tls",
            Form::Record(&TLS),
            Else("plain HTTP"),
            "{certificate: conf/tls/edge.pem, key: conf/tls/edge.key}",
            "How TLS is spoken there; [tls.md](../tls.md) tells all of it.",
        ),
        Key::new(
            "proxy_protocol",
            Form::Scalar(Scalar::Flag),
            Or("false"),
            "true",
            "Whether connections from `trusted_proxies` begin with a PROXY protocol header, version 1 or 2, which names the \
             peer: from then on that address is the connection's. One of them without a header is closed. Nobody else's \
             header is read: it is no HTTP, and gets 400.",
        ),
    ],
};

static HOP: Record = Record {
    noun: "the hop",
    doc: "",
    choices: &[Choice { of: &["key_file", "key_env"], several: false, unless: None }],
    keys: &[
        Key::new(
            "key_file",
            Form::Scalar(Scalar::SecretFile),
            Else("`key_env` must be there"),
            "conf/hop.key",
            "The file of the keys that all edges share: 64 hexadecimal digits a line, as `homeward key generate` makes \
             them. The first one signs, all are believed. Read again when it changes. `homeward key rotate` exchanges a key \
             in three steps: a new key is first added below the old one at all edges, then put above it, and then the old \
             one is taken out: so no edge ever signs with a key that another does not know.",
        ),
        Key::new(
            "key_env",
            Form::Scalar(Scalar::Variable),
            Else("`key_file` must be there"),
            "HOMEWARD_HOP_KEY",
            "The environment variable that holds what `key_file` would. It is read at the start and no more: a change needs \
             a restart.",
        ),
    ],
};

static GEOIP: Record = Record {
    noun: "the place database",
    doc: "",
    choices: &[],
    keys: &[Key::new(
        "database",
        Form::Either(&[Form::Scalar(Scalar::File), list(&Form::Scalar(Scalar::File), 1, 2)]),
        Required,
        "geoip/country.mmdb",
        "The mmdb file, or two of them where IPv4 and IPv6 have a file each. Read again when a file changes.",
    )],
};

static ROUTING_SOURCE: Record = Record {
    noun: "the source of the table",
    doc: "",
    choices: &[],
    keys: &[Key::new(
        "file",
        Form::Scalar(Scalar::File),
        Required,
        "conf/routing.yaml",
        "The file of the routing table. A change is live within a second of its save.",
    )],
};

static ADMIN: Record = Record {
    noun: "the admin address",
    doc: "",
    choices: &[],
    keys: &[
        Key::new(
            "address",
            Form::Scalar(Scalar::SocketAddress),
            Or("127.0.0.1:9901"),
            "127.0.0.1:9901",
            "The address of `/metrics`, `/livez`, `/readyz`, the status page and the API. On a loopback address reading needs \
             no token. Any other address must have `tls` and tokens.",
        ),
        Key::new(
            "socket",
            Form::Scalar(Scalar::File),
            Else("no socket"),
            "run/homeward.sock",
            "A Unix socket with the same API, which may also change things.",
        ),
        Key::new(
            "socket_for",
            Form::Scalar(Scalar::Word(&[
                ("owner", "the user that runs homeward (mode 0600)"),
                ("group", "its group too (mode 0660)"),
            ])),
            Or("owner"),
            "group",
            "Who may use the socket.",
        ),
        Key::new(
            "tls",
            Form::Record(&TLS),
            Else("plain HTTP, on a loopback address only"),
            "{certificate: conf/tls/admin.pem, key: conf/tls/admin.key}",
            "How TLS is spoken there, as on a listener. The names of the certificates may stand in `Host`.",
        ),
        Key::new(
            "token_file",
            Form::Scalar(Scalar::SecretFile),
            Else("nobody is let in by a token"),
            "conf/admin.tokens",
            "The file of the tokens that are sent as `Authorization: Bearer`: `read:TOKEN` or `operate:TOKEN` a line, as \
             `homeward key generate --kind token` makes them; the first may see everything, the second also change things. \
             Several lines are several tokens, e.g. an old one and a new one. Read again when it changes.",
        ),
        Key::new(
            "token_env",
            Form::Scalar(Scalar::Variable),
            Else("nobody is let in by a token"),
            "HOMEWARD_ADMIN_TOKENS",
            "The environment variable that holds what `token_file` would. It is read at the start and no more.",
        ),
    ],
};

static ACCESS_LOG: Record = Record {
    noun: "the access log",
    doc: "",
    choices: &[],
    keys: &[
        Key::new(
            "format",
            Form::Scalar(Scalar::Word(&[
                ("json", "one JSON object a line"),
                ("combined", "the format of Apache and nginx, with Homeward's fields behind it"),
                ("off", "no access log"),
            ])),
            Or("json"),
            "combined",
            "How a line is written.",
        ),
        Key::new(
            "file",
            Form::Scalar(Scalar::FileOrStdout),
            Or("\"-\""),
            "/var/log/homeward/access.log",
            "Where the lines go.",
        ),
    ],
};

static LOG: Record = Record {
    noun: "the log",
    doc: "",
    choices: &[],
    keys: &[
        Key::new(
            "format",
            Form::Scalar(Scalar::Word(&[("text", "for people"), ("json", "one JSON object a line")])),
            Or("text"),
            "json",
            "How a line is written.",
        ),
        Key::new(
            "level",
            Form::Scalar(Scalar::Word(&[
                ("error", "what stops something from working"),
                ("warn", "also what will"),
                ("info", "also what changes"),
                ("debug", "also why"),
            ])),
            Or("info"),
            "warn",
            "How much is said.",
        ),
    ],
};

static LIMITS: Record = Record {
    noun: "the limits",
    doc: "",
    choices: &[],
    keys: &[
        Key::new(
            "head",
            Form::Scalar(Scalar::Size { least: 1 << 10, most: 1 << 20 }),
            Or("64KiB"),
            "32KiB",
            "The largest head of a request: its line and its headers. A larger one gets 431.",
        ),
        Key::new(
            "headers",
            Form::Scalar(Scalar::Count { least: 1, most: 256 }),
            Or("100"),
            "64",
            "The most headers of a request. More get 431.",
        ),
        Key::new(
            "connections",
            Form::Scalar(Scalar::Count { least: 1, most: 10_000_000 }),
            Or("100000"),
            "20000",
            "The most connections of clients that are open at once. Further ones are closed. An idle one holds about 30 KiB \
             and a file handle.",
        ),
        Key::new(
            "connections_per_client",
            Form::Scalar(Scalar::Count { least: 1, most: 10_000_000 }),
            Or("1000"),
            "200",
            "The most of one client: an IPv4 address, or an IPv6 /64. Those of `trusted_proxies` count only where a PROXY \
             protocol header says whose they are.",
        ),
        Key::new(
            "connection_rate_per_client",
            Form::Scalar(Scalar::Rate),
            Or("1000/s"),
            "100/s",
            "The most new connections of one client, an IPv4 address or an IPv6 /64; five seconds' worth may come at once. \
             Further ones are closed before a byte is read. Those of `trusted_proxies` count as with `connections_per_client`.",
        ),
        Key::new(
            "streams",
            Form::Scalar(Scalar::Count { least: 1, most: 1000 }),
            Or("100"),
            "250",
            "The most requests that are open at once on a connection of HTTP/2. Further ones wait with the client; one that \
             sends them all the same has them refused.",
        ),
        Key::new(
            "head_time",
            Form::Scalar(Scalar::Duration { zero: false }),
            Or("10s"),
            "5s",
            "How long a whole head may take from its first byte on. Beyond it the connection is cut.",
        ),
        Key::new(
            "slowest_body",
            Form::Scalar(Scalar::Size { least: 1, most: 1 << 30 }),
            Or("500B"),
            "1KiB",
            "How many bytes of a body a client must give, or of an answer take, in a second: on the whole, and while it is \
             waited for. It has `patience` to begin with; beyond that the connection is cut.",
        ),
        Key::new(
            "patience",
            Form::Scalar(Scalar::Duration { zero: false }),
            Or("20s"),
            "30s",
            "How long a client is waited for that moves no byte of a body.",
        ),
    ],
};

static STOP: Record = Record {
    noun: "the stop",
    doc: "",
    choices: &[],
    keys: &[Key::new(
        "grace",
        Form::Scalar(Scalar::Duration { zero: true }),
        Or("10s"),
        "30s",
        "How long a graceful stop waits for the requests in flight.",
    )],
};

static HANDOVER: Record = Record {
    noun: "the hand-over",
    doc: "",
    choices: &[],
    keys: &[
        Key::new(
            "ready_within",
            Form::Scalar(Scalar::Duration { zero: false }),
            Or("30s"),
            "1m",
            "How long a new process may take to be ready. Beyond it the running one goes on serving.",
        ),
        Key::new(
            "grace",
            Form::Scalar(Scalar::Duration { zero: true }),
            Or("5m"),
            "15m",
            "How long the old process then goes on with the connections that it has. It takes no new ones, and ends before \
             that where all of them have ended.",
        ),
    ],
};

static WATCHDOG: Record = Record {
    noun: "the watchdog",
    doc: "",
    choices: &[],
    keys: &[Key::new(
        "stalled_after",
        Form::Scalar(Scalar::Duration { zero: false }),
        Or("10s"),
        "30s",
        "How long a thread that serves may be stuck. Beyond it the edge is not ready, says so, and no longer tells systemd \
         that all is well.",
    )],
};
