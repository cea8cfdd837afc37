//! What the harness of `make bench` counts and draws with: its pure parts, tried by themselves.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::print_stderr, reason = "as in the harness")]
#![allow(dead_code, unused_imports, unreachable_pub, reason = "the harness uses the rest")]

#[path = "../benches/peers/countries.rs"]
mod countries;
#[path = "../benches/peers/histogram.rs"]
mod histogram;
#[path = "../benches/peers/http2.rs"]
mod http2;
#[path = "../benches/peers/load"]
mod load {
    pub mod answer;
    pub mod plan;
}
#[path = "../benches/peers/apps"]
mod apps {
    pub mod http1;
    pub mod http2;
}
#[path = "../benches/peers/options.rs"]
mod options;
#[path = "../benches/peers/page.rs"]
mod page;
#[path = "../benches/peers/plot.rs"]
mod plot;
#[path = "../benches/peers/proxies"]
mod proxies {
    pub mod places;
    pub mod scene;
    pub use places::Places;
    pub use scene::{Ground, HOP, Reload, Scene};
}
#[path = "../benches/peers/results.rs"]
mod results;
#[path = "../benches/peers/sheets/mod.rs"]
mod sheets;
#[path = "../benches/peers/statistics.rs"]
mod statistics;
#[path = "../benches/peers/table.rs"]
mod table;
#[path = "../benches/peers/template.rs"]
mod template;

#[path = "../benches/peers/tests/answer.rs"]
mod of_answer;
#[path = "../benches/peers/tests/apps.rs"]
mod of_apps;
#[path = "../benches/peers/tests/configs.rs"]
mod of_configs;
#[path = "../benches/peers/tests/countries.rs"]
mod of_countries;
#[path = "../benches/peers/tests/histogram.rs"]
mod of_histogram;
#[path = "../benches/peers/tests/http2.rs"]
mod of_http2;
#[path = "../benches/peers/tests/options.rs"]
mod of_options;
#[path = "../benches/peers/tests/page.rs"]
mod of_page;
#[path = "../benches/peers/tests/plan.rs"]
mod of_plan;
#[path = "../benches/peers/tests/plot.rs"]
mod of_plot;
#[path = "../benches/peers/tests/statistics.rs"]
mod of_statistics;
#[path = "../benches/peers/tests/table.rs"]
mod of_table;
#[path = "../benches/peers/tests/template.rs"]
mod of_template;
