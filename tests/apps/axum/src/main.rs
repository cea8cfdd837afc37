//! An axum app whose sessions are tower-sessions', in memory: what it knows of regions is the name that it prints.

use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::http::header::{COOKIE, HeaderName, SET_COOKIE};
use axum::middleware::{self, Next};
use axum::response::{AppendHeaders, Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Form, Json, Router};
use serde_json::{Value, json};
use tower_sessions::cookie::time::Duration;
use tower_sessions::session::Error;
use tower_sessions::{Expiry, MemoryStore, Session, SessionManagerLayer};

const LOGIN: &str =
    "<form method=\"post\" action=\"/login\"><input name=\"user\" required><button>Log in</button></form>";
const LOGOUT: &str = "<form method=\"post\" action=\"/logout\"><button>Log out</button></form>";

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // `Secure` would keep the cookie from curl, which speaks plain HTTP here.
    let sessions = SessionManagerLayer::new(MemoryStore::default())
        .with_secure(false)
        .with_expiry(Expiry::OnInactivity(Duration::hours(1)));
    let app = Router::new()
        .route("/", get(page))
        .route("/login", post(login))
        .route("/whoami", get(whoami))
        .route("/logout", post(logout))
        .layer(sessions)
        .layer(middleware::from_fn(record))
        .with_state(std::env::var("REGION")?);
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
    println!("{}", json!({"port": listener.local_addr()?.port()}));
    axum::serve(listener, app).await?;
    Ok(())
}

/// Why a session cannot be had.
struct Failure(Error);

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        (axum::http::StatusCode::INTERNAL_SERVER_ERROR, self.0.to_string()).into_response()
    }
}

async fn page(session: Session) -> Result<Html<&'static str>, Failure> {
    Ok(Html(if session.get::<String>("user").await?.is_some() { LOGOUT } else { LOGIN }))
}

#[derive(serde::Deserialize)]
struct Login {
    user: String,
}

async fn login(session: Session, Form(login): Form<Login>) -> Result<impl IntoResponse, Failure> {
    session.clear().await;
    session.cycle_id().await?;
    session.insert("user", login.user).await?;
    Ok((AppendHeaders([(SET_COOKIE, "theme=dark; Path=/")]), Redirect::to("/")))
}

async fn whoami(State(region): State<String>, session: Session) -> Result<Json<Value>, Failure> {
    let visits = session.get::<u64>("visits").await?.unwrap_or(0) + 1;
    session.insert("visits", visits).await?;
    Ok(Json(json!({"region": region, "user": session.get::<String>("user").await?, "visits": visits})))
}

async fn logout(session: Session) -> Result<Redirect, Failure> {
    session.flush().await?;
    Ok(Redirect::to("/"))
}

/// A line for what came in and what goes out.
async fn record(request: Request, next: Next) -> Response {
    let url = request.uri().to_string();
    let cookies = texts(request.headers(), COOKIE);
    let response = next.run(request).await;
    let cookie = (!cookies.is_empty()).then(|| cookies.join("; "));
    println!("{}", json!({"url": url, "cookie": cookie, "set": texts(response.headers(), SET_COOKIE)}));
    response
}

/// The values of a header. Each byte is a character, as the other apps have it.
fn texts(headers: &HeaderMap, name: HeaderName) -> Vec<String> {
    headers.get_all(name).iter().map(|value| value.as_bytes().iter().copied().map(char::from).collect()).collect()
}
