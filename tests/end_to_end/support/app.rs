//! A recording app server.

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// What the app server saw of one request.
#[derive(Debug, Clone)]
pub struct Seen {
    pub method: String,
    pub target: String,
    pub headers: Vec<(String, String)>,
}

impl Seen {
    /// The values of a header, in their order.
    pub fn header(&self, name: &str) -> Vec<&str> {
        self.headers.iter().filter(|(n, _)| n == name).map(|(_, v)| v.as_str()).collect()
    }

    /// How many edges it has passed.
    pub fn edges_passed(&self) -> usize {
        let entries = self.headers.iter().filter(|(name, _)| name == "via").flat_map(|(_, value)| value.split(','));
        entries.filter(|entry| entry.trim().ends_with(" homeward")).count()
    }
}

#[derive(Clone)]
struct Shared {
    name: Arc<str>,
    seen: Arc<Mutex<Vec<Seen>>>,
    release: watch::Receiver<bool>,
    fails: Arc<AtomicBool>,
    /// The status of all answers, where it is none of 0.
    status: Arc<AtomicU16>,
    /// How long it takes for an answer, in milliseconds.
    slowness: Arc<AtomicU64>,
}

/// An app server of one region. It answers each request with its own name, and:
/// `/size/N` answers with N bytes, `/drip/N` with N pieces, a hundred a second, `/count` with the number of bytes that it got, `/hold` waits until it is let go,
/// `/status/N` answers with that status, `/outcome/X` says that in `Homeward-Outcome`, `/secret` sets headers that no client may see. Whatever the path, each `x-set` line
/// of the request comes back as `Set-Cookie`, and `x-replay` as `Homeward-Replay` from every region but the one it names.
pub struct App {
    pub address: SocketAddr,
    shared: Shared,
    release: watch::Sender<bool>,
    task: Option<tokio::task::JoinHandle<()>>,
    stop: watch::Sender<bool>,
}

impl App {
    /// Starts one on `address` that calls itself `name`.
    pub async fn start(name: &str, address: SocketAddr) -> Self {
        let (release, released) = watch::channel(false);
        let (stop, _) = watch::channel(false);
        let shared = Shared {
            name: name.into(),
            seen: Arc::default(),
            release: released,
            fails: Arc::default(),
            status: Arc::default(),
            slowness: Arc::default(),
        };
        let mut app = Self { address, shared, release, task: None, stop };
        app.restart().await;
        app
    }

    /// Listens (again).
    pub async fn restart(&mut self) {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.set_reuseaddr(true).unwrap();
        socket.bind(self.address).unwrap();
        let listener: TcpListener = socket.listen(1024).unwrap();
        self.address = listener.local_addr().unwrap();
        let router = Router::new().fallback(answer).with_state(self.shared.clone());
        self.stop.send_replace(false);
        let mut stopped = self.stop.subscribe();
        self.task = Some(tokio::spawn(async move {
            tokio::select! {
                _ = axum::serve(listener, router) => {}
                _ = stopped.wait_for(|stop| *stop) => {}
            }
        }));
    }

    /// Stops listening. Connections that are idle or in flight are cut.
    pub async fn kill(&mut self) {
        self.stop.send_replace(true);
        if let Some(task) = self.task.take() {
            task.await.unwrap();
        }
    }

    /// Everything that it saw so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.shared.seen.lock().unwrap().clone()
    }

    /// The same, and forgets it.
    pub fn take_seen(&self) -> Vec<Seen> {
        std::mem::take(&mut self.shared.seen.lock().unwrap())
    }

    /// From now on it answers everything with 500, or no longer.
    pub fn fail(&self, fails: bool) {
        self.shared.fails.store(fails, Ordering::Relaxed);
    }

    /// From now on it answers everything with this status, or as it should.
    pub fn answer_all(&self, status: Option<u16>) {
        self.shared.status.store(status.unwrap_or(0), Ordering::Relaxed);
    }

    /// From now on it takes so long for each answer.
    pub fn answer_after(&self, slowness: Duration) {
        self.shared.slowness.store(u64::try_from(slowness.as_millis()).unwrap(), Ordering::Relaxed);
    }

    /// Lets the requests to `/hold` go.
    pub fn let_go(&self) {
        self.release.send_replace(true);
    }
}

async fn answer(State(shared): State<Shared>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let headers = list(&parts.headers);
    let (method, target) = (parts.method.to_string(), parts.uri.to_string());
    shared.seen.lock().unwrap().push(Seen { method, target, headers });
    let path = parts.uri.path().to_owned();
    let slowness = shared.slowness.load(Ordering::Relaxed);
    if slowness > 0 {
        tokio::time::sleep(Duration::from_millis(slowness)).await;
    }
    if let status @ 1.. = shared.status.load(Ordering::Relaxed) {
        return (StatusCode::from_u16(status).unwrap(), "as it always says").into_response();
    }
    if shared.fails.load(Ordering::Relaxed) {
        return (StatusCode::INTERNAL_SERVER_ERROR, "it fails").into_response();
    }
    if let Some(order) = parts.headers.get("x-replay") {
        let own = format!("region={}", shared.name);
        if !order.to_str().unwrap().split(';').any(|part| part.trim() == own) {
            if path == "/count-first" {
                count(body).await;
            }
            return ([("homeward-replay", order.to_str().unwrap())], format!("ask another, says {}", shared.name))
                .into_response();
        }
        if let Some(again) = parts.headers.get("x-replay-again") {
            return ([("homeward-replay", again.to_str().unwrap())], "and another").into_response();
        }
        return format!("{} took {}", shared.name, count(body).await).into_response();
    }
    if parts.headers.contains_key("x-set") {
        let mut answer = shared.name.to_string().into_response();
        for line in parts.headers.get_all("x-set") {
            answer.headers_mut().append("set-cookie", line.clone());
        }
        if let Some(status) = path.strip_prefix("/status/") {
            *answer.status_mut() = StatusCode::from_u16(status.parse().unwrap()).unwrap();
        }
        return answer;
    }
    if let Some(size) = path.strip_prefix("/size/") {
        return sized(size.parse().unwrap());
    }
    if let Some(pieces) = path.strip_prefix("/drip/") {
        return dripped(pieces.parse().unwrap());
    }
    if let Some(status) = path.strip_prefix("/status/") {
        return (StatusCode::from_u16(status.parse().unwrap()).unwrap(), "as asked").into_response();
    }
    if let Some(outcome) = path.strip_prefix("/outcome/") {
        return ([("homeward-outcome", outcome)], shared.name.to_string()).into_response();
    }
    match path.as_str() {
        "/count" => count(body).await.to_string().into_response(),
        "/hold" => {
            let mut release = shared.release.clone();
            release.wait_for(|go| *go).await.unwrap();
            shared.name.to_string().into_response()
        }
        "/secret" => {
            let own = [("homeward-session", "x"), ("homeward-anything", "y"), ("x-app", "kept")];
            (own, shared.name.to_string()).into_response()
        }
        _ => ([("x-region", shared.name.to_string())], shared.name.to_string()).into_response(),
    }
}

fn list(headers: &HeaderMap) -> Vec<(String, String)> {
    headers.iter().map(|(n, v)| (n.to_string(), String::from_utf8_lossy(v.as_bytes()).into_owned())).collect()
}

async fn count(body: Body) -> usize {
    use http_body_util::BodyExt;
    let mut body = body;
    let mut total = 0;
    while let Some(frame) = body.frame().await {
        total += frame.unwrap().data_ref().map_or(0, Bytes::len);
    }
    total
}

/// What comes a hundred times a second.
pub const DRIP: &[u8] = &[b'd'; 1024];

fn dripped(pieces: usize) -> Response {
    let drips = futures_util::stream::unfold(pieces, |left| async move {
        let left = left.checked_sub(1)?;
        tokio::time::sleep(Duration::from_millis(10)).await;
        Some((Ok::<_, std::convert::Infallible>(Bytes::from_static(DRIP)), left))
    });
    ([("content-length", (pieces * DRIP.len()).to_string())], Body::from_stream(drips)).into_response()
}

fn sized(size: usize) -> Response {
    let piece = Bytes::from_static(&[b'x'; 64 * 1024]);
    let pieces = (0..size.div_ceil(piece.len()))
        .map(move |nth| Ok::<_, std::convert::Infallible>(piece.slice(..piece.len().min(size - nth * piece.len()))));
    let body = Body::from_stream(futures_util::stream::iter(pieces));
    ([("content-length", size.to_string())], body).into_response()
}
