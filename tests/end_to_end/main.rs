//! Homeward as its users have it: real processes, sockets, files and servers, on loopback only.
//!
//! Each test takes loopback addresses that no other test has (see [`support::Block`]), so that all of them run at once. They
//! wait for conditions, never for time, and end what they started.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a test fails by panicking"
)]
#![allow(unreachable_pub, reason = "what the tests stand on is shared with the heavy ones")]

mod acme;
mod admin;
mod admission;
mod affinity;
mod agreement;
mod discovery;
mod drained_streams;
mod drains;
mod failover;
mod failures;
mod fast_path;
mod floods;
mod gate;
mod grpc;
mod heads;
mod health;
mod history;
mod hops;
mod hops_many;
mod hot_table;
mod keys;
mod leases;
mod life;
mod minted;
mod operator;
mod overload;
mod preview;
mod proxy_protocol;
mod replays;
mod retries;
mod routing;
mod secrets;
mod slow_clients;
mod streams;
mod support;
mod tls;
mod tls_servers;
mod traces;
mod websockets_http2;
