//! One request and its answer.

use super::{Loaded, State, write_line};
use crate::behaviour::Answering;
use crate::client::{ID, LOGIN, SERVED_BY, SESSION};
use crate::record::now;
use bytes::Bytes;
use futures_util::stream;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::{Method, Request, Response};
use std::convert::Infallible;
use std::io;
use std::rc::Rc;
use std::time::Duration;
use tokio::time::sleep;

type Body = UnsyncBoxBody<Bytes, io::Error>;

/// How much of an answer comes before its reset, and how much it said that it would have.
const BEFORE_RESET: usize = 500;
const ANNOUNCED: usize = 2000;

fn full(text: impl Into<Bytes>) -> Body {
    Full::new(text.into()).map_err(|never: Infallible| match never {}).boxed_unsync()
}

fn with_status(status: u16, text: &'static str) -> Response<Body> {
    Response::builder().status(status).body(full(text)).unwrap()
}

/// Answers as the server was told to behave.
pub(super) async fn answer(
    state: Rc<State>,
    socket: Rc<std::net::TcpStream>,
    request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    let behaviour = state.behaviour.get();
    let number = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok()?.parse::<u32>().ok());
    let (id, session) = (number(ID), number(SESSION));
    match id {
        Some(id) => write_line(&format!("S {} {id}", now())),
        None => write_line("P"),
    }
    if behaviour.answering == Answering::Silent {
        std::future::pending::<()>().await;
    }
    let (head, body) = request.into_parts();
    // A client that leaves in the middle of its body gets no answer in any case.
    let _ = body.collect().await;
    if id.is_none() && head.uri.path() != "/login" {
        work(&state).await;
        return Ok(with_status(200, "well\n"));
    }
    if !work(&state).await {
        said(id, 503);
        return Ok(with_status(503, "the queue is full\n"));
    }
    let is_whole = match session {
        Some(session) if behaviour.load > 0 => load(&state, session, behaviour.load).await,
        _ => true,
    };
    let share = |percent: u32| fastrand::u32(0..100) < percent;
    match behaviour.answering {
        Answering::Fails(percent) if share(percent) => {
            said(id, 500);
            return Ok(with_status(500, "it fails\n"));
        }
        Answering::Resets(percent) if share(percent) => {
            said(id, 0);
            return Ok(cut(&socket));
        }
        _ => {}
    }
    let fails_logins = matches!(behaviour.answering, Answering::FailsLogins | Answering::DeclaresFailure);
    let is_login = head.method == Method::POST;
    let mut answer = Response::builder().header(SERVED_BY, &state.region);
    if !is_whole {
        answer = answer.header("x-session", "half");
    }
    let text = if fails_logins && is_login {
        answer = answer.header(LOGIN, "failed");
        if behaviour.answering == Answering::DeclaresFailure {
            answer = answer.header("homeward-outcome", "failed");
        }
        "<html><p>Login failed. Please try again later.</p></html>\n"
    } else if is_login {
        "<html><p>Welcome back.</p></html>\n"
    } else {
        "<html><p>Here you are.</p></html>\n"
    };
    said(id, 200);
    Ok(answer.body(full(text)).unwrap())
}

fn said(id: Option<u32>, status: u16) {
    if let Some(id) = id {
        write_line(&format!("A {} {id} {status}", now()));
    }
}

/// Does the work of a request. Whether there was room for it.
async fn work(state: &State) -> bool {
    let behaviour = state.behaviour.get();
    let limit = if behaviour.workers == 0 { u32::MAX } else { behaviour.workers.saturating_add(behaviour.queue) };
    if state.busy.get() >= limit {
        return false;
    }
    let _busy = Busy::begin(state);
    let workers = state.workers.borrow().clone();
    let Ok(_worker) = workers.acquire().await else { return false };
    sleep(Duration::from_millis(behaviour.time.into())).await;
    true
}

/// One that waits or is worked at, however it ends.
struct Busy<'a>(&'a State);

impl<'a> Busy<'a> {
    fn begin(state: &'a State) -> Self {
        state.busy.set(state.busy.get() + 1);
        Self(state)
    }
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.busy.set(self.0.busy.get() - 1);
    }
}

/// Loads a session that is not there. Whether the request sees the whole of it: those that come meanwhile do not, as in apps
/// that put what they load piece by piece where other requests find it.
async fn load(state: &State, session: u32, time: u32) -> bool {
    let found = state.sessions.borrow().get(&session).copied();
    match found {
        Some(Loaded::Whole) => true,
        Some(Loaded::Half) => {
            write_line(&format!("H {} {session}", now()));
            false
        }
        None => {
            state.sessions.borrow_mut().insert(session, Loaded::Half);
            write_line(&format!("L {} {session}", now()));
            sleep(Duration::from_millis(time.into())).await;
            state.sessions.borrow_mut().insert(session, Loaded::Whole);
            true
        }
    }
}

/// An answer whose connection is reset within its body.
fn cut(socket: &Rc<std::net::TcpStream>) -> Response<Body> {
    // What closes it sends a reset then, in place of the rest.
    let _ = socket2::SockRef::from(&**socket).set_linger(Some(Duration::ZERO));
    let pieces = stream::unfold(0, |nth| async move {
        if nth == 0 {
            return Some((Ok(Frame::data(Bytes::from_static(&[b'x'; BEFORE_RESET]))), 1));
        }
        sleep(Duration::from_millis(5)).await;
        Some((Err(io::Error::other("cut")), 2))
    });
    let body = BodyExt::boxed_unsync(StreamBody::new(pieces));
    Response::builder().header("content-length", ANNOUNCED).body(body).unwrap()
}
