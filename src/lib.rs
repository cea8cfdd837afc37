//! Homeward: an edge router that takes every request home.
pub mod config;
pub mod geo;
#[cfg(feature = "edge")]
pub mod live;
pub mod model;
pub mod resilience;
pub mod routing;
pub mod session;
#[cfg(feature = "edge")]
pub mod upstream;
