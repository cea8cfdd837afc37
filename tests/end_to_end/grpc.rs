//! gRPC: streams both ways, trailers, and answers of the edge's own that its libraries understand.

use crate::support::{Block, EdgeProcess, edge, eventually};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::{HeaderMap, Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

type Frames = mpsc::Receiver<Frame<Bytes>>;
type Streamed =
    StreamBody<std::pin::Pin<Box<dyn futures_util::Stream<Item = Result<Frame<Bytes>, Infallible>> + Send>>>;

fn streamed(frames: Frames) -> Streamed {
    let next = |mut frames: Frames| async { frames.recv().await.map(|frame| (Ok(frame), frames)) };
    StreamBody::new(Box::pin(futures_util::stream::unfold(frames, next)))
}

fn trailers(status: &str) -> HeaderMap {
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", status.parse().unwrap());
    trailers.insert("x-tail", "kept".parse().unwrap());
    trailers
}

/// A server that sends each message back at once, and ends with the status that the path names; `/refuse/N` says it at once.
async fn serve(listener: TcpListener, heard: Arc<Mutex<Vec<HeaderMap>>>) {
    while let Ok((stream, _)) = listener.accept().await {
        let heard = Arc::clone(&heard);
        let answer = hyper::service::service_fn(move |request: Request<Incoming>| {
            heard.lock().unwrap().push(request.headers().clone());
            let path = request.uri().path().to_owned();
            let status = path.rsplit('/').next().unwrap().to_owned();
            let (sender, frames) = mpsc::channel(1);
            let mut answer = Response::builder().header("content-type", "application/grpc");
            if path.starts_with("/refuse/") {
                answer = answer.header("grpc-status", status);
            } else {
                tokio::spawn(async move {
                    let mut body = request.into_body();
                    while let Some(Ok(frame)) = body.frame().await {
                        let _ = sender.send(frame).await;
                    }
                    let _ = sender.send(Frame::trailers(trailers(&status))).await;
                });
            }
            async move { Ok::<_, Infallible>(answer.body(streamed(frames)).unwrap()) }
        });
        tokio::spawn(
            hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                .serve_connection(TokioIo::new(stream), answer),
        );
    }
}

struct World {
    edge: EdgeProcess,
    http2: SocketAddr,
    heard: Arc<Mutex<Vec<HeaderMap>>>,
}

impl World {
    async fn start() -> Self {
        let block = Block::new();
        let app = TcpListener::bind(SocketAddr::new(block.address(2), 8080)).await.unwrap();
        let address = app.local_addr().unwrap();
        let heard = Arc::<Mutex<Vec<_>>>::default();
        tokio::spawn(serve(app, Arc::clone(&heard)));
        let table = edge::table(&[], &[], &[], &format!("      us-west: {{servers: [\"{address}\"], http2: true}}\n"));
        let plan = edge::Plan { region: "us-west", settings: String::new(), table };
        let mut edge = EdgeProcess::start(&block, 1, &plan).await;
        let http2 = edge.and_http2().await;
        Self { edge, http2, heard }
    }

    async fn call(&self, host: &str, path: &str) -> (mpsc::Sender<Frame<Bytes>>, Response<Incoming>) {
        let stream = TcpStream::connect(self.http2).await.unwrap();
        let (mut sender, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        let (messages, frames) = mpsc::channel(1);
        let request = Request::post(format!("http://{host}{path}"))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .body(streamed(frames))
            .unwrap();
        (messages, sender.send_request(request).await.unwrap())
    }

    async fn count(&self, status: &str) -> bool {
        let line = format!("homeward_grpc_calls_total{{region=\"us-west\",service=\"portal\",status=\"{status}\"}} 1");
        self.edge.admin("/metrics").await.body.lines().any(|found| found == line)
    }
}

#[tokio::test]
async fn a_call_streams_both_ways_and_ends_with_its_status() {
    let world = World::start().await;
    let (messages, answer) = world.call("portal.example.com", "/echo/0").await;
    let mut body = answer.into_body();
    for message in ["one", "two", "three"] {
        messages.send(Frame::data(Bytes::from(message))).await.unwrap();
        // The next one is sent only once this one is back.
        assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), message);
    }
    drop(messages);
    let tail = body.frame().await.unwrap().unwrap().into_trailers().unwrap();
    assert_eq!(tail, trailers("0"));
    eventually("the count", async || world.count("ok").await.then_some(())).await;
    let heard = world.heard.lock().unwrap();
    assert_eq!(
        (heard[0]["te"].as_bytes(), heard[0]["content-type"].as_bytes()),
        (&b"trailers"[..], &b"application/grpc"[..])
    );
}

#[tokio::test]
async fn a_call_that_fails_is_an_answer_with_status_200_and_counted_as_what_it_is() {
    let world = World::start().await;
    for (path, in_head) in [("/refuse/14", true), ("/echo/14", false)] {
        let (messages, answer) = world.call("portal.example.com", path).await;
        drop(messages);
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers().contains_key("grpc-status"), in_head);
        let tail = answer.into_body().collect().await.unwrap().trailers().cloned();
        assert_eq!(tail.is_some(), !in_head);
    }
    let failed = "homeward_upstream_requests_total{region=\"us-west\",result=\"server_error\",service=\"portal\"} 2";
    eventually("both counts", async || {
        let metrics = world.edge.admin("/metrics").await.body;
        metrics.lines().any(|line| line == failed).then_some(())
    })
    .await;
    let log = eventually("both lines", async || Some(world.edge.access_log()).filter(|log| log.len() == 2)).await;
    let line = &log[1];
    assert_eq!((&line["grpc_status"], &line["status"]), (&"unavailable".into(), &200.into()));
}

#[tokio::test]
async fn the_edge_refuses_a_call_in_its_own_language() {
    let mut world = World::start().await;
    let (_messages, answer) = world.call("nobody.example.com", "/echo/0").await;
    assert_eq!(
        (answer.status().as_u16(), answer.headers()["grpc-status"].as_bytes()),
        (200, &b"12"[..]),
        "UNIMPLEMENTED"
    );
    assert_eq!(answer.headers()["grpc-message"], "homeward: No service answers to this address.");
    assert_eq!(answer.headers()["proxy-status"], "homeward; error=destination_not_found");
    assert!(answer.into_body().collect().await.unwrap().to_bytes().is_empty());

    // A table whose only pool is a server that is not there.
    let gone = SocketAddr::new(world.edge.address.ip(), 9);
    let table = edge::table(&[], &[], &[], &format!("      us-west: {{servers: [\"{gone}\"], http2: true}}\n"));
    world.edge.adopt(&table).await;
    let (_messages, answer) = world.call("portal.example.com", "/echo/0").await;
    assert_eq!(
        (answer.status().as_u16(), answer.headers()["grpc-status"].as_bytes()),
        (200, &b"14"[..]),
        "UNAVAILABLE"
    );

    // What is no call gets what it always got, by HTTP/2 as well.
    let stream = TcpStream::connect(world.http2).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let request = Request::get("http://nobody.example.com/").body(Full::<Bytes>::default()).unwrap();
    assert_eq!(sender.send_request(request).await.unwrap().status(), 404);
    world.edge.kill();
}
