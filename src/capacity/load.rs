//! What comes, and the machine that it comes to.

/// What all edges get together. Rates are of a second, shares lie between 0 and 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Load {
    /// Requests of visitors.
    pub requests: f64,
    /// Connections that are open.
    pub connections: f64,
    /// New connections.
    pub new_connections: f64,
    /// The share of the open connections that are WebSockets.
    pub websockets: f64,
    /// Messages of all WebSockets together; each is answered by one.
    pub messages: f64,
    /// The share of connections with TLS.
    pub tls: f64,
    /// The share of requests by HTTP/2.
    pub http2: f64,
    /// The share of TLS handshakes that resume a session.
    pub resumed: f64,
    /// The share of requests that take a hop.
    pub hops: f64,
    /// The mean of a request's body in KiB.
    pub request_kib: f64,
    /// The mean of an answer's body in KiB.
    pub answer_kib: f64,
    /// How long an app server has a request, in seconds, on the mean.
    pub app_seconds: f64,
}

impl Load {
    /// A part of it: `share` of the visitors with all that they do.
    #[must_use]
    pub fn part(self, share: f64) -> Self {
        Self {
            requests: self.requests * share,
            connections: self.connections * share,
            new_connections: self.new_connections * share,
            messages: self.messages * share,
            ..self
        }
    }

    /// Requests that edges take: a hop is one more for the second edge.
    #[must_use]
    pub fn taken(&self) -> f64 {
        self.requests * (1.0 + self.hops)
    }

    /// Requests in flight, by Little's law. Each has a connection to a server of its own by HTTP/1.1.
    #[must_use]
    pub fn in_flight(&self) -> f64 {
        self.requests * self.app_seconds
    }

    /// Connections to servers: those in flight and as many again, since a pool keeps what a burst has opened; and one for each
    /// WebSocket.
    #[must_use]
    pub fn server_connections(&self) -> f64 {
        2.0 * self.in_flight() + self.connections * self.websockets
    }
}

/// One edge's machine.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Machine {
    /// Cores, each with a thread of the edge.
    pub cores: f64,
    /// Memory in GiB.
    pub memory_gib: f64,
    /// What the network carries in each direction, in Gbit/s.
    pub network_gbit: f64,
    /// File handles (`LimitNOFILE=`).
    pub file_handles: f64,
    /// Connections of clients that the settings allow (`limits.connections`).
    pub connections: f64,
    /// Ephemeral ports, for connections to one address of a server.
    pub ports: f64,
    /// Addresses of servers that the edge has connections to.
    pub servers: f64,
    /// How busy its cores are meant to be, between 0 and 1.
    pub busy: f64,
}

impl Machine {
    /// The part of memory, network, handles and ports that is planned with: the rest is for bursts, and for what is not the
    /// edge's.
    pub const FULL: f64 = 0.8;
}
