//! The watchdog, on a runtime that is stuck; and the channel between two processes.

use super::channel::{Channel, Heard};
use super::message::Message;
use super::watchdog::Watchdog;
use crate::live::{Edge, clock};
use crate::telemetry::Metrics;
use std::io::Write;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

fn edge() -> Arc<Edge> {
    Arc::new(Edge::new("us-west".parse().unwrap(), Arc::new(Metrics::new("1", clock::now()).unwrap())))
}

fn eventually(what: &str, condition: impl Fn() -> bool) {
    let end = clock::monotonic() + Duration::from_secs(20);
    while !condition() {
        assert!(clock::monotonic() < end, "never came: {what}");
        thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn a_thread_that_is_stuck_is_noticed_and_named() {
    let runtime = || tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (good, bad, edge) = (runtime(), runtime(), edge());
    let loops = vec![("good".to_owned(), good.handle().clone()), ("bad".to_owned(), bad.handle().clone())];
    let _watchdog = Watchdog::start(loops, Duration::from_millis(300), Arc::clone(&edge)).unwrap();
    let shows = |name: &str, value: u8| {
        edge.metrics().render().contains(&format!("homeward_runtime_stalled{{thread=\"{name}\"}} {value}\n"))
    };
    assert!(!edge.is_stalled() && shows("good", 0) && shows("bad", 0));

    let (release, held) = channel::<()>();
    // A task that never gives its thread back, until it is let go.
    bad.spawn(async move { held.recv().unwrap_err() });
    eventually("a stuck thread", || edge.is_stalled());
    assert!(shows("bad", 1) && shows("good", 0));
    drop(release);
    eventually("a thread that turns again", || !edge.is_stalled());
    assert!(shows("bad", 0));
}

fn pair() -> (Channel, Channel, UnixStream) {
    let (one, other) = UnixStream::pair().unwrap();
    let raw = one.try_clone().unwrap();
    (Channel::new(one).unwrap(), Channel::new(other).unwrap(), raw)
}

const SOON: Duration = Duration::from_millis(50);
const LATE: Duration = Duration::from_secs(10);

#[test]
fn sockets_come_with_the_message() {
    let (mut one, mut other, _) = pair();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    one.say(&Message::hello(), &[listener.as_fd(), listener.as_fd()]).unwrap();
    one.say(&Message::Ready, &[]).unwrap();
    let Heard::Message(message, mut sockets) = other.hear(LATE).unwrap() else { panic!("the end") };
    assert_eq!((message.name(), sockets.len()), ("hello", 2));
    let received = std::net::TcpListener::from(sockets.remove(0));
    assert_eq!(received.local_addr().unwrap(), listener.local_addr().unwrap());
    let Heard::Message(message, sockets) = other.hear(LATE).unwrap() else { panic!("the end") };
    assert_eq!((message.name(), sockets.len()), ("ready", 0));
    assert_eq!(other.peer().unwrap(), std::process::id());
    assert_eq!(other.hear(SOON).unwrap_err().kind(), std::io::ErrorKind::TimedOut);
    drop(one);
}

#[test]
fn what_is_no_message_is_an_error_and_takes_no_memory() {
    for (bytes, what) in [
        (&[0xff; 4][..], "a length of 4 GiB"),
        (b"\0\0\0\x02{}", "a message that says nothing"),
        (b"\0\0\0\x0f{\"say\":\"other\"}", "one that nobody knows"),
    ] {
        let (_one, mut other, mut raw) = pair();
        raw.write_all(bytes).unwrap();
        other.hear(LATE).expect_err(what);
    }
    for bytes in [&b""[..], b"\0\0", b"\0\0\0\x10{\"say"] {
        let (one, mut other, mut raw) = pair();
        raw.write_all(bytes).unwrap();
        drop((one, raw));
        assert!(matches!(other.hear(LATE), Ok(Heard::End)), "{bytes:?}");
    }
}

#[test]
fn what_another_version_adds_is_passed_over() {
    let (_one, mut other, mut raw) = pair();
    let text =
        br#"{"say":"offer","protocol":1,"homeward":"9","sockets":[{"what":"quic","at":"x","y":1}],"new":{"a":[]},
        "heritage":{"names":[],"tomorrow":7}}"#;
    raw.write_all(&u32::try_from(text.len()).unwrap().to_be_bytes()).unwrap();
    raw.write_all(text).unwrap();
    let Heard::Message(message, _) = other.hear(LATE).unwrap() else { panic!("the end") };
    assert_eq!(message.name(), "offer");
}
