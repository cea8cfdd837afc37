//! `homeward healthcheck`

use super::edge_arg::EdgeArg;
use super::ending::{Ending, Failure};
use super::output;
use crate::admin::Status;
use clap::Args;
use http_body_util::Empty;
use hyper::body::Bytes;
use hyper::header::HOST;
use hyper::{Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long something that is well may take to say so.
const PATIENCE: Duration = Duration::from_secs(2);

/// Say whether the running edge should get requests, for health checks of containers
///
/// Exits with 1 where it should not: it starts, stops, has no table, a thread of it is stuck, or it cannot be reached. A
/// region that is away is no reason. Needs neither a shell nor curl.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  homeward healthcheck
  homeward healthcheck --url http://127.0.0.1:8080/healthz")]
pub(super) struct Healthcheck {
    /// Ask this in place of the edge: well is what answers with a status below 400
    #[arg(long, value_name = "URL", conflicts_with = "admin")]
    url: Option<Uri>,
    #[command(flatten)]
    edge: EdgeArg,
}

impl Healthcheck {
    pub(super) fn run(self) -> Result<Ending, Failure> {
        if let Some(url) = self.url {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let answer = runtime.block_on(async { timeout(PATIENCE, ask(&url)).await });
            let problem = match answer {
                Ok(Ok(status)) if status.as_u16() < 400 => return Ok(Ending::Well),
                Ok(Ok(status)) => format!("it answers {status}"),
                Ok(Err(problem)) => problem,
                Err(_) => format!("no answer within {PATIENCE:?}"),
            };
            return Err(Failure::Said(format!("{url} is not well: {problem}")));
        }
        let status: Status = self.edge.client()?.get("/api/v1/status")?;
        output::result(if status.ready { "ready\n" } else { "not ready: /readyz at the admin address says why\n" })?;
        Ok(if status.ready { Ending::Well } else { Ending::NotWell })
    }
}

async fn ask(url: &Uri) -> Result<StatusCode, String> {
    let (Some(authority), Some("http")) = (url.authority(), url.scheme_str()) else {
        return Err("write --url as http://127.0.0.1:8080/healthz".to_owned());
    };
    let host = authority.host().trim_matches(['[', ']']);
    let stream = TcpStream::connect((host, authority.port_u16().unwrap_or(80))).await.map_err(|e| e.to_string())?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
    let driven = tokio::spawn(connection);
    let path = url.path_and_query().map_or("/", |path| path.as_str());
    let request = Request::get(path).header(HOST, authority.as_str()).body(Empty::<Bytes>::new());
    let answer = sender.send_request(request.map_err(|error| error.to_string())?).await;
    driven.abort();
    answer.map(|answer| answer.status()).map_err(|error| error.to_string())
}
