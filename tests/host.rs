//! `rxplan host`: captures of every version of ethtool, what is said of them, and a live interface.
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(clippy::print_stderr, reason = "a test that is skipped says so")]

#[path = "host/captures.rs"]
mod captures;
#[cfg(target_os = "linux")]
#[path = "host/live.rs"]
mod live;
#[path = "host/mutations.rs"]
mod mutations;
#[path = "host/report.rs"]
mod report;
