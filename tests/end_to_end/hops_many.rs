//! Many requests over the edges of three regions; `HOMEWARD_SEED` chooses other ones. `make heavy` makes many more.

use crate::support::roaming::{while_edges_agree, while_edges_disagree};

fn seed() -> u64 {
    let seed = std::env::var("HOMEWARD_SEED").map_or(2026, |seed| seed.parse().expect("HOMEWARD_SEED is a number"));
    println!("HOMEWARD_SEED={seed}");
    seed
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_session_gets_home_in_one_hop_at_most() {
    let figures = while_edges_agree(seed(), 3_000, 6).await;
    println!("{figures}");
    assert!(figures.flops > 1_000 && figures.hops > 300, "{figures}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_edges_disagree_no_request_goes_in_circles() {
    let figures = while_edges_disagree(seed(), 3_000, 6).await;
    println!("{figures}");
    assert!(figures.hops > 300 && figures.refused_by_edges > 0 && figures.statuses.len() > 1, "{figures}");
}
