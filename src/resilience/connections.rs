//! How many connections are open: in all, and of one client.

use crate::client::ClientSource;
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How many connections may be open at the most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// In all.
    pub total: u32,
    /// Of one client.
    pub per_client: u32,
}

/// Why a connection is one too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TooManyConnections {
    /// As many are open as may be.
    #[error("as many connections are open as may be")]
    InAll,
    /// As many of this client's are open as may be.
    #[error("as many connections of this client are open as may be")]
    OfClient,
}

/// Clients are spread over so many parts, each behind a lock of its own that is held for one look into a map.
const PARTS: usize = 64;

/// The connections that are open. It remembers clients with an open connection and no others, so that its memory is in
/// proportion to the number of open connections.
#[derive(Debug)]
pub struct Connections {
    limits: ConnectionLimits,
    total: AtomicU32,
    secret: RandomState,
    clients: [Mutex<HashMap<ClientSource, u32>>; PARTS],
}

/// A connection that is counted as open until this is dropped.
#[derive(Debug)]
pub struct OpenConnection {
    all: Arc<Connections>,
    client: Option<ClientSource>,
}

impl Connections {
    /// None is open yet.
    #[must_use]
    pub fn new(limits: ConnectionLimits) -> Arc<Self> {
        let clients = std::array::from_fn(|_| Mutex::default());
        Arc::new(Self { limits, total: AtomicU32::new(0), secret: RandomState::new(), clients })
    }

    /// Opens a connection of the client at `client`.
    ///
    /// # Errors
    /// Where it would be one too many; then it is not counted.
    pub fn try_open(self: &Arc<Self>, client: IpAddr) -> Result<OpenConnection, TooManyConnections> {
        self.try_open_for_many()?.of(client)
    }

    /// Opens a connection that is nobody's yet: one of a proxy that stands in front of the edge for many clients.
    ///
    /// # Errors
    /// Where as many are open as may be; then it is not counted.
    pub fn try_open_for_many(self: &Arc<Self>) -> Result<OpenConnection, TooManyConnections> {
        let more = |open: u32| open.checked_add(1).filter(|open| *open <= self.limits.total);
        self.total.try_update(Ordering::AcqRel, Ordering::Relaxed, more).map_err(|_| TooManyConnections::InAll)?;
        Ok(OpenConnection { all: Arc::clone(self), client: None })
    }

    /// How many are open.
    #[must_use]
    pub fn open(&self) -> u32 {
        self.total.load(Ordering::Acquire)
    }

    /// How many clients have one open that is counted as theirs.
    #[must_use]
    pub fn clients(&self) -> usize {
        self.clients.iter().map(|part| lock(part).len()).sum()
    }

    fn part(&self, client: ClientSource) -> MutexGuard<'_, HashMap<ClientSource, u32>> {
        lock(&self.clients[(self.secret.hash_one(client) % PARTS as u64) as usize])
    }
}

/// Nothing that could panic is done under the lock.
fn lock<T>(part: &Mutex<T>) -> MutexGuard<'_, T> {
    part.lock().unwrap_or_else(PoisonError::into_inner)
}

impl OpenConnection {
    /// Counts it as the connection of the client at `client`, and as nobody else's any longer.
    ///
    /// # Errors
    /// Where that client has as many as may be; then it is closed.
    pub fn of(mut self, client: IpAddr) -> Result<Self, TooManyConnections> {
        self.forget_client();
        let client = ClientSource::from(client);
        let mut part = self.all.part(client);
        let open = part.get(&client).copied().unwrap_or(0);
        if open >= self.all.limits.per_client {
            drop(part);
            return Err(TooManyConnections::OfClient);
        }
        part.insert(client, open + 1);
        drop(part);
        self.client = Some(client);
        Ok(self)
    }

    fn forget_client(&mut self) {
        let Some(client) = self.client.take() else { return };
        let mut part = self.all.part(client);
        match part.get_mut(&client) {
            Some(open) if *open > 1 => *open -= 1,
            _ => {
                part.remove(&client);
                if part.capacity() > 64 && part.len() < part.capacity() / 8 {
                    // A flood that is over leaves no memory behind.
                    let twice = part.len() * 2;
                    part.shrink_to(twice);
                }
            }
        }
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.forget_client();
        self.all.total.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn connections(total: u32, per_client: u32) -> Arc<Connections> {
        Connections::new(ConnectionLimits { total, per_client })
    }

    fn at(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_client_has_so_many_and_no_more() {
        let all = connections(10, 2);
        let first = all.try_open(at("192.0.2.1")).unwrap();
        let _second = all.try_open(at("::ffff:192.0.2.1")).unwrap();
        assert_eq!(all.try_open(at("192.0.2.1")).unwrap_err(), TooManyConnections::OfClient);
        assert_eq!(all.open(), 2, "what is refused is not counted");
        let _other = all.try_open(at("192.0.2.2")).unwrap();
        drop(first);
        let _again = all.try_open(at("192.0.2.1")).unwrap();
    }

    #[test]
    fn a_client_has_its_whole_64() {
        let all = connections(10, 1);
        let _one = all.try_open(at("2001:db8::1")).unwrap();
        assert!(all.try_open(at("2001:db8::ffff:ffff")).is_err());
        let _other = all.try_open(at("2001:db8:0:1::1")).unwrap();
    }

    #[test]
    fn all_have_so_many_and_no_more() {
        let all = connections(2, 10);
        let _one = all.try_open(at("192.0.2.1")).unwrap();
        let proxy = all.try_open_for_many().unwrap();
        assert_eq!(all.try_open(at("192.0.2.3")).unwrap_err(), TooManyConnections::InAll);
        assert_eq!(all.clients(), 1, "a proxy's is nobody's");
        let client = proxy.of(at("192.0.2.9")).unwrap();
        assert_eq!((all.open(), all.clients()), (2, 2));
        let other = client.of(at("192.0.2.1")).unwrap();
        assert_eq!((all.open(), all.clients()), (2, 1));
        drop(other);
        assert_eq!((all.open(), all.clients()), (1, 1));
    }

    #[test]
    fn a_flood_leaves_nothing_behind() {
        let all = connections(100_000, 1);
        let flood: Vec<_> = (0..50_000_u32).map(|n| all.try_open(IpAddr::from(n.to_be_bytes())).unwrap()).collect();
        assert_eq!(all.clients(), 50_000);
        drop(flood);
        let held: usize = all.clients.iter().map(|part| lock(part).capacity()).sum();
        assert!(all.clients() == 0 && all.open() == 0 && held <= PARTS * 128, "{held}");
    }

    #[test]
    fn threads_do_not_lose_any() {
        let all = connections(50, 20);
        std::thread::scope(|scope| {
            for thread in 0..8_u8 {
                let all = &all;
                scope.spawn(move || {
                    for turn in 0..2_000_u32 {
                        let one = all.try_open(IpAddr::from([192, 0, 2, thread % 2]));
                        let two = all.try_open(IpAddr::from([10, 0, thread, turn as u8]));
                        assert!(all.open() <= 50);
                        drop((one, two));
                    }
                });
            }
        });
        assert_eq!((all.open(), all.clients()), (0, 0));
    }

    proptest! {
        #[test]
        fn the_counts_are_those_of_a_list(
            steps in prop::collection::vec((any::<bool>(), 0..4_u8), 0..80), total in 0..12_u32, per_client in 0..5_u32,
        ) {
            let all = connections(total, per_client);
            let mut open: Vec<(u8, OpenConnection)> = Vec::new();
            for (opens, client) in steps {
                if opens {
                    let of_client = open.iter().filter(|(of, _)| *of == client).count();
                    match all.try_open(IpAddr::from([192, 0, 2, client])) {
                        Ok(connection) => {
                            prop_assert!(open.len() < total as usize && of_client < per_client as usize);
                            open.push((client, connection));
                        }
                        Err(TooManyConnections::InAll) => prop_assert_eq!(open.len(), total as usize),
                        Err(TooManyConnections::OfClient) => prop_assert_eq!(of_client, per_client as usize),
                    }
                } else if let Some(at) = open.iter().position(|(of, _)| *of == client) {
                    open.swap_remove(at);
                }
                prop_assert_eq!(all.open() as usize, open.len());
            }
        }
    }
}
