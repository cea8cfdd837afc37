//! Which sockets are ready: a thin cover of epoll, cheap enough not to be what is measured.

use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::fd::{AsFd, OwnedFd};
use rustix::io::Errno;
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};
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

/// Shorter times are not left to epoll, which counts in milliseconds.
const SHORT: Duration = Duration::from_millis(10);

/// What the timer was added with.
const TIMER: usize = usize::MAX;

/// The sockets that are waited for.
pub struct Sockets {
    epoll: OwnedFd,
    timer: OwnedFd,
    is_timed: bool,
    events: Vec<Event>,
}

impl Sockets {
    /// None yet.
    pub fn new() -> Self {
        let epoll = epoll::create(CreateFlags::CLOEXEC).unwrap();
        let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC).unwrap();
        let sockets = Self { epoll, timer, is_timed: false, events: Vec::with_capacity(1024) };
        sockets.add(&sockets.timer, TIMER, false);
        sockets
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
        let is_short = longest.is_some_and(|longest| !longest.is_zero() && longest < SHORT);
        if is_short || self.is_timed {
            // This also takes back what it has said before.
            self.set_timer(longest.filter(|_| is_short).unwrap_or_default());
            self.is_timed = is_short;
        }
        let longest = longest.filter(|_| !is_short).map(timespec);
        match epoll::wait(&self.epoll, spare_capacity(&mut self.events), longest.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => panic!("epoll: {error}"),
        }
        let of_sockets = self.events.iter().filter(|event| {
            let data = event.data;
            data.u64() != TIMER as u64
        });
        ready.extend(of_sockets.map(|event| {
            let (flags, data) = (event.flags, event.data);
            Ready {
                token: data.u64() as usize,
                readable: flags.intersects(EventFlags::IN | EventFlags::HUP | EventFlags::ERR),
                writable: flags.intersects(EventFlags::OUT | EventFlags::HUP | EventFlags::ERR),
            }
        }));
    }

    /// In how long it is ready, once; never for no time.
    fn set_timer(&self, time: Duration) {
        let once = Itimerspec { it_interval: timespec(Duration::ZERO), it_value: timespec(time) };
        timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &once).unwrap();
    }
}

fn timespec(time: Duration) -> Timespec {
    Timespec { tv_sec: time.as_secs().cast_signed(), tv_nsec: i64::from(time.subsec_nanos()) }
}

fn flags(for_room: bool) -> EventFlags {
    if for_room { EventFlags::IN | EventFlags::OUT } else { EventFlags::IN }
}
