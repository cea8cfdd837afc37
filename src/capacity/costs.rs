//! What each thing costs an edge, as it was measured.

use serde::Deserialize;
use std::collections::BTreeMap;

/// The costs that are counted with unless somebody brings others: a file in the form that [`Costs::read`] takes.
pub const DEFAULT_COSTS: &str = include_str!("costs.json");

/// Why a file of costs is of no use. The message is written for the person who named the file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadCosts {
    /// It has another form.
    #[error("it is not a file of costs: {0}")]
    Form(String),
    /// It has a cost of which nobody knows.
    #[error("there is no cost '{name}'")]
    Unknown {
        /// What it calls it.
        name: String,
    },
    /// The number makes no sense.
    #[error("'{name}' must be a number from 0 to 1e15")]
    Number {
        /// Whose.
        name: String,
    },
}

/// One cost as it stands in a file.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Measured {
    /// The number, in the unit that the cost's name ends with.
    pub value: f64,
    /// How it was measured.
    #[serde(default)]
    pub how: String,
}

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    machine: String,
    costs: BTreeMap<String, Measured>,
}

macro_rules! costs {
    ($($(#[doc = $doc:literal])+ $name:ident,)+) => {
        /// What each thing costs one edge. Times are of one core.
        #[derive(Debug, Clone, PartialEq)]
        pub struct Costs {
            /// The machine that they were measured on, in words.
            pub machine: String,
            $($(#[doc = $doc])+ pub $name: f64,)+
        }

        impl Costs {
            /// The names of all costs.
            pub const NAMES: &[&str] = &[$(stringify!($name)),+];

            fn nothing() -> Self {
                Self { machine: String::new(), $($name: 0.0,)+ }
            }

            fn named(&mut self, name: &str) -> Option<&mut f64> {
                match name {
                    $(stringify!($name) => Some(&mut self.$name),)+
                    _ => None,
                }
            }
        }
    };
}

costs! {
    /// A request of HTTP/1.1 on a kept connection, its answer of 1 KiB at the most, on a busy core: µs.
    http1_request_us,
    /// The same by HTTP/2: µs.
    http2_request_us,
    /// What a request costs beyond that on a core that had slept for long, since it has to wake up for it: µs.
    wake_up_us,
    /// What TLS adds to a request: µs.
    tls_request_us,
    /// A KiB of a body beyond the first: µs.
    body_kib_us,
    /// What TLS adds to that: µs.
    tls_body_kib_us,
    /// A new connection of a client, from the first packet until it is closed: µs.
    connection_us,
    /// A whole TLS handshake: µs.
    full_handshake_us,
    /// One that resumes a session: µs.
    resumed_handshake_us,
    /// A new connection to a server: µs.
    server_connection_us,
    /// A WebSocket's message and its echo, each passed on once: µs.
    websocket_message_us,
    /// What a hop adds to a request at both of its edges, beside the second edge's own request: µs.
    hop_us,
    /// An edge that does nothing, with a country database: MiB.
    base_mib,
    /// An open connection without TLS: KiB.
    connection_kib,
    /// What TLS adds to it: KiB.
    tls_connection_kib,
    /// A request while it is in flight, with its connection to the server: KiB.
    request_kib,
    /// What the kernel holds for a socket that is idle: KiB.
    kernel_socket_kib,
    /// A new table: ms of a core, whatever its size.
    reload_ms,
    /// What each home rule of it adds: µs.
    reload_rule_us,
    /// The memory of a home rule: bytes, of all the tables that are kept together.
    rule_bytes,
    /// The text of a home rule: bytes.
    rule_text_bytes,
    /// A second of an open status page or `status --watch`: µs.
    status_stream_us,
    /// One scrape of the metrics: ms.
    scrape_ms,
}

impl Costs {
    /// The costs of [`DEFAULT_COSTS`].
    ///
    /// # Errors
    /// Never: a test reads them. A program has a word for it all the same.
    pub fn default_costs() -> Result<Self, BadCosts> {
        Self::nothing().over(DEFAULT_COSTS)
    }

    /// Reads a file of costs; what it does not say is as in the default ones.
    ///
    /// ```json
    /// {"machine": "two cores of …", "costs": {"http1_request_us": {"value": 35.2, "how": "make bench, …"}}}
    /// ```
    ///
    /// # Errors
    /// Where it has another form, names a cost that is none, or a number makes no sense.
    pub fn read(text: &str) -> Result<Self, BadCosts> {
        Self::default_costs()?.over(text)
    }

    fn over(mut self, text: &str) -> Result<Self, BadCosts> {
        let file: File = serde_json::from_str(text).map_err(|error| BadCosts::Form(error.to_string()))?;
        for (name, measured) in file.costs {
            let value = super::checked(measured.value).ok_or_else(|| BadCosts::Number { name: name.clone() })?;
            match self.named(&name) {
                Some(cost) => *cost = value,
                None => return Err(BadCosts::Unknown { name }),
            }
        }
        self.machine = file.machine;
        Ok(self)
    }
}
