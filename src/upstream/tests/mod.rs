//! Discovery and probes against real sockets on loopback.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod discovery;
mod memory;
mod name_server;
mod probes;
mod srv;

use super::Report;
use crate::live::{Fleet, Pools};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::watch;

/// Waits until something is so. Looks every few milliseconds; a test that waits for a minute has failed.
async fn until(what: &str, is_so: impl Fn() -> bool) {
    let mut looks = tokio::time::interval(Duration::from_millis(2));
    let waited = tokio::time::timeout(Duration::from_secs(60), async {
        while !is_so() {
            looks.tick().await;
        }
    });
    assert!(waited.await.is_ok(), "waited in vain until {what}");
}

/// A fleet and what it told.
struct Watched {
    fleet: Arc<Fleet>,
    told: Arc<Mutex<Vec<String>>>,
    stop: watch::Sender<bool>,
}

impl Watched {
    fn new() -> Self {
        Self { fleet: Arc::default(), told: Arc::default(), stop: watch::Sender::new(false) }
    }

    fn report(&self) -> Report {
        let told = self.told.clone();
        Arc::new(move |transition| told.lock().unwrap().push(transition.to_string()))
    }

    fn told(&self) -> Vec<String> {
        self.told.lock().unwrap().clone()
    }
}

/// The addresses of the only pool.
fn addresses(pools: &Pools) -> Vec<SocketAddr> {
    pools.iter().flat_map(|pool| pool.servers().to_vec()).map(|server| server.address()).collect()
}
