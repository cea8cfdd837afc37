//! What the fuzzers do with their bytes: one function a target, which panics where a promise is broken.
//!
//! `cargo +nightly fuzz run TARGET` feeds it what the fuzzer makes up, `cargo test` the seeds in `corpus/`.

mod decision;
mod files;
mod frames;
mod front;
mod hop;
mod log;
mod secrets;
mod session;

pub use decision::{decision, forwarded_for};
pub use files::{place_database, routing_file, settings_file};
pub use frames::http2_frames;
pub use front::{forwarded, proxy_protocol};
pub use hop::hop_token;
pub use log::access_log_line;
pub use secrets::secret_file;
pub use session::{cookie_header, minted_cookie, session_key};

use homeward::model::Timestamp;

/// A target: its name, which is that of its folder in `corpus/`, and what it does.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: [Target; 14] = [
    ("access_log_line", access_log_line),
    ("cookie_header", cookie_header),
    ("decision", decision),
    ("forwarded", forwarded),
    ("forwarded_for", forwarded_for),
    ("hop_token", hop_token),
    ("http2_frames", http2_frames),
    ("minted_cookie", minted_cookie),
    ("place_database", place_database),
    ("proxy_protocol", proxy_protocol),
    ("routing_file", routing_file),
    ("secret_file", secret_file),
    ("session_key", session_key),
    ("settings_file", settings_file),
];

/// The moment of everything: 2026-11-22T05:00:00Z.
fn now() -> Timestamp {
    Timestamp::from_second(1_795_323_600).expect("in range")
}
