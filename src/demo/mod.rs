//! `homeward demo`: an edge, three regions of sample app servers and live traffic in one process, on loopback alone, with
//! nothing to set up; and the sample app, which also runs alone.
//!
//! The edge is started by whoever calls [`run()`], so that the demo shows the edge that `homeward run` starts and no other.

mod directory;
mod edge;
mod guide;
mod lines;
mod run;
mod sample_app;
mod signals;
mod snapshot;
mod stage;
mod table;
mod view;
mod visitors;

pub use edge::{EdgeHandle, EdgeRegion, EdgeStart, EdgeStatus};
pub use run::run;
pub use sample_app::{SampleApp, serve_alone};
pub use stage::DemoError;
