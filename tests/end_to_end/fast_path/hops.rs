//! The same of requests that are handed to another region's edge.

use super::{CASES, Server, run};
use crate::support::Block;
use crate::support::fleet::{KEY, WEST, start_edge_with};
use std::net::SocketAddr;

#[tokio::test]
async fn both_paths_hand_the_same_to_another_edge() {
    let mut sides = Vec::new();
    for settings in ["fast_path: true\n", "fast_path: false\n"] {
        let block = Block::new();
        let other_edge = SocketAddr::new(block.address(5), 8080);
        let server = Server::start(other_edge).await;
        let table = format!(
            "version: 1\nregions:\n  us-east: {{session_prefix: east, edge: \"http://{other_edge}\"}}\n  us-west: \
             {{session_prefix: west}}\nhomes: [{{otherwise: us-east}}]\nservices:\n  portal:\n    hosts: \
             [portal.example.com]\n    session: {{cookie: sid}}\n    retries: {{attempts: 2}}\n    pools: {{us-east: \
             [\"127.0.0.1:1\"], us-west: [\"127.0.0.1:1\"]}}\n"
        );
        sides.push((start_edge_with(&block, WEST, KEY, &table, settings).await, server, block));
    }
    let mut hops = 0;
    for (name, ask, answer) in CASES {
        let mut said = Vec::new();
        for (edge, server, _) in &sides {
            said.push(run(edge, server, ask, answer).await);
        }
        assert_eq!(said[0], said[1], "{name}: on the fast path, and by the engine");
        hops += said[0].1.iter().filter(|heard| heard.contains("homeward-hop: made")).count();
    }
    assert!(hops > CASES.len() / 2, "{hops} of {}", CASES.len());
}
