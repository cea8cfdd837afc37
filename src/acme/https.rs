//! Requests to the authority: each over a connection of its own, as there are a few a month.

use crate::tls::TlsClient;
use bytes::Bytes;
use http::header::HOST;
use http::uri::{PathAndQuery, Scheme};
use http::{HeaderValue, Request, Response, Uri};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper_util::rt::TokioIo;
use instant_acme::{BodyWrapper, BytesResponse, Error, HttpClient};
use std::io;
use std::pin::Pin;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long an exchange may take, from the look-up of the name to the last byte of the answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// The largest answer, in bytes. A chain has some 10 KiB.
const LARGEST: usize = 1 << 20;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoAnswer {
    #[error("no connection to {0}: {1}")]
    Connect(String, io::Error),
    #[error("no TLS with {0}: {1}")]
    Tls(String, io::Error),
    #[error("{0} does not speak HTTP: {1}")]
    Http(String, hyper::Error),
    #[error("the answer of {0} is too large")]
    TooLarge(String),
    #[error("the answer of {0} ends too early: {1}")]
    Body(String, Box<dyn std::error::Error + Send + Sync>),
    #[error("no answer of {0} within {PATIENCE:?}")]
    TooSlow(String),
    #[error("it leads to {0}, which is no URL with https://")]
    NotHttps(String),
}

/// The client of the authority.
pub(super) struct Https(pub(super) TlsClient);

impl HttpClient for Https {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>> {
        let tls = self.0.clone();
        Box::pin(async move {
            let whose = request.uri().host().unwrap_or_default().to_owned();
            let answer = timeout(PATIENCE, exchange(&tls, request)).await.unwrap_or(Err(NoAnswer::TooSlow(whose)));
            answer.map(BytesResponse::from).map_err(|error| Error::Other(Box::new(error)))
        })
    }
}

async fn exchange(
    tls: &TlsClient,
    mut request: Request<BodyWrapper<Bytes>>,
) -> Result<Response<Full<Bytes>>, NoAnswer> {
    let uri = request.uri().clone();
    let (Some(host), true) = (uri.host(), uri.scheme() == Some(&Scheme::HTTPS)) else {
        return Err(NoAnswer::NotHttps(uri.to_string()));
    };
    let whose = || uri.authority().map(ToString::to_string).unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let tcp = TcpStream::connect((bare, uri.port_u16().unwrap_or(443))).await;
    let tcp = tcp.map_err(|error| NoAnswer::Connect(whose(), error))?;
    let stream = tls.connect(bare, tcp).await.map_err(|error| NoAnswer::Tls(whose(), error))?;
    let http = |error| NoAnswer::Http(whose(), error);
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(http)?;
    // It ends with the sender; what became of it is told there.
    let driven = tokio::spawn(connection);
    if let Ok(host) = HeaderValue::from_str(&whose()) {
        request.headers_mut().insert(HOST, host);
    }
    let target = uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
    *request.uri_mut() = Uri::from(target);
    let answer = sender.send_request(request).await.map_err(http)?;
    let (head, body) = answer.into_parts();
    let body = Limited::new(body, LARGEST).collect().await.map_err(|error| match error.is::<LengthLimitError>() {
        true => NoAnswer::TooLarge(whose()),
        false => NoAnswer::Body(whose(), error),
    });
    driven.abort();
    Ok(Response::from_parts(head, Full::new(body?.to_bytes())))
}
