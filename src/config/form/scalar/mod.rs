//! The kinds of values.

mod check;
mod words;

pub(in crate::config) use check::{degrees, network};

/// What one value is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::config) enum Scalar {
    /// The number of the form of the file, which is 1.
    Version,
    /// The name that a region is given.
    NewRegion,
    /// The name that a service is given.
    NewService,
    /// The name of a region that is defined elsewhere.
    Region,
    /// `nearest`, or the name of a region.
    RegionOrNearest,
    SessionPrefix,
    /// Degrees from minus this to this.
    Degrees(f64),
    Rate,
    Share,
    /// How many servers: a count or a share.
    Fewest,
    Duration {
        zero: bool,
    },
    /// A time in days too, longer than one that somebody waits for.
    Age,
    /// Bytes.
    Size {
        least: u64,
        most: u64,
    },
    Count {
        least: u32,
        most: u32,
    },
    /// A point in time.
    Time,
    Network,
    Subdivision,
    Country,
    Continent,
    Host,
    PathPrefix,
    CookieName,
    HeaderName,
    Separator,
    /// One of these words, each with what it means.
    Word(&'static [(&'static str, &'static str)]),
    Server,
    /// The URL of an edge.
    EdgeUrl,
    /// A status code, or a class of them.
    Status,
    /// A path with a query.
    ProbePath,
    /// The name of any header.
    FieldName,
    /// The value of a header.
    FieldValue,
    /// What a request carries.
    Body,
    /// A way of balancing.
    Balance,
    BalanceFactor,
    /// By what requests are counted.
    LimitKey,
    /// A method of HTTP.
    Method,
    /// A DNS name.
    DnsName,
    /// The DNS name of a service, `_app._tcp` and a domain.
    ServiceName,
    /// A host that a certificate is asked for.
    CertificateName,
    /// A URL with `https://`.
    HttpsUrl,
    /// A URL with `http://` or `https://`.
    HttpUrl,
    MailAddress,
    Flag,
    /// An IP address and a port.
    SocketAddress,
    File,
    /// A file of secrets: what looks like a secret itself is refused, and shown nowhere.
    SecretFile,
    /// The name of an environment variable.
    Variable,
    /// A file, or `-` for the standard output.
    FileOrStdout,
    /// A line of text for people.
    Note,
}

/// The longest body that a table holds, in bytes.
const LONGEST_BODY: usize = 16 << 10;

/// The longest value of a header that a table holds, in bytes.
const LONGEST_FIELD: usize = 4 << 10;

/// The longest note, in bytes: it goes into logs, metrics and pages.
const LONGEST_NOTE: usize = 500;
