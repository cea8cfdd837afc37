//! The form of `conf/routing.yaml`, and of the file of drains that has a part of it.

use super::regions::REGION;
use super::services::SERVICE;
use super::{Choice, Else, Form, Key, Named, Or, Record, Required, Scalar, list};

/// The whole file.
pub(in crate::config) static ROUTING: Record = Record {
    noun: "the routing table",
    doc: "",
    choices: &[],
    keys: &[
        VERSION,
        Key::new("regions", Form::Named(&NAMED_REGIONS), Required, "{us-east: {}}", "The regions by name."),
        HOMES_KEY,
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

/// Home rules alone: a part of those that a table has.
pub(in crate::config) static HOMES: Record =
    Record { noun: "the home rules", doc: "", choices: &[], keys: &[HOMES_KEY] };

const VERSION: Key = Key::new("version", Form::Scalar(Scalar::Version), Required, "1", "The form of this file.");

const HOMES_KEY: Key = Key::new(
    "homes",
    list(&HOME_FORM, 1, 1_000_000),
    Required,
    "[{otherwise: us-east}]",
    "Where a visitor without a session is at home. The first rule that matches decides.",
);

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

pub(super) const NOT_THIS_ONE: super::Presence = Else("");

static HOME_FORM: Form = Form::Record(&HOME_RULE);

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
            "return",
            Form::Scalar(Scalar::Duration { zero: true }),
            Else("at once"),
            "10m",
            "How long before `until` the share begins to rise to 100%, so that people come back gradually.",
        ),
        Key::new(
            "streams",
            Form::Either(&[
                Form::Scalar(Scalar::Word(&[("keep", "they stay until one of their ends closes them")])),
                Form::Record(&DRAINED_STREAMS),
            ]),
            Or("keep"),
            "{close_after: 10m}",
            "What becomes of streams that are open to the region: WebSockets, server-sent events, long downloads.",
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
        Key::new(
            "practice",
            Form::Scalar(Scalar::Flag),
            Or("false"),
            "true",
            "Whether it is a drill. `homeward drill` makes such drains; in the table it is only said.",
        ),
    ],
};

static DRAINED_STREAMS: Record = Record {
    noun: "what becomes of open streams",
    doc: "",
    choices: &[],
    keys: &[Key::new(
        "close_after",
        Form::Scalar(Scalar::Duration { zero: true }),
        Required,
        "10m",
        "Those that are still open this long after the drain began are closed, one after the other.",
    )],
};
