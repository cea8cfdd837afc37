//! Style sheet and scripts: files of their own, so that the page needs no leave for anything inline.

use crate::live::Revision;
use axum::Router;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

/// A file of the page.
struct Asset {
    path: &'static str,
    kind: &'static str,
    text: &'static str,
}

const JAVASCRIPT: &str = "text/javascript; charset=utf-8";

static ASSETS: [Asset; 4] = [
    Asset { path: "/page/style.css", kind: "text/css; charset=utf-8", text: include_str!("style.css") },
    Asset { path: "/page/page.js", kind: JAVASCRIPT, text: include_str!("page.js") },
    Asset { path: "/page/idiomorph.js", kind: JAVASCRIPT, text: include_str!("vendor/idiomorph.js") },
    Asset { path: "/page/icon.svg", kind: "image/svg+xml", text: include_str!("icon.svg") },
];

/// Whether `path` is one of them. There is nothing in them that is not in the program: anybody may have them.
pub(in crate::admin) fn has(path: &str) -> bool {
    ASSETS.iter().any(|asset| asset.path == path)
}

pub(in crate::admin) fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    ASSETS.iter().fold(Router::new(), |router, asset| {
        let answer = |headers: HeaderMap| std::future::ready(asset.answer(&headers));
        router.route(asset.path, get(answer))
    })
}

impl Asset {
    fn answer(&self, headers: &HeaderMap) -> Response {
        let tag = format!("\"{}\"", Revision::of(self.text.as_bytes()));
        let is_known = headers.get_all(IF_NONE_MATCH).iter().any(|known| known == tag.as_str());
        // Kept, and asked for each time: another version of the program has others.
        let meta = [(CACHE_CONTROL, "no-cache".to_owned()), (ETAG, tag), (CONTENT_TYPE, self.kind.to_owned())];
        if is_known { (StatusCode::NOT_MODIFIED, meta).into_response() } else { (meta, self.text).into_response() }
    }
}
