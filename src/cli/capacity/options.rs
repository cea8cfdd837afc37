//! What is asked: the load, the edge's machine, the failure, the fleet.

use super::super::ending::Failure;
use super::place::Place;
use crate::capacity::{Distribution, Load, Machine, checked};
use crate::config;
use crate::model::{Rate, Share};
use clap::Args;
use std::time::Duration;

/// A number of things, e.g. `10000000`.
fn number(text: &str) -> Result<f64, String> {
    let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let value = is_plain.then(|| text.parse().ok()).flatten().and_then(checked);
    value.ok_or_else(|| "it is a whole number up to 1000000000000000, e.g. 10000000".to_owned())
}

/// The same, at least one.
fn some(text: &str) -> Result<f64, String> {
    number(text).and_then(|value| if value >= 1.0 { Ok(value) } else { Err("there must be at least one".to_owned()) })
}

/// A rate, e.g. `1200/s`, or none.
fn rate(text: &str) -> Result<f64, String> {
    if text == "0/s" {
        return Ok(0.0);
    }
    let rate = text.parse::<Rate>().map_err(|bad| bad.to_string())?;
    checked(rate.per_second()).ok_or_else(|| "a rate is at most 1000000000000000/s".to_owned())
}

fn share(text: &str) -> Result<f64, String> {
    text.parse::<Share>().map(Share::ratio).map_err(|bad| bad.to_string())
}

/// The same, above none.
fn target(text: &str) -> Result<f64, String> {
    share(text).and_then(|share| if share >= 0.01 { Ok(share) } else { Err("it is at least 1%".to_owned()) })
}

fn kib(text: &str) -> Result<f64, String> {
    let bytes = config::size(text).map_err(|bad| bad.to_string())?;
    checked(bytes as f64 / 1024.0).ok_or_else(|| "it is too large".to_owned())
}

fn gib(text: &str) -> Result<f64, String> {
    kib(text).map(|kib| kib / 1024.0 / 1024.0)
}

fn seconds(text: &str) -> Result<f64, String> {
    config::duration(text).map(|duration: Duration| duration.as_secs_f64()).map_err(|bad| bad.to_string())
}

/// The same, at least a tenth of a second: nobody tries more often.
fn wait(text: &str) -> Result<f64, String> {
    seconds(text).and_then(|wait| if wait >= 0.1 { Ok(wait) } else { Err("it is at least 100ms".to_owned()) })
}

fn gbit(text: &str) -> Result<f64, String> {
    let value = text.strip_suffix("Gbit/s").and_then(|number| number.parse().ok()).and_then(checked);
    value.ok_or_else(|| "it is a number of Gbit/s, e.g. 25Gbit/s".to_owned())
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Load, of all regions together")]
pub(super) struct LoadOptions {
    /// Requests of visitors, e.g. 12000/s
    #[arg(long, value_name = "RATE", value_parser = rate)]
    requests: f64,
    /// Connections that are open [default: ten for each request in a second]
    #[arg(long, value_name = "NUMBER", value_parser = number)]
    connections: Option<f64>,
    /// New connections [default: as many as a life of ten minutes makes]
    #[arg(long, value_name = "RATE", value_parser = rate)]
    new_connections: Option<f64>,
    /// The share of open connections that are WebSockets
    #[arg(long, value_name = "SHARE", value_parser = share, default_value = "0%")]
    websockets: f64,
    /// Messages of all WebSockets, each with its answer [default: one from each in half a minute]
    #[arg(long, value_name = "RATE", value_parser = rate)]
    messages: Option<f64>,
    /// The share of connections with TLS
    #[arg(long, value_name = "SHARE", value_parser = share, default_value = "100%")]
    tls: f64,
    /// The share of requests by HTTP/2
    #[arg(long, value_name = "SHARE", value_parser = share, default_value = "50%")]
    http2: f64,
    /// The share of handshakes that resume a session
    #[arg(long, value_name = "SHARE", value_parser = share, default_value = "50%")]
    resumed: f64,
    /// The share of requests that take a hop
    #[arg(long, value_name = "SHARE", value_parser = share, default_value = "0%")]
    hops: f64,
    /// The mean body of a request
    #[arg(long, value_name = "SIZE", value_parser = kib, default_value = "0B")]
    request_body: f64,
    /// The mean body of an answer
    #[arg(long, value_name = "SIZE", value_parser = kib, default_value = "10KiB")]
    answer_body: f64,
    /// How long an app server has a request, on the mean
    #[arg(long, value_name = "DURATION", value_parser = seconds, default_value = "50ms")]
    app_time: f64,
}

/// Seconds that a connection lives, unless somebody says otherwise.
const LIFE: f64 = 600.0;

/// Seconds between two messages of a WebSocket, unless somebody says otherwise.
const BETWEEN_MESSAGES: f64 = 30.0;

impl LoadOptions {
    pub(super) fn load(&self) -> Load {
        let connections = self.connections.unwrap_or(10.0 * self.requests);
        Load {
            requests: self.requests,
            connections,
            new_connections: self.new_connections.unwrap_or(connections / LIFE),
            websockets: self.websockets,
            messages: self.messages.unwrap_or(connections * self.websockets / BETWEEN_MESSAGES),
            tls: self.tls,
            http2: self.http2,
            resumed: self.resumed,
            hops: self.hops,
            request_kib: self.request_body,
            answer_kib: self.answer_body,
            app_seconds: self.app_time,
        }
    }
}

#[derive(Debug, Args)]
#[command(next_help_heading = "One edge")]
pub(super) struct EdgeOptions {
    /// Its cores
    #[arg(long, value_name = "NUMBER", value_parser = some, default_value = "16")]
    cores: f64,
    /// How busy they are meant to be
    #[arg(long, value_name = "SHARE", value_parser = target, default_value = "60%")]
    busy: f64,
    /// Its memory
    #[arg(long, value_name = "SIZE", value_parser = gib, default_value = "64GiB")]
    memory: f64,
    /// What its network carries in each direction
    #[arg(long, value_name = "RATE", value_parser = gbit, default_value = "25Gbit/s")]
    network: f64,
    /// Its file handles, as LimitNOFILE= of its unit says
    #[arg(long, value_name = "NUMBER", value_parser = number, default_value = "262144")]
    file_handles: f64,
    /// The connections of clients that its settings allow: limits.connections
    #[arg(long, value_name = "NUMBER", value_parser = number, default_value = "100000")]
    most_connections: f64,
    /// Its ephemeral ports toward each address of a server: net.ipv4.ip_local_port_range
    #[arg(long, value_name = "NUMBER", value_parser = number, default_value = "28232")]
    ports: f64,
    /// How many addresses of servers it has connections to
    #[arg(long, value_name = "NUMBER", value_parser = some, default_value = "50")]
    servers: f64,
    /// How many edges each region has [default: as many as are needed]
    #[arg(long, value_name = "NUMBER", value_parser = some)]
    pub(super) edges: Option<f64>,
}

impl EdgeOptions {
    pub(super) fn machine(&self) -> Machine {
        Machine {
            cores: self.cores,
            memory_gib: self.memory,
            network_gbit: self.network,
            file_handles: self.file_handles,
            connections: self.most_connections,
            ports: self.ports,
            servers: self.servers,
            busy: self.busy,
        }
    }
}

#[derive(Debug, Args)]
#[command(next_help_heading = "The loss of a region")]
pub(super) struct FailureOptions {
    /// The region that is lost [default: the one with the most visitors]
    #[arg(long, value_name = "REGION")]
    lose: Option<String>,
    /// It is not lost at once but drained, its visitors being led elsewhere evenly over that time
    #[arg(long, value_name = "DURATION", value_parser = seconds)]
    pub(super) ramp: Option<f64>,
    /// How long it takes until all clients are led to another region: DNS, anycast
    #[arg(long, value_name = "DURATION", value_parser = seconds, default_value = "30s")]
    pub(super) redirect: f64,
    /// How long a client waits before it tries again: at random up to this, and twice as long each further time
    #[arg(long, value_name = "DURATION", value_parser = wait, default_value = "1s")]
    pub(super) back_off: f64,
    /// The longest that it waits
    #[arg(long, value_name = "DURATION", value_parser = wait, default_value = "30s")]
    pub(super) longest_back_off: f64,
    /// How long a client waits for a connection
    #[arg(long, value_name = "DURATION", value_parser = wait, default_value = "10s")]
    pub(super) patience: f64,
    /// The share of moved clients that resume their session. Each edge has ticket keys of its own, so that nobody does
    #[arg(long, value_name = "SHARE", value_parser = share, default_value = "0%")]
    pub(super) resumed_elsewhere: f64,
    /// Where the simulated clients' chance comes from
    #[arg(long, value_name = "NUMBER", default_value = "1")]
    pub(super) seed: u64,
}

impl FailureOptions {
    /// The position of the region that is lost.
    pub(super) fn lost(&self, place: &Place) -> Result<usize, Failure> {
        let Some(name) = &self.lose else {
            let regions = place.regions.iter().enumerate();
            // Of two that are as large the first one.
            let largest = regions.rev().max_by(|(_, a), (_, b)| a.share.total_cmp(&b.share));
            return Ok(largest.map_or(0, |(at, _)| at));
        };
        place.position(name, "--lose")
    }
}

#[derive(Debug, Args)]
#[command(next_help_heading = "The fleet and its table")]
pub(super) struct FleetOptions {
    /// Home rules of the table [default: those of --routing, or 1000]
    #[arg(long, value_name = "NUMBER", value_parser = number)]
    pub(super) rules: Option<f64>,
    /// Tables an hour
    #[arg(long, value_name = "NUMBER", value_parser = number, default_value = "10")]
    pub(super) edits: f64,
    /// How many edges a push reaches at a time
    #[arg(long, value_name = "NUMBER", value_parser = some, default_value = "50")]
    push_at_once: f64,
    /// How long a push to one edge takes
    #[arg(long, value_name = "DURATION", value_parser = wait, default_value = "2s")]
    push_time: f64,
    /// The table is on a volume that all edges see, at the latest after that time, instead of being pushed
    #[arg(long, value_name = "DURATION", value_parser = seconds)]
    volume: Option<f64>,
    /// Open status pages and `status --watch` on each edge
    #[arg(long, value_name = "NUMBER", value_parser = number, default_value = "1")]
    pub(super) streams: f64,
    /// Seconds between two scrapes of an edge's metrics
    #[arg(long, value_name = "DURATION", value_parser = wait, default_value = "15s")]
    pub(super) scrape_interval: f64,
}

impl FleetOptions {
    pub(super) fn distribution(&self) -> Distribution {
        match self.volume {
            Some(seconds) => Distribution::Shared { seconds },
            None => Distribution::Push { at_once: self.push_at_once, seconds: self.push_time },
        }
    }
}
