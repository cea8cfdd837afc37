//! The servers of a pool at one moment.

use super::server::Server;
use std::num::NonZeroU16;
use std::ops::Deref;
use std::sync::Arc;

/// The servers of a pool in the order of the table, each address once. It never changes: a pool that changes gets another.
#[derive(Debug, Default)]
pub struct Servers {
    servers: Box<[Arc<Server>]>,
    /// The weight of the server at the same place. It is the table's, not the server's: another table may say another.
    weights: Box<[NonZeroU16]>,
}

impl Servers {
    /// Each server with its weight.
    pub(super) fn weighted(&self) -> impl Iterator<Item = (&Arc<Server>, NonZeroU16)> + Clone {
        self.servers.iter().zip(self.weights.iter().copied())
    }
}

impl FromIterator<(Arc<Server>, NonZeroU16)> for Servers {
    fn from_iter<I: IntoIterator<Item = (Arc<Server>, NonZeroU16)>>(servers: I) -> Self {
        let (servers, weights): (Vec<_>, Vec<_>) = servers.into_iter().unzip();
        Self { servers: servers.into(), weights: weights.into() }
    }
}

impl Deref for Servers {
    type Target = [Arc<Server>];
    fn deref(&self) -> &[Arc<Server>] {
        &self.servers
    }
}
