//! What the admin address answers.

use super::problem::Problem;
use super::question::Question;
use super::status::Status;
use super::{gauges, origin};
use crate::live::{CountingFinder, Edge, clock};
use axum::Json;
use axum::Router;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use std::sync::Arc;

/// Nothing is loaded from anywhere, no other site may frame it.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

/// What every answer is made from.
#[derive(Clone)]
struct Context {
    edge: Arc<Edge>,
}

/// How somebody came to the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Door {
    /// Over TCP, as browsers can.
    Tcp,
    /// Over the Unix socket, which only its owner can open.
    Socket,
}

/// The answers for whoever comes through `door`.
pub(super) fn routes(edge: Arc<Edge>, door: Door) -> Router {
    let router = Router::new()
        .route("/", get(index))
        .route("/livez", get(async || "alive\n"))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .route("/api/v1/status", get(status))
        .route("/api/v1/explain", get(explain))
        .fallback(async || Problem::new(StatusCode::NOT_FOUND, "nothing is here; / lists what there is"))
        .method_not_allowed_fallback(async || Problem::new(StatusCode::METHOD_NOT_ALLOWED, "this can only be read"))
        .with_state(Context { edge });
    let router = match door {
        Door::Tcp => router.layer(middleware::from_fn(refuse_other_names)),
        Door::Socket => router,
    };
    router.layer(middleware::from_fn(harden))
}

async fn refuse_other_names(request: Request, next: Next) -> Response {
    if origin::is_allowed(request.headers()) {
        return next.run(request).await;
    }
    let detail = "the Host header must be an address or localhost, so that no other site's page can read this through its \
                  own name; ask for the address itself";
    Problem::new(StatusCode::FORBIDDEN, detail).into_response()
}

/// Reads only, and gives answers that no browser keeps, guesses at or lets another site use.
async fn harden(request: Request, next: Next) -> Response {
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    let mut response = if is_read {
        next.run(request).await
    } else {
        let problem = Problem::new(StatusCode::METHOD_NOT_ALLOWED, "this can only be read: GET and HEAD");
        ([("allow", "GET, HEAD")], problem).into_response()
    };
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(CONTENT_SECURITY_POLICY, POLICY);
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

async fn index(State(context): State<Context>) -> Html<String> {
    // A region's name has letters, digits and '-' only.
    let region = context.edge.local();
    Html(format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <meta name=\"color-scheme\" content=\"light dark\"><title>Homeward in {region}</title>\
         <style>body{{font:1rem/1.6 system-ui;max-width:40rem;margin:10vh auto;padding:0 1rem}}</style>\
         <h1>Homeward in {region}</h1><ul>\
         <li><a href=\"/api/v1/status\">/api/v1/status</a>: regions, drains, table, places\
         <li><a href=\"/api/v1/explain?ip=203.0.113.7\">/api/v1/explain?ip=203.0.113.7</a>: where one visitor goes, and \
         why; also host=, path=, cookie=, header=\
         <li><a href=\"/metrics\">/metrics</a>: for Prometheus\
         <li><a href=\"/livez\">/livez</a>, <a href=\"/readyz\">/readyz</a>: whether it runs, whether it should get \
         requests</ul></html>\n"
    ))
}

async fn readyz(State(context): State<Context>) -> (StatusCode, &'static str) {
    if context.edge.is_stopping() {
        (StatusCode::SERVICE_UNAVAILABLE, "stopping\n")
    } else if context.edge.table().is_none() {
        (StatusCode::SERVICE_UNAVAILABLE, "no routing table is live\n")
    } else if context.edge.is_stalled() {
        (StatusCode::SERVICE_UNAVAILABLE, "a thread is stuck\n")
    } else if !context.edge.is_ready() {
        (StatusCode::SERVICE_UNAVAILABLE, "starting\n")
    } else {
        (StatusCode::OK, "ready\n")
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
