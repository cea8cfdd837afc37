//! Three regions of app servers that keep nothing, and an edge in one of them that believes its load generator.

use crate::support::{Block, EdgeProcess};
use axum::Router;
use axum::http::HeaderMap;
use std::net::SocketAddr;
use tokio::net::TcpListener;

/// The header in which a request says which region it should get to. The app says it back, behind its own name, so that an
/// answer can be judged by itself.
pub(crate) const EXPECTED: &str = "x-expected";

/// An app server. It ends with the test.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
}

impl Server {
    /// Starts one that answers `NAME EXPECTED`.
    pub(crate) async fn start(region: &'static str, address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let answer = move |headers: HeaderMap| async move {
            let expected = headers.get(EXPECTED).and_then(|value| value.to_str().ok()).unwrap_or("-");
            format!("{region} {expected}\n")
        };
        tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await });
        Self { address }
    }
}

/// Where the edge of a block listens, and where its admin address is.
pub(crate) fn edge_addresses(block: &Block) -> (SocketAddr, SocketAddr) {
    let host = block.address(1);
    (SocketAddr::new(host, 8080), SocketAddr::new(host, 9901))
}

/// Starts an edge in us-west that believes 127.0.0.1. Its access log is written, and kept nowhere: it would be gigabytes.
pub(crate) async fn start_edge(block: &Block, table: &str) -> EdgeProcess {
    start_edge_with(block, table, "", "").await
}

/// The same, with more listeners and more settings.
pub(crate) async fn start_edge_with(block: &Block, table: &str, listeners: &str, more: &str) -> EdgeProcess {
    let directory = tempfile::tempdir().unwrap();
    let (address, admin) = edge_addresses(block);
    let places = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("geoip/fixture.mmdb");
    std::fs::copy(places, directory.path().join("places.mmdb")).unwrap();
    let settings = format!(
        "version: 1\n\
         region: us-west\n\
         listen: [{{address: \"{address}\"}}{listeners}]\n\
         admin: {{address: \"{admin}\"}}\n\
         trusted_proxies: [127.0.0.1/32]\n\
         geoip: {{database: places.mmdb}}\n\
         routing: {{file: routing.yaml}}\n\
         access_log: {{format: json, file: /dev/null}}\n\
         state: run\n\
         threads: 2\n{more}"
    );
    std::fs::write(directory.path().join("homeward.yaml"), settings).unwrap();
    std::fs::write(directory.path().join("routing.yaml"), table).unwrap();
    EdgeProcess::start_in(directory, address, admin).await
}
