//! `homeward demo`.
mod sample_app;
mod signals;
mod visitors;
pub use sample_app::{SampleApp, serve_alone};
