//! An app server: a process of its own, which can be killed. It is told how to behave on its standard input, writes what it saw
//! to its standard output, and ends when nobody speaks to it any more.

mod answer;

use crate::behaviour::Behaviour;
use answer::answer;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::io::Write;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::rc::Rc;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::{LocalSet, spawn_local};

/// What a server writes when it listens.
pub const READY: &str = "R";

/// How far a session is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Loaded {
    Half,
    Whole,
}

struct State {
    region: String,
    behaviour: Cell<Behaviour>,
    workers: RefCell<Rc<Semaphore>>,
    /// How many wait for a worker or have one.
    busy: Cell<u32>,
    sessions: RefCell<HashMap<u32, Loaded>>,
}

/// Serves until the standard input ends.
pub fn run(listen: SocketAddr, region: &str) -> ExitCode {
    let state = Rc::new(State {
        region: region.to_owned(),
        behaviour: Cell::default(),
        workers: RefCell::new(Rc::new(Semaphore::new(Semaphore::MAX_PERMITS))),
        busy: Cell::new(0),
        sessions: RefCell::default(),
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    LocalSet::new().block_on(&runtime, async {
        let mut listening = listen_on(listen);
        for _ in 0..500 {
            if listening.is_ok() {
                break;
            }
            // One that was killed may not be gone yet.
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            listening = listen_on(listen);
        }
        let listener = match listening {
            Ok(listener) => listener,
            Err(error) => {
                eprintln!("faults server: {listen}: {error}");
                return;
            }
        };
        write_line(READY);
        spawn_local(accept(listener, state.clone()));
        obey(&state).await;
    });
    // Without a word: requests that wait here are cut.
    std::process::exit(0)
}

fn listen_on(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(4096)
}

async fn obey(state: &State) {
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        match line.parse::<Behaviour>() {
            Ok(behaviour) => {
                let workers = if behaviour.workers == 0 { Semaphore::MAX_PERMITS } else { behaviour.workers as usize };
                state.workers.replace(Rc::new(Semaphore::new(workers)));
                state.behaviour.set(behaviour);
            }
            Err(why) => eprintln!("faults server: {why}"),
        }
    }
}

async fn accept(listener: TcpListener, state: Rc<State>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // No file handle: the next one may be had.
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            continue;
        };
        spawn_local(serve(stream, state.clone()));
    }
}

async fn serve(stream: TcpStream, state: Rc<State>) {
    let _ = stream.set_nodelay(true);
    // A second handle on the socket, by which an answer can be made to end with a reset.
    let Ok(stream) = stream.into_std() else { return };
    let Ok(handle) = stream.try_clone().map(Rc::new) else { return };
    let Ok(stream) = TcpStream::from_std(stream) else { return };
    let service = service_fn(move |request| answer(state.clone(), handle.clone(), request));
    // How connections end is what clients judge.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

/// Writes a line at once: a kill loses nothing of it.
fn write_line(line: &str) {
    let mut out = std::io::stdout().lock();
    if writeln!(out, "{line}").and_then(|()| out.flush()).is_err() {
        // Nobody listens any more.
        std::process::exit(0);
    }
}
