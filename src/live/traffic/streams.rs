//! Streams: requests that stay open for long, one by one, so that they can be counted and ended.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// What a stream is known by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamKind {
    /// It is one from its beginning on: a WebSocket, another upgrade, a stream of events, or what has lasted for long already.
    Certain,
    /// It becomes one when it has lasted for [`LONG`]: a gRPC call may be over at once.
    IfLong,
}

/// For how many seconds the bodies of a request run until it counts as a stream.
pub const LONG: u64 = 5;

/// A stream that may be told to end.
#[derive(Debug)]
pub struct Stream {
    /// The second in which it began, by the clock that never goes back.
    pub began: u64,
    kind: StreamKind,
    is_to_end: AtomicBool,
    waker: Mutex<Option<Waker>>,
}

impl Stream {
    /// Whether it is to end. Whoever waits for it with this context hears of it.
    pub fn poll_end(&self, context: &mut Context<'_>) -> Poll<()> {
        if !self.is_to_end() {
            let mut waker = self.waker.lock().unwrap_or_else(PoisonError::into_inner);
            match &mut *waker {
                Some(held) => held.clone_from(context.waker()),
                None => *waker = Some(context.waker().clone()),
            }
        }
        // Looked at once more: it may have been told in between.
        if self.is_to_end() { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Whether it is to end.
    #[must_use]
    pub fn is_to_end(&self) -> bool {
        self.is_to_end.load(Ordering::Acquire)
    }

    /// Tells it to end.
    pub fn end(&self) {
        self.is_to_end.store(true, Ordering::Release);
        let waker = self.waker.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn is_one_in(&self, second: u64) -> bool {
        match self.kind {
            StreamKind::Certain => true,
            StreamKind::IfLong => self.began.saturating_add(LONG) <= second,
        }
    }
}

/// The streams of one region that are open. Requests that are none do not come here.
#[derive(Debug, Default)]
pub(super) struct OpenStreams {
    places: Mutex<Places>,
}

#[derive(Debug, Default)]
struct Places {
    held: Vec<Option<Arc<Stream>>>,
    free: Vec<usize>,
}

impl OpenStreams {
    fn places(&self) -> MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn open(&self, kind: StreamKind, began: u64) -> (usize, Arc<Stream>) {
        let stream = Arc::new(Stream { began, kind, is_to_end: AtomicBool::new(false), waker: Mutex::default() });
        let mut places = self.places();
        let place = places.free.pop().unwrap_or(places.held.len());
        match places.held.get_mut(place) {
            Some(free) => *free = Some(Arc::clone(&stream)),
            None => places.held.push(Some(Arc::clone(&stream))),
        }
        (place, stream)
    }

    pub(super) fn close(&self, place: usize) {
        let mut places = self.places();
        if places.held.get_mut(place).and_then(Option::take).is_some() {
            places.free.push(place);
        }
        if places.free.len() == places.held.len() {
            // Room for a crowd is not kept for ever.
            *places = Places::default();
        }
    }

    /// How many there are in `second`.
    pub(super) fn count(&self, second: u64) -> usize {
        self.places().held.iter().flatten().filter(|stream| stream.is_one_in(second)).count()
    }

    /// Those that are there in `second` and began in `until` or before.
    pub(super) fn since_before(&self, until: u64, second: u64) -> Vec<Arc<Stream>> {
        let places = self.places();
        let there = places.held.iter().flatten().filter(|stream| stream.began <= until && stream.is_one_in(second));
        there.cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;
    use std::task::Wake;

    #[test]
    fn places_are_used_again() {
        let streams = OpenStreams::default();
        let places: Vec<_> = (0..4).map(|began| streams.open(StreamKind::Certain, began).0).collect();
        assert_eq!((streams.count(0), streams.since_before(1, 9).len()), (4, 2));
        streams.close(places[1]);
        streams.close(places[1]);
        assert_eq!(streams.count(0), 3);
        assert_eq!(streams.open(StreamKind::Certain, 9).0, places[1]);
        places.iter().for_each(|place| streams.close(*place));
        assert_eq!((streams.count(0), streams.places().held.len()), (0, 0));
    }

    #[test]
    fn a_call_counts_once_it_is_long() {
        let streams = OpenStreams::default();
        let _open = streams.open(StreamKind::IfLong, 10);
        assert_eq!((streams.count(14), streams.count(15)), (0, 1));
        assert!(streams.since_before(10, 14).is_empty());
        assert_eq!(streams.since_before(10, 15).len(), 1);
    }

    #[test]
    fn who_waits_for_the_end_hears_of_it() {
        struct Count(AtomicUsize);
        impl Wake for Count {
            fn wake(self: Arc<Self>) {
                self.0.fetch_add(1, Ordering::Relaxed);
            }
        }
        let count = Arc::new(Count(AtomicUsize::new(0)));
        let waker = Waker::from(Arc::clone(&count));
        let (_, stream) = OpenStreams::default().open(StreamKind::Certain, 0);
        let mut context = Context::from_waker(&waker);
        assert!(stream.poll_end(&mut context).is_pending());
        stream.end();
        assert_eq!(count.0.load(Ordering::Relaxed), 1);
        assert!(stream.poll_end(&mut context).is_ready());
    }
}
