//! The sample app: what Homeward stands in front of in the demo and in `docker-compose.yml`.
//!
//! It is an app as Homeward expects one: it mints its own session keys, `<prefix>-<opaque id>`, and keeps its sessions in
//! its own region. It shows on a page, and says in JSON, who serves and who holds the session.

mod alone;
mod page;
mod sessions;

pub(super) use alone::{Power, serve};
pub use alone::{SampleApp, serve_alone};

use crate::live::entropy;
use crate::session::{CookieName, cookie_values};
use axum::extract::State;
use axum::http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, COOKIE, LOCATION, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{Html, IntoResponse, Json, Response};
use axum::routing::{get, post};
use axum::{Router, middleware};
use sessions::{MOST_SESSIONS, Sessions};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The cookie that holds the session key.
pub(super) const COOKIE_NAME: &str = "sid";
/// The header of every response that names the region that served it.
pub(super) const SERVED_BY: &str = "served-by-region";

/// The most `Homeward-*` headers that are shown, and the most bytes of one of them.
const MOST_TOLD: usize = 16;
const LONGEST_TOLD: usize = 256;

/// The `Homeward-*` headers of a request, by name.
type Told = BTreeMap<String, String>;

/// One region's app: what its servers share.
#[derive(Debug)]
pub(super) struct Region {
    name: String,
    sessions: Sessions,
    served: AtomicU64,
}

impl Region {
    /// The app of the region `name`, whose session keys begin with `prefix`; without sessions as yet.
    pub(super) fn new(name: &str, prefix: &str) -> Arc<Self> {
        let sessions = Sessions::new(prefix, MOST_SESSIONS);
        Arc::new(Self { name: name.to_owned(), sessions, served: AtomicU64::new(0) })
    }

    /// The region's name.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// How many sessions the region holds now.
    pub(super) fn sessions(&self) -> usize {
        self.sessions.count()
    }

    /// How many requests the region has served, without those for `/healthz`.
    pub(super) fn served(&self) -> u64 {
        self.served.load(Ordering::Relaxed)
    }

    /// The routes of one server of the region, which calls itself `server`.
    pub(super) fn server(self: &Arc<Self>, server: &str) -> Router {
        let server = Server { region: Arc::clone(self), name: server.into() };
        Router::new()
            .route("/", get(front))
            .route("/whoami", get(whoami))
            .route("/login", post(login))
            .route("/logout", post(logout))
            .layer(middleware::map_response_with_state(server.clone(), sign))
            .route("/healthz", get(|| async { "ok\n" }))
            .with_state(server)
    }
}

#[derive(Debug, Clone)]
struct Server {
    region: Arc<Region>,
    name: Arc<str>,
}

/// What a server makes of the session cookie of a request.
#[derive(Debug, PartialEq, Eq)]
enum SeenSession {
    None,
    Known { key: String, requests: u64 },
    Unknown { key: String },
}

impl Server {
    fn session(&self, headers: &HeaderMap) -> SeenSession {
        match session_key(headers) {
            None => SeenSession::None,
            Some(key) => match self.region.sessions.visit(&key) {
                Some(requests) => SeenSession::Known { key, requests },
                None => SeenSession::Unknown { key },
            },
        }
    }
}

fn session_key(headers: &HeaderMap) -> Option<String> {
    let name = CookieName { name: COOKIE_NAME.as_bytes(), chunks: false };
    let mut values = headers.get_all(COOKIE).iter().flat_map(|h| cookie_values(h.as_bytes(), name));
    values.next().filter(|value| !value.is_empty()).map(text)
}

fn told(headers: &HeaderMap) -> Told {
    let ours = headers.iter().filter(|(name, _)| name.as_str().starts_with("homeward-")).take(MOST_TOLD);
    ours.map(|(name, value)| (name.as_str().to_owned(), text(value.as_bytes()))).collect()
}

/// At most [`LONGEST_TOLD`] bytes of what a client or the edge sent, as text.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(&bytes[..bytes.len().min(LONGEST_TOLD)]).into_owned()
}

async fn sign(State(server): State<Server>, mut response: Response) -> Response {
    server.region.served.fetch_add(1, Ordering::Relaxed);
    if let Ok(name) = server.region.name.parse() {
        response.headers_mut().insert(SERVED_BY, name);
    }
    response
}

async fn front(State(server): State<Server>, headers: HeaderMap) -> impl IntoResponse {
    let page = page::render(&server.region.name, &server.name, &server.session(&headers), &told(&headers));
    ([(CACHE_CONTROL, "no-store")], Html(page))
}

async fn whoami(State(server): State<Server>, headers: HeaderMap) -> impl IntoResponse {
    let (session, requests) = match server.session(&headers) {
        SeenSession::None => ("none", None),
        SeenSession::Known { requests, .. } => ("known", Some(requests)),
        SeenSession::Unknown { .. } => ("unknown", None),
    };
    let body = serde_json::json!({
        "region": server.region.name,
        "server": &*server.name,
        "session": session,
        "session_requests": requests,
        "headers": told(&headers),
    });
    ([(CACHE_CONTROL, "no-store")], Json(body))
}

async fn login(State(server): State<Server>, headers: HeaderMap) -> Response {
    if let Some(old) = session_key(&headers) {
        server.region.sessions.end(&old);
    }
    // What a sample session guards is worth nothing, so ordinary random numbers do for its key.
    let random = (u128::from(entropy::random_u64()) << 64) | u128::from(entropy::random_u64());
    let key = server.region.sessions.create(random);
    let cookie = format!("{COOKIE_NAME}={key}; HttpOnly; SameSite=Lax; Path=/");
    back(&headers, cookie, format!("logged in: {} holds the session {key}\n", server.region.name))
}

async fn logout(State(server): State<Server>, headers: HeaderMap) -> Response {
    let ended = session_key(&headers).is_some_and(|key| server.region.sessions.end(&key));
    let region = &server.region.name;
    let body = if ended { "logged out\n".to_owned() } else { format!("{region} holds no such session\n") };
    back(&headers, format!("{COOKIE_NAME}=; HttpOnly; SameSite=Lax; Path=/; Max-Age=0"), body)
}

/// Sends a browser back to the page; everything else gets a line of text.
fn back(headers: &HeaderMap, cookie: String, body: String) -> Response {
    let html =
        headers.get(ACCEPT).is_some_and(|accept| memchr::memmem::find(accept.as_bytes(), b"text/html").is_some());
    let status = if html { StatusCode::SEE_OTHER } else { StatusCode::OK };
    let headers = [(SET_COOKIE, cookie), (CONTENT_TYPE, "text/plain; charset=utf-8".to_owned())];
    let mut response = (status, headers, body).into_response();
    if html {
        response.headers_mut().insert(LOCATION, HeaderValue::from_static("/"));
    }
    response
}

#[cfg(test)]
mod tests;
