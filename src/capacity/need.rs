//! Cores, memory, network, file handles and ports; how many edges that is.

use super::{Costs, Load, Machine, count, ratio};

const MICRO: f64 = 1e-6;
const KIB: f64 = 1024.0;
const GIB: f64 = 1024.0 * 1024.0 * 1024.0;

/// The heads of a request and its answer with what TCP and IP put around them, in KiB, for each of both sides of an edge.
const HEADS_KIB: f64 = 1.0;

/// What TCP, IP, Ethernet and TLS add to bodies.
const FRAMING: f64 = 1.06;

/// What an edge opens beside connections: sockets that listen, files, its admin address.
const OWN_HANDLES: f64 = 200.0;

/// What may run out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Resource {
    /// Time of cores.
    Cpu,
    /// Memory, the kernel's sockets included.
    Memory,
    /// The network, in its busier direction.
    Network,
    /// File handles.
    FileHandles,
    /// The connections of clients that the settings allow.
    Connections,
    /// Ports toward the servers.
    Ports,
}

impl Resource {
    /// Its name in what is told.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Memory => "memory",
            Self::Network => "network",
            Self::FileHandles => "file_handles",
            Self::Connections => "connections",
            Self::Ports => "ports",
        }
    }
}

/// What a load takes of one resource.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Need {
    /// Which.
    pub resource: Resource,
    /// What all edges need together, beside what each has for itself: cores, GiB, Gbit/s, or a number of things.
    pub needed: f64,
    /// What one edge has of it to give: what is planned with, less what it has for itself.
    pub each: f64,
    /// How many edges that is; `None` where an edge has none to give.
    pub edges: Option<f64>,
}

/// The work of one second, in seconds of a core.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Work {
    /// Requests and what their bodies cost, hops included.
    pub requests: f64,
    /// New connections, without TLS.
    pub connections: f64,
    /// TLS handshakes.
    pub handshakes: f64,
    /// Messages of WebSockets.
    pub messages: f64,
    /// What idle cores would add by waking up for each of these, if they always were idle.
    pub waking: f64,
}

impl Work {
    /// What `load` makes.
    #[must_use]
    pub fn of(costs: &Costs, load: &Load) -> Self {
        // A connection and a handshake wake as often again: somebody is waited for in between.
        let wakes = load.taken() + load.messages + load.new_connections * (1.0 + load.tls);
        Self {
            requests: load.requests * request_seconds(costs, load) + hop_work(costs, load),
            connections: load.new_connections * costs.connection_us * MICRO,
            handshakes: load.new_connections * load.tls * handshake_us(costs, load.resumed) * MICRO,
            messages: load.messages * costs.websocket_message_us * MICRO,
            waking: wakes * costs.wake_up_us * MICRO,
        }
    }

    /// Cores that are busy with it when none of them ever is idle: the least that it takes.
    #[must_use]
    pub fn busy_cores(&self) -> f64 {
        self.requests + self.connections + self.handshakes + self.messages
    }

    /// How busy `cores` are with it. Above 1 they do not keep up.
    ///
    /// A core that is busy for a part `u` of the time is found idle by `1 - u` of what comes and wakes up for it, and the less
    /// it has slept the less that takes, so that `u = (work + waking (1 - u)²) / cores`. The square is what was measured.
    #[must_use]
    pub fn utilisation(&self, cores: f64) -> f64 {
        let busy = self.busy_cores();
        // Cores that do not keep up are never idle.
        if busy >= cores { ratio(busy, cores) } else { busy_part(busy, self.waking, cores) }
    }

    /// How many cores are as busy as `busy` with it: the same equation.
    #[must_use]
    pub fn cores(&self, busy: f64) -> f64 {
        ratio(self.busy_cores() + self.waking * waking_part(busy), busy)
    }
}

/// What part of waking up from a long sleep what comes costs on the mean, where cores are as busy as `busy`, 0 to 1.
#[must_use]
pub fn waking_part(busy: f64) -> f64 {
    (1.0 - busy) * (1.0 - busy)
}

/// The `u` of `u cores = work + waking (1 - u)²`, for no more work than there are cores.
pub(in crate::capacity) fn busy_part(work: f64, waking: f64, cores: f64) -> f64 {
    // The lesser root, in the form that loses no digits where there is little waking up.
    let root = (cores * cores + 4.0 * waking * (cores - work).max(0.0)).sqrt();
    ratio(2.0 * (work + waking), 2.0 * waking + cores + root)
}

/// A request with its bodies at the edge that its visitor comes to, in seconds of a core.
pub(in crate::capacity) fn request_seconds(costs: &Costs, load: &Load) -> f64 {
    let head = costs.http1_request_us + load.http2 * (costs.http2_request_us - costs.http1_request_us);
    let body = (load.request_kib + load.answer_kib - 1.0).max(0.0);
    let tls = load.tls * (costs.tls_request_us + body * costs.tls_body_kib_us);
    (head + body * costs.body_kib_us + tls) * MICRO
}

fn hop_work(costs: &Costs, load: &Load) -> f64 {
    let body = (load.request_kib + load.answer_kib - 1.0).max(0.0);
    load.requests * load.hops * (costs.http1_request_us + costs.hop_us + body * costs.body_kib_us) * MICRO
}

/// A handshake on the mean, in µs.
pub(in crate::capacity) fn handshake_us(costs: &Costs, resumed: f64) -> f64 {
    costs.full_handshake_us + resumed * (costs.resumed_handshake_us - costs.full_handshake_us)
}

/// What a load takes of everything.
#[derive(Debug, Clone, PartialEq)]
pub struct Needs {
    /// Of every resource, the cores first.
    pub all: Vec<Need>,
    /// The work behind the cores.
    pub work: Work,
}

impl Needs {
    /// What `load` takes on edges like `machine`.
    #[must_use]
    pub fn of(costs: &Costs, load: &Load, machine: &Machine) -> Self {
        let work = Work::of(costs, load);
        let need = |resource, needed, each: f64| {
            let each = each.max(0.0);
            Need { resource, needed, each, edges: count(needed, each) }
        };
        let full = Machine::FULL;
        let handles = load.connections + load.server_connections();
        let memory = machine.memory_gib * full - costs.base_mib / 1024.0;
        let all = vec![
            // Where cores wake up for less, they carry more than their part of the target says.
            need(Resource::Cpu, work.cores(machine.busy), machine.cores),
            need(Resource::Memory, memory_gib(costs, load), memory),
            need(Resource::Network, network_gbit(load), machine.network_gbit * full),
            need(Resource::FileHandles, handles, machine.file_handles * full - OWN_HANDLES),
            need(Resource::Connections, load.connections, machine.connections * full),
            need(Resource::Ports, load.server_connections(), machine.ports * machine.servers * full),
        ];
        Self { all, work }
    }

    /// How many edges carry it, whatever runs out first; `None` where no number of them does.
    #[must_use]
    pub fn edges(&self) -> Option<f64> {
        self.all.iter().try_fold(1.0_f64, |most, need| Some(most.max(need.edges?)))
    }

    /// What runs out first: the resource that takes the most edges.
    #[must_use]
    pub fn limit(&self) -> Resource {
        let weight = |need: &Need| if need.each > 0.0 { need.needed / need.each } else { f64::INFINITY };
        let mut limit = (Resource::Cpu, f64::NEG_INFINITY);
        for need in &self.all {
            if weight(need) > limit.1 {
                limit = (need.resource, weight(need));
            }
        }
        limit.0
    }

    /// What of `resource` is used on each of `edges`, as a part of what one of them has to give.
    #[must_use]
    pub fn used(&self, resource: Resource, edges: f64) -> f64 {
        let of = |need: &&Need| need.resource == resource;
        self.all.iter().find(of).map_or(0.0, |need| ratio(need.needed, need.each * edges))
    }
}

/// The memory of connections and requests, beside each edge's own.
fn memory_gib(costs: &Costs, load: &Load) -> f64 {
    let client = costs.connection_kib + load.tls * costs.tls_connection_kib + costs.kernel_socket_kib;
    // A WebSocket holds what a request in flight does, for as long as it is open.
    let held = load.in_flight() + load.connections * load.websockets;
    let kept = load.server_connections() - held;
    let kib = load.connections * client
        + held * (costs.request_kib + costs.kernel_socket_kib)
        + kept.max(0.0) * costs.kernel_socket_kib;
    kib * KIB / GIB
}

/// What the network carries in one direction. Every byte comes in by one side of an edge and leaves by the other, so that both
/// directions carry both bodies.
fn network_gbit(load: &Load) -> f64 {
    let kib = (load.request_kib + load.answer_kib) * FRAMING + HEADS_KIB;
    // A message is taken as small: 128 bytes with its packet, there and back.
    (load.taken() * kib * KIB + load.messages * 256.0) * 8.0 / 1e9
}
