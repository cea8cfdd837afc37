//! The form of probes.

use super::{Else, Form, Key, Named, Or, Record, Required, Scalar, list};
use crate::model::DeepProbe;

pub(super) const HEALTH: Key = Key::new(
    "health",
    Form::Record(&HEALTH_RECORD),
    Else("a TCP connection (with a TLS handshake, where servers speak TLS) is made every 2 s"),
    "{path: /healthz, interval: 2s}",
    "How it is found out whether servers are well. A pool that says it too goes by its own alone. \
     [health.md](../health.md) says how to choose.",
);

static HEALTH_RECORD: Record = Record {
    noun: "the probes",
    doc: "Probes speak what requests speak to the servers: TLS, HTTP/2 and the PROXY protocol, as the pool says.",
    choices: &[],
    keys: &[
        Key::new(
            "path",
            PATH,
            Else("nothing is asked for: a connection says enough"),
            "/healthz",
            "What is asked for, by `GET`.",
        ),
        Key::new(
            "host",
            Form::Scalar(Scalar::Host),
            Else("the first of `hosts` that is exact, else the server's address"),
            "portal.example.com",
            "The host that servers are asked for.",
        ),
        Key::new("status", STATUS, Or("[2xx]"), "[200, 204]", "What a healthy server answers with: codes, or classes."),
        Key::new(
            "body",
            Form::Scalar(Scalar::Note),
            Else("any body will do"),
            "database ok",
            "A text that the first 64 KiB of the answer's body must contain.",
        ),
        Key::new(
            "interval",
            TIME,
            Or("2s"),
            "5s",
            "From one probe to the next. An unhealthy server is probed every second at least.",
        ),
        Key::new("timeout", TIME, Or("1s"), "500ms", "How long a probe may take, to the end of the answer."),
        Key::new("rise", IN_A_ROW, Or("2"), "3", "Probes in a row that make an unhealthy server healthy."),
        Key::new("fall", IN_A_ROW, Or("2"), "3", "Failures in a row that make a healthy server unhealthy."),
        Key::new(
            "deep",
            Form::Record(&DEEP),
            Else("there is none"),
            "{steps: [{path: /home, contains: Welcome}]}",
            "A probe that does what a visitor does. A server is healthy only where both are good.",
        ),
    ],
};

static DEEP: Record = Record {
    noun: "the deep probe",
    doc: "Its steps are taken one after the other, at one server. Cookies that an answer sets go along with the steps after it: \
          up to 32, of up to 4 KiB.",
    choices: &[],
    keys: &[
        Key::new("interval", TIME, Or("3s"), "10s", "From one run to the next, whether or not the server is well."),
        Key::new("timeout", TIME, Or("3s"), "5s", "How long all steps together may take."),
        Key::new("rise", IN_A_ROW, Or("2"), "3", "Runs in a row that make an unhealthy server healthy."),
        Key::new("fall", IN_A_ROW, Or("2"), "3", "Failures in a row that make a healthy server unhealthy."),
        Key::new(
            "steps",
            list(&Form::Record(&STEP), 1, DeepProbe::MOST_STEPS),
            Required,
            "[{path: /home, contains: Welcome}]",
            "What is asked, in this order. The first answer that is not as expected ends the run.",
        ),
    ],
};

static STEP: Record = Record {
    noun: "a step",
    doc: "",
    choices: &[],
    keys: &[
        Key::new("method", Form::Scalar(Scalar::Method), Or("GET"), "POST", "The method."),
        Key::new("path", PATH, Required, "/login", "What is asked for."),
        Key::new(
            "headers",
            Form::Named(&FIELDS),
            Else("there are no others than `Host`, `User-Agent` and `Cookie`"),
            "{Content-Type: application/x-www-form-urlencoded}",
            "Further headers of the request.",
        ),
        Key::new("body", Form::Scalar(Scalar::Body), Else("nothing is sent"), "user=probe&password=x", "What is sent."),
        Key::new(
            "body_file",
            Form::Scalar(Scalar::File),
            Else("nothing is sent"),
            "conf/probe-login.txt",
            "The file that holds what is sent, up to 64 KiB, so that a password need not stand in the table. Read for each \
             run; the line end at its end is left out.",
        ),
        Key::new("status", STATUS, Or("[2xx]"), "[302]", "What a healthy server answers with: codes, or classes."),
        Key::new(
            "contains",
            Form::Scalar(Scalar::Note),
            Else("any body will do"),
            "Welcome probe",
            "A text that the first 64 KiB of the answer's body must contain.",
        ),
        Key::new(
            "header",
            Form::Named(&FIELDS),
            Else("any headers will do"),
            "{Location: /home}",
            "Headers of the answer, each with just the value that it must have.",
        ),
    ],
};

static FIELDS: Named =
    Named { name: Scalar::FieldName, of: Form::Scalar(Scalar::FieldValue), least: 1, most: 32, example: "/home" };

const PATH: Form = Form::Scalar(Scalar::ProbePath);
const TIME: Form = Form::Scalar(Scalar::Duration { zero: false });
const IN_A_ROW: Form = Form::Scalar(Scalar::Count { least: 1, most: 100 });
const STATUS: Form = list(&Form::Scalar(Scalar::Status), 1, 20);
