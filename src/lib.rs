//! Homeward: an edge router that takes every request home.
pub mod config;
pub mod geo;
pub mod model;
pub mod routing;
pub mod session;
