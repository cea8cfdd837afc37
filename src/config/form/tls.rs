//! The form of a listener's `tls:`.

use super::{Choice, Else, Form, Key, Or, Record, Required, Scalar, list};

pub(super) static TLS: Record = Record {
    noun: "the TLS of a listener",
    doc: "One certificate is written with `certificate` and `key`, several with `certificates`; those that the edge gets and \
          renews by itself with `acme`, alone or beside them. All files are read again when they change; what cannot be used \
          changes nothing.",
    choices: &[Choice { of: &["certificate", "certificates", "acme"], several: true, unless: None }],
    keys: &[
        Key::new(
            "certificate",
            Form::Scalar(Scalar::File),
            Else("`certificates` or `acme` must be there"),
            "conf/tls/edge.pem",
            "The file of the certificate and, behind it, of those that lead to a root, in PEM form.",
        ),
        Key::new(
            "key",
            Form::Scalar(Scalar::SecretFile),
            Else("there must be no `certificate`"),
            "conf/tls/edge.key",
            "The file of its private key, in PEM form (PKCS#8, PKCS#1 or SEC1) and without a passphrase. May be the same \
             file.",
        ),
        Key::new(
            "certificates",
            list(&Form::Record(&CERTIFICATE), 1, 10_000),
            Else("`certificate` and `key`, or `acme`, must be there"),
            "[{certificate: conf/tls/edge.pem, key: conf/tls/edge.key}]",
            "Several certificates. A client gets one for the name that it asks for, an exact one before `*.`; the first is \
             for those who ask for another name, or for none. Two for the same name, one with an ECDSA and one with an RSA \
             key, are chosen by what the client can verify.",
        ),
        Key::new(
            "acme",
            list(&ACME_NAMES, 1, 1_000),
            Else("no certificate is asked for"),
            "[portal.example.com, [example.com, www.example.com]]",
            "The hosts that the edge gets certificates for, from the authority of `acme` in the settings: one for each, or \
             one for several that are written as a list. Until the first is there, handshakes for its names fail.",
        ),
        Key::new(
            "profile",
            Form::Scalar(Scalar::Word(&[
                ("intermediate", "TLS 1.2 and 1.3, for all clients of the last ten years"),
                ("modern", "TLS 1.3 alone"),
            ])),
            Or("intermediate"),
            "modern",
            "Which versions and suites are spoken, by Mozilla's guideline for servers.",
        ),
        Key::new(
            "client_ca",
            Form::Scalar(Scalar::File),
            Else("clients are not asked for a certificate"),
            "conf/tls/clients.pem",
            "The file of those whose certificates are believed of clients, in PEM form.",
        ),
        Key::new(
            "client_certificates",
            Form::Scalar(Scalar::Word(&[
                ("required", "without one there is no connection"),
                ("optional", "clients without one are let in too; a wrong one is refused"),
            ])),
            Else("`required` with a `client_ca`"),
            "optional",
            "Whether a client must have a certificate.",
        ),
    ],
};

static ACME_NAMES: Form =
    Form::Either(&[Form::Scalar(Scalar::CertificateName), list(&Form::Scalar(Scalar::CertificateName), 1, 100)]);

static CERTIFICATE: Record = Record {
    noun: "a certificate",
    doc: "",
    choices: &[],
    keys: &[
        Key::new(
            "certificate",
            Form::Scalar(Scalar::File),
            Required,
            "conf/tls/edge.pem",
            "The file of the certificate and of those that lead to a root.",
        ),
        Key::new(
            "key",
            Form::Scalar(Scalar::SecretFile),
            Required,
            "conf/tls/edge.key",
            "The file of its private key.",
        ),
    ],
};
