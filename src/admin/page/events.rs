//! The parts of the page as they change: a stream of server-sent events.

use super::{Part, Snapshot, parts};
use crate::admin::problem::Problem;
use crate::admin::routes::Context;
use crate::live::{Edge, clock};
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::response::{IntoResponse, Response};
use http_body_util::channel::{Channel, Sender};
use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{Semaphore, watch};
use tokio::time::{sleep, timeout};

/// How many are told at once. Whoever comes then is asked to come back, and has the page as it was.
pub(in crate::admin) const MOST_READERS: usize = 32;

/// How often it is looked whether something has changed.
const TICK: Duration = Duration::from_secs(1);

/// After how long a stream ends by itself; its reader comes back. The connection would be closed a minute later.
const LONGEST: Duration = Duration::from_mins(9);

/// How long a reader may take for what it is told.
const PATIENCE: Duration = Duration::from_secs(10);

/// After how long something is said though nothing has changed, so that both sides know of each other.
const SILENCE: Duration = Duration::from_secs(15);

/// What all readers are told. It is made once for all of them.
pub(in crate::admin) struct Feed {
    places: Arc<Semaphore>,
    last: Mutex<Option<(Instant, Arc<Vec<Part>>)>>,
    stopped: watch::Receiver<bool>,
}

impl Feed {
    /// That of an edge whose admin address closes when `stopped` says so.
    pub(in crate::admin) fn new(stopped: watch::Receiver<bool>) -> Self {
        Self { places: Arc::new(Semaphore::new(MOST_READERS)), last: Mutex::default(), stopped }
    }

    /// The parts as they are, made anew where they are a tick old.
    fn parts(&self, edge: &Edge) -> Arc<Vec<Part>> {
        let now = clock::monotonic();
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        match &*last {
            Some((made, parts)) if now.duration_since(*made) < TICK * 9 / 10 => Arc::clone(parts),
            _ => {
                let made = Arc::new(parts(&Snapshot::of(edge)));
                *last = Some((now, Arc::clone(&made)));
                made
            }
        }
    }
}

/// Answers with a stream of the parts that change.
pub(in crate::admin) async fn events(State(Context { edge, feed, .. }): State<Context>) -> Response {
    let Ok(place) = Arc::clone(&feed.places).try_acquire_owned() else {
        let problem =
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "too many read these events already: come back later");
        return ([(RETRY_AFTER, "10")], problem).into_response();
    };
    let (sender, body) = Channel::<Bytes, Infallible>::new(1);
    tokio::spawn(async move {
        tell(&edge, &feed, sender).await;
        drop(place);
    });
    ([(CONTENT_TYPE, "text/event-stream; charset=utf-8")], Body::new(body)).into_response()
}

/// Tells a reader what changes, until it leaves, the edge stops, or it was told for long enough.
async fn tell(edge: &Arc<Edge>, feed: &Arc<Feed>, mut sender: Sender<Bytes>) {
    let began = clock::monotonic();
    let mut told: HashMap<&'static str, String> = HashMap::new();
    let mut spoke = began;
    let mut stopped = feed.stopped.clone();
    loop {
        let mut text = String::new();
        // It reads a file, and is not for the thread that answers everybody.
        let (of, made_by) = (Arc::clone(edge), Arc::clone(feed));
        let Ok(parts) = tokio::task::spawn_blocking(move || made_by.parts(&of)).await else { return };
        for (id, html) in parts.iter() {
            if told.get(id) != Some(html) {
                text.push_str(&event(id, html));
                told.insert(id, html.clone());
            }
        }
        let now = clock::monotonic();
        if text.is_empty() && now.duration_since(spoke) >= SILENCE {
            text.push_str(": nothing has changed\n\n");
        }
        if !text.is_empty() {
            spoke = now;
            if !matches!(timeout(PATIENCE, sender.send_data(text.into())).await, Ok(Ok(()))) {
                return;
            }
        }
        let stops = tokio::select! {
            () = sleep(TICK) => false,
            // An error means that the edge is gone, which is as good as stopped.
            _ = stopped.wait_for(|stopped| *stopped) => true,
        };
        if stops {
            // A reader that is gone does not hear of it.
            let _ = timeout(PATIENCE, sender.send_data("event: stop\ndata: {}\n\n".into())).await;
            return;
        }
        if now.duration_since(began) >= LONGEST {
            return;
        }
    }
}

fn event(id: &str, html: &str) -> String {
    // As JSON it is one line, whatever is in it.
    format!("event: part\ndata: {}\n\n", serde_json::json!({"id": id, "html": html}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_line_whatever_is_in_it() {
        let text = event("table", "<pre>a\nb\r\n\ndata: c</pre>");
        assert_eq!(text.matches('\n').count(), 3, "{text}");
        assert!(text.ends_with("\n\n"));
    }
}
