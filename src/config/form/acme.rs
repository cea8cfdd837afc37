//! The form of `acme:`.

use super::{Else, Form, Key, Or, Record, Required, Scalar, list};

pub(super) static ACME: Record = Record {
    noun: "the ACME section",
    doc: "Which hosts get certificates is said by the listeners: `tls: {acme: [portal.example.com]}`.",
    choices: &[],
    keys: &[
        Key::new(
            "directory",
            Form::Scalar(Scalar::HttpsUrl),
            Required,
            "https://acme-v02.api.letsencrypt.org/directory",
            "The URL of the authority's directory. Try things out with its staging directory: with most authorities the real \
             one issues only so many certificates a week.",
        ),
        Key::new(
            "terms_accepted",
            Form::Scalar(Scalar::Flag),
            Required,
            "true",
            "Whether you have read the terms of the authority and accept them. Without that it issues nothing.",
        ),
        Key::new(
            "contact",
            list(&Form::Scalar(Scalar::MailAddress), 0, 10),
            Else("none"),
            "[ops@example.com]",
            "Where the authority may write to.",
        ),
        Key::new(
            "challenges",
            list(&Form::Scalar(Scalar::Word(&CHALLENGES)), 1, 2),
            Or("[tls-alpn-01, http-01]"),
            "[http-01]",
            "How it is shown that the hosts lead here, the first one first; where that fails, the next try takes the other.",
        ),
        Key::new(
            "state",
            Form::Scalar(Scalar::File),
            Else("`acme` in the directory of `state`"),
            "/var/lib/homeward/acme",
            "The directory of the account and of the certificates with their keys. Keep it: an edge that has lost it asks for \
             all certificates anew.",
        ),
        Key::new(
            "ca_file",
            Form::Scalar(Scalar::File),
            Else("those whom the machine believes"),
            "conf/tls/internal-ca.pem",
            "The file of those by whom the directory itself is verified, in PEM form: for an authority of your own.",
        ),
        Key::new(
            "external_account",
            Form::Record(&EXTERNAL_ACCOUNT),
            Else("the account stands for itself"),
            "{key_id: kid-1, key_file: conf/acme-eab.key}",
            "The account with the authority that the new one belongs to, where the authority wants that (RFC 8555, 7.3.4).",
        ),
    ],
};

static CHALLENGES: [(&str, &str); 2] = [
    ("tls-alpn-01", "on port 443, in a handshake that no visitor makes (RFC 8737)"),
    ("http-01", "on port 80, below `/.well-known/acme-challenge/`"),
];

static EXTERNAL_ACCOUNT: Record = Record {
    noun: "the external account",
    doc: "",
    choices: &[],
    keys: &[
        Key::new("key_id", Form::Scalar(Scalar::Note), Required, "kid-1", "Its key's name, as the authority says it."),
        Key::new(
            "key_file",
            Form::Scalar(Scalar::File),
            Required,
            "conf/acme-eab.key",
            "The file of its key, in the base64url form in which authorities give it. Used once, for the new account.",
        ),
    ],
};
