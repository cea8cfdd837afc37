//! The form of `regions:`.

use super::pools::EDGE_TLS;
use super::{Else, Form, Key, Or, Record, Required, Scalar, list};

pub(super) static REGION: Record = Record {
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
            "How many requests it can carry, by this edge's count. What comes above it goes on to the next region that has room, new visitors \
             only; [failover.md](../failover.md#a-region-that-is-full) tells more.",
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
        Key::new(
            "tls",
            Form::Record(&EDGE_TLS),
            Else("with `https://`, TLS by whom the machine believes"),
            "{ca_file: conf/tls/fleet-ca.pem}",
            "How TLS is spoken to it; only with `https://`.",
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
