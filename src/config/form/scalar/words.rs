//! What the kinds of values are called: in messages, in the JSON schema and in the reference.

use super::{LONGEST_BODY, LONGEST_FIELD, LONGEST_NOTE, Scalar};
use crate::model::{Balance, Continent};
use serde_json::{Value as Json, json};

impl Scalar {
    /// What it is, with its article.
    pub(in crate::config) fn noun(self) -> String {
        let noun = match self {
            Self::Version => "a version of this form",
            Self::NewRegion | Self::Region => "the name of a region",
            Self::NewService => "the name of a service",
            Self::RegionOrNearest => "'nearest' or the name of a region",
            Self::SessionPrefix => "a session prefix",
            Self::Degrees(most) => return format!("a number of degrees from -{most} to {most}"),
            Self::Rate => "a rate",
            Self::Share => "a share",
            Self::Fewest => "a number of servers or a share of them",
            Self::Age => "an age",
            Self::Duration { zero: true } => "a duration",
            Self::Duration { zero: false } => "a duration above zero",
            Self::Size { least, most } => return format!("a size from {} to {}", size_text(least), size_text(most)),
            Self::Count { least, most } => return format!("a number from {least} to {most}"),
            Self::Time => "a point in time",
            Self::Network => "a network",
            Self::Subdivision => "a subdivision",
            Self::Country => "a country",
            Self::Continent => "a continent",
            Self::Host => "a host",
            Self::PathPrefix => "a path prefix",
            Self::CookieName => "the name of a cookie",
            Self::HeaderName => "the name of a header for session keys",
            Self::Separator => "a separator",
            Self::Word(_) => "one of the words for this key",
            Self::Server => "a server",
            Self::EdgeUrl => "the URL of an edge",
            Self::Status => "a status",
            Self::ProbePath => "a path",
            Self::FieldName => "the name of a header",
            Self::FieldValue => "the value of a header",
            Self::Body => "a body",
            Self::Balance => "a way of balancing",
            Self::BalanceFactor => "a balance factor",
            Self::LimitKey => "what requests are counted by",
            Self::Method => "a method",
            Self::DnsName => "a DNS name",
            Self::ServiceName => "the DNS name of a service",
            Self::CertificateName => "a host that a certificate can be asked for",
            Self::HttpsUrl => "a URL with https://",
            Self::HttpUrl => "a URL with http:// or https://",
            Self::MailAddress => "a mail address",
            Self::Flag => "a boolean",
            Self::SocketAddress => "an IP address with a port",
            Self::File | Self::SecretFile => "a path of a file",
            Self::Variable => "the name of an environment variable",
            Self::FileOrStdout => "a path of a file, or '-'",
            Self::Note => "a text",
        };
        noun.into()
    }

    /// The value in a JSON schema (draft 2020-12).
    pub(in crate::config) fn schema(self) -> Json {
        match self {
            Self::Version => json!({"const": 1}),
            Self::NewRegion | Self::NewService | Self::Region | Self::RegionOrNearest => {
                json!({"type": "string", "pattern": "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"})
            }
            Self::SessionPrefix => json!({"type": "string", "pattern": "^[A-Za-z0-9._~-]{1,32}$"}),
            Self::Degrees(most) => json!({"type": "number", "minimum": -most, "maximum": most}),
            Self::Rate => json!({"type": "string", "pattern": r"^[0-9.]+/s$"}),
            Self::Share => json!({"type": "string", "pattern": "^[0-9.]+%$"}),
            Self::Fewest => json!({"anyOf": [
                {"type": "integer", "minimum": 1, "maximum": u16::MAX},
                {"type": "string", "pattern": "^[0-9.]+%$"},
            ]}),
            Self::ServiceName => json!({"type": "string", "pattern": r"^_[^.]+\._[^.]+\."}),
            Self::Duration { .. } => json!({"type": "string", "pattern": "^[0-9]+(ms|s|m|h)$"}),
            Self::Age => json!({"type": "string", "pattern": "^[0-9]+(s|m|h|d)$"}),
            Self::Size { .. } => json!({"type": "string", "pattern": "^[0-9]+(B|KiB|MiB|GiB)$"}),
            Self::Count { least, most } => json!({"type": "integer", "minimum": least, "maximum": most}),
            Self::Time => json!({"type": "string", "format": "date-time"}),
            Self::Network => json!({"type": "string", "pattern": "^[0-9A-Fa-f.:]+(/[0-9]{1,3})?$"}),
            Self::Subdivision => json!({"type": "string", "pattern": "^[A-Z]{2}-[A-Z0-9]{1,3}$"}),
            Self::Country => json!({"type": "string", "pattern": "^[A-Z]{2}$"}),
            Self::Continent => json!({"enum": Continent::ALL.map(Continent::as_str)}),
            Self::PathPrefix => json!({"type": "string", "pattern": "^/", "maxLength": 1024}),
            Self::Word(words) => json!({"enum": words.iter().map(|(word, _)| word).collect::<Vec<_>>()}),
            Self::Server | Self::SocketAddress => json!({"type": "string", "pattern": ":[0-9]{1,5}$"}),
            Self::EdgeUrl => json!({"type": "string", "pattern": "^https?://"}),
            Self::Status => json!({"type": ["string", "integer"], "pattern": "^([2-5]xx|[2-5][0-9]{2})$"}),
            Self::ProbePath => json!({"type": "string", "pattern": "^/[^# ]*$", "maxLength": 1024}),
            Self::FieldName => json!({"type": "string", "pattern": "^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$"}),
            Self::FieldValue => json!({"type": "string", "maxLength": LONGEST_FIELD}),
            Self::Body => json!({"type": "string", "minLength": 1, "maxLength": LONGEST_BODY}),
            Self::Balance => {
                let words = Balance::WORDS.join("|");
                json!({"type": "string", "pattern": format!("^({words}|(header|cookie):[!#$%&'*+.^_`|~0-9A-Za-z-]{{1,128}})$")})
            }
            Self::LimitKey => {
                json!({"type": "string", "pattern": "^(client|session|header:[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128})$"})
            }
            Self::Method => json!({"type": "string", "pattern": "^[A-Z0-9!#$%&'*+.^_`|~-]{1,32}$"}),
            Self::BalanceFactor => json!({"type": "string", "pattern": "^[0-9]{3,4}%$"}),
            Self::Flag => json!({"type": "boolean"}),
            Self::Separator => json!({"type": "string", "minLength": 1, "maxLength": 8}),
            Self::Note => json!({"type": "string", "maxLength": LONGEST_NOTE}),
            Self::HttpsUrl => json!({"type": "string", "pattern": "^https://"}),
            Self::HttpUrl => json!({"type": "string", "pattern": "^https?://"}),
            Self::Variable => json!({"type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_]{0,127}$"}),
            Self::Host
            | Self::CookieName
            | Self::HeaderName
            | Self::DnsName
            | Self::CertificateName
            | Self::MailAddress
            | Self::File
            | Self::SecretFile
            | Self::FileOrStdout => {
                json!({"type": "string", "minLength": 1})
            }
        }
    }

    /// What it looks like, for the reference.
    pub(in crate::config) fn description(self) -> String {
        match self {
            Self::Version => "`1`".into(),
            Self::NewRegion | Self::NewService => {
                "name: up to 63 lower-case letters, digits and `-`, neither first nor last a `-`".into()
            }
            Self::Region => "name of a region".into(),
            Self::RegionOrNearest => "`nearest` or the name of a region".into(),
            Self::SessionPrefix => "1 to 32 letters, digits and `.` `_` `~` `-`".into(),
            Self::Degrees(most) => format!("degrees from -{most} to {most}"),
            Self::Rate => "rate, e.g. `1200/s`".into(),
            Self::Share => "share, `0%` to `100%`".into(),
            Self::Fewest => "number from 1, or a share above `0%`".into(),
            Self::Duration { zero: true } => "duration: `ms`, `s`, `m` or `h`".into(),
            Self::Duration { zero: false } => "duration above zero: `ms`, `s`, `m` or `h`".into(),
            Self::Age => "time: `s`, `m`, `h` or `d`".into(),
            Self::Size { least, most } => format!("size from `{}` to `{}`", size_text(least), size_text(most)),
            Self::Count { least, most } => format!("number from {least} to {most}"),
            Self::Time => "time with its zone (RFC 3339)".into(),
            Self::Network => "network or address, IPv4 or IPv6".into(),
            Self::Subdivision => "ISO 3166-2 code with its country, e.g. `US-CA`".into(),
            Self::Country => "ISO 3166-1 code of two letters, e.g. `US`".into(),
            Self::Continent => "one of `AF`, `AN`, `AS`, `EU`, `NA`, `OC`, `SA`".into(),
            Self::Host => "host name, `*.` and a domain for every host below it, or `*` for all".into(),
            Self::PathPrefix => "path of whole segments, starts with `/`".into(),
            Self::CookieName => "name of a cookie".into(),
            Self::HeaderName => "name of a header".into(),
            Self::Separator => "1 to 8 characters that may stand in a cookie".into(),
            Self::Word(words) => {
                let words: Vec<_> = words.iter().map(|(word, doc)| format!("`{word}` ({doc})")).collect();
                words.join(", ")
            }
            Self::Server => "`host:port` with an IP address or a DNS name".into(),
            Self::EdgeUrl => "URL without a path".into(),
            Self::Status => "code, `200` to `599`, or class: `2xx`, `3xx`, `4xx` or `5xx`".into(),
            Self::ProbePath => "path with a query, starts with `/`".into(),
            Self::FieldName => "name of a header".into(),
            Self::FieldValue => "text of visible characters and spaces".into(),
            Self::Body => "text up to 16 KiB".into(),
            Self::Balance => "`round_robin` (in turn), `least_requests` (the least busy one), or by a key: `session`, `client` (the visitor's address), `header:NAME`, `cookie:NAME`".into(),
            Self::LimitKey => {
                "`client` (the visitor's address: IPv4, or an IPv6 /64), `session` (its key) or `header:NAME`".into()
            }
            Self::Method => "method of HTTP in capitals".into(),
            Self::BalanceFactor => "percent, `101%` to `1000%`".into(),
            Self::DnsName => "DNS name".into(),
            Self::ServiceName => "DNS name that begins with `_service._protocol`".into(),
            Self::CertificateName => "DNS name without `*`".into(),
            Self::HttpsUrl => "URL with `https://`".into(),
            Self::HttpUrl => "URL with `http://` or `https://`".into(),
            Self::MailAddress => "mail address".into(),
            Self::Flag => "`true` or `false`".into(),
            Self::SocketAddress => "IP address and port; an IPv6 address in brackets".into(),
            Self::File | Self::SecretFile => "path".into(),
            Self::Variable => "name of an environment variable".into(),
            Self::FileOrStdout => "path, or `-` for the standard output".into(),
            Self::Note => format!("one line of text, up to {LONGEST_NOTE} bytes"),
        }
    }
}

/// A size in the largest unit that says it exactly.
pub(super) fn size_text(bytes: u64) -> String {
    match bytes {
        n if n % (1 << 30) == 0 && n > 0 => format!("{}GiB", n >> 30),
        n if n % (1 << 20) == 0 && n > 0 => format!("{}MiB", n >> 20),
        n if n % (1 << 10) == 0 && n > 0 => format!("{}KiB", n >> 10),
        n => format!("{n}B"),
    }
}
