//! The form of `tracing:`.

use super::{Else, Form, Key, Or, Record, Required, Scalar};

pub(super) static TRACING: Record = Record {
    noun: "the tracing",
    doc: "OpenTelemetry traces by OTLP over HTTP. [operations.md](../operations.md#traces) tells what they hold.",
    choices: &[],
    keys: &[
        Key::new(
            "endpoint",
            Form::Scalar(Scalar::HttpUrl),
            Required,
            "http://127.0.0.1:4318",
            "The URL of the collector; `/v1/traces` is put behind it.",
        ),
        Key::new(
            "sample",
            Form::Scalar(Scalar::Share),
            Or("1%"),
            "10%",
            "The part of the traces that begin at this edge that is recorded. For requests of trusted proxies and other edges \
             that belong to a trace, that trace decides.",
        ),
        Key::new(
            "token_file",
            Form::Scalar(Scalar::SecretFile),
            Else("none is sent"),
            "conf/collector.token",
            "The file of what the collector gets as `Authorization: Bearer`. Read again for each batch.",
        ),
    ],
};
