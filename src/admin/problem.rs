//! An answer that something is wrong with the request, as RFC 9457 has it.

use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};

/// A problem that is answered as `application/problem+json`.
#[derive(Debug)]
pub(super) struct Problem {
    status: StatusCode,
    detail: String,
}

impl Problem {
    /// The problem with this status; `detail` says what is wrong and what to do.
    pub(super) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into() }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let title = self.status.canonical_reason().unwrap_or("Error");
        let body = serde_json::json!({"status": self.status.as_u16(), "title": title, "detail": self.detail});
        (self.status, [(CONTENT_TYPE, "application/problem+json")], format!("{body}\n")).into_response()
    }
}
