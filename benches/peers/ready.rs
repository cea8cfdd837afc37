//! Which sockets are ready: a thin cover of epoll, cheap enough not to be what is measured.

use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::fd::{AsFd, OwnedFd};
use rustix::io::Errno;
use rustix::time::Timespec;
use std::time::Duration;

/// A socket that can be read or written again.
#[derive(Debug, Clone, Copy)]
pub struct Ready {
    /// What it was added with.
    pub token: usize,
    /// There is something to read, or its end.
    pub readable: bool,
    /// There is room.
    pub writable: bool,
}

/// The sockets that are waited for.
pub struct Sockets {
    epoll: OwnedFd,
    events: Vec<Event>,
}

impl Sockets {
    /// None yet.
    pub fn new() -> Self {
        Self { epoll: epoll::create(CreateFlags::CLOEXEC).unwrap(), events: Vec::with_capacity(1024) }
    }

    /// Waits for a socket from now on: for something to read, and for room where that is wanted.
    pub fn add(&self, socket: impl AsFd, token: usize, for_room: bool) {
        epoll::add(&self.epoll, socket, EventData::new_u64(token as u64), flags(for_room)).unwrap();
    }

    /// Waits for room too, or no more.
    pub fn change(&self, socket: impl AsFd, token: usize, for_room: bool) {
        epoll::modify(&self.epoll, socket, EventData::new_u64(token as u64), flags(for_room)).unwrap();
    }

    /// Waits for room alone: what there is to read is left where it is.
    pub fn change_to(&self, socket: impl AsFd, token: usize, to_read: bool, for_room: bool) {
        let mut flags = flags(for_room);
        flags.set(EventFlags::IN, to_read);
        epoll::modify(&self.epoll, socket, EventData::new_u64(token as u64), flags).unwrap();
    }

    /// Waits until a socket is ready, but no longer than that.
    pub fn wait(&mut self, longest: Option<Duration>, ready: &mut Vec<Ready>) {
        ready.clear();
        self.events.clear();
        let longest = longest.map(|longest| Timespec {
            tv_sec: longest.as_secs().cast_signed(),
            tv_nsec: i64::from(longest.subsec_nanos()),
        });
        match epoll::wait(&self.epoll, spare_capacity(&mut self.events), longest.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => panic!("epoll: {error}"),
        }
        ready.extend(self.events.iter().map(|event| {
            let (flags, data) = (event.flags, event.data);
            Ready {
                token: data.u64() as usize,
                readable: flags.intersects(EventFlags::IN | EventFlags::HUP | EventFlags::ERR),
                writable: flags.intersects(EventFlags::OUT | EventFlags::HUP | EventFlags::ERR),
            }
        }));
    }
}

fn flags(for_room: bool) -> EventFlags {
    if for_room { EventFlags::IN | EventFlags::OUT } else { EventFlags::IN }
}
