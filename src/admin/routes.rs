//! What the admin address answers.

use super::access::{Access, Operator, Peer, Refused};
use super::changes;
use super::gauges;
use super::history;
use super::page::{self, Feed, Snapshot};
use super::preview;
use super::problem::Problem;
use super::question::Question;
use super::status::Status;
use crate::live::{CountingFinder, Edge, clock};
use crate::model::Role;
use crate::telemetry::AdminRefusal;
use axum::extract::rejection::QueryRejection;
use axum::extract::{DefaultBodyLimit, Query, Request, State};
use axum::http::header::{
    ALLOW, AUTHORIZATION, CACHE_CONTROL, CONNECTION, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE,
    REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use std::sync::Arc;
use tokio::sync::watch;

/// Nothing is loaded from anywhere else, nothing inline is believed, no other site may frame it.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; \
     form-action 'none'; frame-ancestors 'none'",
);

/// What every answer is made from.
#[derive(Clone)]
pub(super) struct Context {
    pub(super) edge: Arc<Edge>,
    access: Arc<Access>,
    pub(super) feed: Arc<Feed>,
}

/// The largest body of a request, in bytes, except that of a routing table.
const LARGEST_BODY: u64 = 64 << 10;

/// The answers for those whom `access` lets in, until `stopped`.
pub(super) fn routes(edge: Arc<Edge>, access: Arc<Access>, stopped: watch::Receiver<bool>) -> Router {
    let context = Context { edge, access: Arc::clone(&access), feed: Arc::new(Feed::new(stopped)) };
    let reading = Router::new()
        .route("/", get(index))
        .route("/livez", get(async || "alive\n"))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .route("/api/v1/status", get(status))
        .route("/api/v1/explain", get(explain))
        .merge(history::routes())
        .route(preview::PATH, post(preview::preview))
        .route("/api/v1/events", get(page::events))
        .merge(page::assets::routes())
        .fallback(async || Problem::new(StatusCode::NOT_FOUND, "nothing is here; / lists what there is"))
        .layer(middleware::from_fn_with_state(Arc::clone(&access), let_in_to_read));
    let changing = changes::routes().layer(middleware::from_fn_with_state(Arc::clone(&access), let_in_to_change));
    reading
        .merge(changing)
        .method_not_allowed_fallback(async || {
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "this path takes another method: GET reads, POST changes")
        })
        .with_state(context)
        .layer(DefaultBodyLimit::max(usize::try_from(LARGEST_BODY).unwrap_or(usize::MAX)))
        .layer(middleware::from_fn_with_state(access, harden))
}

/// Lets those in who may read.
async fn let_in_to_read(
    State(access): State<Arc<Access>>,
    Extension(peer): Extension<Peer>,
    request: Request,
    next: Next,
) -> Response {
    match access.check(peer, request.headers(), request.uri().path(), Role::Read) {
        Ok(()) => next.run(request).await,
        Err(refused) => refused.into_response(),
    }
}

/// Lets those in who may change something, and remembers who they are.
async fn let_in_to_change(
    State(access): State<Arc<Access>>,
    Extension(peer): Extension<Peer>,
    mut request: Request,
    next: Next,
) -> Response {
    match access.check(peer, request.headers(), request.uri().path(), Role::Operate) {
        Ok(()) => {
            request.extensions_mut().insert(Operator(peer));
            next.run(request).await
        }
        Err(refused) => refused.into_response(),
    }
}

/// Takes no large body and no strange method, and gives answers that no browser keeps, guesses at or lets another site use.
async fn harden(
    State(access): State<Arc<Access>>,
    Extension(peer): Extension<Peer>,
    request: Request,
    next: Next,
) -> Response {
    let length = request.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    let is_known = matches!(*request.method(), Method::GET | Method::HEAD | Method::POST);
    let largest = if request.uri().path() == preview::PATH { preview::LARGEST_BODY } else { LARGEST_BODY };
    let mut response = if length.is_some_and(|length| length > largest) {
        access.refuse(AdminRefusal::BodyTooLarge, peer.address());
        // The rest of the body is not waited for.
        ([(CONNECTION, "close")], Refused::because(AdminRefusal::BodyTooLarge)).into_response()
    } else if is_known {
        next.run(request).await
    } else {
        let problem = Problem::new(StatusCode::METHOD_NOT_ALLOWED, "GET and HEAD read, POST changes");
        ([(ALLOW, "GET, HEAD, POST")], problem).into_response()
    };
    let headers = response.headers_mut();
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.insert(CONTENT_SECURITY_POLICY, POLICY);
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert("cross-origin-resource-policy", HeaderValue::from_static("same-origin"));
    response
}

/// The status page; for those who need a token and have said none, a page that asks for it.
async fn index(State(context): State<Context>, Extension(peer): Extension<Peer>, headers: HeaderMap) -> Response {
    let Context { edge, access, .. } = &context;
    if access.asks_for_token(peer) {
        if !headers.contains_key(AUTHORIZATION) {
            return Html(page::sign_in(edge.local().as_str())).into_response();
        }
        // Under a name that is not open, so that the token counts.
        if let Err(refused) = access.check(peer, &headers, "/status", Role::Read) {
            return refused.into_response();
        }
    }
    let edge = Arc::clone(edge);
    match tokio::task::spawn_blocking(move || page::whole(&Snapshot::of(&edge))).await {
        Ok(page) => Html(page).into_response(),
        Err(_) => Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the edge failed to answer; its log says why")
            .into_response(),
    }
}

async fn readyz(State(context): State<Context>) -> (StatusCode, &'static str) {
    match gauges::hindrance(&context.edge) {
        Some(hindrance) => (StatusCode::SERVICE_UNAVAILABLE, hindrance),
        None => (StatusCode::OK, "ready\n"),
    }
}

async fn metrics(State(context): State<Context>) -> Response {
    gauges::refresh(&context.edge, clock::now());
    let text = context.edge.metrics().render();
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}

async fn status(State(context): State<Context>) -> Json<Status> {
    Json(Status::of(&context.edge))
}

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    ip: String,
    host: Option<String>,
    path: Option<String>,
    cookie: Option<String>,
    header: Option<String>,
}

async fn explain(State(context): State<Context>, asked: Result<Query<Asked>, QueryRejection>) -> Response {
    let question = match asked {
        Ok(Query(asked)) => {
            Question::new(&asked.ip, asked.host.as_deref(), asked.path.as_deref(), asked.cookie.as_deref())
                .and_then(|question| match &asked.header {
                    Some(header) => question.with_header(header),
                    None => Ok(question),
                })
                .map_err(|error| error.to_string())
        }
        Err(error) => Err(format!("{}; ask for ?ip=, host=, path=, cookie= and header=", error.body_text())),
    };
    let question = match question {
        Ok(question) => question,
        Err(detail) => return Problem::new(StatusCode::BAD_REQUEST, detail).into_response(),
    };
    let Some(live) = context.edge.table() else {
        return Problem::new(StatusCode::SERVICE_UNAVAILABLE, "no routing table is live").into_response();
    };
    // A question is no request: it counts nowhere.
    let finder = CountingFinder::new(context.edge.places(), None);
    Json(question.ask(&live.table, &live.view(clock::second()), &finder, clock::now())).into_response()
}
