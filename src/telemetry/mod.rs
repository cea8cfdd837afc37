//! Floor 4: what an edge tells of itself.
//!
//! | file | what it holds |
//! |---|---|
//! | `names` | every metric's name, labels and help |
//! | `series` | the series of one metric by label values, with a bound on their number |
//! | `metrics` | all metrics of one edge, and their text form |
//! | `overload` | what pools have at once, what is kept from them, and where their breakers stand |
//! | `spans` | spans of traces, handed to whoever sends them |
//! | `standing` | those that say how the edge itself stands, what regions can carry and when drains end |
//! | `servers` | probes and ejections of servers |
//! | `request_meters` | the counters of requests, found without writing a label |
//! | `words` | the label values that are results: of an upstream request, a retry, a look-up |
//! | `access_log` | one line a request, handed to a writer that never holds a request up |
//! | `entry` | what such a line says, as JSON and in the combined format |
//! | `writer` | the thread that writes the lines, and its destination |
//! | `printable` | bytes of a client made fit for a log |
//! | `process_log` | what the process itself says, on stderr |
//! | `occasionally` | a warning that is repeated at most so often |
//!
//! The clock is never read here: times and durations come in as arguments. Nothing a client sends becomes a label.

mod access_log;
mod entry;
mod metrics;
pub mod names;
mod occasionally;
mod overload;
mod printable;
mod process_log;
mod request_meters;
mod series;
mod servers;
mod spans;
mod standing;
mod words;
mod writer;

pub use access_log::{AccessLog, Destination, OpenError};
pub use entry::Entry;
pub use metrics::{DrainRow, Metrics, MetricsError, Open, PoolRow, RegionRow};
pub use occasionally::Occasionally;
pub use overload::LoadRow;
pub use printable::Printable;
pub use process_log::{ProcessLogError, init as init_process_log};
pub use request_meters::RequestMeters;
pub use spans::{Span, SpanKind, SpanValue, Spans, TraceContext, Tracer};
pub use words::{
    AcmeResult, AdminRefusal, ConnectionRefusal, CutOff, GatePassage, GeoLookup, GuardResult, HandoverResult,
    HopResult, MintResult, ProbeOutcome, ProbeWord, Rejection, ReplayResult, RetryResult, Reused, SpanResult,
    TlsReload, UpstreamResult,
};
