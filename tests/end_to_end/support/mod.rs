//! What the tests stand on: addresses, app servers, an edge, a client.

pub mod app;
pub mod client;
pub mod edge;
pub mod edits;
pub mod fleet;
pub mod frames;
pub mod name_server;
pub mod odd;
pub mod recorder;
pub mod roaming;
pub mod steady;
pub mod stepwise;

pub use app::App;
pub use client::Client;
pub use edge::EdgeProcess;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// A block of 32 loopback addresses that nobody else uses: one of those in 127.128.0.0/9, by the process id and a counter.
///
/// A process that runs one test has eight blocks of its own; one that runs many takes those of the process ids after it,
/// which is none of the other processes of its kind as long as these run one after the other.
pub struct Block {
    base: u32,
}

impl Block {
    /// The next block of this process.
    pub fn new() -> Self {
        static TAKEN: AtomicU32 = AtomicU32::new(0);
        let nth = TAKEN.fetch_add(1, Ordering::Relaxed);
        let block = std::process::id().wrapping_mul(8).wrapping_add(nth) % (1 << 18);
        Self { base: u32::from(Ipv4Addr::new(127, 128, 0, 0)) + block * 32 }
    }

    /// The address with this number, 1 to 31.
    pub fn address(&self, number: u8) -> IpAddr {
        IpAddr::V4(Ipv4Addr::from(self.base + u32::from(number)))
    }
}

/// The longest that anything may take before a test gives up.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Waits until `condition` gives something; panics with `what` when it takes too long.
pub async fn eventually<T>(what: &str, mut condition: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(value) = condition().await {
            return value;
        }
        assert!(Instant::now() < deadline, "never came: {what}");
        tokio::task::yield_now().await;
        tokio::time::timeout(Duration::from_millis(5), std::future::pending::<()>()).await.unwrap_err();
    }
}
