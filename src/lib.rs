//! Homeward: an edge router that takes every request home.
pub mod model;
