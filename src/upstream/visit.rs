//! One probe of a server, of either kind, from its first connection to what it says.

use super::exchange::{Trouble, ask, connect};
use crate::config::write_duration;
use crate::live::{Care, Server};
use crate::model::{DeepProbe, HttpProbe, ProbeBody};
use crate::resilience::{ProbeFailure, ProbeResult, Script, StepRequest};
use crate::tls::ServerConnector;
use bytes::Bytes;
use http::header::{ACCEPT, ACCEPT_ENCODING, CONNECTION, COOKIE, HOST, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Request};
use http_body_util::Full;
use std::fmt;
use std::io;
use std::path::Path;
use std::time::Duration;
use tokio::time;

const AGENT: &str = concat!("homeward-probe/", env!("CARGO_PKG_VERSION"));
/// The largest file that is sent, in bytes.
const LARGEST_FILE: u64 = 64 << 10;

/// Why a probe was not made, and says nothing of the server.
pub(super) struct NotMade(String);

impl fmt::Display for NotMade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A server, and what is needed to speak with it.
#[derive(Clone, Copy)]
pub(super) struct Visited<'s> {
    pub(super) server: &'s Server,
    pub(super) tls: Option<&'s io::Result<ServerConnector>>,
}

impl Visited<'_> {
    /// Makes a plain probe: a connection, or one request.
    pub(super) async fn look(self, care: &Care) -> Result<ProbeResult, NotMade> {
        let timeout = care.health.pace.timeout;
        let Some(probe) = &care.health.http else {
            return match time::timeout(timeout, connect(self.server, self.tls)).await {
                Ok(Ok(_)) => Ok(ProbeResult::Passed),
                Ok(Err(trouble)) => failed(trouble, |why| ProbeResult::Failed(ProbeFailure::new(why))),
                Err(_) => Ok(ProbeResult::Failed(ProbeFailure::new(in_vain("no connection", timeout)))),
            };
        };
        match time::timeout(timeout, self.get(probe, care)).await {
            Ok(result) => result,
            Err(_) => Ok(probe.failed(&in_vain("no answer", timeout))),
        }
    }

    async fn get(self, probe: &HttpProbe, care: &Care) -> Result<ProbeResult, NotMade> {
        let request = self.request("GET", probe.path.as_str(), HeaderMap::new(), Bytes::new(), care)?;
        let answer = match connect(self.server, self.tls).await {
            Ok(stream) => ask(stream, self.server.http2(), request).await,
            Err(trouble) => Err(trouble),
        };
        match answer {
            Ok(answer) => Ok(probe.judge(&answer)),
            Err(trouble) => failed(trouble, |why| probe.failed(why)),
        }
    }

    /// Makes a deep probe.
    pub(super) async fn walk(self, deep: &DeepProbe, care: &Care) -> Result<ProbeResult, NotMade> {
        let mut bodies = Vec::with_capacity(deep.steps.len());
        for step in &deep.steps {
            bodies.push(match &step.body {
                ProbeBody::None => Bytes::new(),
                ProbeBody::Text(text) => Bytes::copy_from_slice(text.as_bytes()),
                ProbeBody::File(file) => in_file(file).await?,
            });
        }
        let mut script = Script::begin(&deep.steps);
        match time::timeout(deep.pace.timeout, self.all_steps(&mut script, bodies, care)).await {
            Ok(result) => result,
            Err(_) => Ok(script.failed(&in_vain("no answer", deep.pace.timeout))),
        }
    }

    async fn all_steps(self, script: &mut Script<'_>, bodies: Vec<Bytes>, care: &Care) -> Result<ProbeResult, NotMade> {
        for body in bodies {
            let Some(StepRequest { step, cookie }) = script.request() else { break };
            let mut headers = HeaderMap::new();
            for (name, value) in &step.headers {
                if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::from_str(value)) {
                    headers.append(name, value);
                }
            }
            if let Some(cookie) = cookie.and_then(|cookie| HeaderValue::from_bytes(&cookie).ok()) {
                headers.insert(COOKIE, cookie);
            }
            let request = self.request(&step.method, step.path.as_str(), headers, body, care)?;
            let answer = match connect(self.server, self.tls).await {
                Ok(stream) => ask(stream, self.server.http2(), request).await,
                Err(trouble) => Err(trouble),
            };
            match answer {
                Ok(answer) => {
                    if let Some(result) = script.answered(&answer) {
                        return Ok(result);
                    }
                }
                Err(trouble) => return failed(trouble, |why| script.failed(why)),
            }
        }
        Ok(ProbeResult::Passed)
    }

    /// A request in the form of the pool's version of HTTP.
    fn request(
        self,
        method: &str,
        path: &str,
        headers: HeaderMap,
        body: Bytes,
        care: &Care,
    ) -> Result<Request<Full<Bytes>>, NotMade> {
        let host = care.health.host.as_deref().map_or_else(|| self.server.address().to_string(), str::to_owned);
        let scheme = if self.server.tls().is_some() { "https" } else { "http" };
        let target = if self.server.http2() { format!("{scheme}://{host}{path}") } else { path.to_owned() };
        let not_made = |error: http::Error| NotMade(format!("{method} {path} is no request: {error}"));
        let mut request = Request::builder().method(method).uri(target).body(Full::new(body)).map_err(not_made)?;
        let own = request.headers_mut();
        *own = headers;
        own.entry(USER_AGENT).or_insert(HeaderValue::from_static(AGENT));
        own.entry(ACCEPT).or_insert(HeaderValue::from_static("*/*"));
        // It is looked into bodies as they come.
        own.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        if !self.server.http2() {
            let host = HeaderValue::from_str(&host).map_err(|error| not_made(error.into()))?;
            own.insert(HOST, host);
            own.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        Ok(request)
    }
}

fn failed(trouble: Trouble, say: impl FnOnce(&str) -> ProbeResult) -> Result<ProbeResult, NotMade> {
    match trouble {
        Trouble::Ours(error) => Err(NotMade(error.to_string())),
        Trouble::Theirs(why) => Ok(say(&why)),
    }
}

fn in_vain(what: &str, timeout: Duration) -> String {
    format!("{what} in {}", write_duration(timeout))
}

/// What a file holds, without the line end at its end. That it cannot be read is no fault of a server.
async fn in_file(file: &Path) -> Result<Bytes, NotMade> {
    let not_made = |why: String| NotMade(format!("body_file {}: {why}", file.display()));
    let length = tokio::fs::metadata(file).await.map_err(|error| not_made(error.to_string()))?.len();
    if length > LARGEST_FILE {
        return Err(not_made("it is larger than 64 KiB".into()));
    }
    let mut bytes = tokio::fs::read(file).await.map_err(|error| not_made(error.to_string()))?;
    if bytes.ends_with(b"\n") {
        bytes.pop();
        if bytes.ends_with(b"\r") {
            bytes.pop();
        }
    }
    Ok(bytes.into())
}
