//! Homeward: an edge router that takes every request home.
pub mod geo;
pub mod model;
pub mod routing;
pub mod session;
#[cfg(feature = "edge")]
pub mod telemetry;
