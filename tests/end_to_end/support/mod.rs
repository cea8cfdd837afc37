//! What the tests stand on: addresses, app servers, an edge, a client.

pub mod app;
pub mod client;
pub mod edge;
pub mod edits;

pub use app::App;
pub use client::Client;
pub use edge::{EdgeProcess, Plan};

use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

/// A block of loopback addresses that this test process alone uses: 127.128.0.0/9, split by the process id.
pub struct Block {
    base: [u8; 3],
}

impl Block {
    /// The block of this process.
    pub fn new() -> Self {
        static TAKEN: AtomicU8 = AtomicU8::new(0);
        let [_, high, middle, low] = std::process::id().to_be_bytes();
        // Process ids have 22 bits at most; 15 of them, and a counter for tests in one process, make the network.
        let mixed = (u32::from(high) << 16 | u32::from(middle) << 8 | u32::from(low)) & 0x7fff;
        let (a, b) = ((mixed >> 8) as u8, mixed as u8);
        let nth = TAKEN.fetch_add(1, Ordering::Relaxed);
        Self { base: [128 | a, b, nth.wrapping_mul(32)] }
    }

    /// The address with this number, 1 to 31.
    pub fn address(&self, number: u8) -> IpAddr {
        let [a, b, c] = self.base;
        IpAddr::V4(Ipv4Addr::new(127, a, b, c.wrapping_add(number)))
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
