//! The NAPI host: timelines worked out by hand, and what it must have in common with other hosts.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "napi/identities.rs"]
mod identities;
#[path = "support/runs.rs"]
#[expect(dead_code, reason = "shared with tests that use more of it")]
mod runs;
#[path = "support/scenarios.rs"]
#[expect(dead_code, reason = "shared with tests that use more of it")]
mod scenarios;
#[path = "napi/timeline.rs"]
mod timeline;
#[path = "napi/xdp.rs"]
mod xdp;
