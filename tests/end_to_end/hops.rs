//! From edge to edge: three regions with an edge each, all as processes of their own.

mod captured;
mod forged;
mod heads;
mod keys;
mod lost;
mod replays;
mod sockets;
mod streams;
