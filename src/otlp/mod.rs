//! Floor 6: traces on their way to a collector, by OTLP over HTTP.
//!
//! | file | what it holds |
//! |---|---|
//! | `exporter` | batches, time limits and second tries |
//! | `encode` | spans as the protocol has them |
//! | `post` | one request to the collector |

mod encode;
mod exporter;
mod post;

pub use exporter::{Exporter, ReadToken};
pub use post::CannotExport;
