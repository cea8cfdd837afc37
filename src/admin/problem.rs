//! An answer that something is wrong with the request, as RFC 9457 has it.

use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};

/// A problem that is answered as `application/problem+json`.
#[derive(Debug)]
pub(super) struct Problem {
    status: StatusCode,
    detail: String,
    /// What programs may want to know beside it.
    more: Option<(&'static str, serde_json::Value)>,
}

impl Problem {
    /// The problem with this status; `detail` says what is wrong and what to do.
    pub(super) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into(), more: None }
    }

    /// The same with a member of its own.
    pub(super) fn with(self, name: &'static str, value: serde_json::Value) -> Self {
        Self { more: Some((name, value)), ..self }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let title = self.status.canonical_reason().unwrap_or("Error");
        let mut body = serde_json::json!({"status": self.status.as_u16(), "title": title, "detail": self.detail});
        if let Some((name, value)) = self.more {
            body[name] = value;
        }
        (self.status, [(CONTENT_TYPE, "application/problem+json")], format!("{body}\n")).into_response()
    }
}
