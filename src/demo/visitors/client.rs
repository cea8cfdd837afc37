//! One browser, as far as the demo needs one: a keep-alive connection that comes from an address of its own.

use super::super::sample_app::SERVED_BY;
use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{HOST, SET_COOKIE};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tokio::net::TcpSocket;

/// How long one request may take, from connecting to the end of the body.
const DEADLINE: Duration = Duration::from_secs(10);
/// The longest body that is read.
const LONGEST_BODY: usize = 256 * 1024;

/// A client that comes from one address and keeps one connection alive.
pub(in crate::demo) struct Client {
    to: SocketAddr,
    from: IpAddr,
    connection: Option<SendRequest<Empty<Bytes>>>,
    /// This machine has no such address to come from (only Linux has all of 127.0.0.0/8), so that it is only said.
    says_address: bool,
}

/// What came back.
#[derive(Debug)]
pub(in crate::demo) struct Answer {
    pub(in crate::demo) status: StatusCode,
    /// The region that served it; none where the edge answered by itself.
    pub(in crate::demo) region: Option<String>,
    /// The first `Set-Cookie`.
    pub(in crate::demo) set_cookie: Option<String>,
    pub(in crate::demo) body: Bytes,
}

/// Why nothing came back, in words.
#[derive(Debug, thiserror::Error)]
pub(in crate::demo) enum NoAnswer {
    #[error("no connection: {0}")]
    Connect(#[from] io::Error),
    #[error("the connection broke: {0}")]
    Broken(#[from] hyper::Error),
    #[error("the body broke: {0}")]
    Body(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("nothing within {} s", DEADLINE.as_secs())]
    TooLate,
    #[error("not a request: {0}")]
    Malformed(#[from] http::Error),
}

impl Client {
    /// A client that will connect to `to`, and come from the address `from`.
    pub(in crate::demo) fn new(to: SocketAddr, from: IpAddr) -> Self {
        Self { to, from, connection: None, says_address: false }
    }

    /// Comes from another address from now on, on a new connection.
    pub(in crate::demo) fn move_to(&mut self, from: IpAddr) {
        *self = Self::new(self.to, from);
    }

    /// Sends one request and reads the whole answer, on the connection at hand or a new one. After a failure the next
    /// request makes a new connection.
    pub(in crate::demo) async fn request(
        &mut self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Result<Answer, NoAnswer> {
        let kept = self.connection.take();
        let answer = tokio::time::timeout(DEADLINE, self.exchange(kept, method, path, headers)).await;
        let (answer, connection) = answer.map_err(|_| NoAnswer::TooLate)??;
        self.connection = Some(connection);
        Ok(answer)
    }

    async fn exchange(
        &mut self,
        kept: Option<SendRequest<Empty<Bytes>>>,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Result<(Answer, SendRequest<Empty<Bytes>>), NoAnswer> {
        // A kept connection may have been closed while it was idle; every browser takes a new one then.
        if let Some(mut kept) = kept
            && kept.ready().await.is_ok()
        {
            match kept.try_send_request(self.head(&method, path, headers)?).await {
                Ok(answer) => return Ok((read(answer).await?, kept)),
                Err(mut unsent) => {
                    if unsent.take_message().is_none() {
                        return Err(unsent.into_error().into());
                    }
                }
            }
        }
        let mut connection = self.connect().await?;
        let answer = connection.send_request(self.head(&method, path, headers)?).await?;
        Ok((read(answer).await?, connection))
    }

    fn head(
        &self,
        method: &Method,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Result<Request<Empty<Bytes>>, http::Error> {
        let mut request = Request::builder().method(method).uri(path).header(HOST, self.to.to_string());
        if self.says_address {
            request = request.header("x-forwarded-for", self.from.to_string());
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(Empty::new())
    }

    async fn connect(&mut self) -> Result<SendRequest<Empty<Bytes>>, NoAnswer> {
        let socket = if self.to.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        match socket.bind(SocketAddr::new(self.from, 0)) {
            Ok(()) => self.says_address = false,
            Err(error) if error.kind() == io::ErrorKind::AddrNotAvailable => self.says_address = true,
            Err(error) => return Err(error.into()),
        }
        let stream = socket.connect(self.to).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        // It ends when the sender is dropped or the other side closes.
        tokio::spawn(connection);
        Ok(sender)
    }
}

async fn read(answer: Response<Incoming>) -> Result<Answer, NoAnswer> {
    let (head, body) = answer.into_parts();
    let body = Limited::new(body, LONGEST_BODY).collect().await.map_err(NoAnswer::Body)?.to_bytes();
    let header = |name| head.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let region = header(http::HeaderName::from_static(SERVED_BY));
    Ok(Answer { status: head.status, region, set_cookie: header(SET_COOKIE), body })
}
