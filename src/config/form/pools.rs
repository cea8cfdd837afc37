//! The form of `pools:`.

use super::health::HEALTH;
use super::routing::NOT_THIS_ONE;
use super::{Choice, Else, Form, Key, Named, Or, Record, Required, Scalar, list};
use crate::model::PoolServer;

pub(super) static NAMED_POOLS: Named = Named {
    name: Scalar::Region,
    of: Form::Either(&[SERVERS, Form::Record(&POOL)]),
    least: 1,
    most: 1_000,
    example: "[10.1.0.10:8080]",
};

const SERVERS: Form = list(&ONE_SERVER, 1, 1_000);

static ONE_SERVER: Form = Form::Either(&[Form::Scalar(Scalar::Server), Form::Record(&POOL_SERVER)]);

static POOL_SERVER: Record = Record {
    noun: "a server with a weight",
    doc: "The long way to write a server; its address alone is the short one.",
    choices: &[Choice { of: &["address", "srv"], several: false, unless: None }],
    keys: &[
        Key::new(
            "address",
            Form::Scalar(Scalar::Server),
            NOT_THIS_ONE,
            "10.1.0.10:8080",
            "Where it is. A DNS name stands for all of its addresses.",
        ),
        Key::new(
            "srv",
            Form::Scalar(Scalar::ServiceName),
            NOT_THIS_ONE,
            "_app._tcp.us-east.internal",
            "The name of SRV records, which say where servers are, with their ports and weights; of those with the lowest \
             priority that have an address. [failover.md](../failover.md#dns) tells more.",
        ),
        Key::new(
            "weight",
            Form::Scalar(Scalar::Count { least: 1, most: PoolServer::HEAVIEST as u32 }),
            Or("1"),
            "3",
            "Its part of the requests, beside the weights of the others; each address of a DNS name has all of it, and each target of SRV records as many times its own.",
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
        Key::new(
            "proxy_protocol",
            Form::Scalar(Scalar::Word(&[("v1", "a line of text"), ("v2", "binary")])),
            Else("connections begin without one"),
            "v2",
            "The PROXY protocol header that each connection to them begins with: it names the visitor's address. \
             Connections are then shared by the requests of one visitor only.",
        ),
        HEALTH,
    ],
};

static POOL_TLS: Record = Record {
    noun: "the TLS of a pool",
    doc: "",
    choices: &[],
    keys: &[
        Key::new(
            "sni",
            Form::Scalar(Scalar::DnsName),
            Required,
            "app.internal",
            "The name that is asked for, and that the server's certificate must carry.",
        ),
        CA_FILE,
        Key::new(
            "verify",
            Form::Scalar(Scalar::Flag),
            Or("true"),
            "false",
            "Whether the server's certificate is verified. With `false`, whoever gets between the edge and the servers can \
             read and change everything: name their authority in `ca_file` instead.",
        ),
        CERTIFICATE,
        KEY,
    ],
};

/// How TLS is spoken to the edge of a region.
pub(super) static EDGE_TLS: Record = Record {
    noun: "the TLS of an edge",
    doc: "Its certificate is always verified.",
    choices: &[],
    keys: &[
        Key::new(
            "sni",
            Form::Scalar(Scalar::DnsName),
            Else("the host of the URL"),
            "edge.us-east.internal",
            "The name that is asked for, and that the edge's certificate must carry.",
        ),
        CA_FILE,
        CERTIFICATE,
        KEY,
    ],
};

const CA_FILE: Key = Key::new(
    "ca_file",
    Form::Scalar(Scalar::File),
    Else("those whom the machine believes"),
    "conf/tls/internal-ca.pem",
    "The file of those who issue the servers' certificates, one or several in PEM form; nobody else is believed then. Read \
     again when it changes; connections of before are not used any more.",
);

const CERTIFICATE: Key = Key::new(
    "certificate",
    Form::Scalar(Scalar::File),
    Else("the edge shows no certificate"),
    "conf/tls/client.pem",
    "The file of the certificate that the edge shows to servers that ask for one, in PEM form, with those that lead to a \
     root behind it. Read again when it changes.",
);

const KEY: Key = Key::new(
    "key",
    Form::Scalar(Scalar::File),
    Else("there must be no `certificate`"),
    "conf/tls/client.key",
    "The file of the private key of that certificate, in PEM form. May be the same file.",
);
