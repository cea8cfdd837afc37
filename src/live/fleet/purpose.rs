//! What servers are there for.

use crate::model::ServiceName;
use std::fmt;

/// What the servers of a pool are there for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// They are app servers of this service.
    Service(ServiceName),
    /// They are the edge of a region, to which requests for any service are handed.
    Edge,
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Service(service) => write!(f, "{service}"),
            Self::Edge => f.write_str("the edge"),
        }
    }
}

impl serde::Serialize for Purpose {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
