//! Homeward: an edge router that takes every request home.
//!
//! The house has floors; a file imports its own folder and lower floors only. `docs/architecture.md` is the map.

// Floors 0 to 3, the pure core: no clock, no files, no sockets.
pub mod balance;
pub mod capacity;
pub mod client;
pub mod config;
pub mod geo;
pub mod hop;
pub mod log;
pub mod model;
pub mod resilience;
pub mod routing;
pub mod session;

// Floors 4 to 8, the running edge.
#[cfg(feature = "edge")]
pub mod acme;
#[cfg(feature = "edge")]
pub mod admin;
#[cfg(feature = "edge")]
pub mod cli;
#[cfg(feature = "edge")]
pub mod demo;
#[cfg(feature = "edge")]
pub mod history;
#[cfg(feature = "edge")]
pub mod life;
#[cfg(feature = "edge")]
pub mod live;
#[cfg(feature = "edge")]
pub mod otlp;
#[cfg(feature = "edge")]
pub mod proxy;
#[cfg(feature = "edge")]
pub mod source;
#[cfg(feature = "edge")]
pub mod telemetry;
#[cfg(feature = "edge")]
pub mod tls;
#[cfg(feature = "edge")]
pub mod upstream;
