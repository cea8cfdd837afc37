//! One request to the collector, over a connection of its own: there is one batch a second at most.

use crate::tls::{CannotVerify, TlsClient};
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{HeaderValue, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::rt::TokioIo;
use std::io;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

/// The largest answer that is read, in bytes. One that says all is well has none.
const LARGEST_ANSWER: usize = 64 << 10;

/// Why nothing can be sent to the collector.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum CannotExport {
    #[error("tracing: {0} is no URL of a collector; write endpoint: as http://127.0.0.1:4318")]
    Endpoint(String),
    #[error("tracing: {0}")]
    Tls(#[from] CannotVerify),
}

/// Why the collector has not taken a batch.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotTaken {
    #[error("no connection: {0}")]
    Connect(io::Error),
    #[error("no TLS: {0}")]
    Tls(io::Error),
    #[error("it does not speak HTTP: {0}")]
    Http(hyper::Error),
    #[error("it answers {0}")]
    Status(StatusCode),
    #[error("it does not answer in time")]
    TooSlow,
}

impl NotTaken {
    /// Whether it may take the same batch later, as OTLP says.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            Self::Status(status) => matches!(status.as_u16(), 429 | 502 | 503 | 504),
            Self::Connect(_) | Self::TooSlow | Self::Http(_) => true,
            Self::Tls(_) => false,
        }
    }
}

/// Where batches go.
pub(super) struct Endpoint {
    host: String,
    port: u16,
    authority: HeaderValue,
    target: Uri,
    tls: Option<TlsClient>,
}

impl Endpoint {
    /// `url` with `/v1/traces` behind it.
    ///
    /// # Errors
    /// Where that is no URL, or is one with `https://` and nobody's certificate could be verified.
    pub(super) fn new(url: &str) -> Result<Self, CannotExport> {
        let bad = || CannotExport::Endpoint(url.to_owned());
        let uri: Uri = url.parse().map_err(|_| bad())?;
        let (Some(authority), Some(scheme)) = (uri.authority(), uri.scheme_str()) else { return Err(bad()) };
        let is_tls = scheme == "https";
        let path = uri.path().trim_end_matches('/');
        Ok(Self {
            host: authority.host().trim_start_matches('[').trim_end_matches(']').to_owned(),
            port: authority.port_u16().unwrap_or(if is_tls { 443 } else { 80 }),
            authority: HeaderValue::from_str(authority.as_str()).map_err(|_| bad())?,
            target: format!("{path}/v1/traces").parse().map_err(|_| bad())?,
            tls: is_tls.then(|| TlsClient::new(None)).transpose()?,
        })
    }

    /// Sends one batch. Has no time limit of its own.
    pub(super) async fn post(&self, batch: Bytes, token: Option<&HeaderValue>) -> Result<(), NotTaken> {
        let tcp = TcpStream::connect((&*self.host, self.port)).await.map_err(NotTaken::Connect)?;
        match &self.tls {
            Some(tls) => {
                let stream = tls.connect(&self.host, tcp).await.map_err(NotTaken::Tls)?;
                self.exchange(stream, batch, token).await
            }
            None => self.exchange(tcp, batch, token).await,
        }
    }

    async fn exchange<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
        &self,
        stream: S,
        batch: Bytes,
        token: Option<&HeaderValue>,
    ) -> Result<(), NotTaken> {
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(NotTaken::Http)?;
        // It ends with the sender; what became of it is told there.
        let driven = tokio::spawn(connection);
        let mut request = Request::new(Full::new(batch));
        *request.method_mut() = http::Method::POST;
        *request.uri_mut() = self.target.clone();
        let headers = request.headers_mut();
        headers.insert(HOST, self.authority.clone());
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
        if let Some(token) = token {
            headers.insert(AUTHORIZATION, token.clone());
        }
        let answer = sender.send_request(request).await.map_err(NotTaken::Http);
        let status = match answer {
            Ok(answer) => {
                let status = answer.status();
                // What it says is read so that the connection ends in order; where that fails, the status counts.
                let _ = Limited::new(answer.into_body(), LARGEST_ANSWER).collect().await;
                Ok(status)
            }
            Err(problem) => Err(problem),
        };
        driven.abort();
        match status? {
            status if status.is_success() => Ok(()),
            status => Err(NotTaken::Status(status)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_of_traces_stands_behind_that_of_the_collector() {
        for (url, host, port, target) in [
            ("http://127.0.0.1:4318", "127.0.0.1", 4318, "/v1/traces"),
            ("http://[::1]:4318/", "::1", 4318, "/v1/traces"),
            ("http://collector.internal/otlp", "collector.internal", 80, "/otlp/v1/traces"),
        ] {
            let endpoint = Endpoint::new(url).unwrap();
            assert_eq!((&*endpoint.host, endpoint.port, &*endpoint.target.to_string()), (host, port, target));
        }
        assert!(Endpoint::new("collector").is_err());
    }

    #[test]
    fn what_may_pass_is_tried_again() {
        let status = |code| NotTaken::Status(StatusCode::from_u16(code).unwrap());
        assert!(status(503).may_pass() && status(429).may_pass());
        assert!(!status(400).may_pass() && !status(401).may_pass() && !status(500).may_pass());
    }
}
