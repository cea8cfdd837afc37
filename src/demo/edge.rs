//! What the demo needs of an edge, which others start.

use std::path::Path;
use std::time::Duration;

/// What an edge for the demo is started with.
#[derive(Debug, Clone, Copy)]
pub struct EdgeStart<'a> {
    /// The settings file, ready to be read.
    pub settings: &'a Path,
    /// Where the process log must go: a file, while the live view has the terminal; the standard error otherwise.
    pub log: Option<&'a Path>,
}

/// An edge that runs in this process.
pub trait EdgeHandle: Send {
    /// How it is now. Asked about four times a second, so it must not block.
    fn status(&self) -> EdgeStatus;
    /// Stops it and gives up its sockets; waits until that is done.
    fn stop(self: Box<Self>);
}

/// An edge at one moment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct EdgeStatus {
    /// The regions of the live table, in any order.
    pub regions: Vec<EdgeRegion>,
    /// How many flops there were since the edge started.
    pub flops: u64,
    /// The revision of the live table.
    pub revision: String,
    /// How long this table has been live.
    pub age: Duration,
    /// What is wrong with the file, where it was refused and the last good table serves: the whole message for people,
    /// in as many lines as it has.
    pub problem: Option<String>,
}

/// A region as the edge sees it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct EdgeRegion {
    /// Its name.
    pub name: String,
    /// The part of its new visitors that it gets now, 0 to 1.
    pub share: f64,
    /// How many of its servers are healthy.
    pub healthy: usize,
    /// How many servers it has.
    pub servers: usize,
    /// Why it is away, in a word or two such as `drained`; `None` where it is not.
    pub away: Option<String>,
}
