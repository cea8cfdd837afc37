//! A hundred thousand requests over the edges of three regions.

use crate::support::roaming::{while_edges_agree, while_edges_disagree};

const REQUESTS: usize = 100_000;
const ROUNDS: usize = 25;
const REQUESTS_IN_DISCORD: usize = 20_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes long: make heavy"]
async fn sessions_of_all_regions_over_all_edges() {
    let figures = while_edges_agree(7, REQUESTS, ROUNDS).await;
    println!("three edges that agree: {figures}");
    assert_eq!(figures.requests, REQUESTS);
    let figures = while_edges_disagree(7, REQUESTS_IN_DISCORD, ROUNDS).await;
    println!("three edges that disagree: {figures}");
    assert_eq!(figures.requests, REQUESTS_IN_DISCORD);
}
